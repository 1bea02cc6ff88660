"""One survey before a new registration: the same machine or name elsewhere, and open pull requests of old branches."""

from __future__ import annotations

from typing import Any

import msgspec

from zeta_self_register import names, queries
from zeta_self_register.answers import Outcome
from zeta_self_register.exits import Exit
from zeta_self_register.forms import FORM_ERRORS, MAX_PAGES, OddForm, content_of, odd, unknown
from zeta_self_register.github import GitHub
from zeta_self_register.looking import Subject
from zeta_self_register.pulls import read_pull
from zeta_self_register.remote import Elsewhere, Moved, Survey, Unknown

BATCH = 20
"""Candidates that one query asks for."""


def take_survey(github: GitHub, subject: Subject, base_oid: str) -> Survey | Unknown | Moved:
    """Every record at the base commit, and every open registration pull request with the records it adds.

    The base branch must still stand where the snapshot saw it: a pull request that was merged in between would be
    in neither of the two.
    """
    found: list[Elsewhere] = []
    wanted: list[tuple[int, str, str]] = []
    after: str | None = None
    for page in range(MAX_PAGES):
        variables = {
            "base": f"refs/heads/{subject.base}",
            "records": f"{base_oid}:maintainers",
            "after": after,
        }
        answer = github.look(queries.SURVEY, variables)
        if answer.outcome is not Outcome.OK:
            return unknown(answer)
        try:
            repository = answer.data["repository"]
            if repository["base"]["target"]["oid"] != base_oid:
                return Moved.MOVED
            if page == 0:
                found += _records(repository["records"])
            pulls = repository["pullRequests"]
            wanted += [c for node in pulls["nodes"] for c in _candidates(node, subject)]
            if not pulls["pageInfo"]["hasNextPage"]:
                return _with_candidates(github, subject, found, wanted)
            after = pulls["pageInfo"]["endCursor"]
        except (*FORM_ERRORS, OddForm) as error:
            return odd(error)
    return Unknown(Exit.NOT_NOW, "there are too many open pull requests to look at")


def _records(tree: dict[str, Any] | None) -> list[Elsewhere]:
    """maintainers/OPERATOR/cluster-nodes/NODE/node.yaml, out of four nested trees."""
    found = []
    for operator, operators in _entries(tree):
        for folder, nodes in _entries(operators):
            for node, files in _entries(nodes) if folder == "cluster-nodes" else ():
                for file, blob in _entries(files):
                    if file == "node.yaml" and blob is not None and "text" in blob:
                        path = f"maintainers/{operator}/cluster-nodes/{node}/node.yaml"
                        found.append(Elsewhere(path, operator, node, content_of(blob)))
    return found


def _entries(tree: dict[str, Any] | None) -> list[tuple[str, dict[str, Any] | None]]:
    return [(msgspec.convert(e["name"], str), e["object"]) for e in (tree or {}).get("entries") or []]


def _candidates(node: dict[str, Any], subject: Subject) -> list[tuple[int, str, str]]:
    """An open pull request of this repository that registers some node: its number, head and each record."""
    if node["isCrossRepository"] or not node["headRefName"].startswith("register-"):
        return []
    files = node["files"]
    paths = [f["path"] for f in files["nodes"] if names.split_record_path(f["path"])]
    if files["totalCount"] > len(files["nodes"]) and subject.record not in paths:
        # Ours may be among those that were not listed.
        paths.append(subject.record)
    return msgspec.convert(
        [(node["number"], node["headRefOid"], path) for path in paths], list[tuple[int, str, str]]
    )


def _with_candidates(
    github: GitHub, subject: Subject, found: list[Elsewhere], wanted: list[tuple[int, str, str]]
) -> Survey | Unknown:
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        paths = {f"path{n}": f"{oid}:{path}" for n, (_, oid, path) in enumerate(batch)}
        answer = github.look(queries.candidates(batch), {"record": subject.record, **paths})
        if answer.outcome is not Outcome.OK:
            return unknown(answer)
        for n, (_, _, path) in enumerate(batch):
            pull = read_pull(github, answer.data["repository"][f"pull{n}"])
            if isinstance(pull, Unknown):
                return pull
            operator, node = names.split_record_path(path) or ("", "")
            blob = answer.data["repository"][f"record{n}"]
            if blob is not None:
                found.append(Elsewhere(path, operator, node, content_of(blob), pull))
    return Survey(tuple(found))
