"""What a decision is, and the two that several rules come to."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from zeta_self_register import plain_text
from zeta_self_register.comments import CommentKind
from zeta_self_register.exits import Exit
from zeta_self_register.local_files import MarkerState, Wishes
from zeta_self_register.remote import Pull
from zeta_self_register.situation import Situation


class Action(enum.Enum):
    """The next thing to do; all but NOTHING, PAUSE and the looks are writes."""

    NOTHING = "nothing"
    LOOK = "ask GitHub"
    GLANCE = "ask GitHub whether anything has changed"
    REACH = "ask whether the cluster is reachable"
    SURVEY = "look for this machine and its name elsewhere"
    PAUSE = "pause"
    WRITE_MARKER = "write the marker"
    NOTE_ETAG = "note what the next look is compared with"
    NOTE_AGAIN = "note the attempt again"
    REGISTER = "register"
    JOIN = "join the pull request"
    COMMENT = "comment"
    CLOSE = "close the stray pull request"
    REOPEN = "reopen the pull request"
    HOLD = "hold"
    MERGE = "merge"
    ARM = "arm auto-merge"
    UPDATE = "bring the branch up to date"
    WISHES = "note what is left of the operator's wishes"
    RESET = "allow a new registration"
    REMOVE = "open a pull request that removes the record"


LOOKS = frozenset({Action.LOOK, Action.GLANCE, Action.REACH, Action.SURVEY})


@dataclass(frozen=True)
class Decision:
    """What to do and why, in one line; `status` is the exit status if the run ends with it."""

    action: Action
    status: Exit
    reason: str
    pull: Pull | None = None
    marker: MarkerState | None = None
    comment: CommentKind | None = None
    pause_seconds: float = 0.0
    moves: str | None = None
    """The record of a former name, which goes when this one comes."""
    wishes: Wishes | None = None
    """What is left of the operator's wishes."""
    row: str = ""

    def __post_init__(self) -> None:
        # It may quote a file or an answer.
        object.__setattr__(self, "reason", plain_text.line(self.reason))


@dataclass(frozen=True)
class Row:
    """One row: when it fits, `rule` answers with a decision, else with None."""

    name: str
    local: str
    remote: str
    does: str
    rule: Callable[[Situation], Decision | None]


def nothing(status: Exit, reason: str) -> Decision:
    """The run ends here."""
    return Decision(Action.NOTHING, status, reason)


def join(s: Situation, pull: Pull) -> Decision:
    """An open pull request of this node is somebody else's work or an earlier life's: it becomes ours."""
    kind = s.greeting(pull) or CommentKind.JOINED
    # One that says that it was reopened is greeted already.
    owed = s.owes_comment(pull, kind) and CommentKind.REOPENED.value not in pull.comment_kinds
    comment = kind if owed else None
    reason = f"#{pull.number} is open already: joined, no other one is opened"
    return Decision(Action.JOIN, Exit.DONE, reason, pull=pull, marker=MarkerState.PR_OPEN, comment=comment)
