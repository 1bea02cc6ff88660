"""The commands, one file for each group of them; the one parser, from which help, completion and man page come."""

from __future__ import annotations

import argparse

from zeta_self_register import __version__, output, settings
from zeta_self_register.commands import (
    configuration,
    diagnosis,
    everyone,
    following,
    installer,
    looks,
    operator,
    record,
    repository,
    ticks,
)

PROGRAM = "zeta-self-register"
DESCRIPTION = """\
Registers this node in its cluster's GitOps repository by exactly one pull request, on the first boot of the
installed system.  The units run `register` once and `steward` from time to time; the installer runs `intent` and,
last of all, `stamp`.  The operator's commands (`reset`, `adopt`, `rename`, `deregister`, `pause`, `resume`) note what
is wanted and run one tick; all other commands only look.
"""
EXAMPLES = """\
examples:
  zeta-self-register status                 what is known, and what the next run would do and why
  zeta-self-register plan --json            the same decision, for a program
  zeta-self-register compose                the node.yaml that would be registered
  zeta-self-register reset                  after its pull request was closed: allows another one
  zeta-self-register schema --crd | kubectl apply -f -
  zeta-self-register intent --operator alice --repository acme/cluster --root /mnt
  zeta-self-register stamp --root /mnt      in the installer, after everything else

exit status:
"""
GROUPS = (
    ticks,
    looks,
    record,
    diagnosis,
    following,
    everyone,
    operator,
    installer,
    configuration,
    repository,
)


def parser() -> argparse.ArgumentParser:
    """The whole command line; each subcommand carries its function as `run`."""
    exits = "".join(f"  {int(status):<4} {text}\n" for status, text in output.EXITS.items())
    whole = argparse.ArgumentParser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EXAMPLES + exits,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    whole.add_argument("--settings", metavar="FILE", help=f"settings (TOML); default {settings.DEFAULT_PATH}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return whole
