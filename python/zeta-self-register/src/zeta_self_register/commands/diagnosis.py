"""`doctor`: each precondition, and why nothing happened."""

from __future__ import annotations

from zeta_self_register import doctor, output
from zeta_self_register.commands.common import (
    Environment,
    Options,
    Quiet,
    Subparsers,
    add_command,
    add_json,
    load,
)
from zeta_self_register.doctor import Check, State
from zeta_self_register.exits import Exit
from zeta_self_register.node import Node
from zeta_self_register.production import Production


def add(commands: Subparsers) -> None:
    """Adds the group."""
    text = "each precondition with its remedy, and what the last run of this boot said"
    add_json(add_command(commands, "doctor", text, _doctor))


def _doctor(options: Options, environment: Environment) -> Exit:
    """Its exit status is that of the first unmet precondition."""
    plain = Production()
    checks = doctor.examine(
        plain,
        lambda: load(plain, options, environment),
        lambda configured: Node(Quiet(configured.ca_file), configured, options.command, environment),
    )
    print(output.as_json(_as_table(checks)) if options.json else "\n".join(map(_line, checks)))
    return _status(checks)


def _status(checks: list[Check]) -> Exit:
    return next((check.status for check in checks if check.state is State.UNMET), Exit.DONE)


def _line(check: Check) -> str:
    return f"{check.state.value:8}{check.name:28}{check.text}"


def _as_table(checks: list[Check]) -> dict[str, object]:
    found = [
        {"name": c.name, "state": c.state.value, "text": c.text, "status": int(c.status)} for c in checks
    ]
    return {"command": "doctor", "status": int(_status(checks)), "checks": found}
