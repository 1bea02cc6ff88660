"""The options of `bootproof torture`. Light, since every call of `bootproof` reads it."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
from pathlib import Path
from typing import Any

PLACEHOLDERS = {
    "api": "the mock's address",
    "token": "a token of the seed for one of the case's logins",
    "token_file": "a file with that token",
    "state": "the folder that the agent keeps its state in, empty at first",
    "ca": "the authority that signs the mock's certificate, PEM",
    "files": "the folder with the files of --file, their placeholders filled in",
}

HELP = """\
Runs an agent as a real program against the mock GitHub, kills it before and after each call that leaves something
behind and at each edge of each request, runs it again until it exits with 0, and lets the oracle judge: exactly one
pull request, unless the case expects something else.

  bootproof torture --seed DIR --case case.toml -- my-agent --api {api} --token-file {token_file} --state {state}

In COMMAND, --then, --env and the files of --file these are filled in:

%s

The seed is what `mock-github serve --seed` takes, the case what `bootproof judge --registration` takes.

Exit status: 0 every point holds; 1 a promise was broken; 2 something was not judged, or a kind of kill never landed.
"""


def add_parser(commands: Any) -> None:
    """Adds the subcommand to `bootproof`."""
    known = "\n".join(f"  {{{name}}}{' ' * (12 - len(name))}{text}" for name, text in PLACEHOLDERS.items())
    parser = commands.add_parser(
        "torture",
        help="kill a program at every point of a registration",
        description=HELP % known,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=Path, required=True, metavar="DIR", help="the GitHub to begin with")
    parser.add_argument(
        "--case", type=Path, required=True, metavar="FILE", help="what is judged, TOML or JSON"
    )
    parser.add_argument(
        "--then",
        action="append",
        default=[],
        metavar="COMMAND",
        help="what is run after a kill, as a shell would split it; several run one after the other (COMMAND again)",
    )
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for the agent")
    parser.add_argument(
        "--file", action="append", default=[], type=Path, metavar="FILE", help="copied, filled in, to {files}"
    )
    parser.add_argument("--http", action="store_true", help="the mock speaks HTTP, not HTTPS")
    parser.add_argument(
        "--for-real", action="store_true", help="kill anew for each point; several times the cost"
    )
    parser.add_argument(
        "--lose-unsynced", action="store_true", help="also lose what was not synced at the kill"
    )
    parser.add_argument(
        "--errors", action="store_true", help="also let calls on files fail: ENOSPC, EROFS, EIO"
    )
    _add_limits(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON too")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="the agent, after --")
    parser.set_defaults(run=_torture)


def _torture(options: argparse.Namespace) -> int:
    from bootproof.torture.command import torture

    return torture(options)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    seconds: dict[str, Any] = {"type": _positive, "metavar": "SECONDS"}
    parser.add_argument("--limit", default=30.0, help="for one run of a command (%(default)g)", **seconds)
    parser.add_argument("--pause", default=0.0, help="between two runs (%(default)g)", **seconds)
    parser.add_argument(
        "--skip", default=0.0, help="put the clocks forward between two runs after a kill", **seconds
    )
    parser.add_argument(
        "--reruns", type=int, default=5, metavar="N", help="runs until it exits with 0 (%(default)s)"
    )
    parser.add_argument(
        "-j", type=int, default=default_workers(), metavar="N", help="runs at a time (%(default)s)"
    )


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(text)) < math.inf:
            return value
    raise argparse.ArgumentTypeError(f"{text}: a number of seconds from 0 on")


def default_workers() -> int:
    """Two for each core: while one waits, the other works."""
    return 2 * len(os.sched_getaffinity(0))
