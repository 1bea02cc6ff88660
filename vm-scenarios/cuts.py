"""Every edge of every request at which the power can go while nothing else goes wrong, as traces.

The simulation knows which requests a registration makes, and the steward after it, up to the first look at a registered
node. Before a request takes effect, and after it, while its answer is held: so the power goes while the client waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bootproof.simulation import agents
from bootproof.simulation.machine import INTERRUPTED_AT_ONCE
from bootproof.simulation.steps import Do, Step, Trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universes import UNIVERSES
from msgspec.structs import replace

UNIVERSE = "alone"
CUT = f"power cut {INTERRUPTED_AT_ONCE} (#0)"
"""After the answer was given, and before the program has written anything."""


def at_each_edge(agent: str) -> Mapping[str, Trace]:
    """By name, such as `register-5-answered`, the history that leads to each edge, and the cut."""
    found: dict[str, Trace] = {}
    steps = list(undisturbed(agent))
    command, number = "", 0
    for place, step in enumerate(steps):
        if step.do is Do.RUN:
            command, number = step.what, number if step.what == command else 0
        elif step.do is Do.ANSWER:
            number += 1
            name, before = f"{command}-{number}", steps[:place]
            found[f"{name}-on-its-way"] = _trace(agent, [*before, Step(Do.CUT)])
            found[f"{name}-answered"] = _trace(agent, [*before, replace(step, local=CUT)])
    return found


def undisturbed(agent: str) -> Iterator[Step]:
    """What happens when nothing goes wrong, up to and with the first run in which GitHub does not change."""
    simulation = Simulation(agents.load(agent), UNIVERSES[UNIVERSE])
    state = simulation.first()
    begun = -1
    while (step := simulation.default(state)) is not None:
        if step.step.do is Do.RUN:
            if state.world == begun:
                return
            begun = state.world
        yield step.step
        state = step.state


def _trace(agent: str, steps: list[Step]) -> Trace:
    return Trace(agent=agent, universe=UNIVERSE, steps=tuple(steps))
