"""What a node's pull request may change: its own record, and nothing else.

A stolen node token can push any branch and open any pull request; the repository lets one in without a person only if
it keeps these rules.  Everything else is for the code owners (see the README, "What a stolen token can do").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from zeta_self_register import names, node_document, record_rules
from zeta_self_register.cluster_node import ClusterNode
from zeta_self_register.identity import Presence
from zeta_self_register.names import NodeName, shown

REMOVAL_PREFIX = "deregister-node-"
FILE, PROGRAM, LINK, SUBMODULE, NOTHING = "100644", "100755", "120000", "160000", "000000"
_KINDS = {PROGRAM: "an executable file", LINK: "a symbolic link", SUBMODULE: "a submodule"}
_RECORDS = re.compile(r"maintainers/[^/]+/cluster-nodes(/|$)", re.IGNORECASE)
MAX_RECORD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Change:
    """One path that the pull request changes: git's modes, and the contents (None where there is none)."""

    path: str
    old_mode: str
    new_mode: str
    old: bytes | None
    new: bytes | None


@dataclass(frozen=True)
class PullRequest:
    """What is to be judged.  `operators` are the folders of `maintainers/` on the base branch."""

    branch: str
    author: str
    from_fork: bool
    changes: tuple[Change, ...]
    operators: frozenset[str]


def is_registration(pull: PullRequest) -> bool:
    """Whether it is a node's, or touches what belongs to nodes, whatever its branch is called."""
    named = pull.branch.startswith(("register-", REMOVAL_PREFIX))
    return named or any(_RECORDS.match(change.path) for change in pull.changes)


def violations(pull: PullRequest) -> list[str]:
    """Why it must not be merged unseen, one line each; none if it keeps the rules or is no registration."""
    return list(_violations(pull)) if is_registration(pull) else []


def _violations(pull: PullRequest) -> Iterator[str]:
    if pull.from_fork:
        yield "it comes from a fork: a node pushes to the repository itself"
    if not pull.changes:
        yield "it changes nothing"
    strange = [line for change in pull.changes for line in _strange(change)]
    yield from strange
    if strange or not pull.changes:
        return
    added = [change for change in pull.changes if change.old is None]
    removed = [change for change in pull.changes if change.new is None]
    if len(added) + len(removed) < len(pull.changes):
        for change in pull.changes:
            if change not in (*added, *removed):
                yield f"{_name(change)}: changes an existing record; a node only adds its own"
    elif len(added) == 1 and len(removed) <= 1:
        yield from _registration(pull, added[0])
        if removed:
            yield from _move(removed[0], added[0])
    elif len(removed) == 1 and not added:
        yield from _removal(pull, removed[0])
    else:
        yield f"it changes {len(pull.changes)} records: a node's pull request changes one"


def _strange(change: Change) -> Iterator[str]:
    """What no node's pull request has, wherever."""
    if names.split_record_path(change.path) is None:
        yield f"{_name(change)}: is not a node's record, maintainers/<operator>/cluster-nodes/<node>/node.yaml"
    for mode in (change.old_mode, change.new_mode):
        if mode not in (FILE, NOTHING):
            yield f"{_name(change)}: is {_KINDS.get(mode, f'of mode {mode}')}; a record is a plain file"
            return


def _registration(pull: PullRequest, change: Change) -> Iterator[str]:
    operator, node = names.split_record_path(change.path) or ("", "")
    try:
        parsed: NodeName | None = names.parse_node_name(node)
        names.parse_operator(operator)
    except names.InvalidName as error:
        yield f"{_name(change)}: {error.message}"
        parsed = None
    if parsed is not None and not (
        names.node_of_branch(pull.branch) == parsed or names.is_old_branch(pull.branch, parsed)
    ):
        yield f"branch {shown(pull.branch, 120)} is not {names.branch_name(parsed)}, the one of its node"
    yield from _folder(pull, change, operator)
    content = change.new or b""
    if len(content) > MAX_RECORD_BYTES:
        yield f"{_name(change)}: is longer than {MAX_RECORD_BYTES // 1024} KiB"
    else:
        yield from (f"{_name(change)}: {problem}" for problem in record_rules.validate(content, change.path))


def _removal(pull: PullRequest, change: Change) -> Iterator[str]:
    operator, node = names.split_record_path(change.path) or ("", "")
    if pull.branch != f"{REMOVAL_PREFIX}{node}":
        yield (
            f"{_name(change)}: is removed, but branch {shown(pull.branch, 120)} is not "
            f"{shown(REMOVAL_PREFIX + node, 120)}, that of a deregistration"
        )
    yield from _folder(pull, change, operator)


def _move(removed: Change, added: Change) -> Iterator[str]:
    """A machine under a new name takes its record with it; another machine's it cannot take away."""
    if _operator(removed) != _operator(added):
        yield f"{_name(removed)}: is removed from another operator's folder than its new one"
    before, after = (node_document.parse(content) for content in (removed.old or b"", added.new or b""))
    if not isinstance(before, ClusterNode) or not isinstance(after, ClusterNode):
        yield f"{_name(removed)}: is removed, and whether it is this machine's cannot be told"
    elif not _same_machine(before, after):
        yield f"{_name(removed)}: is removed, but it is another machine's than the one that is added"


def _same_machine(before: ClusterNode, after: ClusterNode) -> bool:
    """By either hash of the identity, or by the MAC address; nothing may contradict it."""
    pairs = [(before.hardware.mac, after.hardware.mac)]
    if before.identity is not None and after.identity is not None:
        for one, other in (
            (before.identity.uuid, after.identity.uuid),
            (before.identity.macs, after.identity.macs),
        ):
            if one.presence is Presence.PRESENT and other.presence is Presence.PRESENT:
                pairs.append((one.digest, other.digest))
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    return bool(known) and all(one == other for one, other in known)


def _folder(pull: PullRequest, change: Change, operator: str) -> Iterator[str]:
    """Whose folder it is.  An App acts for many operators; it cannot make a new one."""
    if pull.author.endswith("[bot]"):
        if operator not in pull.operators:
            yield f"{_name(change)}: {shown(operator)} is no operator of this repository yet; a person adds one"
    elif operator.lower() != pull.author.lower():
        yield f"{_name(change)}: is in the folder of {shown(operator)}, but the author is {shown(pull.author)}"


def _operator(change: Change) -> str:
    return (names.split_record_path(change.path) or ("", ""))[0]


def _name(change: Change) -> str:
    return shown(change.path, 160)[1:-1]
