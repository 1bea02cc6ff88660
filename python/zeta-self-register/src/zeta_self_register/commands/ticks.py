"""`register` and `steward`: the tick, as the units run it."""

from __future__ import annotations

from zeta_self_register import output
from zeta_self_register.commands.common import Environment, Options, Subparsers, add_command, add_json, node
from zeta_self_register.exits import Exit
from zeta_self_register.tick import tick


def add(commands: Subparsers) -> None:
    """Adds the group."""
    for name, text in (
        ("register", "one tick, as the first-boot service runs it"),
        ("steward", "the same tick, later and again: follows the pull request until it is merged"),
    ):
        add_json(add_command(commands, name, text, _tick))


def _tick(options: Options, environment: Environment) -> Exit:
    here = node(options, environment)
    done = tick(here)
    if options.json:
        print(output.as_json(output.run_as_table(options.command, here, done)))
    return done.last.status
