"""The comments that this program makes on a pull request: one per kind, recognised by a mark in its text."""

from __future__ import annotations

import enum
import re

_MARK = re.compile(r"<!-- zeta-self-register: ([a-z-]+) -->")


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


def kinds_in(bodies: list[str]) -> frozenset[str]:
    """The kinds of our comments among these."""
    return frozenset(kind for body in bodies for kind in _MARK.findall(body))
