"""Every history of up to k faults, one by one: the cross-check that merges no states.

A history is what happens from the first boot until all has come to rest, with up to k steps in it in which
something other than the fault-free thing happened.  Each one is walked to its end.  What one step leads to is
worked out once (it is a function), but two histories that meet in a state both go on from there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bootproof.simulation.ending import End, Endings
from bootproof.simulation.state import Durable, Next, State
from bootproof.simulation.steps import Step, Trace
from bootproof.simulation.transitions import Simulation


@dataclass
class Walked:
    """What all histories of up to `faults` faults came to."""

    universe: str
    faults: int
    histories: int = 0
    steps: int = 0
    durable: set[Durable] = field(default_factory=set)
    landed: Counter[str] = field(default_factory=Counter)
    ends: Counter[End] = field(default_factory=Counter)
    findings: dict[str, Trace] = field(default_factory=dict)
    seconds: float = 0.0
    complete: bool = True


@dataclass(frozen=True)
class _Choice:
    """One step of a history, and the choice before it."""

    step: Step
    before: _Choice | None


def every_history(
    simulation: Simulation, faults: int, *, progress: Callable[[int], None] | None = None
) -> Walked:
    """Walks them all, depth first."""
    walk = _Walk(simulation, faults, progress)
    begun = time.process_time()
    try:
        walk.all()
    except KeyboardInterrupt:
        walk.found.complete = False
    walk.found.seconds = time.process_time() - begun
    return walk.found


class _Walk:
    def __init__(self, simulation: Simulation, faults: int, progress: Callable[[int], None] | None) -> None:
        self._simulation = simulation
        self._endings = Endings(simulation)
        self._progress = progress
        self.found = Walked(simulation.universe.name, faults)

    def all(self) -> None:
        found = self.found
        ahead: list[tuple[State, int, _Choice | None]] = [(self._simulation.first(), found.faults, None)]
        while ahead:
            state, left, before = ahead.pop()
            rest = self._follow(state, left, before, ahead)
            found.histories += 1
            end, wrong = self._endings.end_of(rest)
            found.ends[end] += 1
            if wrong and wrong not in found.findings:
                found.findings[wrong] = self._trace(before, wrong)
            if self._progress is not None and found.histories % 5000 == 0:
                self._progress(found.histories)

    def _follow(
        self, state: State, left: int, before: _Choice | None, ahead: list[tuple[State, int, _Choice | None]]
    ) -> State:
        """Goes on without a fault until rest, and notes every other way out of each state on it."""
        durable, simulation = self.found.durable, self._simulation
        while True:
            if state.idle:
                durable.add(simulation.durable(state))
            options = simulation.fault_next(state) if left else simulation.default_next(state)
            default: Next | None = None
            for following in options:
                self.found.steps += 1
                if following.findings:
                    self._note(before, following)
                if following.cost:
                    ahead.append((following.state, left - 1, _Choice(following.step, before)))
                    self.found.landed[following.landed] += 1
                else:
                    default = following
            if default is None:
                return state
            state, before = default.state, _Choice(default.step, before)

    def _note(self, before: _Choice | None, following: Next) -> None:
        for text in following.findings:
            if text not in self.found.findings:
                self.found.findings[text] = self._trace(_Choice(following.step, before), text)

    def _trace(self, last: _Choice | None, finding: str) -> Trace:
        steps: list[Step] = []
        while last is not None:
            steps.append(last.step)
            last = last.before
        universe, agent = self._simulation.universe.name, self._simulation.agent.name
        return Trace(agent=agent, universe=universe, steps=tuple(reversed(steps)), finding=finding)
