"""What is known of GitHub, as values: present, absent or unknown, never a guess.

A `Snapshot` is one answer to one query, so that its parts belong together.  A `Survey` is the second look that
is taken only before a new registration is begun.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from zeta_self_register.exits import Exit


class Content(enum.Enum):
    """What our branch adds to the base branch."""

    NOTHING = "nothing"
    OUR_FILE = "our file"
    FOREIGN = "foreign commits"


class PullState(enum.Enum):
    """GitHub's words."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    MERGED = "MERGED"


class Mergeable(enum.Enum):
    """GitHub's words; UNKNOWN right after a push, later a value."""

    MERGEABLE = "MERGEABLE"
    CONFLICTING = "CONFLICTING"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Record:
    """A node.yaml as it was read."""

    blob: str
    content: bytes


@dataclass(frozen=True)
class Branch:
    """Our branch.  `record` is its node.yaml."""

    name: str
    oid: str
    content: Content
    behind: int
    record: Record | None


@dataclass(frozen=True)
class Pull:
    """A pull request of this node.  Times are seconds since 1970 by GitHub's clock."""

    node_id: str
    number: int
    url: str
    state: PullState
    base: str
    branch: str
    branch_exists: bool
    head_oid: str
    record: Record | None
    """The node.yaml of this node at its head; there even when the branch is gone."""
    created_at: float
    closed_at: float | None
    merged_at: float | None
    reopened: int
    """How often, by whomever, as GitHub's own events say."""
    paths: tuple[str, ...]
    comment_kinds: frozenset[str]
    mergeable: Mergeable
    merge_state: str
    auto_merge: bool
    title: str = ""
    draft: bool = False
    reopened_by: tuple[str, ...] = ()
    """The logins of those who reopened it, the latest last."""
    switched_off: bool = False
    """Auto-merge was armed, and somebody switched it off."""


@dataclass(frozen=True)
class Snapshot:
    """What one answer of GitHub showed of this node's registration."""

    viewer: str
    asked_at: float
    """This machine's monotonic clock before the question was sent."""
    server_time: float
    """GitHub's clock when it answered, in whole seconds."""
    archived: bool
    auto_merge_allowed: bool
    merge_methods: tuple[str, ...]
    """Those that the repository allows: `merge`, `squash`, `rebase`, in this order."""
    base_oid: str
    record: Record | None
    retired: bool
    branch: Branch | None
    pulls: tuple[Pull, ...]
    """Every pull request of our branch in every state, the newest first."""
    took: float = 0.0
    """Seconds from `asked_at` to the answer: so much earlier than they say may be times that are counted from both."""


@dataclass(frozen=True)
class Glance:
    """What a conditional request for the node's folder showed: is all as it was when it was seen registered?"""

    unchanged: bool
    etag: str | None = None


@dataclass(frozen=True)
class Elsewhere:
    """A record or an open pull request that concerns this machine or its name under another path or branch."""

    path: str
    operator: str
    node: str
    content: bytes
    pull: Pull | None = None
    """Set when it is not on the base branch yet but in this open pull request."""


@dataclass(frozen=True)
class Survey:
    """Everything on the base branch and in open registration pull requests that may be this machine or its name."""

    found: tuple[Elsewhere, ...]


class Moved(enum.Enum):
    """The base branch has moved since the snapshot: what two looks show does not belong together."""

    MOVED = "moved"


@dataclass(frozen=True)
class Unknown:
    """GitHub could not be asked, or its answer says nothing about the question."""

    status: Exit
    reason: str
    pause_seconds: float | None = None
    """Set when GitHub itself asked for a pause."""
    unsent: bool = False
    """Nobody was reached: no network, or no certificate that verifies."""
