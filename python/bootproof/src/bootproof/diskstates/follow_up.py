"""What the program makes of a disk that a power cut has left: its next runs, judged by the oracle.

The program that ships is run in one process, as in the exploration (`simulation`): upon the files that were found on
the disk, the machine as it was recorded, and the world that stood at GitHub then. The request that was on its way may
arrive at any time up to Q, or never; somebody may merge or close the pull request; nothing else goes wrong, and the
runs go on until there is rest. Every order of these is gone through. In the end there is one merged pull request, and
the marker says so, or a person has closed it. (Without people GitHub itself would refuse a second one: while the first
is open, and when it was merged by a merge commit.)
"""

from __future__ import annotations

import itertools
import operator
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from mock_github.wire import Request
from msgspec import to_builtins

from bootproof.diskstates.found import Found
from bootproof.diskstates.moments import Moment
from bootproof.diskstates.recording import Recording, Surroundings
from bootproof.oracle_case import Registration
from bootproof.simulation.agents import Agent, Outcome
from bootproof.simulation.automaton import Effect
from bootproof.simulation.closure import explore
from bootproof.simulation.people import Act
from bootproof.simulation.retime import now_of
from bootproof.simulation.state import Late, State, told_apart
from bootproof.simulation.storage import disk_of
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import Universe
from bootproof.verdict import HarnessError

UNIVERSE = Universe(
    "after-a-power-cut",
    "one request may still arrive, up to Q after it was sent, while somebody closes or merges the pull request",
    crashes=False,
    request_faults=frozenset(),
    late=1,
    people={Act.CLOSE: 1, Act.MERGE: 1},
)


class Here:
    """An agent on the machine that was recorded, instead of the one that it names itself."""

    def __init__(self, agent: Agent, registration: Registration, around: Surroundings, still: Found) -> None:
        self._agent, self._registration, self._around = agent, registration, around
        self._files = {**around.files, **still.contents}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    def registration(self) -> Mapping[str, Any]:
        fields: Mapping[str, Any] = to_builtins(self._registration)
        return fields

    def machine(self, token: str) -> Mapping[str, bytes]:
        return self._files

    def output(self, argv: Sequence[str]) -> bytes | None:
        return self._around.printed.get(tuple(argv))

    def run(self, port: Any, command: str) -> Outcome:
        return self._agent.run(port, command)


class _Begun(Simulation):
    """A simulation that begins where the power went."""

    begun: State | None = None

    def first(self) -> State:
        assert self.begun is not None
        return self.begun

    def left(self, found: Found, moment: Moment) -> State:
        """The state that is left, with its times moved to where they can be compared."""
        folder = posixpath.dirname(self.agent.marker)
        own = {path: content for path, content in found.contents.items() if path.startswith(f"{folder}/")}
        folders = frozenset(found.folders) | frozenset(self.agent.folders)
        disk = self.machine.number(disk_of(own, folders))
        world = self.hub.number(moment.world)
        late: tuple[Late, ...] = ()
        if moment.asked is not None:
            effect = self.hub.effect_number(_effect(moment.asked))
            late = (Late(effect, now_of(self.hub.worlds[world])),)
        left = tuple(self.universe.people.values())
        return self.passing.settled(State((self._actors.of(disk),), world, world, late, left), 0.0)


@dataclass
class FollowUp:
    """Judges each distinct state once. `starts` is how many there were, `under_way` those of them with a request on its
    way, `steps` how many steps they led to."""

    agent: Agent
    moments: Sequence[Moment]
    starts: int = 0
    under_way: int = 0
    steps: int = 0
    _known: dict[object, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._simulation = _Begun(self.agent, UNIVERSE)
        hub, judge = self._simulation.hub, self._simulation.judge
        # Nobody forgets: what a marker claims was true when it was written.
        facts = [judge.facts(hub.number(moment.world)) for moment in self.moments]
        self._facts = list(itertools.accumulate(facts, operator.or_))

    @classmethod
    def of(cls, recording: Recording, agent: Agent) -> Self:
        """Of this agent on the machine that was recorded, as it was set up."""
        here = Here(agent, recording.registration, recording.around, recording.disk.set_up)
        return cls(here, recording.moments)

    def judge(self, found: Found, begins: int, ends: int) -> tuple[str, ...]:
        """What is wrong with a disk on which this was found when the log was between so long and so long: one line
        for each broken promise. Raises HarnessError when nobody knows how GitHub was then."""
        wrong: dict[str, None] = {}
        looked = 0
        for number, moment in enumerate(self.moments):
            if moment.begins < ends and moment.ends >= begins:
                looked += 1
                wrong |= dict.fromkeys((*self._claims(found, number), *self._followed(found, moment)))
        if not looked:
            raise HarnessError(f"nobody looked at GitHub while the log was {begins} to {ends} bytes long")
        return tuple(wrong)

    def _followed(self, found: Found, moment: Moment) -> tuple[str, ...]:
        simulation = self._simulation
        state = simulation.left(found, moment)
        key = told_apart(state)
        known = self._known.get(key)
        if known is None:
            self.starts += 1
            self.under_way += moment.asked is not None
            simulation.begun = state
            explored = explore(simulation)
            if not explored.complete:
                raise KeyboardInterrupt
            self.steps += explored.steps
            known = self._known[key] = tuple(explored.findings)
        return known

    def _claims(self, found: Found, number: int) -> tuple[str, ...]:
        marker = found.contents.get(self.agent.marker)
        wrong = self._simulation.judge.untrue_marker(marker, self._facts[number]) if marker else ""
        return (wrong,) if wrong else ()


def _effect(request: Request) -> Effect:
    query = f"?{request.query}" if request.query else ""
    return ("github", request.method, f"https://github{request.path}{query}", request.headers, request.body)
