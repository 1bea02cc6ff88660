"""Rules for a registered node: it is looked at again and again, at a low rate and at no cost.

Somebody may remove its record, change it or retire the node.  A conditional request for the node's folder says whether
any of that can have happened; what has, a whole look shows.  Every look is a whole one while a pull request that was
asked for and never seen could still come, and while the operator wants something.
"""

from __future__ import annotations

from zeta_self_register.decision import Action, Decision, nothing
from zeta_self_register.exits import Exit
from zeta_self_register.local_files import MarkerState
from zeta_self_register.situation import NO_WISHES, Command, Situation


def glance(s: Situation) -> Decision | None:
    if s.remote is not None or s.glance is not None or s.command is not Command.STEWARD:
        return None
    if not s.marker_is(MarkerState.REGISTERED) or s.stray_may_come or s.local.wishes != NO_WISHES:
        return None
    return Decision(Action.GLANCE, Exit.NOT_NOW, "GitHub is asked whether anything has changed")


def unchanged(s: Situation) -> Decision | None:
    if s.remote is not None or s.marker is None or s.glance is None or not s.glance.unchanged:
        return None
    if s.glance.etag is not None and s.glance.etag != s.marker.etag:
        return Decision(Action.NOTE_ETAG, Exit.DONE, "registered: notes what the next look is compared with")
    return nothing(Exit.DONE, "registered: nothing has changed")


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
