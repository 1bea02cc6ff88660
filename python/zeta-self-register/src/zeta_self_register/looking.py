"""Looking at GitHub: one snapshot for every decision, one survey before a new registration.

Each answer becomes a typed value or `Unknown`; an answer that does not have the form that was asked for is
unknown, never "absent".
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from zeta_self_register import comments, names, queries
from zeta_self_register.answers import Answer, Outcome
from zeta_self_register.exits import Exit
from zeta_self_register.github import GitHub
from zeta_self_register.plain_text import line
from zeta_self_register.remote import (
    Branch,
    Content,
    Elsewhere,
    Glance,
    Moved,
    Pull,
    PullState,
    Record,
    Snapshot,
    Survey,
    Unknown,
)

MAX_PAGES = 50
"""Pages of one hundred that are followed before the answer counts as unknown."""

BATCH = 20
"""Candidates that one query asks for."""

PUSHED_TO = "Head branch was pushed to"
"""How GitHub's reason begins when it switched auto-merge off because of a push."""

FORM_ERRORS = (KeyError, TypeError, ValueError, AttributeError)
"""What an answer of another form than was asked for raises when it is taken apart."""

T = TypeVar("T")


@dataclass(frozen=True)
class Subject:
    """Whose registration is looked at, and where."""

    operator: str
    node: str
    branch: str
    base: str
    known_pull: int | None = None
    """The pull request that the marker names, or the operator."""
    adds: bool = True
    """Whether the branch is there to add the record; else it is there to remove it."""
    moved: str | None = None
    """The record of a former name, which the branch removes as well."""

    @property
    def folder(self) -> str:
        """Where everything of this node is."""
        return f"maintainers/{self.operator}/cluster-nodes/{self.node}"

    @property
    def record(self) -> str:
        """The path of its node.yaml."""
        return f"{self.folder}/node.yaml"

    @property
    def retired(self) -> str:
        """The path of the file by which an operator ends the registration for good."""
        return f"{self.folder}/retired"

    @property
    def drops(self) -> str | None:
        """The path that the branch removes."""
        return self.moved if self.adds else self.record


_METHODS = {"merge": "mergeCommitAllowed", "squash": "squashMergeAllowed", "rebase": "rebaseMergeAllowed"}


class _Odd(Exception):
    """The answer has another form than was asked for."""


def take_snapshot(github: GitHub, subject: Subject) -> Snapshot | Unknown:
    """One query, and one more for each hundred comments beyond the first of an open pull request."""
    asked_at = github.clock()
    answer = github.look(
        queries.SNAPSHOT,
        {
            "base": f"refs/heads/{subject.base}",
            "baseName": subject.base,
            "branch": f"refs/heads/{subject.branch}",
            "branchName": subject.branch,
            "record": subject.record,
            "retired": subject.retired,
            "known": subject.known_pull or 0,
            "isKnown": subject.known_pull is not None,
            "dropped": subject.drops or "",
            "drops": subject.drops is not None,
        },
    )
    took = github.clock() - asked_at
    return _understood(answer, lambda data, clock: _snapshot(github, subject, data, asked_at, clock, took))


def glance(github: GitHub, subject: Subject, record: str, etag: str | None) -> Glance | Unknown:
    """One conditional request for the folder in which node.yaml and `retired` are.

    It can only say that all is as it was.  Whatever else it shows, a 404 for the folder too, is for a snapshot to
    judge, which shows the repository beside it.
    """
    answer = github.folder(subject.folder, subject.base, etag)
    if answer.outcome is Outcome.UNCHANGED:
        return Glance(unchanged=True, etag=etag)
    if answer.outcome is Outcome.DENIED:
        return Glance(unchanged=False)
    if answer.outcome is not Outcome.OK:
        return _unknown(answer)
    if not isinstance(answer.data, list) or not all(isinstance(entry, dict) for entry in answer.data):
        return Glance(unchanged=False)
    entries = {entry.get("name"): entry.get("sha") for entry in answer.data}
    same = entries.get("node.yaml") == record and "retired" not in entries
    return Glance(unchanged=same, etag=answer.etag if same else None)


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
            return _unknown(answer)
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
        except (*FORM_ERRORS, _Odd) as error:
            return _odd(error)
    return Unknown(Exit.NOT_NOW, "there are too many open pull requests to look at")


def viewer(github: GitHub) -> str | Unknown:
    """The login whose token this is."""
    return _understood(github.query(queries.VIEWER, {}), lambda d, _: str(d["viewer"]["login"]))


def _understood(answer: Answer, parse: Callable[[dict[str, Any], float], T | Unknown]) -> T | Unknown:
    if answer.outcome is not Outcome.OK:
        return _unknown(answer)
    if answer.server_time is None:
        return Unknown(Exit.NOT_NOW, "GitHub's answer has no date; is this GitHub?")
    try:
        return parse(answer.data, answer.server_time)
    except (*FORM_ERRORS, _Odd) as error:
        return _odd(error)


def _unknown(answer: Answer) -> Unknown:
    unsent = answer.outcome is Outcome.NOT_SENT
    return Unknown(answer.status, answer.reason, answer.pause_seconds, unsent)


def _odd(error: Exception) -> Unknown:
    said = line(f"{type(error).__name__}: {error}", 300)
    return Unknown(Exit.NOT_NOW, f"GitHub's answer has an unexpected form ({said})")


def _typed(kind: type[T], **fields: Any) -> T:
    """The value, each field of which has the type that is declared.  Raises ValueError."""
    return msgspec.convert(fields, kind, from_attributes=True)


def _snapshot(
    github: GitHub, subject: Subject, data: dict[str, Any], asked_at: float, clock: float, took: float
) -> Snapshot | Unknown:
    repository = data["repository"]
    if repository is None:
        return Unknown(Exit.HELD, "the repository does not exist or the token may not see it")
    if repository["base"] is None:
        return Unknown(Exit.MISCONFIGURED, f"branch {subject.base!r} does not exist: set `base_branch`")
    target = repository["base"]["target"]
    pulls: list[Pull] = []
    if repository["pullRequests"]["pageInfo"]["hasNextPage"]:
        raise _Odd("more than 50 pull requests of one branch")
    known = repository.get("known")
    for node in [*repository["pullRequests"]["nodes"], *([known] if known else [])]:
        # Forks share branch names; only a branch of this repository is ours.
        if (
            any(pull.number == node["number"] for pull in pulls)
            or node["isCrossRepository"]
            or not _same(node["headRepository"], repository["nameWithOwner"])
        ):
            continue
        pull = _pull(github, node)
        if isinstance(pull, Unknown):
            return pull
        pulls.append(pull)
    return _typed(
        Snapshot,
        viewer=data["viewer"]["login"],
        asked_at=asked_at,
        server_time=clock,
        archived=repository["isArchived"],
        auto_merge_allowed=repository["autoMergeAllowed"],
        merge_methods=tuple(method for method, field in _METHODS.items() if repository[field]),
        base_oid=target["oid"],
        record=_record(target["record"]),
        retired=target["retired"] is not None,
        branch=_branch(subject, repository["branch"], target, tuple(pulls)),
        pulls=tuple(pulls),
        took=took,
    )


def _same(head_repository: dict[str, Any] | None, name: str) -> bool:
    return head_repository is not None and head_repository["nameWithOwner"].lower() == name.lower()


def _record(file: dict[str, Any] | None) -> Record | None:
    if file is None:
        return None
    blob = file["object"]
    if not blob or "oid" not in blob:
        raise _Odd("node.yaml is not a file")
    return _typed(Record, blob=blob["oid"], content=_text(blob))


def _text(blob: dict[str, Any]) -> bytes:
    # A binary or cut file has no whole text; an empty one is a record that nobody can read.
    return b"" if blob["isTruncated"] or blob["text"] is None else blob["text"].encode()


def _branch(
    subject: Subject, ref: dict[str, Any] | None, base: dict[str, Any], pulls: tuple[Pull, ...]
) -> Branch | None:
    if ref is None:
        return None
    target = ref["target"]
    record = _record(target["record"])
    compared = ref["compare"]
    if compared is None:
        foreign = Content.FOREIGN
        return _typed(
            Branch, name=subject.branch, oid=target["oid"], content=foreign, behind=0, record=record
        )
    # Compared from the branch's side: what the base branch is behind by is what our branch adds.
    adds, behind = compared["behindBy"], compared["aheadBy"]
    if adds == 0:
        content = Content.NOTHING
    elif _changes_ours(subject, target, base) and (
        (adds == 1 and _only_ours_in_commit(subject, target))
        or _only_ours_in_pull(subject, target["oid"], pulls)
    ):
        content = Content.OUR_FILE
    else:
        content = Content.FOREIGN
    return _typed(
        Branch, name=subject.branch, oid=target["oid"], content=content, behind=behind, record=record
    )


def _changes_ours(subject: Subject, target: dict[str, Any], base: dict[str, Any]) -> bool:
    """The branch adds the record, and removes what is to go with it as long as the base branch has that."""
    record, on_base = _record(target["record"]), _record(base["record"])
    added = record is not None and (on_base is None or on_base.blob != record.blob)
    dropped = subject.drops is None or target["dropped"] is None
    if not subject.adds:
        return dropped
    if subject.moved is not None and base["dropped"] is not None:
        return added and dropped and _drops(target)
    return added


def _drops(target: dict[str, Any]) -> bool:
    """The branch's last commit is the one that removes it; a branch from before the file was made lacks it too."""
    parents = target["parents"]["nodes"]
    return target["dropped"] is None and bool(parents) and parents[0]["dropped"] is not None


def _only_ours_in_commit(subject: Subject, target: dict[str, Any]) -> bool:
    changed = target["changedFilesIfAvailable"]
    if subject.drops is None or not _drops(target):
        return bool(subject.adds and changed == 1)
    # A file that is removed and one like it that is added are one change to GitHub, a rename, or two.
    return changed in (1, 2) if subject.adds else changed == 1


def _only_ours_in_pull(subject: Subject, oid: str, pulls: tuple[Pull, ...]) -> bool:
    """A pull request lists the files that its branch changes, whatever merges the branch has seen."""
    return any(p.head_oid == oid and only_ours(p, subject.record, subject.moved) for p in pulls)


def only_ours(pull: Pull, record: str, moved: str | None) -> bool:
    """A pull request changes the record and nothing else but what is moved."""
    return record in pull.paths and set(pull.paths) <= {record, moved}


def _pull(github: GitHub, node: dict[str, Any]) -> Pull | Unknown:
    kinds = comments.kinds_in(node["comments"]["nodes"])
    state = PullState(node["state"])
    info = node["comments"]["pageInfo"]
    if info["hasPreviousPage"] and state is not PullState.MERGED:
        older = _older_comments(github, node["number"], info["startCursor"])
        if isinstance(older, Unknown):
            return older
        kinds |= older
    unlisted = ("…",) if node["files"]["totalCount"] > len(node["files"]["nodes"]) else ()
    reopenings = [event for event in node["events"]["nodes"] if event["__typename"] == "ReopenedEvent"]
    # A deleted account has no login.
    reopened_by = tuple(event["actor"]["login"] if event["actor"] else "" for event in reopenings)
    return _typed(
        Pull,
        node_id=node["id"],
        number=node["number"],
        url=node["url"],
        state=state,
        base=node["baseRefName"],
        branch=node["headRefName"],
        branch_exists=node["headRef"] is not None,
        head_oid=node["headRefOid"],
        record=_record(node["head"]["nodes"][0]["commit"]["record"]) if node["head"]["nodes"] else None,
        created_at=_seconds(node["createdAt"]),
        closed_at=_maybe_seconds(node["closedAt"]),
        merged_at=_maybe_seconds(node["mergedAt"]),
        reopened=len(reopened_by),
        paths=(*(f["path"] for f in node["files"]["nodes"]), *unlisted),
        comment_kinds=kinds,
        mergeable=node["mergeable"],
        merge_state=node["mergeStateStatus"],
        auto_merge=node["autoMergeRequest"] is not None,
        title=node["title"],
        draft=node["isDraft"],
        reopened_by=reopened_by,
        switched_off=_switched_off(node["events"]["nodes"]),
    )


def _switched_off(events: list[dict[str, Any]]) -> bool:
    """Whether the last word on auto-merge is that somebody switched it off.

    GitHub itself switches it off when a pull request is closed, which reopening makes up for, and when somebody
    without the right to write pushes to its branch; that is no word on auto-merge.
    """
    if not events or events[-1]["__typename"] != "AutoMergeDisabledEvent":
        return False
    return not (events[-1]["reason"] or "").startswith(PUSHED_TO)


def _older_comments(github: GitHub, number: int, before: str) -> frozenset[str] | Unknown:
    kinds: frozenset[str] = frozenset()
    for _ in range(MAX_PAGES):
        answer = github.look(queries.COMMENTS, {"number": number, "before": before})
        if answer.outcome is not Outcome.OK:
            return _unknown(answer)
        page = answer.data["repository"]["pullRequest"]["comments"]
        kinds |= comments.kinds_in(page["nodes"])
        if not page["pageInfo"]["hasPreviousPage"]:
            return kinds
        before = page["pageInfo"]["startCursor"]
    return Unknown(Exit.NOT_NOW, f"pull request #{number} has too many comments to look at")


def _records(tree: dict[str, Any] | None) -> list[Elsewhere]:
    """maintainers/OPERATOR/cluster-nodes/NODE/node.yaml, out of four nested trees."""
    found = []
    for operator, operators in _entries(tree):
        for folder, nodes in _entries(operators):
            for node, files in _entries(nodes) if folder == "cluster-nodes" else ():
                for file, blob in _entries(files):
                    if file == "node.yaml" and blob is not None and "text" in blob:
                        path = f"maintainers/{operator}/cluster-nodes/{node}/node.yaml"
                        found.append(Elsewhere(path, operator, node, _text(blob)))
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
            return _unknown(answer)
        for n, (_, _, path) in enumerate(batch):
            pull = _pull(github, answer.data["repository"][f"pull{n}"])
            if isinstance(pull, Unknown):
                return pull
            operator, node = names.split_record_path(path) or ("", "")
            blob = answer.data["repository"][f"record{n}"]
            if blob is not None:
                found.append(Elsewhere(path, operator, node, _text(blob), pull))
    return Survey(tuple(found))


def _seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def _maybe_seconds(text: str | None) -> float | None:
    return None if text is None else _seconds(text)
