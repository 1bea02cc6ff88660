"""Rules for what GitHub has of this node already: its record, and its pull request in every state."""

from __future__ import annotations

from zeta_self_register.comments import CommentKind
from zeta_self_register.decision import Action, Decision, join, nothing
from zeta_self_register.exits import Exit
from zeta_self_register.local_files import MarkerState
from zeta_self_register.looking import only_ours
from zeta_self_register.remote import Mergeable, Pull, PullState
from zeta_self_register.settings import Merge, OnClosed
from zeta_self_register.situation import Command, Owner, Situation


def retired(s: Situation) -> Decision | None:
    if not s.seen.retired:
        return None
    if s.marker_is(MarkerState.RETIRED):
        return nothing(Exit.DONE, "retired: an operator ended this registration")
    return Decision(
        Action.WRITE_MARKER,
        Exit.DONE,
        "retired: an operator ended this registration",
        marker=MarkerState.RETIRED,
    )


def stray(s: Situation) -> Decision | None:
    pull = s.stray
    if pull is None:
        return None
    if CommentKind.STRAY.value in pull.comment_kinds:
        return Decision(
            Action.CLOSE, Exit.NOT_NOW, f"#{pull.number} is a stray of a lost request: closed", pull
        )
    if not s.owes_comment(pull, CommentKind.STRAY):
        return nothing(
            Exit.NOT_NOW, f"#{pull.number} is a stray of a lost request: waits for the comment on it"
        )
    reason = f"#{pull.number} was opened by a lost request beside the one that counts: says so and closes it"
    return Decision(Action.COMMENT, Exit.NOT_NOW, reason, pull, comment=CommentKind.STRAY)


def record_of_another(s: Situation) -> Decision | None:
    if s.seen.record is None or s.record_owner is Owner.OURS or s.marker_is(MarkerState.REGISTERED):
        return None
    whose = "is another machine's" if s.record_owner is Owner.OTHERS else "may be another machine's"
    return nothing(
        Exit.HELD,
        f"{s.path} {whose}: give this machine another name, or remove that record if its machine is gone",
    )


def record_changed(s: Situation) -> Decision | None:
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


def registered(s: Situation) -> Decision | None:
    if s.seen.record is None or not s.marker_is(MarkerState.REGISTERED):
        return None
    return nothing(Exit.DONE, "registered")


def record_found(s: Situation) -> Decision | None:
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


def archived(s: Situation) -> Decision | None:
    if not s.seen.archived:
        return None
    return nothing(
        Exit.HELD, "the repository is archived and takes no changes: unarchive it or set another one"
    )


def pull_retargeted(s: Situation) -> Decision | None:
    pull = s.open_pull
    if pull is None or pull.base == s.policy.base_branch:
        return None
    return nothing(
        Exit.HELD,
        f"#{pull.number} was retargeted to {pull.base!r}: set its base to {s.policy.base_branch!r}, or close it",
    )


def pull_of_another(s: Situation) -> Decision | None:
    if s.open_pull is None or s.owner_of(s.open_pull) is Owner.OURS:
        return None
    return nothing(
        Exit.HELD,
        f"#{s.open_pull.number} is open on this node's branch but is not this machine's: close it and delete its "
        "branch, or give this machine another name",
    )


def pull_opened_by_us(s: Situation) -> Decision | None:
    if s.open_pull is None or s.attempt is None or marker_has(s, s.open_pull):
        return None
    return Decision(
        Action.WRITE_MARKER,
        Exit.DONE,
        f"#{s.open_pull.number} is open",
        pull=s.open_pull,
        marker=MarkerState.PR_OPEN,
    )


def pull_found(s: Situation) -> Decision | None:
    if s.open_pull is None or marker_has(s, s.open_pull):
        return None
    return join(s, s.open_pull)


def marker_has(s: Situation, pull: Pull) -> bool:
    ref = s.marker.pull_request if s.marker is not None else None
    return s.marker_is(MarkerState.PR_OPEN) and ref is not None and ref.number == pull.number


def comment_owed(s: Situation) -> Decision | None:
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


def pull_open(s: Situation) -> Decision | None:
    pull = s.open_pull
    if pull is None:
        return None
    if s.command is Command.REGISTER:
        return nothing(Exit.DONE, f"#{pull.number} is open; the steward follows it")
    return follow(s, pull)


def follow(s: Situation, pull: Pull) -> Decision:
    waits = f"#{pull.number} is open"
    if s.policy.merge is Merge.NEVER:
        return nothing(Exit.NOT_NOW, f'{waits}: waits for a person to merge it (`merge = "never"`)')
    if not only_ours(pull, s.path, s.local.wishes.move_from):
        return nothing(
            Exit.NOT_NOW, f"{waits}: it changes more than this node's record, so a person has to merge it"
        )
    if pull.auto_merge:
        return nothing(Exit.NOT_NOW, f"{waits}: auto-merge is armed, waits for checks and reviews")
    if pull.mergeable is Mergeable.UNKNOWN:
        return nothing(Exit.NOT_NOW, f"{waits}: GitHub has not found out yet whether it can be merged")
    if pull.mergeable is Mergeable.CONFLICTING:
        return nothing(
            Exit.NOT_NOW, f"{waits}: it conflicts with {pull.base!r}, so a person has to resolve it"
        )
    if pull.merge_state in ("CLEAN", "HAS_HOOKS", "UNSTABLE"):
        return Decision(Action.MERGE, Exit.NOT_NOW, f"{waits} and can be merged", pull)
    if s.seen.auto_merge_allowed:
        return Decision(Action.ARM, Exit.NOT_NOW, f"{waits}: checks or reviews are missing", pull)
    return nothing(
        Exit.NOT_NOW, f"{waits}: checks or reviews are missing, and auto-merge is off in the repository"
    )


def merged_lately(s: Situation) -> Decision | None:
    pull = s.merged_lately()
    if pull is None:
        return None
    return nothing(Exit.NOT_NOW, f"#{pull.number} is merged: waits until node.yaml shows on {pull.base!r}")


def merged_elsewhere(s: Situation) -> Decision | None:
    pull = s.last_pull
    if pull is None or pull.state is not PullState.MERGED or pull.base == s.policy.base_branch:
        return None
    return nothing(
        Exit.HELD,
        f"#{pull.number} was merged into {pull.base!r}: bring its record to {s.policy.base_branch!r}, or allow a new "
        "registration with `zeta-self-register reset`",
    )


def registered_lately(s: Situation) -> Decision | None:
    if not s.marker_is(MarkerState.REGISTERED) or s.marker_age >= s.policy.request_lifetime:
        return None
    return nothing(
        Exit.NOT_NOW, "node.yaml was seen a moment ago and is not shown now: waits, the look may be stale"
    )


def note_from_future(s: Situation) -> Decision | None:
    if not s.answer_outstanding or s.attempt_age is not None:
        return None
    return Decision(
        Action.NOTE_AGAIN, Exit.NOT_NOW, "the attempt's note is from the future: waits from now on"
    )


def answer_outstanding(s: Situation) -> Decision | None:
    if not s.answer_outstanding or s.attempt_age is None:
        return None
    left = s.policy.request_lifetime - s.attempt_age
    if left <= 0:
        return None
    return nothing(
        Exit.NOT_NOW, f"an unanswered request may still open the pull request: waits {left:.0f} s more"
    )


def closed_of_another(s: Situation) -> Decision | None:
    pull = s.last_pull
    if pull is None or pull.state is not PullState.CLOSED or s.owner_of(pull) is Owner.OURS:
        return None
    return nothing(
        Exit.HELD,
        f"#{pull.number} was closed and is not this machine's: give this machine another name, or allow a new "
        "registration with `zeta-self-register reset`",
    )


def reopen(s: Situation) -> Decision | None:
    pull = s.last_pull
    if pull is None or pull.state is not PullState.CLOSED:
        return None
    if pull.reopened > 0 or s.policy.on_closed is not OnClosed.REOPEN_ONCE:
        return None
    if pull.branch_exists and s.branch is not None and s.branch.oid != pull.head_oid:
        return None  # GitHub reopens only what still has its branch at the same commit
    asked = s.reopening(pull)
    if asked is not None and asked < s.policy.request_lifetime:
        left = s.policy.request_lifetime - asked
        return nothing(
            Exit.NOT_NOW, f"an unanswered request may still reopen #{pull.number}: {left:.0f} s more"
        )
    return Decision(
        Action.REOPEN,
        Exit.NOT_NOW,
        f"#{pull.number} was closed without being merged: reopened once",
        pull=pull,
        comment=CommentKind.REOPENED,
    )


def closed(s: Situation) -> Decision | None:
    pull = s.last_pull
    if pull is None or pull.state is not PullState.CLOSED:
        return None
    reason = f"#{pull.number} was closed by a person: `zeta-self-register reset` allows a new registration"
    comment = CommentKind.HELD if s.owes_comment(pull, CommentKind.HELD) else None
    if comment is None and s.marker_is(MarkerState.HELD):
        return nothing(Exit.HELD, reason)
    return Decision(Action.HOLD, Exit.HELD, reason, pull, MarkerState.HELD, comment)
