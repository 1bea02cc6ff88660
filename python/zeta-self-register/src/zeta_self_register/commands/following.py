"""`watch`: what happens to this node's registration, as it happens, until it is merged."""

from __future__ import annotations

import argparse
import sys
import time

from zeta_self_register import output, watching
from zeta_self_register.commands.common import Environment, Options, Subparsers, add_command, node
from zeta_self_register.exits import Exit
from zeta_self_register.plain_text import printable

LEAST_SECONDS = 5


def add(commands: Subparsers) -> None:
    """Adds the group."""
    text = "says what becomes of this node's registration, until it is merged; only looks, and Ctrl-C ends it"
    watch = add_command(commands, "watch", text, _watch)
    watch.add_argument("--json", action="store_true", help="one JSON object a line, for each change")
    watch.add_argument(
        "--every",
        type=_seconds,
        default=30,
        metavar="SECONDS",
        help="how often GitHub is asked (%(default)s)",
    )


def _seconds(text: str) -> int:
    if not text.isdecimal() or not LEAST_SECONDS <= int(text[:6]) <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from {LEAST_SECONDS} to 86400")
    return int(text)


def _watch(options: Options, environment: Environment) -> Exit:
    """Ends with 0 when it is registered; Ctrl-C is 130, since nobody knows then what becomes of it."""
    try:
        return _follow(options, environment)
    except KeyboardInterrupt:
        print("no longer watched; the steward follows it all the same", file=sys.stderr)
        sys.exit(130)


def _follow(options: Options, environment: Environment) -> Exit:
    """One look at a time, each by a new plan; what is shown is only what has changed."""
    last: watching.Sight | None = None
    while True:
        sight = watching.look(node(options, environment, quiet=True))
        if sight != last:
            print(output.as_line(sight.as_table()) if options.json else printable(sight.text), flush=True)
            last = sight
        if sight.end is not None:
            return sight.end
        time.sleep(max(options.every, sight.pause))
