"""`fleet`: every node of the repository."""

from __future__ import annotations

from collections import Counter

from zeta_self_register import output
from zeta_self_register.commands.common import Environment, Options, Subparsers, add_command, add_json, node
from zeta_self_register.exits import Exit
from zeta_self_register.fleet import FleetNode, take_fleet
from zeta_self_register.plain_text import line

SHOWN = 100
"""Characters of a name: folders of the repository may be called anything."""


def add(commands: Subparsers) -> None:
    """Adds the group."""
    text = "every node of the repository: registered, in flight, held, drifted, stray, removed or retired"
    add_json(add_command(commands, "fleet", text, _fleet))


def _fleet(options: Options, environment: Environment) -> Exit:
    here = node(options, environment, quiet=True)
    base = here.settings.base_branch
    found = take_fleet(here.github, base).nodes(base)
    if options.json:
        table = {
            "command": "fleet",
            "status": 0,
            "repository": here.who.repository,
            "requests": here.requests,
        }
        print(output.as_json({**table, "nodes": [_as_table(one) for one in found]}))
    else:
        print("\n".join([*lines(found), _summary(found, here.requests)]))
    return Exit.DONE


def lines(found: list[FleetNode]) -> list[str]:
    """One line a node, in columns."""
    names = [(line(n.node, SHOWN), line(n.operator, SHOWN)) for n in found]
    wide = [max(map(len, column)) for column in zip(*names, strict=True)]
    return [
        f"{node:{wide[0]}}  {operator:{wide[1]}}  {n.standing.value:10}"
        + (line(f"  #{n.pull.number} {n.pull.url}") if n.pull is not None else "")
        for n, (node, operator) in zip(found, names, strict=True)
    ]


def _summary(found: list[FleetNode], requests: int) -> str:
    counts = Counter(n.standing.value for n in found)
    parts = ", ".join(f"{count} {standing}" for standing, count in counts.most_common())
    return f"{len({(n.operator, n.node) for n in found})} nodes: {parts or 'none'} ({requests} requests)"


def _as_table(found: FleetNode) -> dict[str, object]:
    pull = found.pull
    return {
        "operator": found.operator,
        "node": found.node,
        "standing": found.standing.value,
        "pull_request": None
        if pull is None
        else {
            "number": pull.number,
            "url": pull.url,
            "state": pull.state.value,
            "created_at": pull.created_at,
        },
    }
