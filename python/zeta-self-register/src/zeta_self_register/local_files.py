"""The files that this program keeps on the machine: what they say, and what each broken form of them means.

    intent.json       written by the installer: who this machine is to become
    complete.json     written by the installer last of all: the installation is whole
    attempt.json      written before each attempt: a request may be on its way
    state.json        pauses, resets and comments noted before they were posted
    wishes.json       what the operator's commands want: they only note it, ticks carry it out
    registered.json   the marker: a receipt for what was read back from GitHub, never a gate of its own

Each is written once and whole (`durable.py`) and carries its schema's version.  Whatever a reader finds has a
defined meaning; nothing that is broken is ever taken for "registered".
"""

from __future__ import annotations

import enum
from typing import TypeVar

import msgspec

from zeta_self_register.identity import Identity
from zeta_self_register.moments import Moment

MARKER_SCHEMA = 3
"""1 and 2 are the text files of the shell version."""


class MarkerState(enum.Enum):
    """What the marker vouches for."""

    PR_OPEN = "pr-open"
    REGISTERED = "registered"
    HELD = "held"
    RETIRED = "retired"


class PullRequestRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pull request that a marker speaks of."""

    number: int
    url: str
    branch: str


class Marker(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The receipt: what was read back from GitHub, in which boot, for which machine."""

    schema: int = MARKER_SCHEMA
    state: MarkerState
    repository: str
    operator: str
    node: str
    identity: Identity
    pull_request: PullRequestRef | None
    joined: bool = False
    """The pull request was somebody else's or an earlier life's: it is owed one comment."""
    record_seen: str | None = None
    """Blob id of node.yaml as it was read on the base branch."""
    etag: str | None = None
    """GitHub's ETag of the node's folder with this very record in it and no `retired`: what a look that costs nothing
    is compared with."""
    boot_id: str
    written_at: str
    server_time: float
    """`written_at` in seconds since 1970, by GitHub's clock."""
    reason: str


class Phase(enum.Enum):
    """How far an attempt had come when it was noted."""

    BRANCH = "branch"
    """Nothing but the branch and its commit may have been asked for."""
    PULL_REQUEST = "pull-request"
    """The creation of the pull request may be on its way."""
    ANSWERED = "answered"
    """The creation was answered with a refusal: nothing is on its way."""


class Attempt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Noted before each attempt, so that a lost answer is looked up and not repeated."""

    schema: int = 1
    phase: Phase
    repository: str
    operator: str
    node: str
    branch: str
    noted: Moment
    took: float = 0.0
    """Seconds that the look took by which GitHub's clock was told: it was at most so much earlier than noted."""
    lost: bool = False
    """An earlier creation was never answered nor seen: it may still come, long after it should be dead."""


class NotedComment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A comment that was about to be posted."""

    pull_request: int
    kind: str
    noted: Moment


class Reopening(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A pull request that was about to be reopened; that it was is read from GitHub's own events."""

    pull_request: int
    noted: Moment
    refused: bool = False
    """GitHub does not reopen it, and would not if it was asked again."""


class RefusedAutoMerge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GitHub refused to arm auto-merge at this head, and would again."""

    pull_request: int
    head: str
    reason: str
    """In GitHub's words."""


class Pause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GitHub asked for patience; `attempts` makes the next pause longer."""

    noted: Moment
    seconds: float
    attempts: int


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is remembered between ticks beside the marker and the attempt."""

    schema: int = 1
    comments: tuple[NotedComment, ...] = ()
    reopening: Reopening | None = None
    pause: Pause | None = None
    auto_merge_refused: RefusedAutoMerge | None = None
    ignore_prs_up_to: int = 0
    """Pull requests up to this number are an earlier epoch's: the operator allowed a new registration."""


class Removal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The operator wants the record to go from the base branch, and nothing to register it again."""

    ignore_prs_up_to: int | None = None
    """Pull requests of its branch up to this number are of earlier removals; None until GitHub has been asked."""


class Wishes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the operator wants of the ticks to come."""

    schema: int = 1
    paused: bool = False
    """GitHub is neither asked nor changed."""
    reset: bool = False
    """A new registration is allowed, whatever ended the last one."""
    adopt: int | None = None
    """The pull request that is to be this node's registration."""
    move_from: str | None = None
    """The record of this machine's former name: the pull request that adds the new one removes it."""
    removal: Removal | None = None


class Intent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the installer wants this machine to become."""

    schema: int = 1
    operator: str
    repository: str
    node: str


class Stamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The installer's last word: the file systems were synced before this was written."""

    schema: int = 1
    installed_at: str


class Reading(enum.Enum):
    """How a file was found."""

    ABSENT = "absent"
    VALID = "valid"
    OLD = "old"
    """A marker of the shell version: a hint."""
    BROKEN = "broken"
    NEWER = "newer"
    UNREADABLE = "unreadable"


T = TypeVar("T", bound=msgspec.Struct)

_SCHEMA: dict[type[msgspec.Struct], int] = {
    Marker: MARKER_SCHEMA,
    Attempt: 1,
    State: 1,
    Wishes: 1,
    Intent: 1,
    Stamp: 1,
}


def encode(value: msgspec.Struct) -> bytes:
    """The file's bytes: JSON that a person can read, one trailing newline."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"


def decode(content: bytes, kind: type[T]) -> tuple[Reading, T | None]:
    """Reads one of the files above; never raises."""
    version = _version(content)
    current = _SCHEMA[kind]
    if version is not None and version > current:
        return Reading.NEWER, None
    try:
        value = msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Reading.BROKEN, None
    if version != current:
        return Reading.BROKEN, None
    return Reading.VALID, value


def decode_marker(content: bytes) -> tuple[Reading, Marker | None]:
    """Reads a marker of any version; the texts of the shell version are `OLD`, a hint and nothing more."""
    reading, marker = decode(content, Marker)
    if reading is Reading.BROKEN and is_old_marker(content):
        return Reading.OLD, None
    return reading, marker


def is_old_marker(content: bytes) -> bool:
    """True for the shell version's two forms: one line with a URL or `ci-dry-run`, or key=value lines."""
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError:
        return False
    written = [line.strip() for line in lines if line.strip()]
    if len(written) == 1 and (written[0] == "ci-dry-run" or written[0].startswith("https://")):
        return True
    return (
        bool(written)
        and any(line.startswith("state=") for line in written)
        and all("=" in w for w in written)
    )


class _Versioned(msgspec.Struct):
    schema: int


def _version(content: bytes) -> int | None:
    try:
        return msgspec.json.decode(content, type=_Versioned).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
