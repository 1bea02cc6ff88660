"""Rules for what the operator wants: `pause`, `reset`, `adopt`, `rename` and `deregister` note a wish, and these rows
carry it out."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from zeta_self_register import names
from zeta_self_register.decision import Action, Decision, join, nothing
from zeta_self_register.exits import Exit
from zeta_self_register.local_files import MarkerState, Removal, Wishes
from zeta_self_register.remote import Content, Pull, PullState
from zeta_self_register.rules_follow import follow
from zeta_self_register.rules_found import (
    answer_outstanding,
    marker_has,
    note_from_future,
    registered_lately,
)
from zeta_self_register.situation import Command, Owner, Situation


def wishes_broken(s: Situation) -> Decision | None:
    if not s.local.wishes_broken:
        return None
    return nothing(
        Exit.MISCONFIGURED,
        "wishes.json cannot be understood: `zeta-self-register resume` writes it anew, then say again what you want",
    )


def paused(s: Situation) -> Decision | None:
    if not s.local.wishes.paused:
        return None
    return nothing(Exit.HELD, "paused by the operator: `zeta-self-register resume` lets it go on")


def former_name(s: Situation) -> Decision | None:
    former, wanted = s.local.former, s.local.wishes.move_from
    if former is None or wanted is not None:
        return None
    return Decision(
        Action.NOTHING,
        Exit.HELD,
        f"this machine is {former.node!r} by its marker and {s.node!r} by its settings: "
        "`zeta-self-register rename` moves the record, or set the name back",
        moves=names.record_path(names.Operator(former.operator), names.NodeName(former.node)),
    )


def other_outstanding(s: Situation) -> Decision | None:
    left = s.other_outstanding
    if left is None or s.local.other_attempt is None:
        return None
    branch = s.local.other_attempt.branch
    if left == float("inf"):
        return Decision(
            Action.NOTE_AGAIN, Exit.NOT_NOW, f"the note of {branch} is from the future: waits from now on"
        )
    return nothing(
        Exit.NOT_NOW,
        f"an unanswered request may still open a pull request of {branch}: waits {left:.0f} s more",
    )


# --- a new registration is allowed --------------------------------------------------------------------------


def reset_needless(s: Situation) -> Decision | None:
    wishes = s.local.wishes
    if not wishes.reset or wishes.removal is not None:
        return None
    there = s.path if s.seen.record is not None else None
    opened = s.open_pull
    if there is None and opened is not None and opened.base == s.policy.base_branch:
        there = f"#{opened.number}" if s.owner_of(opened) is not Owner.OTHERS else None
    if there is None or s.record_owner is Owner.OTHERS:
        return None
    return _wishing(s, f"nothing is in the way of a registration: {there} is there", reset=False)


def reset(s: Situation) -> Decision | None:
    if not s.local.wishes.reset:
        return None
    up_to = max((p.number for p in s.seen.pulls if p.state is not PullState.OPEN), default=0)
    which = f"pull requests up to #{up_to} count no more" if up_to else "none was there before"
    return _with(
        Decision(Action.RESET, Exit.NOT_NOW, f"a new registration is allowed: {which}"),
        s,
        reset=False,
        adopt=None,
    )


# --- a pull request is adopted ------------------------------------------------------------------------------


def adopt(s: Situation) -> Decision | None:
    number = s.local.wishes.adopt
    if number is None:
        return None
    pull = next((p for p in s.seen.pulls if p.number == number), None)
    if pull is not None and marker_has(s, pull):
        return _wishing(s, f"#{number} is this node's pull request", adopt=None)
    if (left := s.creation_outstanding) > 0:
        return nothing(
            Exit.NOT_NOW,
            f"an unanswered request may still open a pull request of ours: waits {left:.0f} s more",
        )
    against = _against(s, number, pull)
    if pull is None or against:
        return _wishing(s, against, Exit.HELD, adopt=None)
    return join(s, pull)


def _against(s: Situation, number: int, pull: Pull | None) -> str:
    """Why this pull request cannot be this node's."""
    other = next((p for p in s.seen.pulls if p.state is PullState.OPEN and p.number != number), None)
    named = s.marker.pull_request if s.marker is not None and s.marker_is(MarkerState.PR_OPEN) else None
    seen = {p.number for p in s.seen.pulls}
    if s.seen.record is not None:
        return f"{s.path} is on {s.policy.base_branch!r} already: there is nothing to adopt"
    if pull is None:
        return f"#{number} is of another repository's branch: open one from a branch of this repository"
    if pull.state is not PullState.OPEN:
        return f"#{number} is {pull.state.value.lower()}: adopt one that is open"
    if pull.base != s.policy.base_branch:
        return f"#{number} goes to {pull.base!r}: set its base to {s.policy.base_branch!r}, then adopt it"
    if pull.record is None:
        return f"#{number} does not add {s.path}: adopt one that does"
    if s.owner_of(pull) is not Owner.OURS:
        return f"#{number} adds another machine's record: it is not this node's"
    if named is not None and named.number not in {number, *seen}:
        return f"#{named.number} is this node's by its marker: close it, and let a tick see that, first"
    return f"#{other.number} is open for this node as well: close one of the two first" if other else ""


# --- the record moves to another name -----------------------------------------------------------------------


def moved(s: Situation) -> Decision | None:
    if s.local.wishes.move_from is None or s.seen.record is None or s.record_owner is not Owner.OURS:
        return None
    if s.local.former is not None:
        return None  # the marker first: it still has the former name, by which this node would be held
    return _wishing(s, f"this machine is registered as {s.node!r}", move_from=None)


def move(s: Situation) -> Decision | None:
    old = s.moved
    if old is None:
        return None
    reason = f"moves the record of {old.node!r} to {s.node!r}"
    return Decision(Action.REGISTER, Exit.NOT_NOW, reason, moves=old.path)


# --- the record is removed ----------------------------------------------------------------------------------


def removal_begins(s: Situation) -> Decision | None:
    removal = s.local.wishes.removal
    if removal is None or removal.ignore_prs_up_to is not None:
        return None
    up_to = max((p.number for p in _of_branch(s) if p.state is not PullState.OPEN), default=0)
    return _wishing(s, f"{s.path} is to be removed", removal=Removal(ignore_prs_up_to=up_to))


def removal_held(s: Situation) -> Decision | None:
    if s.local.wishes.removal is None:
        return None
    against = _against_removal(s)
    return nothing(Exit.HELD, against) if against else None


def _against_removal(s: Situation) -> str:
    opened, last = _open(s), _last(s)
    if s.seen.archived:
        return "the repository is archived and takes no changes: unarchive it or set another one"
    if s.seen.record is not None and s.record_owner is not Owner.OURS:
        return f"{s.path} is not this machine's record: it is left as it is"
    if opened is not None and s.local.wishes.reset:
        return f"#{opened.number} still removes the record: close it, and the registration stays"
    if opened is not None and opened.base != s.policy.base_branch:
        return f"#{opened.number} was retargeted to {opened.base!r}: set its base to {s.policy.base_branch!r}"
    if opened is not None or s.local.wishes.reset:
        return ""
    registers = next((p for p in s.seen.pulls if p.state is PullState.OPEN), None)
    if s.seen.record is None:
        return f"#{registers.number} still registers this node: close it" if registers else ""
    if last is not None and last.state is PullState.CLOSED:
        return (
            f"#{last.number}, which removes the record, was closed by a person: `zeta-self-register reset` keeps the "
            "registration, `zeta-self-register deregister` asks once more"
        )
    if last is not None and not _merged_lately(s, last):
        return (
            f"#{last.number} was merged and {s.path} is there: `zeta-self-register deregister` asks once more, "
            "`zeta-self-register reset` keeps the registration"
        )
    if s.branch_is(Content.FOREIGN) and s.branch is not None:
        return f"branch {s.branch.name} has commits that are not this machine's: delete or rename it"
    return ""


def removal_waits(s: Situation) -> Decision | None:
    if s.local.wishes.removal is None or _open(s) is not None:
        return None
    outstanding = note_from_future(s) or answer_outstanding(s) or other_outstanding(s)
    if outstanding is not None:
        return outstanding
    last = _last(s)
    if s.seen.record is not None and last is not None and _merged_lately(s, last):
        return nothing(Exit.NOT_NOW, f"#{last.number} is merged: waits until node.yaml is gone")
    # What was seen a moment ago and is not shown now may be shown by a replica that lags behind.
    return registered_lately(s) if s.seen.record is None else None


def removal_taken_back(s: Situation) -> Decision | None:
    if s.local.wishes.removal is None or not s.local.wishes.reset:
        return None
    return _wishing(s, "the record is not to be removed any more", removal=None)


def removal_open(s: Situation) -> Decision | None:
    pull = _open(s)
    if s.local.wishes.removal is None or pull is None:
        return None
    if s.command is Command.REGISTER:
        return nothing(
            Exit.DONE, f"#{pull.number}, which removes the record, is open; the steward follows it"
        )
    return follow(s, pull)


def removed(s: Situation) -> Decision | None:
    if s.local.wishes.removal is None or s.seen.record is not None:
        return None
    reason = "deregistered, as the operator wanted: `zeta-self-register reset` allows a new registration"
    if s.marker_is(MarkerState.RETIRED):
        return nothing(Exit.DONE, reason)
    return Decision(Action.WRITE_MARKER, Exit.DONE, reason, marker=MarkerState.RETIRED)


def remove(s: Situation) -> Decision | None:
    if s.local.wishes.removal is None:
        return None
    return Decision(Action.REMOVE, Exit.NOT_NOW, f"{s.path} is to be removed: asks for it")


def _of_branch(s: Situation) -> list[Pull]:
    """The pull requests of the branch that is there to remove the record; the marker may name another one."""
    return [p for p in s.seen.pulls if p.branch == s.removal_branch]


def _open(s: Situation) -> Pull | None:
    return next((p for p in _of_branch(s) if p.state is PullState.OPEN), None)


def _last(s: Situation) -> Pull | None:
    """The newest one of this removal that is not open any more."""
    removal = s.local.wishes.removal
    if removal is None or removal.ignore_prs_up_to is None:
        return None
    up_to = removal.ignore_prs_up_to
    ended = [p for p in _of_branch(s) if p.state is not PullState.OPEN and p.number > up_to]
    return max(ended, key=lambda p: p.number, default=None)


def _merged_lately(s: Situation, pull: Pull) -> bool:
    return pull.merged_at is not None and s.seen.server_time - pull.merged_at < s.policy.request_lifetime


def _wishing(s: Situation, reason: str, status: Exit = Exit.NOT_NOW, **changes: object) -> Decision:
    """Part of a wish is done, or cannot be done: what is left of the wishes is noted."""
    return _with(Decision(Action.WISHES, status, reason), s, **changes)


def _with(decision: Decision, s: Situation, **changes: object) -> Decision:
    left: Wishes = msgspec.structs.replace(s.local.wishes, **changes)
    return replace(decision, wishes=left)
