"""What the commands have in common: the settings, the node, and how a person is asked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeAlias

from zeta_self_register import settings
from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.journal import Journal
from zeta_self_register.node import Node
from zeta_self_register.plain_text import printable
from zeta_self_register.production import Production
from zeta_self_register.settings import Settings

Options = argparse.Namespace
Environment = Mapping[str, str]
Run = Callable[[Options, Environment], int]
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What subcommands are added to; argparse has no public name for it."""


def add_command(
    commands: Subparsers, name: str, text: str, run: Run, more: str = ""
) -> argparse.ArgumentParser:
    """Adds one command; its help is its description too, which may say more."""
    parser = commands.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}. {more}".strip())
    parser.set_defaults(run=run)
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """For programs that read the answer."""
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


class Quiet(Production):
    """Commands that print their answer themselves keep the journal's lines to themselves."""

    def say(self, line: str) -> None:
        """Says nothing."""


def node(options: Options, environment: Environment, *, quiet: bool = False) -> Node:
    """This machine, with the settings that the command line names.  Raises Refused."""
    configured = load(Production(), options, environment)
    effects = (Quiet if quiet else Production)(configured.ca_file, journal(options, environment))
    return Node(effects, configured, options.command, environment)


def journal(options: Options, environment: Environment) -> Journal:
    """Under systemd, whose timer calls again and again, what was said already is not said again."""
    folder = environment.get("STATE_DIRECTORY") if "JOURNAL_STREAM" in environment else None
    return _one_journal(Path(folder, f"said-{options.command}") if folder else None)


@cache
def _one_journal(path: Path | None) -> Journal:
    return Journal(path)


def load(effects: Effects, options: Options, environment: Environment, root: str = "") -> Settings:
    """The settings, those of the system below `root` unless they are named.  Raises Refused (78)."""
    named = options.settings
    if named is None:
        named = environment.get("ZETA_SELF_REGISTER_SETTINGS")
    path = root + settings.DEFAULT_PATH if named is None else named
    return settings.load(effects, path, environment, must_exist=named is not None)


def confirmed(options: Options, consequence: str) -> Callable[[str], None]:
    """Asks the person at the terminal, once it is known what would be done.  Raises Refused (77) without a yes."""

    def ask(what: str) -> None:
        if options.yes:
            return
        if sys.stdin is None or not sys.stdin.isatty():  # None: it was closed
            raise Refused(
                Exit.HELD, f"{options.command} would do this: {what}; nobody can be asked here, so say --yes"
            )
        print(f"{printable(what)}\n{consequence}", file=sys.stderr)
        print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Refused(Exit.HELD, f"{options.command}: nothing was changed")

    return ask
