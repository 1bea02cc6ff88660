"""What of a trace can be aimed at a machine that nobody has changed: its steps, checked before anything boots.

A machine is seen from outside: by the requests that reach the mock, by its power and by its units.  So a fault can be
aimed at a request, and a kill or a power cut at the time when a request or its answer is held.  What happens between
two requests, on the disk or in the kernel, cannot be aimed at.  A request that is never sent is not seen; but a whole
run can be without a network, so that its first one is not sent.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bootproof.simulation.agents import Agent
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.machine import INTERRUPTED_AT_ONCE
from bootproof.simulation.replay import place_of, unknown
from bootproof.simulation.steps import Do, Step, Trace
from bootproof.simulation.universe import Guarded, Universe
from bootproof.verdict import HarnessError


class Then(enum.Enum):
    """What the trace says comes of a run after a step."""

    REQUEST = "its next request"
    END = "its end"
    UNSAID = "unsaid"
    """The trace ends first, or the run is over."""


@dataclass(frozen=True)
class Move:
    """One step at a machine; `number` counts from 1, `wait` are the seconds that pass before it.

    `asks` is the request that is to follow, where the trace names it; `interrupt` the kill or the power cut before the
    answer is seen; `offline` says that the whole run, which is one move, is without a network.
    """

    number: int
    step: Step
    wait: float = 0.0
    then: Then = Then.UNSAID
    asks: str = ""
    interrupt: Do | None = None
    offline: bool = False

    def __str__(self) -> str:
        return f"step {self.number} ({self.step})"


_INTERRUPTS = {
    f"killed {INTERRUPTED_AT_ONCE}": Do.KILL,
    f"power cut {INTERRUPTED_AT_ONCE} (#0)": Do.CUT,
}
_IN_RUN = {Do.ANSWER, Do.KILL, Do.CUT}
_BETWEEN_RUNS = {Do.RUN, Do.REBOOT}


def aimed(trace: Trace) -> tuple[Move, ...]:
    """The moves of a trace.  Raises HarnessError, with one line that names the step, when one cannot be made."""
    agent, universe = place_of(trace)
    if why := beginning(universe):
        raise HarnessError(f"the universe {universe.name} has {why}: not in this layer")
    times = waits(agent)
    moves: list[Move] = []
    late: list[str] = []
    running = False
    for number, step in enumerate(trace.steps, 1):
        here, before = Move(number, step), moves[-1] if moves else None
        wrong = unknown(agent, universe, step)
        if not wrong and before is not None and before.offline and before.number == number - 1:
            continue  # the request that is not sent
        wrong = wrong or _turn(step, running, late) or unseen(step)
        if not wrong and step.after not in times:
            wrong = f"there is no time {step.after!r}, only {', '.join(filter(None, times))}"
        if wrong:
            raise HarnessError(f"{here}: {wrong}")
        move = _move(here, trace.steps[number:], times)
        moves.append(move)
        running = _still_running(move, running)
        if step.fault == RequestFault.LATE.value:
            late.append(step.what)
        elif step.do is Do.LATE:
            late.remove(step.what)
    return tuple(moves)


def waits(agent: Agent) -> Mapping[str, float]:
    """The times that a trace can let pass before a run, in seconds; none at all is one of them."""
    names = ("", "q", *(f"threshold {n}" for n in range(2, len(agent.thresholds) + 1)))
    return dict(zip(names, (0.0, *agent.thresholds), strict=True))


def beginning(universe: Universe) -> str:
    """What a universe has that no fresh machine at a repository without nodes shows."""
    another = universe.world is not None and not isinstance(universe.world, Guarded)
    if another or universe.files:
        return "another beginning than a fresh machine"
    return "promises that nobody can keep" if universe.expects else ""


def _move(here: Move, rest: Sequence[Step], times: Mapping[str, float]) -> Move:
    step, interrupt = here.step, _INTERRUPTS.get(here.step.local)
    if _is_offline(step, rest):
        return Move(here.number, step, times[step.after], Then.END, offline=True)
    if step.do not in (Do.RUN, Do.ANSWER) or interrupt is not None:
        return Move(here.number, step, interrupt=interrupt)
    following = next((one for one in rest if one.do in _IN_RUN | _BETWEEN_RUNS), None)
    if following is None:
        return Move(here.number, step, times[step.after])
    then = Then.REQUEST if following.do in _IN_RUN else Then.END
    asks = following.what if following.do is Do.ANSWER else ""
    return Move(here.number, step, times[step.after], then, asks)


def _is_offline(step: Step, rest: Sequence[Step]) -> bool:
    """Whether a run's first request is not sent, and it ends with that."""
    if step.do is not Do.RUN or not rest:
        return False
    first = rest[0]
    not_sent = first.do is Do.ANSWER and first.fault == RequestFault.NOT_SENT.value and not first.local
    following = next((one for one in rest[1:] if one.do in _IN_RUN | _BETWEEN_RUNS), None)
    return not_sent and (following is None or following.do not in _IN_RUN)


def _still_running(move: Move, running: bool) -> bool:
    """Whether a run is under way after this move."""
    match move.step.do:
        case Do.RUN | Do.ANSWER:
            return move.interrupt is None and move.then is not Then.END
        case Do.KILL | Do.CUT | Do.REBOOT:
            return False
    return running


def _turn(step: Step, running: bool, late: Sequence[str]) -> str:
    """Why this step cannot come now, on whatever machine; empty when it can."""
    if step.do in _IN_RUN and not running:
        return "no run is under way then"
    if step.do is Do.LATE and step.what not in late:
        return "no such request is late then"
    return ""


def unseen(step: Step) -> str:
    """Why this step cannot be aimed at a machine; empty when it can."""
    chosen = "#" in step.local and not step.local.endswith("(#0)")
    if step.actor:
        why = "there is only one machine"
    elif step.fault == RequestFault.NOT_SENT.value:
        why = "a request that is not sent is not seen"
    elif chosen or (step.do is Do.CUT and step.what):
        why = "what a power cut takes cannot be chosen"
    elif step.local and (step.do is not Do.ANSWER or step.local not in _INTERRUPTS):
        why = "what happens between two requests is not seen"
    else:
        return ""
    return f"{why}: not in this layer"
