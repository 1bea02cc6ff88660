"""Few histories in which every kind of step happens at least once: what another layer is compared by.

From where a history stands, the nearest step of a kind that no history has had yet is looked for, and the history goes
there; when there is none near, or it is long enough, another one is begun.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from bootproof.simulation.closure import merged
from bootproof.simulation.state import Next, State
from bootproof.simulation.steps import Step
from bootproof.simulation.transitions import Simulation

NEAR = 150
"""How many states are looked at for the nearest step of another kind."""


def histories(
    simulation: Simulation, kind: Callable[[Step], object], known: set[object], longest: int
) -> Iterator[tuple[Step, ...]]:
    """Histories of up to `longest` steps and the rest of the run that is then under way; `known` are the kinds that
    need not come again, and grows. A step whose kind is None need not come at all."""
    while True:
        state = simulation.first()
        steps: list[Step] = []
        while len(steps) < longest:
            way = _nearest(simulation, state, kind, known)
            if not way:
                break
            for following in way:
                known.add(kind(following.step))
                steps.append(following.step)
                state = following.state
        if not steps:
            return
        yield tuple(steps)


def _nearest(
    simulation: Simulation, state: State, kind: Callable[[Step], object], known: set[object]
) -> list[Next]:
    """The shortest way to a step of a kind that is not known, that step included; empty when none is near."""
    seen, todo = {merged(state)}, deque[tuple[State, list[Next]]]([(state, [])])
    while todo and len(seen) < NEAR:
        here, way = todo.popleft()
        for following in simulation.next(here):
            found = kind(following.step)
            if found is not None and found not in known and not following.findings:
                return [*way, following]
            if (then := merged(following.state)) not in seen:
                seen.add(then)
                todo.append((following.state, [*way, following]))
    return []
