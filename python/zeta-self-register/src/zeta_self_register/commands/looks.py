"""Commands that only look: what is known, what would be done, what the record would be."""

from __future__ import annotations

import sys

from zeta_self_register import output
from zeta_self_register.commands.common import Environment, Options, Subparsers, add_command, add_json, node
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.tick import Run, plan


def add(commands: Subparsers) -> None:
    """Adds the group."""
    text = "what is known here and on GitHub, and what the next run would do and why"
    add_json(add_command(commands, "status", text, _status))
    planned = add_command(commands, "plan", "what `register` would do now, without doing it", _plan)
    add_json(planned)
    planned.add_argument(
        "--table", action="store_true", help="print the whole decision table (Markdown) and stop"
    )
    add_command(commands, "compose", "prints the node.yaml of this machine", _compose)


def _plan(options: Options, environment: Environment) -> Exit:
    if options.table:
        print(output.decision_table(), end="")
        return Exit.DONE
    here = node(options, environment, quiet=True)
    done = plan(here)
    print(
        output.as_json(output.run_as_table("plan", here, done))
        if options.json
        else output.plan_line(done.last)
    )
    return Exit.DONE


def _status(options: Options, environment: Environment) -> Exit:
    here = node(options, environment, quiet=True)
    files = here.files()
    following: Refused | None = None
    done = Run()
    try:
        done = plan(here)
    except Refused as refused:
        following = refused
    next_step = following or done.last
    if options.json:
        print(output.as_json(output.status_as_table(here, files, here.last_look, next_step)))
    else:
        print(output.status_lines(here, files, here.last_look, next_step))
    return Exit.DONE


def _compose(options: Options, environment: Environment) -> Exit:
    here = node(options, environment, quiet=True)
    sys.stdout.write(here.record(here.effects.wall_clock()).decode())
    return Exit.DONE
