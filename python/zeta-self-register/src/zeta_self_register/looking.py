"""Looking at GitHub: one snapshot for every decision, one conditional glance once it is registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zeta_self_register import queries
from zeta_self_register.answers import Outcome
from zeta_self_register.exits import Exit
from zeta_self_register.forms import OddForm, record_of, typed, understood, unknown
from zeta_self_register.github import GitHub
from zeta_self_register.pulls import only_ours, read_pull
from zeta_self_register.remote import (
    Branch,
    Content,
    Glance,
    Pull,
    Snapshot,
    Unknown,
)


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
    registers: str | None = None
    """While the record is to be removed, the branch of a registration that may be open yet."""

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
            "registers": subject.registers or "",
            "removes": subject.registers is not None,
        },
    )
    took = github.clock() - asked_at
    return understood(answer, lambda data, clock: _snapshot(github, subject, data, asked_at, clock, took))


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
        return unknown(answer)
    if not isinstance(answer.data, list) or not all(isinstance(entry, dict) for entry in answer.data):
        return Glance(unchanged=False)
    entries = {entry.get("name"): entry.get("sha") for entry in answer.data}
    same = entries.get("node.yaml") == record and "retired" not in entries
    return Glance(unchanged=same, etag=answer.etag if same else None)


def viewer(github: GitHub) -> str | Unknown:
    """The login whose token this is."""
    return understood(github.query(queries.VIEWER, {}), lambda d, _: str(d["viewer"]["login"]))


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
        raise OddForm("more than 50 pull requests of one branch")
    known = repository.get("known")
    registering = (repository.get("registering") or {"nodes": []})["nodes"]
    for node in [*repository["pullRequests"]["nodes"], *registering, *([known] if known else [])]:
        # Forks share branch names; only a branch of this repository is ours.
        if (
            any(pull.number == node["number"] for pull in pulls)
            or node["isCrossRepository"]
            or not _same(node["headRepository"], repository["nameWithOwner"])
        ):
            continue
        pull = read_pull(github, node)
        if isinstance(pull, Unknown):
            return pull
        pulls.append(pull)
    return typed(
        Snapshot,
        viewer=data["viewer"]["login"],
        asked_at=asked_at,
        server_time=clock,
        archived=repository["isArchived"],
        auto_merge_allowed=repository["autoMergeAllowed"],
        merge_methods=tuple(method for method, field in _METHODS.items() if repository[field]),
        base_oid=target["oid"],
        record=record_of(target["record"]),
        retired=target["retired"] is not None,
        branch=_branch(subject, repository["branch"], target, tuple(pulls)),
        pulls=tuple(pulls),
        took=took,
    )


def _same(head_repository: dict[str, Any] | None, name: str) -> bool:
    return head_repository is not None and head_repository["nameWithOwner"].lower() == name.lower()


def _branch(
    subject: Subject, ref: dict[str, Any] | None, base: dict[str, Any], pulls: tuple[Pull, ...]
) -> Branch | None:
    if ref is None:
        return None
    target = ref["target"]
    record = record_of(target["record"])
    compared = ref["compare"]
    if compared is None:
        foreign = Content.FOREIGN
        return typed(Branch, name=subject.branch, oid=target["oid"], content=foreign, behind=0, record=record)
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
    return typed(
        Branch, name=subject.branch, oid=target["oid"], content=content, behind=behind, record=record
    )


def _changes_ours(subject: Subject, target: dict[str, Any], base: dict[str, Any]) -> bool:
    """The branch adds the record, and removes what is to go with it as long as the base branch has that."""
    record, on_base = record_of(target["record"]), record_of(base["record"])
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
