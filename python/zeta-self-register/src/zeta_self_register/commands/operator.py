"""What an operator wants: `reset`, `adopt`, `rename`, `deregister`, `pause`, `resume`."""

from __future__ import annotations

import argparse

from zeta_self_register import output, wishing
from zeta_self_register.commands.common import (
    Environment,
    Options,
    Subparsers,
    add_command,
    add_json,
    confirmed,
    load,
    node,
)
from zeta_self_register.exits import Exit
from zeta_self_register.production import Production

ADOPT = "Then it gets one comment, and is followed until it is merged; no other one is opened."
DEREGISTER = (
    "A pull request of its own removes node.yaml; once it is merged, the node does not register itself again until "
    "`reset`."
)
RENAME = "One pull request adds node.yaml under the present name and removes the old one, in one commit."
RESET = "Then it registers at once; a pull request that a person closed stays closed, a new one is opened."


def add(commands: Subparsers) -> None:
    """Adds the group."""
    text = "allows a new registration after a pull request was closed, or the record removed"
    _confirmable(add_command(commands, "reset", text, _reset))
    adopt = add_command(
        commands, "adopt", "takes an open pull request over as this node's registration", _adopt
    )
    adopt.add_argument("pull", type=_number, metavar="PR", help="its number, such as 17 or #17")
    _confirmable(adopt)
    text = "this machine has another name now: moves its record, by one pull request"
    _confirmable(add_command(commands, "rename", text, _rename))
    text = "opens a pull request that removes this node's record, and registers it no more until `reset`"
    _confirmable(add_command(commands, "deregister", text, _deregister))
    text = "stops asking and changing GitHub, without a rebuild, until `resume`"
    add_json(add_command(commands, "pause", text, _pause))
    add_json(add_command(commands, "resume", "ends a pause, and runs one tick", _resume))


def _confirmable(parser: argparse.ArgumentParser) -> None:
    add_json(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask: for scripts")


def _number(text: str) -> int:
    digits = text.removeprefix("#")
    if not digits.isdecimal() or not 0 < int(digits[:10]) < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a pull request, such as 17")
    return int(digits)


def _adopt(options: Options, environment: Environment) -> Exit:
    here = node(options, environment, quiet=True)
    return _said(options, wishing.adopt(here, options.pull, confirmed(options, ADOPT)))


def _rename(options: Options, environment: Environment) -> Exit:
    return _said(options, wishing.rename(node(options, environment, quiet=True), confirmed(options, RENAME)))


def _deregister(options: Options, environment: Environment) -> Exit:
    here = node(options, environment, quiet=True)
    return _said(options, wishing.deregister(here, confirmed(options, DEREGISTER)))


def _reset(options: Options, environment: Environment) -> Exit:
    return _said(options, wishing.reset(node(options, environment, quiet=True), confirmed(options, RESET)))


def _pause(options: Options, environment: Environment) -> Exit:
    effects = Production()
    return _said(options, wishing.pause(effects, load(effects, options, environment)))


def _resume(options: Options, environment: Environment) -> Exit:
    return _said(options, wishing.resume(node(options, environment, quiet=True)))


def _said(options: Options, done: wishing.Done) -> Exit:
    """The wish is noted; what became of the tick after it is told, and is not this command's exit status."""
    print(
        output.as_json(output.wish_as_table(options.command, done))
        if options.json
        else output.wish_lines(done)
    )
    return Exit.DONE
