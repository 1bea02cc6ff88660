#!/usr/bin/env python3
"""Writes the man page and the shells' completion from the one parser of the command line.

usage: shell_data.py [FOLDER]       default: the package's data/share

They are kept beside the program, since what they are made with (shtab) is not on a node; a test keeps them equal.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import shtab
from zeta_self_register import __version__, output
from zeta_self_register.commands import EXAMPLES, PROGRAM, parser

SHARE = Path(__file__).parent / "src/zeta_self_register/data/share"
COMPLETIONS = {
    "bash": f"bash-completion/completions/{PROGRAM}",
    "zsh": f"zsh/site-functions/_{PROGRAM}",
    "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
}
MAN = f"man/man8/{PROGRAM}.8"
FILES = {
    "/etc/zeta-self-register/settings.toml": "settings, all of which have defaults but the repository",
    "/etc/zeta-self-register/intent.json": "who the installer wants this machine to become",
    "/var/lib/zeta-install/complete.json": "the installer's last word; without it nothing is registered",
    "/var/lib/zeta-self-register/registered.json": "the marker: what was read back from GitHub",
    "/var/lib/zeta-self-register/wishes.json": "what the operator's commands noted",
}


def written() -> dict[str, str]:
    """Every file below the folder, with its text."""
    whole = parser()
    complete_paths(whole)
    texts = {path: shtab.complete(whole, shell) for shell, path in COMPLETIONS.items()}
    return {**texts, MAN: man_page(parser())}


def complete_paths(whole: argparse.ArgumentParser) -> None:
    """Arguments that are called FILE or DIR are completed as such."""
    kinds = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}
    for one in (whole, *subcommands(whole).values()):
        for action in one._actions:
            if action.metavar in kinds:
                action.complete = kinds[action.metavar]  # type: ignore[attr-defined]


def subcommands(whole: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands by name, in their order."""
    found = next(a for a in whole._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)


# --- the man page ---------------------------------------------------------------------------------------------


def man_page(whole: argparse.ArgumentParser) -> str:
    """The page in roff, as man(7) has it."""
    lines = [
        f'.TH {PROGRAM.upper()} 8 "" "{PROGRAM} {__version__}" "System Manager\'s Manual"',
        *(".SH NAME", f"{roff(PROGRAM)} \\- registers this node by exactly one pull request"),
        *(".SH SYNOPSIS", f".B {roff(PROGRAM)}", roff("[--settings FILE] COMMAND ...")),
        *(".SH DESCRIPTION", roff(whole.description or "")),
        *(".SH OPTIONS", *options(whole)),
        ".SH COMMANDS",
    ]
    for one in subcommands(whole).values():
        usage = " ".join(word for word in one.format_usage().split()[2:] if word != "[-h]")
        lines += [f'.SS "{roff(usage)}"', roff(one.description or ""), *options(one)]
    lines += [".SH EXIT STATUS", *items({str(int(s)): text for s, text in output.EXITS.items()})]
    lines += [".SH FILES", *items(FILES)]
    lines += [".SH EXAMPLES", ".nf", *example_lines(), ".fi"]
    lines += [".SH SEE ALSO", ".BR systemd.timer (5),", ".BR journalctl (1)"]
    return "\n".join(lines) + "\n"


def example_lines() -> list[str]:
    """The examples of `--help`."""
    return [roff(line.strip()) for line in EXAMPLES.splitlines() if line.startswith(f"  {PROGRAM}")]


def options(one: argparse.ArgumentParser) -> list[str]:
    """Each option and argument with its help."""
    found = {}
    for action in one._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        names = ", ".join(action.option_strings)
        value = f"{action.metavar or ''}" if action.nargs != 0 else ""
        found[f"{names} {value}".strip()] = (action.help or "") % vars(action)
    return items(found)


def items(found: dict[str, str]) -> list[str]:
    """A list of terms."""
    return [line for term, text in found.items() for line in (".TP", f".B {roff(term)}", roff(text))]


def roff(text: str) -> str:
    """Text in which roff takes nothing for a command of its own."""
    escaped = (
        text.strip().replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace('"', "\\(dq")
    )
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in escaped.split("\n"))


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else SHARE
    for path, text in written().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
