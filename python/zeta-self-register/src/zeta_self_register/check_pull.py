"""`check-pull`: reads a pull request out of a clone and judges it; a required check of the repository runs it.

Only git's objects are read: nothing of the pull request is checked out, and nothing of it is run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from zeta_self_register.effects import CommandFailed, Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.names import shown
from zeta_self_register.pull_rules import FILE, MAX_RECORD_BYTES, Change, PullRequest

_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/~^-]{0,249}")
_RAW = re.compile(rb":([0-7]{6}) ([0-7]{6}) ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [A-Z][0-9]*")
_SIZE = re.compile(rb"([0-9]{1,20})\n")
MAX_CHANGES = 3000
"""GitHub lists no more files of a pull request either."""


@dataclass(frozen=True)
class Asked:
    """Which pull request: two revisions of a clone, the branch, and who opened it."""

    base: str
    head: str
    branch: str
    author: str
    from_fork: bool = False


class _Repository(msgspec.Struct, frozen=True):
    full_name: str


class _End(msgspec.Struct, frozen=True):
    ref: str
    sha: str
    repo: _Repository | None


class _User(msgspec.Struct, frozen=True):
    login: str


class _Pull(msgspec.Struct, frozen=True):
    head: _End
    base: _End
    user: _User


class _Event(msgspec.Struct, frozen=True):
    pull_request: _Pull


def from_event(effects: Effects, path: str) -> Asked:
    """The pull request of a workflow's event (`GITHUB_EVENT_PATH`).  Raises Refused (78)."""
    try:
        pull = msgspec.json.decode(effects.read(path), type=_Event).pull_request
    except OSError as error:
        raise _wrong(f"{path}: cannot be read ({error.strerror})") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _wrong(f"{path}: is no event of a pull request; run it `on: pull_request_target`") from None
    fork = pull.head.repo is None or pull.base.repo != pull.head.repo
    return Asked(pull.base.sha, pull.head.sha, pull.head.ref, pull.user.login, fork)


def read(effects: Effects, clone: str, asked: Asked) -> PullRequest:
    """The pull request, as git has it.  Raises Refused (78) when the clone does not hold both revisions."""
    for revision in (asked.base, asked.head):
        if not _REVISION.fullmatch(revision) or ".." in revision:
            raise _wrong(f"{shown(revision)} is no name of a commit")
    compared = f"{asked.base}...{asked.head}"
    # By status and mode alone: a rename is a removal beside an addition.
    options = ("--raw", "-z", "--no-renames", "--no-abbrev", "--no-color", "--no-ext-diff")
    try:
        raw = _git(effects, clone, "diff", *options, compared, "--")
    except CommandFailed:
        raise _wrong(
            f"git cannot compare {compared} in {clone}: fetch both with their history (`fetch-depth: 0`)"
        ) from None
    return PullRequest(
        branch=asked.branch,
        author=asked.author,
        from_fork=asked.from_fork,
        changes=tuple(_changes(effects, clone, raw)),
        operators=_operators(effects, clone, asked.base),
    )


def _changes(effects: Effects, clone: str, raw: bytes) -> list[Change]:
    fields = raw.split(b"\0")[:-1]
    if len(fields) % 2:
        raise _odd()
    if len(fields) > 2 * MAX_CHANGES:
        raise _wrong(f"it changes more than {MAX_CHANGES} files: a person has to look at it")
    found = []
    for facts, path in zip(fields[::2], fields[1::2], strict=True):
        said = _RAW.fullmatch(facts)
        if said is None:
            raise _odd()
        old_mode, new_mode, old, new = (part.decode() for part in said.groups())
        found.append(
            Change(
                path=path.decode(errors="surrogateescape"),
                old_mode=old_mode,
                new_mode=new_mode,
                old=_content(effects, clone, old, old_mode),
                new=_content(effects, clone, new, new_mode),
            )
        )
    return found


def _content(effects: Effects, clone: str, oid: str, mode: str) -> bytes | None:
    """A plain file's content, too much of it as one byte more than a record may have; None where there is none."""
    if set(oid) == {"0"}:
        return None
    if mode != FILE:
        return b""
    size = _SIZE.fullmatch(_git(effects, clone, "cat-file", "-s", oid))
    if size is None:
        raise _odd()
    if int(size[1]) > MAX_RECORD_BYTES:
        return bytes(MAX_RECORD_BYTES + 1)
    return _git(effects, clone, "cat-file", "blob", oid)


def _operators(effects: Effects, clone: str, base: str) -> frozenset[str]:
    try:
        listed = _git(effects, clone, "ls-tree", "-d", "-z", "--name-only", f"{base}:maintainers")
    except CommandFailed:
        return frozenset()  # there are none yet
    return frozenset(name.decode(errors="surrogateescape") for name in listed.split(b"\0") if name)


def _git(effects: Effects, clone: str, *arguments: str) -> bytes:
    return effects.run(("git", "-C", clone, *arguments))


def _odd() -> Refused:
    return _wrong("git's answer has an unexpected form; is this git 2?")


def _wrong(line: str) -> Refused:
    return Refused(Exit.MISCONFIGURED, line)
