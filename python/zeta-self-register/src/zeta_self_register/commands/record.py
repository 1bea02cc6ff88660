"""`validate` and `schema`: what a node.yaml is."""

from __future__ import annotations

import os
import sys

from zeta_self_register import output, record_rules, record_schema
from zeta_self_register.commands.common import Environment, Options, Subparsers, add_command, add_json
from zeta_self_register.exits import Exit
from zeta_self_register.production import Production
from zeta_self_register.schema_check import Problem


def add(commands: Subparsers) -> None:
    """Adds the group."""
    text = "checks node.yaml files for all who read them"
    more = (
        "By the schema, and by the rules that no schema can say. In a folder maintainers/LOGIN/cluster-nodes/NODE, "
        "the names have to fit it too."
    )
    validate = add_command(commands, "validate", text, _validate, more)
    validate.add_argument(
        "files", metavar="FILE", nargs="+", help="such as maintainers/*/cluster-nodes/*/node.yaml"
    )
    add_json(validate)
    text = "prints what a node.yaml is, for a cluster or for an editor"
    which = add_command(commands, "schema", text, _schema).add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--crd", action="store_true", help="Kubernetes' definition of ClusterNode, for `kubectl apply -f -`"
    )
    which.add_argument("--json-schema", action="store_true", help="the JSON Schema that `validate` goes by")


def _validate(options: Options, _environment: Environment) -> Exit:
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


def _schema(options: Options, _environment: Environment) -> Exit:
    text = (
        record_schema.custom_resource_definition_text() if options.crd else record_schema.json_schema_text()
    )
    sys.stdout.write(text.decode())
    return Exit.DONE
