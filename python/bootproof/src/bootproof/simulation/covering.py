"""Few histories in which every kind of thing happens at least once: what another layer is compared by.

From where a history stands, the nearest step with a kind that no history has had yet is looked for, and the history
goes there; when there is none near, or it is long enough, another one is begun.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from bootproof.simulation.state import Next, State, told_apart
from bootproof.simulation.steps import Step
from bootproof.simulation.transitions import Simulation

NEAR = 150
"""How many states are looked at for the nearest step with another kind."""

Kinds = Callable[[Step], Iterable[object]]
"""What happens in a step, as far as it is told apart."""


def histories(
    simulation: Simulation, kinds: Kinds, known: set[object], longest: int
) -> Iterator[tuple[Step, ...]]:
    """Histories that end when they have `longest` steps or a few more; `known` are the kinds that need not come again,
    and grows."""
    while True:
        state = simulation.first()
        steps: list[Step] = []
        while len(steps) < longest:
            way = _nearest(simulation, state, kinds, known)
            if not way:
                break
            for following in way:
                known.update(kinds(following.step))
                steps.append(following.step)
                state = following.state
        if not steps:
            return
        yield tuple(steps)


def _nearest(simulation: Simulation, state: State, kinds: Kinds, known: set[object]) -> list[Next]:
    """The shortest way to a step with a kind that is not known, that step included; empty when none is near."""
    seen, todo = {told_apart(state)}, deque[tuple[State, list[Next]]]([(state, [])])
    while todo and len(seen) < NEAR:
        here, way = todo.popleft()
        for following in simulation.next(here):
            if not known.issuperset(kinds(following.step)) and not following.findings:
                return [*way, following]
            if (then := told_apart(following.state)) not in seen:
                seen.add(then)
                todo.append((following.state, [*way, following]))
    return []
