"""What `watch` sees at one look: the decision that a tick would take, and whether there is more to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zeta_self_register.exits import Exit, Refused
from zeta_self_register.node import Node
from zeta_self_register.remote import Mergeable, Pull, PullState, Snapshot, Unknown
from zeta_self_register.tick import plan


@dataclass(frozen=True)
class Sight:
    """One look.  `end` is the exit status when there is nothing more to wait for; `pause` in seconds is the least that
    GitHub asks for."""

    text: str
    row: str
    pull_request: int | None
    end: Exit | None = None
    pause: float = 0.0

    def as_table(self) -> dict[str, Any]:
        """For programs."""
        end = None if self.end is None else int(self.end)
        return {"text": self.text, "row": self.row, "pull_request": self.pull_request, "end": end}


def look(node: Node) -> Sight:
    """Takes one look; that GitHub could not be asked is a sight too, and no end."""
    try:
        decision = plan(node).last
    except Refused as refused:
        return Sight(refused.line, "", None, refused.status if refused.status is not Exit.NOT_NOW else None)
    seen = node.last_look
    if isinstance(seen, Unknown) and seen.status is Exit.NOT_NOW:
        return Sight(seen.reason, decision.row, None, pause=seen.pause_seconds or 0.0)
    if not isinstance(seen, Snapshot):
        return Sight(decision.reason, decision.row, None, _no_wait(decision.status))
    if decision.status in (Exit.HELD, Exit.MISCONFIGURED):
        return Sight(decision.reason, decision.row, None, decision.status)
    pull = next((p for p in seen.pulls if p.state is PullState.OPEN), None)
    if pull is not None:
        return Sight(_open(pull), decision.row, pull.number)
    if seen.record is not None and decision.status is Exit.DONE and node.wishes.removal is None:
        text = f"registered: {node.subject.record} is on {node.settings.base_branch}"
        return Sight(text, decision.row, None, Exit.DONE)
    ended = decision.row in ("retired", "removed")
    return Sight(decision.reason, decision.row, None, decision.status if ended else None)


def _no_wait(status: Exit) -> Exit | None:
    """The end, unless it will be tried again."""
    return None if status is Exit.NOT_NOW else status


def _open(pull: Pull) -> str:
    """What an open pull request waits for."""
    if pull.mergeable is Mergeable.CONFLICTING:
        waits = f"conflicts with {pull.base}"
    elif pull.auto_merge:
        waits = "auto-merge is armed, waits for checks and reviews"
    elif pull.mergeable is Mergeable.UNKNOWN:
        waits = "GitHub has not found out yet whether it can be merged"
    else:
        waits = f"GitHub says {pull.merge_state.lower()}"
    return f"#{pull.number} is open: {waits}; {pull.url}"
