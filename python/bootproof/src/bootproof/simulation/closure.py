"""Every state that can be reached, under any number of crashes and faults, and what was found on the way.

Breadth first, so that the history that leads to a finding is one of the shortest.  States are told apart by what
they hold, not by how they were come to: that is the merging which makes a closure finite, and `retime` says what it
forgets.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bootproof.simulation.ending import End, Endings
from bootproof.simulation.patience import patient_collector
from bootproof.simulation.state import Durable, State, Told, is_fault, told_apart
from bootproof.simulation.steps import Step, Trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import rule_of

Progress = Callable[[int, int], None]
"""Called with the states that were reached and those that are still to be gone through."""


@dataclass
class Explored:
    """What an exploration came to.  `findings` has one shortest history for each distinct finding."""

    universe: str
    states: int = 0
    steps: int = 0
    durable: set[Durable] = field(default_factory=set)
    rows: Counter[str] = field(default_factory=Counter)
    landed: Counter[str] = field(default_factory=Counter)
    ends: Counter[End] = field(default_factory=Counter)
    findings: dict[str, Trace] = field(default_factory=dict)
    expected: dict[str, Trace] = field(default_factory=dict)
    """Of each rule that nobody can keep in this universe: a shortest history that breaks it."""
    seconds: float = 0.0
    complete: bool = True
    """False when it was interrupted or ended at the first finding."""


def explore(
    simulation: Simulation,
    *,
    stop_at: int | None = None,
    progress: Progress | None = None,
) -> Explored:
    """The closure of one universe.  `stop_at` ends it after so many distinct findings."""
    return _Closure(simulation, stop_at, progress).run()


class _Closure:
    def __init__(self, simulation: Simulation, stop_at: int | None, progress: Progress | None) -> None:
        self._simulation = simulation
        self._endings = Endings(simulation)
        self._stop_at = stop_at
        self._progress = progress
        self._faults = simulation.universe.faults
        self._fewest: dict[Told, int] = {}
        """Of each state that was reached: the fewest faults that lead to it."""
        self._from: dict[Told, tuple[Told, Step] | None] = {}
        self._ahead: list[deque[tuple[Told, State]]] = [deque() for _ in range((self._faults or 0) + 1)]
        """The states that are still to be gone through, by the number of faults that led to them."""
        self.found = Explored(simulation.universe.name)

    def run(self) -> Explored:
        begun = time.process_time()
        first = self._simulation.first()
        self._reach(told_apart(first), first, 0, None)
        try:
            with patient_collector():
                self._all()
        except KeyboardInterrupt:
            self.found.complete = False
        self.found.complete &= not any(self._ahead)
        self.found.seconds = time.process_time() - begun
        self._count_rows()
        return self.found

    def _all(self) -> None:
        for faults, ahead in enumerate(self._ahead):
            while ahead and not self._enough():
                key, state = ahead.popleft()
                if faults == self._fewest[key]:
                    self._visit(key, state, faults)

    def _reach(self, key: Told, state: State, faults: int, way: tuple[Told, Step] | None) -> None:
        """Notes a state that has not been reached with so few faults yet; those with fewer are gone through first."""
        self._fewest[key] = faults
        self._from[key] = way
        self._ahead[faults].append((key, state))

    def _enough(self) -> bool:
        return self._stop_at is not None and len(self.found.findings) >= self._stop_at

    def _visit(self, key: Told, state: State, faults: int) -> None:
        found, fewest, most = self.found, self._fewest, self._faults
        found.states += 1
        if self._progress is not None and found.states % 1000 == 1:
            self._progress(found.states, sum(map(len, self._ahead)))
        if state.idle:
            found.durable.add(self._simulation.durable(state))
            self._judge_end(key, state)
        for step, after, findings, landed in self._simulation.outcomes(state):
            paid = faults
            if most is not None and is_fault(step, landed):
                paid += 1
                if paid > most:
                    continue
            found.steps += 1
            if landed:
                found.landed[landed] += 1
            if findings and self._note(key, step, findings):
                continue  # what comes after a broken promise proves nothing
            reached = told_apart(after)
            known = fewest.get(reached)
            if known is None or known > paid:
                self._reach(reached, after, paid, (key, step))

    def _judge_end(self, key: Told, state: State) -> None:
        end, wrong = self._endings.end_of(state)
        self.found.ends[end] += 1
        if wrong and wrong not in self.found.findings:
            self.found.findings[wrong] = self._trace(key, self._endings.way_to(state), wrong)

    def _note(self, key: Told, step: Step, findings: tuple[str, ...]) -> bool:
        """Notes what is wrong with a step; False when that was to be expected here."""
        unexpected = self._simulation.universe.unexpected(findings)
        for text in findings:
            wrong = text in unexpected
            into, name = (self.found.findings, text) if wrong else (self.found.expected, rule_of(text))
            if name not in into:
                into[name] = self._trace(key, (step,), text)
        return bool(unexpected)

    def _trace(self, key: Told, last: tuple[Step, ...], finding: str) -> Trace:
        steps: list[Step] = []
        here = self._from[key]
        while here is not None:
            steps.append(here[1])
            here = self._from[here[0]]
        universe = self._simulation.universe.name
        agent = self._simulation.agent.name
        return Trace(agent=agent, universe=universe, steps=(*reversed(steps), *last), finding=finding)

    def _count_rows(self) -> None:
        for place in self._simulation.automaton.places:
            if place.ended:
                self.found.rows.update(set(place.effect[2]))
