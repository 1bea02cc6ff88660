"""Every node of the repository and how it stands: what is on the base branch, beside all that pull requests say.

One query a page: the first one shows the records too.  What a node is, is a pure function of the two.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from zeta_self_register import names, queries
from zeta_self_register.answers import Outcome
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.github import GitHub
from zeta_self_register.remote import PullState

MAX_PAGES = 100
"""Pages of a hundred pull requests; a repository with more is said to be too large, not shown in part."""

Name = tuple[str, str]
"""Operator and node."""


class Standing(enum.Enum):
    """How one node stands."""

    REGISTERED = "registered"
    IN_FLIGHT = "in flight"
    """A pull request that adds its record is open."""
    HELD = "held"
    """Its last pull request was closed without being merged."""
    DRIFTED = "drifted"
    """Its pull request was merged, and its record is not there."""
    STRAY = "stray"
    """A pull request that registers it is open beside another one, or beside its record."""
    RETIRED = "retired"
    REMOVED = "removed"
    """The last pull request that was merged removed its record, or moved it to another name."""


@dataclass(frozen=True)
class FleetPull:
    """One pull request as far as the fleet is concerned."""

    number: int
    url: str
    state: PullState
    base: str
    branch: str
    created_at: str
    paths: tuple[str, ...]

    def registers(self, name: Name) -> bool:
        """Whether it is there to add this node's record: its branch is the node's, or of no node at all."""
        operator, node = name
        if names.record_path(names.Operator(operator), names.NodeName(node)) not in self.paths:
            return False
        if self.branch.startswith("deregister-"):
            return False
        of_branch = names.node_of_branch(self.branch) or names.node_of_old_branch(self.branch)
        return of_branch is None or of_branch == names.usable_node_name(node)


@dataclass(frozen=True)
class FleetNode:
    """One line of the fleet; a stray is a line of its own."""

    operator: str
    node: str
    standing: Standing
    pull: FleetPull | None = None


@dataclass(frozen=True)
class Fleet:
    """What was seen: by node the names of the files in its folder on the base branch, and all pull requests."""

    files: Mapping[Name, frozenset[str]]
    pulls: tuple[FleetPull, ...]

    def nodes(self, base: str) -> list[FleetNode]:
        """Every node, by operator and name."""
        touching: dict[Name, list[FleetPull]] = defaultdict(list)
        for pull in self.pulls:
            for name in filter(None, map(names.split_record_path, pull.paths)):
                touching[name].append(pull)
        found: list[FleetNode] = []
        for name in sorted({*self.files, *touching}):
            newest_first = sorted(touching[name], key=lambda pull: -pull.number)
            found += _lines(name, self.files.get(name, frozenset()), newest_first, base)
        return found


def _lines(name: Name, files: frozenset[str], pulls: list[FleetPull], base: str) -> Iterable[FleetNode]:
    opened = [p for p in reversed(pulls) if p.state is PullState.OPEN and p.registers(name)]
    registered = "node.yaml" in files
    if "retired" in files:
        yield FleetNode(*name, Standing.RETIRED)
    elif registered:
        merged = next((p for p in pulls if p.state is PullState.MERGED and p.registers(name)), None)
        yield FleetNode(*name, Standing.REGISTERED, merged)
    elif opened:
        yield FleetNode(*name, Standing.IN_FLIGHT, opened.pop(0))
    else:
        ended = [p for p in pulls if p.state is not PullState.OPEN and p.base == base]
        merged = next((p for p in ended if p.state is PullState.MERGED), None)
        last = next((p for p in ended if p.registers(name)), None)
        if merged is not None and not merged.registers(name):
            yield FleetNode(*name, Standing.REMOVED, merged)
        elif last is not None:
            standing = Standing.DRIFTED if last.state is PullState.MERGED else Standing.HELD
            yield FleetNode(*name, standing, last)
    yield from (FleetNode(*name, Standing.STRAY, pull) for pull in opened)


def take_fleet(github: GitHub, base: str) -> Fleet:
    """Asks for everything, a page at a time.  Raises Refused when it could not be seen whole."""
    files: Mapping[Name, frozenset[str]] = {}
    pulls: list[FleetPull] = []
    after: str | None = None
    for page in range(MAX_PAGES):
        first = page == 0
        variables = {"base": f"refs/heads/{base}", "records": f"{base}:maintainers", "after": after}
        answer = github.look(queries.FLEET, {**variables, "first": first})
        if answer.outcome is not Outcome.OK:
            raise Refused(answer.status or Exit.NOT_NOW, answer.reason)
        try:
            repository = answer.data["repository"]
            if first and repository["base"] is None:
                raise Refused(Exit.MISCONFIGURED, f"branch {base!r} does not exist: set `base_branch`")
            files = _files(repository["records"]) if first else files
            pulls += [_pull(p) for p in repository["pullRequests"]["nodes"] if not p["isCrossRepository"]]
            info = repository["pullRequests"]["pageInfo"]
            if not info["hasNextPage"]:
                return Fleet(files, tuple(pulls))
            after = info["endCursor"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(
                Exit.NOT_NOW, f"GitHub's answer has an unexpected form ({type(error).__name__}: {error})"
            ) from error
    raise Refused(Exit.NOT_NOW, f"the repository has more than {MAX_PAGES * 100} pull requests")


def _files(tree: dict[str, Any] | None) -> dict[Name, frozenset[str]]:
    """maintainers/OPERATOR/cluster-nodes/NODE/FILE, out of four nested trees."""
    found = {}
    for operator in _entries(tree):
        for folder in _entries(operator["object"]):
            for node in _entries(folder["object"]) if folder["name"] == "cluster-nodes" else ():
                there = frozenset(str(file["name"]) for file in _entries(node["object"]))
                if there & {"node.yaml", "retired"}:
                    found[str(operator["name"]), str(node["name"])] = there
    return found


def _entries(tree: dict[str, Any] | None) -> list[dict[str, Any]]:
    return (tree or {}).get("entries") or []


def _pull(node: dict[str, Any]) -> FleetPull:
    fields = {
        "number": node["number"],
        "url": node["url"],
        "state": node["state"],
        "base": node["baseRefName"],
        "branch": node["headRefName"],
        "created_at": node["createdAt"],
        "paths": tuple(file["path"] for file in node["files"]["nodes"]),
    }
    return msgspec.convert(fields, FleetPull)
