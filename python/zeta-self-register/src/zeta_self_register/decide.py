"""The one table: what is known of the machine and of GitHub, and what is done about it.

`decide` is pure and total: it takes the first row that fits, and the last row fits always.  The rows are data;
`zeta-self-register plan --table` and the README print them from here.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from zeta_self_register.comments import CommentKind
from zeta_self_register.exits import Exit
from zeta_self_register.local_files import MarkerState, Reading
from zeta_self_register.remote import Content, Mergeable, Pull, PullState, Unknown
from zeta_self_register.settings import Merge, OnClosed, OnDrift
from zeta_self_register.situation import Command, Owner, Situation


class Action(enum.Enum):
    """The next thing to do; all but NOTHING, PAUSE and the looks are writes."""

    NOTHING = "nothing"
    LOOK = "ask GitHub"
    SURVEY = "look for this machine and its name elsewhere"
    PAUSE = "pause"
    WRITE_MARKER = "write the marker"
    NOTE_AGAIN = "note the attempt again"
    REGISTER = "register"
    JOIN = "join the pull request"
    COMMENT = "comment"
    REOPEN = "reopen the pull request"
    HOLD = "hold"
    MERGE = "merge"
    ARM = "arm auto-merge"


LOOKS = frozenset({Action.LOOK, Action.SURVEY})


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
    row: str = ""


@dataclass(frozen=True)
class Row:
    """One row: when it fits, `rule` answers with a decision, else with None."""

    name: str
    local: str
    remote: str
    does: str
    rule: Callable[[Situation], Decision | None]


def decide(situation: Situation) -> Decision:
    """The decision of the first row that fits."""
    for row in TABLE:
        decision = row.rule(situation)
        if decision is not None:
            return Decision(**{**decision.__dict__, "row": row.name})
    raise AssertionError("the last row fits always")


def _nothing(status: Exit, reason: str) -> Decision:
    return Decision(Action.NOTHING, status, reason)


def _installer(s: Situation) -> Decision | None:
    if not s.local.installer:
        return None
    return _nothing(
        Exit.HELD, "this is the installer's system: the installed one registers itself when it boots"
    )


def _marker_unreadable(s: Situation) -> Decision | None:
    if s.local.marker_reading is Reading.UNREADABLE:
        return _nothing(Exit.MISCONFIGURED, "the marker cannot be read: give it to the service's user")
    return None


def _marker_newer(s: Situation) -> Decision | None:
    if s.local.marker_reading is not Reading.NEWER:
        return None
    return _nothing(
        Exit.MISCONFIGURED, "the marker was written by a newer version of this program: install that one"
    )


def _marker_foreign(s: Situation) -> Decision | None:
    if s.marker is None or s.local.marker_is_ours:
        return None
    return _nothing(
        Exit.HELD,
        f"the marker is of another machine ({s.marker.node}, {s.marker.repository}): if this disk was cloned or "
        "moved, remove the marker, and this machine registers itself",
    )


def _no_stamp(s: Situation) -> Decision | None:
    if s.local.stamped:
        return None
    return _nothing(
        Exit.HELD,
        "the installation is not complete (no stamp of the installer): install again, or set "
        "`require_install_stamp = false` if your installer writes none",
    )


def _paused(s: Situation) -> Decision | None:
    pause = s.local.state.pause
    # Across boots the pause cannot be measured without asking, so a reboot ends it.
    if pause is None or pause.noted.boot_id != s.local.boot_id:
        return None
    left = pause.noted.monotonic + pause.seconds - s.local.monotonic
    if not 0 < left <= pause.seconds:
        return None
    return _nothing(Exit.NOT_NOW, f"GitHub asked for a pause: {left:.0f} s are left")


def _not_asked(s: Situation) -> Decision | None:
    return Decision(Action.LOOK, Exit.NOT_NOW, "GitHub has to be asked") if s.remote is None else None


def _unknown(s: Situation) -> Decision | None:
    if not isinstance(s.remote, Unknown):
        return None
    if s.remote.pause_seconds is not None:
        return Decision(Action.PAUSE, s.remote.status, s.remote.reason, pause_seconds=s.remote.pause_seconds)
    return _nothing(s.remote.status, s.remote.reason)


def _retired(s: Situation) -> Decision | None:
    if not s.seen.retired:
        return None
    if s.marker_is(MarkerState.RETIRED):
        return _nothing(Exit.DONE, "retired: an operator ended this registration")
    return Decision(
        Action.WRITE_MARKER,
        Exit.DONE,
        "retired: an operator ended this registration",
        marker=MarkerState.RETIRED,
    )


def _record_of_another(s: Situation) -> Decision | None:
    if s.seen.record is None or s.record_owner is Owner.OURS or s.marker_is(MarkerState.REGISTERED):
        return None
    whose = "is another machine's" if s.record_owner is Owner.OTHERS else "may be another machine's"
    return _nothing(
        Exit.HELD,
        f"{s.path} {whose}: give this machine another name, or remove that record if its machine is gone",
    )


def _record_changed(s: Situation) -> Decision | None:
    if s.seen.record is None or not s.marker_is(MarkerState.REGISTERED) or s.marker is None:
        return None
    if s.marker.record_seen == s.seen.record.blob:
        return None
    return Decision(
        Action.WRITE_MARKER,
        Exit.DONE,
        "somebody changed node.yaml: left as it is",
        pull=s.last_pull,
        marker=MarkerState.REGISTERED,
    )


def _registered(s: Situation) -> Decision | None:
    if s.seen.record is None or not s.marker_is(MarkerState.REGISTERED):
        return None
    return _nothing(Exit.DONE, "registered")


def _record_found(s: Situation) -> Decision | None:
    if s.seen.record is None:
        return None
    pull = s.last_pull if s.last_pull is not None and s.last_pull.state is PullState.MERGED else None
    how = f"merged as #{pull.number}" if pull is not None else "found on the base branch"
    return Decision(
        Action.WRITE_MARKER,
        Exit.DONE,
        f"registered: node.yaml {how}",
        pull=pull,
        marker=MarkerState.REGISTERED,
    )


def _archived(s: Situation) -> Decision | None:
    if not s.seen.archived:
        return None
    return _nothing(
        Exit.HELD, "the repository is archived and takes no changes: unarchive it or set another one"
    )


def _pull_retargeted(s: Situation) -> Decision | None:
    pull = s.open_pull
    if pull is None or pull.base == s.policy.base_branch:
        return None
    return _nothing(
        Exit.HELD,
        f"#{pull.number} was retargeted to {pull.base!r}: set its base to {s.policy.base_branch!r}, or close it",
    )


def _pull_of_another(s: Situation) -> Decision | None:
    if s.open_pull is None or s.branch_owner is Owner.OURS:
        return None
    return _nothing(
        Exit.HELD,
        f"#{s.open_pull.number} is open on this node's branch but is not this machine's: close it and delete its "
        "branch, or give this machine another name",
    )


def _pull_opened_by_us(s: Situation) -> Decision | None:
    if s.open_pull is None or s.local.attempt is None or _marker_has(s, s.open_pull):
        return None
    return Decision(
        Action.WRITE_MARKER,
        Exit.DONE,
        f"#{s.open_pull.number} is open",
        pull=s.open_pull,
        marker=MarkerState.PR_OPEN,
    )


def _pull_found(s: Situation) -> Decision | None:
    if s.open_pull is None or _marker_has(s, s.open_pull):
        return None
    return _join(s, s.open_pull)


def _join(s: Situation, pull: Pull) -> Decision:
    # One that we reopened has its comment already.
    owed = s.owes_comment(pull, CommentKind.JOINED) and CommentKind.REOPENED.value not in pull.comment_kinds
    comment = CommentKind.JOINED if owed else None
    reason = f"#{pull.number} is open already: joined, no other one is opened"
    return Decision(Action.JOIN, Exit.DONE, reason, pull=pull, marker=MarkerState.PR_OPEN, comment=comment)


def _marker_has(s: Situation, pull: Pull) -> bool:
    ref = s.marker.pull_request if s.marker is not None else None
    return s.marker_is(MarkerState.PR_OPEN) and ref is not None and ref.number == pull.number


def _comment_owed(s: Situation) -> Decision | None:
    pull = s.open_pull
    if (
        pull is None
        or s.marker is None
        or not s.marker.joined
        or CommentKind.REOPENED.value in pull.comment_kinds
    ):
        return None
    if not s.owes_comment(pull, CommentKind.JOINED):
        return None
    return Decision(
        Action.COMMENT,
        Exit.NOT_NOW,
        f"the comment on #{pull.number} is missing",
        pull,
        comment=CommentKind.JOINED,
    )


def _pull_open(s: Situation) -> Decision | None:
    pull = s.open_pull
    if pull is None:
        return None
    if s.command is Command.REGISTER:
        return _nothing(Exit.DONE, f"#{pull.number} is open; the steward follows it")
    return _follow(s, pull)


def _follow(s: Situation, pull: Pull) -> Decision:
    waits = f"#{pull.number} is open"
    if s.policy.merge is Merge.NEVER:
        return _nothing(Exit.NOT_NOW, f'{waits}: waits for a person to merge it (`merge = "never"`)')
    if pull.paths != (s.path,):
        return _nothing(
            Exit.NOT_NOW, f"{waits}: it changes more than this node's record, so a person has to merge it"
        )
    if pull.auto_merge:
        return _nothing(Exit.NOT_NOW, f"{waits}: auto-merge is armed, waits for checks and reviews")
    if pull.mergeable is Mergeable.UNKNOWN:
        return _nothing(Exit.NOT_NOW, f"{waits}: GitHub has not found out yet whether it can be merged")
    if pull.mergeable is Mergeable.CONFLICTING:
        return _nothing(
            Exit.NOT_NOW, f"{waits}: it conflicts with {pull.base!r}, so a person has to resolve it"
        )
    if pull.merge_state in ("CLEAN", "HAS_HOOKS", "UNSTABLE"):
        return Decision(Action.MERGE, Exit.NOT_NOW, f"{waits} and can be merged", pull)
    if s.seen.auto_merge_allowed:
        return Decision(Action.ARM, Exit.NOT_NOW, f"{waits}: checks or reviews are missing", pull)
    return _nothing(
        Exit.NOT_NOW, f"{waits}: checks or reviews are missing, and auto-merge is off in the repository"
    )


def _merged_lately(s: Situation) -> Decision | None:
    pull = s.merged_lately()
    if pull is None:
        return None
    return _nothing(Exit.NOT_NOW, f"#{pull.number} is merged: waits until node.yaml shows on {pull.base!r}")


def _note_from_future(s: Situation) -> Decision | None:
    if not s.answer_outstanding or s.attempt_age is not None:
        return None
    return Decision(
        Action.NOTE_AGAIN, Exit.NOT_NOW, "the attempt's note is from the future: waits from now on"
    )


def _answer_outstanding(s: Situation) -> Decision | None:
    if not s.answer_outstanding or s.attempt_age is None:
        return None
    left = s.policy.request_lifetime - s.attempt_age
    if left <= 0:
        return None
    return _nothing(
        Exit.NOT_NOW, f"an unanswered request may still open the pull request: waits {left:.0f} s more"
    )


def _reopen(s: Situation) -> Decision | None:
    pull = s.last_pull
    if pull is None or pull.state is not PullState.CLOSED:
        return None
    if pull.reopened > 0 or s.policy.on_closed is not OnClosed.REOPEN_ONCE:
        return None
    return Decision(
        Action.REOPEN,
        Exit.NOT_NOW,
        f"#{pull.number} was closed without being merged: reopened once",
        pull=pull,
        comment=CommentKind.REOPENED,
    )


def _closed(s: Situation) -> Decision | None:
    pull = s.last_pull
    if pull is None or pull.state is not PullState.CLOSED:
        return None
    reason = f"#{pull.number} was closed by a person: `zeta-self-register reset` allows a new registration"
    comment = CommentKind.HELD if s.owes_comment(pull, CommentKind.HELD) else None
    if comment is None and s.marker_is(MarkerState.HELD):
        return _nothing(Exit.HELD, reason)
    return Decision(Action.HOLD, Exit.HELD, reason, pull, MarkerState.HELD, comment)


def _drift(s: Situation) -> Decision | None:
    merged = s.last_pull is not None and s.last_pull.state is PullState.MERGED
    was_registered = s.marker_is(MarkerState.REGISTERED) or (s.marker_is(MarkerState.PR_OPEN) and merged)
    if not was_registered or s.policy.on_drift is not OnDrift.HOLD:
        return None
    return _nothing(
        Exit.HELD,
        f"node.yaml is gone from {s.policy.base_branch!r}: `zeta-self-register reset` allows a new registration",
    )


def _throttled(s: Situation) -> Decision | None:
    left = s.throttled_for()
    if left <= 0 or s.last_pull is None:
        return None
    return _nothing(
        Exit.NOT_NOW,
        f"#{s.last_pull.number} was opened lately: the next pull request not before {left:.0f} s",
    )


def _branch_foreign(s: Situation) -> Decision | None:
    foreign = s.branch_is(Content.FOREIGN)
    others = s.branch_is(Content.OUR_FILE) and s.branch_owner is not Owner.OURS
    if s.branch is None or not (foreign or others):
        return None
    what = "has commits that are not this machine's" if foreign else "carries another machine's record"
    return _nothing(Exit.HELD, f"branch {s.branch.name} {what}: delete or rename it")


def _half_done(s: Situation) -> Decision | None:
    if s.local.attempt is None:
        return None
    return Decision(Action.REGISTER, Exit.NOT_NOW, "goes on where the last attempt stopped")


def _not_surveyed(s: Situation) -> Decision | None:
    if s.survey is not None:
        return None
    return Decision(
        Action.SURVEY, Exit.NOT_NOW, "nothing is registered yet: looks for this machine elsewhere"
    )


def _twin_of_another(s: Situation) -> Decision | None:
    twin = s.twin_pull
    if twin is None or twin.pull is None or s.owner(twin.content) is Owner.OURS:
        return None
    return _nothing(
        Exit.HELD,
        f"#{twin.pull.number} registers another machine under this name: close it, or give this machine another name",
    )


def _twin_found(s: Situation) -> Decision | None:
    twin = s.twin_pull
    return None if twin is None or twin.pull is None else _join(s, twin.pull)


def _other_name(s: Situation) -> Decision | None:
    other = s.other_name
    if other is None:
        return None
    where = f"#{other.pull.number}" if other.pull is not None else other.path
    return _nothing(
        Exit.HELD,
        f"this machine is {other.node!r} of {other.operator!r} already ({where}): "
        "`zeta-self-register rename` moves the record, or install it under that name",
    )


def _name_taken(s: Situation) -> Decision | None:
    taken = s.name_taken
    if taken is None:
        return None
    return _nothing(
        Exit.HELD, f"{taken.operator!r} has a node {taken.node!r} already: give this machine another name"
    )


def _branch_left(s: Situation) -> Decision | None:
    if s.branch is None:
        return None
    with_file = s.branch.content is Content.OUR_FILE
    what = "with this node's record" if with_file else "with nothing on it"
    return Decision(
        Action.REGISTER, Exit.NOT_NOW, f"branch {s.branch.name} {what} has no pull request: adopted"
    )


def _repair(s: Situation) -> Decision | None:
    if not s.marker_is(MarkerState.REGISTERED):
        return None
    return Decision(Action.REGISTER, Exit.NOT_NOW, "node.yaml is gone from the base branch: registers again")


def _nothing_there(s: Situation) -> Decision | None:
    return Decision(Action.REGISTER, Exit.NOT_NOW, "nothing is registered yet: registers")


TABLE: tuple[Row, ...] = (
    Row("installer", "installer system", "not asked", "nothing; 77", _installer),
    Row("marker-unreadable", "marker cannot be read", "not asked", "nothing; 78", _marker_unreadable),
    Row("marker-newer", "marker of a newer version", "not asked", "nothing; 78", _marker_newer),
    Row("marker-foreign", "marker of another machine", "not asked", "nothing; 77", _marker_foreign),
    Row("no-stamp", "installation not complete", "not asked", "nothing; 77", _no_stamp),
    Row("paused", "pause running", "not asked", "nothing; 75", _paused),
    Row("not-asked", "any", "not asked", "takes the snapshot", _not_asked),
    Row("unknown", "any", "unknown", "nothing; 75, or 77 or 78 when a person has to act", _unknown),
    Row("retired", "any", "`retired` on base", "marker retired; 0", _retired),
    Row(
        "record-of-another",
        "not registered",
        "node.yaml on base, another machine's",
        "held; 77",
        _record_of_another,
    ),
    Row("record-changed", "registered", "node.yaml changed", "reported, left; 0", _record_changed),
    Row("registered", "registered", "node.yaml on base", "nothing; 0", _registered),
    Row(
        "record-found",
        "not registered",
        "node.yaml on base, ours or nobody's",
        "marker registered; 0",
        _record_found,
    ),
    Row("archived", "any", "repository archived", "nothing; 77", _archived),
    Row("pull-retargeted", "any", "PR open, other base", "held; 77", _pull_retargeted),
    Row("pull-of-another", "any", "PR open, another machine's", "held; 77", _pull_of_another),
    Row("pull-opened-by-us", "attempt noted", "PR open", "marker pr-open; 0", _pull_opened_by_us),
    Row("pull-found", "none", "PR open, ours", "joins it: one comment, marker pr-open; 0", _pull_found),
    Row("comment-owed", "pr-open, joined", "PR open, comment missing", "comments", _comment_owed),
    Row(
        "pull-open",
        "pr-open",
        "PR open",
        "register: nothing, 0; steward: merges, arms or waits; 75",
        _pull_open,
    ),
    Row("merged-lately", "any", "PR merged less than Q ago, no node.yaml", "waits; 75", _merged_lately),
    Row(
        "note-from-future",
        "attempt noted in the future",
        "no PR",
        "notes it afresh, waits; 75",
        _note_from_future,
    ),
    Row("answer-outstanding", "attempt unanswered, < Q old", "no PR", "waits; 75", _answer_outstanding),
    Row("closed-once", "any", "PR closed, never reopened", "by policy: reopens with a comment", _reopen),
    Row("closed", "any", "PR closed", "one comment, marker held; 77", _closed),
    Row("drift-held", "registered", "no node.yaml, policy hold", "nothing; 77", _drift),
    Row("throttled", "any", "last PR opened less than 24 h ago", "waits; 75", _throttled),
    Row("branch-foreign", "any", "branch with foreign commits or record", "held; 77", _branch_foreign),
    Row(
        "half-done", "attempt noted", "branch or nothing", "goes on where it stopped, no comment", _half_done
    ),
    Row("not-surveyed", "none", "not surveyed", "takes the survey", _not_surveyed),
    Row("twin-of-another", "none", "PR of an old branch, another machine's", "held; 77", _twin_of_another),
    Row("twin-found", "none", "PR of an old branch, ours", "joins it", _twin_found),
    Row("other-name", "none", "this machine under another name", "held until `rename`; 77", _other_name),
    Row("name-taken", "none", "the name under another operator", "held; 77", _name_taken),
    Row(
        "branch-left", "none", "branch with nothing or just our file", "adopts it, opens the PR", _branch_left
    ),
    Row("drift-repair", "registered", "no node.yaml", "registers in a new epoch", _repair),
    Row("nothing-there", "none", "nothing", "registers", _nothing_there),
)
