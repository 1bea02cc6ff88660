"""One long history: the default steps, and now and then something that goes otherwise.

A history is drawn as a list of detours, each of them three small numbers: after how many default steps, which kind
of thing, and which of its steps.  A detour that is left out leaves the default step in its place, so a list that is
made shorter is a simpler history: that is what shrinking does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bootproof.simulation.ending import Endings
from bootproof.simulation.kinds import Kind, Menu, kinds_in, woken
from bootproof.simulation.state import Next, State
from bootproof.simulation.steps import Step, Trace
from bootproof.simulation.transitions import Simulation

MAX_STEPS = 60
"""Steps of a history before all faults end; what comes then is judged by the ending."""
MAX_GAP = 10
"""Default steps between two detours: more than a run of a typical program has requests."""
PATIENCE = 12
"""Default steps in which a detour must become possible; two runs of a typical program."""

LIVENESS = "liveness: "
"""What a finding begins with that is about where a history comes to rest."""


class Detour(NamedTuple):
    """`gap` default steps, and as many more (within PATIENCE) as it takes until `kind` can happen; then the step
    number `pick` (counted round) of those in which it happens: together with `also`, where that is possible."""

    gap: int
    kind: Kind
    also: Kind | None = None
    pick: int = 0


Plan = Sequence[Detour]


@dataclass
class History:
    """What came of one plan."""

    steps: list[Step] = field(default_factory=list)
    happened: frozenset[Kind] = frozenset()
    """What went otherwise."""
    findings: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether faults have ended, or a promise is broken; what comes after that proves nothing."""
        return bool(self.findings) or len(self.steps) >= MAX_STEPS


@dataclass
class Wanderer:
    """Goes through histories of one simulation, one after the other."""

    simulation: Simulation
    menus: type[Menu] = Menu
    """What can be chosen; a menu may leave things out."""

    def __post_init__(self) -> None:
        self.menu = self.menus(self.simulation)
        self._endings = Endings(self.menu.quiet)

    def go(self, plan: Plan) -> History:
        """The history of this plan, to its first finding or to its end."""
        history = History()
        state = self.simulation.first()
        for detour in plan:
            state = self._detour(self._on(state, detour.gap, history), detour, history)
            if history.over:
                break
        if not history.findings:
            self._end(woken(state), history)
        return history

    def shortest(self, plan: Plan) -> Plan:
        """A plan that comes to the same finding by fewer detours, then by fewer steps.

        Hypothesis changes one thing at a time; a detour that can only go when another one comes elsewhere stays.
        """
        best, history = plan, self.go(plan)
        finding, size = history.findings[:1], (len(plan), len(history.steps))
        for candidate in _neighbours(plan):
            history = self.go(candidate)
            if history.findings[:1] == finding and (len(candidate), len(history.steps)) < size:
                best, size = candidate, (len(candidate), len(history.steps))
        return best if best == plan else self.shortest(best)

    def _end(self, state: State, history: History) -> None:
        """Faults have ended.  A promise that is broken only now is shown with the steps that lead there."""
        _, wrong = self._endings.end_of(state)
        if wrong and not wrong.startswith(LIVENESS):
            while not history.findings:
                state = self._taken(state, self._default(state), history)
        history.findings = (wrong,) if wrong else ()

    def trace(self, history: History) -> Trace:
        """The history, to be kept and replayed."""
        return Trace(
            agent=self.simulation.agent.name,
            universe=self.simulation.universe.name,
            steps=tuple(history.steps),
            finding=history.findings[0] if history.findings else "",
        )

    def _on(self, state: State, steps: int, history: History) -> State:
        """So many default steps on."""
        for _ in range(steps):
            if history.over:
                break
            state = self._taken(state, self._default(state), history)
        return state

    def _detour(self, state: State, detour: Detour, history: History) -> State:
        """Where a detour leads; to this state when what it is about does not become possible soon."""
        ahead = state
        for distance in range(PATIENCE):
            choices = () if history.over else self._choices(ahead, detour)
            if choices:
                state = self._on(state, distance, history)
                if history.over:
                    return state
                return self._taken(state, choices[detour.pick % len(choices)], history)
            ahead = self._default(ahead).state
        return state

    def _default(self, state: State) -> Next:
        found = self.menu.default(state)
        if found is None:
            found = self.menu.default(woken(state))
        assert found is not None, "the first run after a rest is always possible"
        return found

    def _taken(self, state: State, following: Next, history: History) -> State:
        default = self._default(state)
        history.happened |= kinds_in(following.step, default.step)
        history.steps.append(following.step)
        history.findings = self.simulation.universe.unexpected(following.findings)
        return following.state

    def _choices(self, state: State, detour: Detour) -> tuple[Next, ...]:
        if detour.also is not None:
            both = self.menu.steps(state, frozenset({detour.kind, detour.also}))
            if both:
                return both
        return self.menu.steps(state, frozenset({detour.kind}))


def _neighbours(plan: Plan) -> Iterator[Plan]:
    """The plan with any one detour left out or not, and any other one elsewhere."""
    for out in range(len(plan) + 1):
        left = [*plan[:out], *plan[out + 1 :]]
        yield left
        for moved, detour in enumerate(left):
            for gap in range(MAX_GAP + 1):
                yield [*left[:moved], detour._replace(gap=gap), *left[moved + 1 :]]
