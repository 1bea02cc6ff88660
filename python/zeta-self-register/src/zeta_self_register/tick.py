"""One tick: observe, decide, act, record; both units and the operator's commands run this same one.

    observe   the machine's files, then one snapshot of GitHub
    decide    one row of the table (`decide.py`)
    act       at most what that row says; note before, look after
    record    the marker, from what was read back

A tick goes round until a row says that there is nothing more to do now.  It may die anywhere: no step relies on
a later one having run, and what it wrote is safe to meet again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from zeta_self_register import telling
from zeta_self_register.acts import Acts, Next
from zeta_self_register.decide import decide
from zeta_self_register.decision import LOOKS, Action, Decision
from zeta_self_register.durable import make_folder_durably
from zeta_self_register.effects import AlreadyRunning
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.node import Node
from zeta_self_register.remote import Glance, Snapshot, Survey, Unknown
from zeta_self_register.settings import Mode
from zeta_self_register.situation import Situation
from zeta_self_register.surveying import take_survey

MAX_ROUNDS = 16
"""Decisions in one tick; the longest way through the table takes nine."""


@dataclass
class Run:
    """What one tick came to."""

    decisions: list[Decision] = field(default_factory=list)
    requests: int = 0

    @property
    def last(self) -> Decision:
        """The decision that ended the tick."""
        return self.decisions[-1]


def tick(node: Node) -> Run:
    """Runs until there is nothing more to do now.  Raises Refused."""
    effects, folder = node.effects, node.settings.state_folder
    try:
        make_folder_durably(effects, folder)
        with effects.lock(f"{folder}/lock"):
            node.forget_files()
            return telling.told(node, lambda: _to_its_end(node))
    except AlreadyRunning:
        raise already_running() from None
    except OSError as error:
        raise cannot_write(error, folder) from error


def _to_its_end(node: Node) -> Run:
    try:
        return _go_round(node, lambda situation, decision: _act(node, situation, decision))
    except OSError as error:
        raise cannot_write(error, node.settings.state_folder) from error


def plan(node: Node) -> Run:
    """What a tick would do now: the same, but it ends before the first act."""
    return _go_round(node, lambda _situation, decision: Next(end=decision))


def already_running() -> Refused:
    """The lock is held; whoever holds it does the same work."""
    return Refused(Exit.NOT_NOW, "another run of this program is at work on this machine")


def cannot_write(error: OSError, folder: str) -> Refused:
    """A full disk may have room later; a read-only or forbidden one is for the operator to mend."""
    import errno

    where = error.filename or folder
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused(Exit.NOT_NOW, f"{where}: no space left; make room, the next tick tries again")
    remedy = "mount it writable" if error.errno == errno.EROFS else "give the folder to the service's user"
    return Refused(Exit.MISCONFIGURED, f"{where}: cannot be written ({error.strerror}); {remedy}")


def _go_round(node: Node, act: Callable[[Situation, Decision], Next]) -> Run:
    run = Run()
    remote: Snapshot | Unknown | None = None
    survey: Survey | None = None
    glance: Glance | None = None
    unreachable: tuple[str, ...] | None = None
    refusals: set[str] = set()
    merge_refused = ""
    for _ in range(MAX_ROUNDS):
        situation = node.situation(remote, survey, glance, unreachable, merge_refused)
        decision = decide(situation)
        run.decisions.append(decision)
        if decision.action not in LOOKS:
            node.effects.say(f"{decision.row}: {decision.reason}")
        if decision.action is Action.NOTHING:
            break
        if decision.action is Action.LOOK:
            remote = node.look()
        elif decision.action is Action.REACH:
            unreachable = node.unreachable()
        elif decision.action is Action.GLANCE:
            glanced = node.glance(situation)
            remote, glance = (glanced, None) if isinstance(glanced, Unknown) else (None, glanced)
        elif decision.action is Action.SURVEY:
            looked = take_survey(node.github, node.subject, situation.seen.base_oid)
            if isinstance(looked, Survey):
                survey = looked
            else:
                remote = looked if isinstance(looked, Unknown) else None
        else:
            following = act(situation, decision)
            if following.end is not None:
                run.decisions.append(following.end)
                if following.end is not decision:
                    node.effects.say(f"{following.end.row}: {following.end.reason}")
                break
            if following.refusal and following.refusal in refusals:
                run.decisions.append(refused_twice(decision, following.refusal))
                break
            refusals.add(following.refusal)
            merge_refused = following.merge_refused or merge_refused
            if following.look_again:
                remote = None
    else:
        raise Refused(
            Exit.NOT_NOW, "GitHub changes faster than it can be followed; the next tick tries again"
        )
    run.requests = node.requests
    return run


def refused_twice(decision: Decision, refusal: str) -> Decision:
    """Looking again has not shown what GitHub objects to, so a person has to."""
    return replace(decision, action=Action.NOTHING, status=Exit.HELD, reason=refusal)


def _act(node: Node, situation: Situation, decision: Decision) -> Next:
    if node.settings.mode is Mode.DRY_RUN:
        return Next(
            end=Decision(
                Action.NOTHING, Exit.DONE, f"dry run: would {decision.action.value}", row=decision.row
            )
        )
    telling.before_acting(node, decision.action)
    return Acts(node, situation, decision).do()
