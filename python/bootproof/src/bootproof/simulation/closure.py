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
from bootproof.simulation.state import Actor, Durable, Next, State
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


def merged(state: State) -> State:
    """What is told apart: everything but whose turn it would be if nothing went wrong, and which of two machines of
    the same identity is which."""
    actors = tuple(actor._replace(fresh=False) for actor in state.actors)
    if len(actors) > 1:
        actors = tuple(sorted(actors, key=_order))
    return state._replace(actors=actors, calm=0)


def _order(actor: Actor) -> tuple[int, int, list[tuple[str, int]]]:
    return actor.disk, actor.place, sorted(actor.facts)


class _Closure:
    def __init__(self, simulation: Simulation, stop_at: int | None, progress: Progress | None) -> None:
        self._simulation = simulation
        self._endings = Endings(simulation)
        self._stop_at = stop_at
        self._progress = progress
        self._faults = simulation.universe.faults
        self._fewest: dict[State, int] = {}
        """Of each state that was reached: the fewest faults that lead to it, where they are limited."""
        self._from: dict[State, tuple[State, Step] | None] = {}
        self._ahead: list[deque[State]] = [deque() for _ in range((self._faults or 0) + 1)]
        """The states that are still to be gone through, by the number of faults that led to them."""
        self.found = Explored(simulation.universe.name)

    def run(self) -> Explored:
        begun = time.process_time()
        self._reach(self._simulation.first(), 0, None)
        try:
            for faults, ahead in enumerate(self._ahead):
                while ahead and not self._enough():
                    self._go_through(ahead.popleft(), faults)
        except KeyboardInterrupt:
            self.found.complete = False
        self.found.complete &= not any(self._ahead)
        self.found.seconds = time.process_time() - begun
        self._count_rows()
        return self.found

    def _reach(self, state: State, faults: int, way: tuple[State, Step] | None) -> None:
        """Notes a state that has not been reached with so few faults yet; those with fewer are gone through first."""
        known = self._fewest.get(key := merged(state))
        if known is not None and known <= faults:
            return
        self._fewest[key] = faults
        self._from[state] = way
        self._ahead[faults].append(state)

    def _go_through(self, state: State, faults: int) -> None:
        if faults > self._fewest[merged(state)]:
            return
        if self._progress is not None and self.found.states % 500 == 0:
            self._progress(self.found.states, sum(map(len, self._ahead)))
        self._visit(state, faults)

    def _enough(self) -> bool:
        return self._stop_at is not None and len(self.found.findings) >= self._stop_at

    def _visit(self, state: State, faults: int) -> None:
        found = self.found
        found.states += 1
        if state.idle:
            found.durable.add(self._simulation.durable(state))
            self._judge_end(state)
        for following in self._simulation.next(state):
            paid = faults + (1 if self._faults is not None and following.fault else 0)
            if self._faults is not None and paid > self._faults:
                continue
            found.steps += 1
            if following.landed:
                found.landed[following.landed] += 1
            if following.findings and self._note(state, following):
                continue  # what comes after a broken promise proves nothing
            self._reach(following.state, paid, (state, following.step))

    def _judge_end(self, state: State) -> None:
        end, wrong = self._endings.end_of(state)
        self.found.ends[end] += 1
        if wrong and wrong not in self.found.findings:
            self.found.findings[wrong] = self._trace(state, self._endings.way_to(state), wrong)

    def _note(self, state: State, following: Next) -> bool:
        """Notes what is wrong with a step; False when that was to be expected here."""
        unexpected = self._simulation.universe.unexpected(following.findings)
        for text in following.findings:
            wrong = text in unexpected
            into, key = (self.found.findings, text) if wrong else (self.found.expected, rule_of(text))
            if key not in into:
                into[key] = self._trace(state, (following.step,), text)
        return bool(unexpected)

    def _trace(self, state: State, last: tuple[Step, ...], finding: str) -> Trace:
        steps: list[Step] = []
        here = self._from[state]
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
