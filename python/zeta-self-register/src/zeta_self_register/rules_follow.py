"""Rules by which the steward follows its open pull request until it is merged.

A person who switches auto-merge off means it, so that nothing is merged or armed here from then on; GitHub's own
events say that it was switched off, and why.
"""

from __future__ import annotations

from collections.abc import Callable

from zeta_self_register.decision import Action, Decision, nothing
from zeta_self_register.exits import Exit
from zeta_self_register.pulls import only_ours
from zeta_self_register.remote import Mergeable, Pull
from zeta_self_register.settings import Merge
from zeta_self_register.situation import Command, Situation

MERGEABLE_NOW = ("CLEAN", "HAS_HOOKS", "UNSTABLE")
"""GitHub's words for "may be merged"; in UNSTABLE some check failed or is running that nobody requires, and GitHub
refuses to arm auto-merge."""

Following = Callable[[Situation, Pull], Decision | None]
RULES: list[Following] = []
"""All of them, in the order of this file, which is the table's."""


def follow(s: Situation, pull: Pull) -> Decision:
    """What the steward does about an open pull request of this node's: the first rule that fits."""
    return next(decision for rule in RULES if (decision := rule(s, pull)) is not None)


def following(rule: Following) -> Callable[[Situation], Decision | None]:
    """A rule for the steward and its open pull request."""
    RULES.append(rule)

    def row(s: Situation) -> Decision | None:
        return None if s.open_pull is None or s.command is Command.REGISTER else rule(s, s.open_pull)

    return row


def _waits(pull: Pull, why: str) -> Decision:
    return nothing(Exit.NOT_NOW, f"#{pull.number} is open: {why}")


@following
def left_to_people(s: Situation, pull: Pull) -> Decision | None:
    if s.policy.merge is Merge.AUTO:
        return None
    return _waits(pull, 'waits for a person to merge it (`merge = "never"`)')


@following
def changes_more(s: Situation, pull: Pull) -> Decision | None:
    if only_ours(pull, s.path, s.local.wishes.move_from):
        return None
    return _waits(pull, "it changes more than this node's record, so a person has to merge it")


@following
def draft(_s: Situation, pull: Pull) -> Decision | None:
    return _waits(pull, "it is a draft, so a person has to say that it is ready") if pull.draft else None


@following
def switched_off(_s: Situation, pull: Pull) -> Decision | None:
    if pull.auto_merge or not pull.switched_off:
        return None
    return _waits(pull, "somebody switched auto-merge off, so a person has to merge it or to switch it on")


@following
def behind(_s: Situation, pull: Pull) -> Decision | None:
    if pull.merge_state != "BEHIND":
        return None
    reason = f"#{pull.number} is open: {pull.base!r} has moved on, and its rules want the branch up to date"
    return Decision(Action.UPDATE, Exit.NOT_NOW, reason, pull)


@following
def armed(_s: Situation, pull: Pull) -> Decision | None:
    return _waits(pull, "auto-merge is armed, waits for checks and reviews") if pull.auto_merge else None


@following
def mergeable_unknown(_s: Situation, pull: Pull) -> Decision | None:
    # GitHub begins to compute it when it is asked, so the next look is soon, but not in this very run.
    if pull.mergeable is not Mergeable.UNKNOWN:
        return None
    return _waits(pull, "GitHub has not found out yet whether it can be merged")


@following
def conflict(_s: Situation, pull: Pull) -> Decision | None:
    if pull.mergeable is not Mergeable.CONFLICTING:
        return None
    return _waits(pull, f"it conflicts with {pull.base!r}, so a person has to resolve it")


@following
def mergeable(s: Situation, pull: Pull) -> Decision | None:
    if pull.merge_state not in MERGEABLE_NOW or s.merge_refused:
        return None
    return Decision(Action.MERGE, Exit.NOT_NOW, f"#{pull.number} is open and can be merged", pull)


@following
def not_armed(s: Situation, pull: Pull) -> Decision | None:
    if not s.seen.auto_merge_allowed or s.auto_merge_refused(pull):
        return None
    missing = "merging is refused" if s.merge_refused else "checks or reviews are missing"
    return Decision(Action.ARM, Exit.NOT_NOW, f"#{pull.number} is open: {missing}, so arms auto-merge", pull)


@following
def waits_unarmed(s: Situation, pull: Pull) -> Decision | None:
    why = s.auto_merge_refused(pull) or "it is off in the repository"
    waits = f"merging is refused ({s.merge_refused})" if s.merge_refused else "waits for checks and reviews"
    return _waits(pull, f"{waits}, without auto-merge ({why})")
