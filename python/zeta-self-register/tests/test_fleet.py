"""`fleet`: how each node of a repository stands, by what is on the base branch and what pull requests say."""

from __future__ import annotations

import pytest
from stories import OLD_RECORD, RECORD, open_pull, put
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.fleet import Fleet, FleetPull, Standing, take_fleet
from zeta_self_register.remote import PullState

OPEN, CLOSED, MERGED = PullState.OPEN, PullState.CLOSED, PullState.MERGED
NODE = frozenset({"node.yaml"})


def path(node, operator="alice"):
    """Where a node's record is."""
    return f"maintainers/{operator}/cluster-nodes/{node}/node.yaml"


def pull(number, state, node, branch=None, base="main", further=()):
    """A pull request that changes a node's record."""
    branch = branch or f"register-node-{node}"
    url = f"https://github.test/{number}"
    return FleetPull(number, url, state, base, branch, "2026-01-01T00:00:00Z", (path(node), *further))


def standings(files, *pulls):
    """Each line of the fleet: node, standing and number."""
    found = Fleet({("alice", node): names for node, names in files.items()}, pulls).nodes("main")
    return [(n.node, n.standing, n.pull.number if n.pull else None) for n in found]


@pytest.mark.parametrize(
    ("files", "pulls", "expected"),
    [
        ({"a": NODE}, [], [("a", Standing.REGISTERED, None)]),
        ({"a": NODE}, [pull(1, MERGED, "a")], [("a", Standing.REGISTERED, 1)]),
        ({"a": NODE | {"retired"}}, [pull(1, MERGED, "a")], [("a", Standing.RETIRED, None)]),
        ({"a": frozenset({"retired"})}, [], [("a", Standing.RETIRED, None)]),
        ({}, [pull(1, OPEN, "a")], [("a", Standing.IN_FLIGHT, 1)]),
        ({}, [pull(1, CLOSED, "a"), pull(2, OPEN, "a")], [("a", Standing.IN_FLIGHT, 2)]),
        ({}, [pull(1, CLOSED, "a")], [("a", Standing.HELD, 1)]),
        ({}, [pull(1, MERGED, "a"), pull(2, CLOSED, "a")], [("a", Standing.HELD, 2)]),
        ({}, [pull(1, MERGED, "a")], [("a", Standing.DRIFTED, 1)]),
        ({}, [pull(1, MERGED, "a", base="dev")], []),
        (
            {},
            [pull(1, OPEN, "a", "register-a-20250101T000000Z"), pull(2, OPEN, "a")],
            [("a", Standing.IN_FLIGHT, 1), ("a", Standing.STRAY, 2)],
        ),
        (
            {"a": NODE},
            [pull(1, MERGED, "a"), pull(2, OPEN, "a")],
            [("a", Standing.REGISTERED, 1), ("a", Standing.STRAY, 2)],
        ),
        ({}, [pull(1, MERGED, "a"), pull(2, MERGED, "a", "deregister-node-a")], [("a", Standing.REMOVED, 2)]),
        ({"a": NODE}, [pull(2, OPEN, "a", "deregister-node-a")], [("a", Standing.REGISTERED, None)]),
        (
            {"b": NODE},
            [pull(1, MERGED, "a"), pull(2, MERGED, "b", further=(path("a"),))],
            [("a", Standing.REMOVED, 2), ("b", Standing.REGISTERED, 2)],
        ),
        ({}, [pull(1, OPEN, "a-b")], [("a-b", Standing.IN_FLIGHT, 1)]),
    ],
)
def test_how_a_node_stands(files, pulls, expected):
    assert standings(files, *pulls) == expected


def seen(machine):
    """The fleet of the tests' repository, and what it cost."""
    machine.requests.clear()
    found = take_fleet(machine.node("fleet").github, "main").nodes("main")
    return {n.node: n.standing for n in found}, len(machine.requests)


def test_an_empty_repository_has_no_nodes(machine):
    assert seen(machine) == ({}, 1)


def test_one_query_shows_records_and_pull_requests(machine):
    put(machine, RECORD, OLD_RECORD)
    put(machine, path("node-d", "bob"), OLD_RECORD)
    open_pull(machine, "register-node-node-b", path("node-b"))
    number = open_pull(machine, "register-node-node-c", path("node-c"))
    machine.person("PATCH", f"/repos/acme/cluster/pulls/{number}", {"state": "closed"})
    expected = {
        "node-a": Standing.REGISTERED,
        "node-b": Standing.IN_FLIGHT,
        "node-c": Standing.HELD,
        "node-d": Standing.REGISTERED,
    }
    assert seen(machine) == (expected, 1)


def test_each_further_hundred_of_pull_requests_costs_one_query(machine):
    open_pull(machine, "register-node-node-b", path("node-b"))
    for n in range(101):
        open_pull(machine, f"topic-{n}", f"docs/{n}.md")
    assert seen(machine) == ({"node-b": Standing.IN_FLIGHT}, 2)


def test_what_cannot_be_seen_whole_is_not_shown(machine):
    machine.fate = lambda n, _request: "not sent"
    with pytest.raises(Refused, match="GitHub is not reached") as refused:
        seen(machine)
    assert refused.value.status is Exit.NOT_NOW
    machine.fate = lambda _n, _request: None
    with pytest.raises(Refused, match="branch 'trunk' does not exist"):
        take_fleet(machine.node("fleet").github, "trunk")
