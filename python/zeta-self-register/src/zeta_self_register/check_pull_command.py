"""The command `check-pull`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from zeta_self_register import check_pull, output, pull_rules
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.production import Production

VIOLATED = 1
"""Exit status for a pull request that breaks a rule."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds it to the command line."""
    text = "in the GitOps repository: checks that a node's pull request touches only its own record"
    check = commands.add_parser(
        "check-pull",
        help=text,
        description=f"{text[:1].upper()}{text[1:]}. Prints one line for each rule that is broken. "
        "Exit status: 0 none, or no registration at all; 1 some; 78 it could not be checked.",
    )
    check.add_argument(
        "--event",
        nargs="?",
        const="",
        metavar="FILE",
        help="take the pull request from a workflow's event (default: $GITHUB_EVENT_PATH)",
    )
    check.add_argument("--base", metavar="COMMIT", help="or say it: where it is to be merged to")
    check.add_argument("--head", metavar="COMMIT", help="what is to be merged")
    check.add_argument("--branch", metavar="NAME", help="its branch, by name")
    check.add_argument("--author", metavar="LOGIN", help="who opened it")
    check.add_argument("--repository", default=".", metavar="DIR", help="a clone that has both; default here")
    check.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Judges one pull request; 0, or VIOLATED.  Raises Refused (78)."""
    effects = Production()
    if options.event is not None:
        asked = check_pull.from_event(effects, options.event or environment.get("GITHUB_EVENT_PATH", ""))
    elif None in (options.base, options.head, options.branch, options.author):
        raise Refused(
            Exit.MISCONFIGURED, "say --event, or all of --base, --head, --branch and --author; see --help"
        )
    else:
        asked = check_pull.Asked(options.base, options.head, options.branch, options.author)
    pull = check_pull.read(effects, options.repository, asked)
    found = pull_rules.violations(pull)
    if options.json:
        said = {
            "command": "check-pull",
            "registration": pull_rules.is_registration(pull),
            "violations": found,
        }
        print(output.as_json(said))
    elif found:
        print("\n".join(found))
    elif pull_rules.is_registration(pull):
        print("a node's own record, and nothing else")
    else:
        print("no registration: nothing to check here")
    return VIOLATED if found else Exit.DONE
