"""The comments that this program makes on a pull request: one per kind, recognised by a mark in its text."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Any

_MARK = re.compile(r"<!-- zeta-self-register: ([a-z-]+) -->")
_MEMBERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})


class CommentKind(enum.Enum):
    """Why a comment is made."""

    JOINED = "joined"
    REOPENED = "reopened"
    HELD = "held"
    STRAY = "stray"


_TEXTS = {
    CommentKind.JOINED: (
        "`{node}` has started its installed system and found this pull request open, so it opened no other one. "
        "It follows this one until it is merged."
    ),
    CommentKind.REOPENED: (
        "This pull request was closed without being merged, but `{node}` is running and is not registered, "
        "so it was reopened once. Close it again and it stays closed."
    ),
    CommentKind.HELD: (
        "This pull request was closed without being merged, so `{node}` leaves it closed and opens no other one. "
        "To allow a new registration, run `zeta-self-register reset` on the node."
    ),
    CommentKind.STRAY: (
        "A request of `{node}` whose answer was lost has opened this pull request very late, beside the one that "
        "counts. It adds nothing, so the node closes it."
    ),
}


def text(kind: CommentKind, node: str) -> str:
    """The comment, with its mark."""
    return f"{_TEXTS[kind].format(node=node)}\n\n<!-- zeta-self-register: {kind.value} -->"


def kinds_in(found: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The kinds of our comments among these, as GraphQL has them.

    Anybody who sees a public repository can write our mark into a comment.  One counts if we made it or one of the
    repository's own people: the token may have been another person's then.
    """
    ours = (c for c in found if c["viewerDidAuthor"] or c["authorAssociation"] in _MEMBERS)
    return frozenset(kind for comment in ours for kind in _MARK.findall(comment["body"]))
