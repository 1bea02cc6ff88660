"""The command `zeta-self-register`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from zeta_self_register import (
    __version__,
    check_pull_command,
    installing,
    output,
    record_rules,
    record_schema,
    settings,
)
from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.node import Node
from zeta_self_register.plain_text import printable
from zeta_self_register.production import Production, forbid_core_dumps
from zeta_self_register.schema_check import Problem
from zeta_self_register.settings import Settings
from zeta_self_register.tick import Run, plan, tick

DESCRIPTION = """\
Registers this node in its cluster's GitOps repository by exactly one pull request, on the first boot of the
installed system.  The units run `register` once and `steward` from time to time; the installer runs `intent` and,
last of all, `stamp`.  The other commands only look.
"""
EXAMPLES = """\
examples:
  zeta-self-register status                 what is known, and what the next run would do and why
  zeta-self-register plan --json            the same decision, for a program
  zeta-self-register compose                the node.yaml that would be registered
  zeta-self-register schema --crd | kubectl apply -f -
  zeta-self-register intent --operator alice --repository acme/cluster --root /mnt
  zeta-self-register stamp --root /mnt      in the installer, after everything else

exit status:
"""


def main() -> None:
    """Entry point of the console script."""
    forbid_core_dumps()
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs one command and returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(_COMMANDS[options.command](options, environment))
    except Refused as refused:
        if getattr(options, "json", False):
            print(output.as_json(output.refusal_as_table(options.command, refused)))
        print(f"zeta-self-register: {printable(refused.line)}", file=sys.stderr)
        return int(refused.status)
    except KeyboardInterrupt:
        print("zeta-self-register: interrupted; the next run goes on where this one stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def _tick(options: argparse.Namespace, environment: Mapping[str, str]) -> Exit:
    node = _node(options, environment)
    done = tick(node)
    if options.json:
        print(output.as_json(output.run_as_table(options.command, node, done)))
    return done.last.status


def _plan(options: argparse.Namespace, environment: Mapping[str, str]) -> Exit:
    if options.table:
        print(output.decision_table(), end="")
        return Exit.DONE
    node = _node(options, environment, quiet=True)
    done = plan(node)
    print(
        output.as_json(output.run_as_table("plan", node, done))
        if options.json
        else output.plan_line(done.last)
    )
    return Exit.DONE


def _status(options: argparse.Namespace, environment: Mapping[str, str]) -> Exit:
    node = _node(options, environment, quiet=True)
    files = node.files()
    following: Refused | None = None
    done = Run()
    try:
        done = plan(node)
    except Refused as refused:
        following = refused
    next_step = following or done.last
    if options.json:
        print(output.as_json(output.status_as_table(node, files, node.last_look, next_step)))
    else:
        print(output.status_lines(node, files, node.last_look, next_step))
    return Exit.DONE


def _compose(options: argparse.Namespace, environment: Mapping[str, str]) -> Exit:
    node = _node(options, environment, quiet=True)
    sys.stdout.write(node.record(node.effects.wall_clock()).decode())
    return Exit.DONE


def _validate(options: argparse.Namespace, _environment: Mapping[str, str]) -> Exit:
    checked = [_checked(file) for file in options.files]
    if options.json:
        print(output.as_json(output.validation_as_table(checked)))
    else:
        print(output.validation_lines(checked), end="")
    return Exit.DONE if all(one.valid for one in checked) else Exit.MISCONFIGURED


def _checked(file: str) -> output.Validation:
    try:
        content = Production().read(file)
    except OSError as error:
        return output.Validation(file, None, (Problem("", f"cannot be read ({error.strerror})"),), ())
    place = record_rules.place_in(os.path.abspath(file))  # noqa: PTH100 - symlinks are not followed
    problems = record_rules.validate(content, place)
    return output.Validation(file, place, tuple(problems), tuple(record_rules.advice(content)))


def _schema(options: argparse.Namespace, _environment: Mapping[str, str]) -> Exit:
    text = (
        record_schema.custom_resource_definition_text() if options.crd else record_schema.json_schema_text()
    )
    sys.stdout.write(text.decode())
    return Exit.DONE


def _intent(options: argparse.Namespace, environment: Mapping[str, str]) -> Exit:
    effects, configured = _configured(options, environment)
    intent, path = installing.write_intent(
        effects, configured, options.root, options.operator, options.repository, options.node
    )
    print(f"{path}: {intent.node} is to be registered by {intent.operator} in {intent.repository}")
    return Exit.DONE


def _stamp(options: argparse.Namespace, environment: Mapping[str, str]) -> Exit:
    effects, configured = _configured(options, environment)
    print(f"{installing.write_stamp(effects, configured, options.root)}: the installation is complete")
    return Exit.DONE


_COMMANDS: dict[str, Callable[[argparse.Namespace, Mapping[str, str]], int]] = {
    "check-pull": check_pull_command.run,
    "register": _tick,
    "steward": _tick,
    "plan": _plan,
    "status": _status,
    "compose": _compose,
    "validate": _validate,
    "schema": _schema,
    "intent": _intent,
    "stamp": _stamp,
}


class _Quiet(Production):
    """Commands that print their answer themselves keep the journal's lines to themselves."""

    def say(self, line: str) -> None:
        """Says nothing."""


def _node(options: argparse.Namespace, environment: Mapping[str, str], *, quiet: bool = False) -> Node:
    configured = _load(Production(), options, environment, "")
    effects = (_Quiet if quiet else Production)(configured.ca_file)
    return Node(effects, configured, options.command, environment)


def _configured(options: argparse.Namespace, environment: Mapping[str, str]) -> tuple[Effects, Settings]:
    """The installer's commands read the settings of the system that is being installed."""
    effects = Production()
    return effects, _load(effects, options, environment, options.root.rstrip("/"))


def _load(
    effects: Effects, options: argparse.Namespace, environment: Mapping[str, str], root: str
) -> Settings:
    named = options.settings or environment.get("ZETA_SELF_REGISTER_SETTINGS")
    path = named or root + settings.DEFAULT_PATH
    return settings.load(effects, path, environment, must_exist=named is not None)


def _parser() -> argparse.ArgumentParser:
    exits = "".join(f"  {int(status):<4} {text}\n" for status, text in output.EXITS.items())
    parser = argparse.ArgumentParser(
        prog="zeta-self-register",
        description=DESCRIPTION,
        epilog=EXAMPLES + exits,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"zeta-self-register {__version__}")
    parser.add_argument(
        "--settings", metavar="FILE", help=f"settings (TOML); default {settings.DEFAULT_PATH}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("register", "one tick, as the first-boot service runs it"),
        ("steward", "the same tick, later and again: follows the pull request until it is merged"),
        ("status", "what is known here and on GitHub, and what the next run would do and why"),
    ):
        commands.add_parser(name, help=text, description=text).add_argument(
            "--json", action="store_true", help="one JSON object on standard output"
        )
    text = "what `register` would do now, without doing it"
    planned = commands.add_parser("plan", help=text, description=text)
    planned.add_argument("--json", action="store_true", help="one JSON object on standard output")
    planned.add_argument(
        "--table", action="store_true", help="print the whole decision table (Markdown) and stop"
    )
    text = "prints the node.yaml of this machine"
    commands.add_parser("compose", help=text, description=text)
    _record_commands(commands)
    _installer_commands(commands)
    check_pull_command.add(commands)
    return parser


def _record_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = (
        "checks node.yaml files for all who read them: by the schema, and by the rules that no schema can say"
    )
    validate = commands.add_parser(
        "validate",
        help="checks node.yaml files for all who read them",
        description=f"{text}. In a folder maintainers/LOGIN/cluster-nodes/NODE, the names have to fit it too.",
    )
    validate.add_argument(
        "files", metavar="FILE", nargs="+", help="such as maintainers/*/cluster-nodes/*/node.yaml"
    )
    validate.add_argument("--json", action="store_true", help="one JSON object on standard output")
    text = "prints what a node.yaml is, for a cluster or for an editor"
    schema = commands.add_parser("schema", help=text, description=text)
    which = schema.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--crd", action="store_true", help="Kubernetes' definition of ClusterNode, for `kubectl apply -f -`"
    )
    which.add_argument("--json-schema", action="store_true", help="the JSON Schema that `validate` goes by")


def _installer_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "in the installer: writes what this machine is to become; never talks to GitHub"
    intent = commands.add_parser("intent", help=text, description=text)
    intent.add_argument("--operator", required=True, metavar="LOGIN", help="whose node it is")
    intent.add_argument("--repository", required=True, metavar="OWNER/NAME", help="the GitOps repository")
    intent.add_argument(
        "--node", metavar="NAME", help="default: derived from the hardware, the same at a reinstall"
    )
    text = "in the installer, last of all: syncs the file systems and says that the installation is complete"
    stamp = commands.add_parser("stamp", help=text, description=text)
    for command in (intent, stamp):
        command.add_argument(
            "--root", default="/", metavar="DIR", help="where the installed system is mounted"
        )
