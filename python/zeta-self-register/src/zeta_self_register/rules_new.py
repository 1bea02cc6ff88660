"""Rules for a node of which GitHub has no record and no pull request: may a new one be opened?"""

from __future__ import annotations

from zeta_self_register.decision import Action, Decision, join, nothing
from zeta_self_register.exits import Exit
from zeta_self_register.local_files import MarkerState
from zeta_self_register.remote import Content, PullState
from zeta_self_register.settings import OnDrift
from zeta_self_register.situation import Owner, Situation


def drift(s: Situation) -> Decision | None:
    merged = s.last_pull is not None and s.last_pull.state is PullState.MERGED
    was_registered = s.marker_is(MarkerState.REGISTERED) or (s.marker_is(MarkerState.PR_OPEN) and merged)
    if not was_registered or s.policy.on_drift is not OnDrift.HOLD:
        return None
    return nothing(
        Exit.HELD,
        f"node.yaml is gone from {s.policy.base_branch!r}: `zeta-self-register reset` allows a new registration",
    )


def throttled(s: Situation) -> Decision | None:
    left = s.throttled_for()
    if left <= 0 or s.last_pull is None:
        return None
    gone = (
        f"node.yaml is gone from {s.policy.base_branch!r}, but "
        if s.marker_is(MarkerState.REGISTERED)
        else ""
    )
    return nothing(
        Exit.NOT_NOW,
        f"{gone}#{s.last_pull.number} was opened lately: the next pull request not before {left:.0f} s",
    )


def branch_foreign(s: Situation) -> Decision | None:
    foreign = s.branch_is(Content.FOREIGN)
    others = s.branch_is(Content.OUR_FILE) and s.branch_owner is not Owner.OURS
    if s.branch is None or not (foreign or others):
        return None
    what = "has commits that are not this machine's" if foreign else "carries another machine's record"
    return nothing(Exit.HELD, f"branch {s.branch.name} {what}: delete or rename it")


def half_done(s: Situation) -> Decision | None:
    if s.attempt is None:
        return None
    return Decision(Action.REGISTER, Exit.NOT_NOW, "goes on where the last attempt stopped")


def cluster_not_asked(s: Situation) -> Decision | None:
    if not s.policy.cluster or s.unreachable is not None:
        return None
    return Decision(Action.REACH, Exit.NOT_NOW, "a new registration waits for the cluster")


def cluster_unreachable(s: Situation) -> Decision | None:
    if not s.unreachable:
        return None
    return nothing(Exit.NOT_NOW, f"the cluster is not reached: {', '.join(s.unreachable)}; waits for it")


def not_surveyed(s: Situation) -> Decision | None:
    if s.survey is not None:
        return None
    return Decision(
        Action.SURVEY, Exit.NOT_NOW, "nothing is registered yet: looks for this machine elsewhere"
    )


def twin_of_another(s: Situation) -> Decision | None:
    twin = s.twin_pull
    if twin is None or twin.pull is None or s.owner(twin.content) is Owner.OURS:
        return None
    return nothing(
        Exit.HELD,
        f"#{twin.pull.number} registers another machine under this name: close it, or give this machine another name",
    )


def twin_retargeted(s: Situation) -> Decision | None:
    twin = s.twin_pull
    if twin is None or twin.pull is None or twin.pull.base == s.policy.base_branch:
        return None
    return nothing(
        Exit.HELD,
        f"#{twin.pull.number} registers this node on {twin.pull.base!r}: set its base to {s.policy.base_branch!r}, "
        "or close it",
    )


def twin_found(s: Situation) -> Decision | None:
    twin = s.twin_pull
    return None if twin is None or twin.pull is None else join(s, twin.pull)


def other_name(s: Situation) -> Decision | None:
    other = s.other_name
    if other is None:
        return None
    if other.pull is not None and s.local.wishes.move_from == other.path:
        return nothing(
            Exit.HELD,
            f"#{other.pull.number} still registers {other.node!r}: close it, or wait until it is merged",
        )
    where = f"#{other.pull.number}" if other.pull is not None else other.path
    return Decision(
        Action.NOTHING,
        Exit.HELD,
        f"this machine is {other.node!r} of {other.operator!r} already ({where}): "
        "`zeta-self-register rename` moves the record, or install it under that name",
        moves=other.path,
    )


def name_taken(s: Situation) -> Decision | None:
    taken = s.name_taken
    if taken is None:
        return None
    return nothing(
        Exit.HELD, f"{taken.operator!r} has a node {taken.node!r} already: give this machine another name"
    )


def branch_left(s: Situation) -> Decision | None:
    if s.branch is None:
        return None
    with_file = s.branch.content is Content.OUR_FILE
    what = "with this node's record" if with_file else "with nothing on it"
    return Decision(
        Action.REGISTER, Exit.NOT_NOW, f"branch {s.branch.name} {what} has no pull request: adopted"
    )


def repair(s: Situation) -> Decision | None:
    if not s.marker_is(MarkerState.REGISTERED):
        return None
    return Decision(Action.REGISTER, Exit.NOT_NOW, "node.yaml is gone from the base branch: registers again")


def nothing_there(s: Situation) -> Decision | None:
    return Decision(Action.REGISTER, Exit.NOT_NOW, "nothing is registered yet: registers")
