"""Every edge of every request at which the power can go while nothing else goes wrong, as traces.

The simulation knows which requests a registration makes, and the steward after it, up to the first look at a registered
node; and which ones it makes when there is more to do: reopen, repair, switch auto-merge on. Before a request takes
effect, and after it, while its answer is held: so the power goes while the client waits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bootproof.simulation import agents
from bootproof.simulation.machine import INTERRUPTED_AT_ONCE
from bootproof.simulation.people import Act
from bootproof.simulation.state import Next, State
from bootproof.simulation.steps import Do, Step, Trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universes import UNIVERSES
from msgspec.structs import replace

CUT = f"power cut {INTERRUPTED_AT_ONCE} (#0)"
"""After the answer was given, and before the program has written anything."""
READS = ("GET ", "graphql Snapshot", "graphql Survey")
_PULL = re.compile(r"/pulls/[0-9]+")


@dataclass(frozen=True)
class Story:
    """What the steward has to do: by its universe, and by what somebody does once the register unit has run."""

    universe: str
    act: Act | None = None


STORIES = {
    "": Story("alone"),
    "reopened": Story("people", Act.CLOSE),
    "repaired": Story("removed", Act.REMOVE_RECORD),
    "armed": Story("checks"),
}
"""The first is told whole; of the others only the runs that write something, and are not in one before."""


def at_each_edge(agent: str) -> Mapping[str, Trace]:
    """By name, such as `register-5-answered`, the history that leads to each edge, and the cut."""
    found: dict[str, Trace] = {}
    known: set[tuple[str, ...]] = set()
    for name, story in STORIES.items():
        simulation = Simulation(agents.load(agent), UNIVERSES[story.universe])
        steps, numbers = list(history(simulation, story.act)), Counter[str]()
        for run in _runs(steps):
            asks = tuple(kind_of(step) for step in steps[run.start : run.stop] if step.do is Do.ANSWER)
            if asks in known or (name and all(what.startswith(READS) for what in asks)):
                continue
            known.add(asks)
            for place in (place for place in run if steps[place].do is Do.ANSWER):
                command = "-".join(filter(None, (name, steps[run.start].what)))
                numbers[command] += 1
                edge, before = f"{command}-{numbers[command]}", steps[:place]
                found[f"{edge}-on-its-way"] = _trace(agent, story, [*before, Step(Do.CUT)])
                found[f"{edge}-answered"] = _trace(agent, story, [*before, replace(steps[place], local=CUT)])
    return found


def history(simulation: Simulation, act: Act | None, after: int = 1) -> Iterator[Step]:
    """What happens when nothing goes wrong and somebody does this after so many runs, until runs change nothing any
    more, however much time passes."""
    state, runs = simulation.first(), 0
    while (step := simulation.default(state)) is not None:
        if step.step.do is Do.RUN:
            runs += 1
            if act is not None and runs > after and (done := _done(simulation, state, act)):
                step, act = done, None
        yield step.step
        state = step.state


def _done(simulation: Simulation, state: State, act: Act) -> Next | None:
    """Somebody does this, if there is anything to do it to."""
    return next((n for n in simulation.next(state) if n.step == Step(Do.PERSON, act.value)), None)


def kind_of(answer: Step) -> str:
    """A request, whichever pull request it is about."""
    return _PULL.sub("/pulls/N", answer.what)


def _runs(steps: Sequence[Step]) -> Iterator[range]:
    """Where each run stands among the steps, from its beginning to before the next one's."""
    begins = [place for place, step in enumerate(steps) if step.do is Do.RUN]
    return (range(a, b) for a, b in zip(begins, [*begins[1:], len(steps)], strict=True))


def _trace(agent: str, story: Story, steps: list[Step]) -> Trace:
    return Trace(agent=agent, universe=story.universe, steps=tuple(steps))
