"""`check-settings`: for whoever makes the file, before it is on a machine."""

from __future__ import annotations

from zeta_self_register import settings
from zeta_self_register.commands.common import Environment, Options, Subparsers, add_command, load
from zeta_self_register.exits import Exit
from zeta_self_register.production import Production


def add(commands: Subparsers) -> None:
    """Adds the group."""
    text = "checks a settings file and nothing else: no machine, no network, no token is looked at"
    add_command(commands, "check-settings", text, _check)


def _check(options: Options, environment: Environment) -> Exit:
    load(Production(), options, environment)
    print(f"{options.settings or settings.DEFAULT_PATH}: can be used")
    return Exit.DONE
