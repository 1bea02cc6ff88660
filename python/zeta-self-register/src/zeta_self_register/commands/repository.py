"""`check-pull`: a required check of the GitOps repository."""

from __future__ import annotations

from zeta_self_register import check_pull, output, pull_rules
from zeta_self_register.commands.common import Environment, Options, Subparsers, add_command, add_json
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.production import Production

VIOLATED = 1
"""Exit status for a pull request that breaks a rule."""


def add(commands: Subparsers) -> None:
    """Adds the group."""
    text = "in the GitOps repository: checks that a node's pull request touches only its own record"
    more = (
        "Prints one line for each rule that is broken. Exit status: 0 none, or no registration at all; 1 some; 78 it "
        "could not be checked."
    )
    check = add_command(commands, "check-pull", text, _check_pull, more)
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
    add_json(check)


def _check_pull(options: Options, environment: Environment) -> int:
    effects = Production()
    pull = check_pull.read(effects, options.repository, _asked(effects, options, environment))
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


def _asked(effects: Production, options: Options, environment: Environment) -> check_pull.Asked:
    if options.event is not None:
        return check_pull.from_event(effects, options.event or environment.get("GITHUB_EVENT_PATH", ""))
    if None in (options.base, options.head, options.branch, options.author):
        raise Refused(
            Exit.MISCONFIGURED, "say --event, or all of --base, --head, --branch and --author; see --help"
        )
    return check_pull.Asked(options.base, options.head, options.branch, options.author)
