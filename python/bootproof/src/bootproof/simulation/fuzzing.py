"""One worker of a campaign."""

from __future__ import annotations

import itertools
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from bootproof.simulation import agents
from bootproof.simulation.kinds import kinds_of
from bootproof.simulation.plans import Broken, broken, plans
from bootproof.simulation.steps import Trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import Universe
from bootproof.simulation.universes import named
from bootproof.simulation.wandering import Plan, Wanderer

ROUND = 500
"""Examples of one universe in a row; about a second, so that a campaign of a minute comes to all of them."""
EVERY = 1.0
"""Seconds between two reports of a worker."""
MAX_PLACES = 40_000
"""Places of the program that one simulation remembers, some 2 kB each with all that belongs to them; then it is
begun anew.  A worker has one simulation for each universe."""


@dataclass(frozen=True)
class Order:
    """What a campaign is to do."""

    agent: str | None
    universes: tuple[str, ...]
    database: Path


@dataclass
class Report:
    """What a worker did in one universe since its last report; `states` in all."""

    worker: int
    universe: str
    histories: int = 0
    states: int = 0
    rows: set[str] = field(default_factory=set)
    landed: Counter[str] = field(default_factory=Counter)
    found: list[Trace] = field(default_factory=list)


class _Stop(BaseException):
    """The time is over.  Hypothesis lets what is no Exception through."""


def work(order: Order, number: int, reports: Any, stop: Any) -> None:
    """What a worker process does until `stop` is set."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    agent = agents.load(order.agent)
    turns = [_Turns(agent, one, number, order, reports, stop) for one in named(agent, order.universes)]
    # Workers begin at different universes, so that a short campaign looks at all of them.
    shift = number * len(turns) // 2 % len(turns)
    with suppress(_Stop):
        for turn, universe in enumerate(itertools.cycle(turns[shift:] + turns[:shift])):
            universe.round(first=turn < len(turns))
    for universe in turns:
        universe.report()


class _Turns:
    """One universe, as one worker goes through it."""

    def __init__(
        self, agent: agents.Agent, universe: Universe, worker: int, order: Order, reports: Any, stop: Any
    ) -> None:
        self._agent, self._universe, self._worker = agent, universe, worker
        self._order, self._reports, self._stop = order, reports, stop
        self._known: set[str] = set()
        self._shortest: dict[str, int] = {}
        """How many steps each finding takes."""
        self._plans: dict[str, Plan] = {}
        self._left = Report(worker, universe.name)
        self._said = 0.0
        self._states = 0
        self._begin()

    def _begin(self) -> None:
        self._wanderer = Wanderer(Simulation(self._agent, self._universe))
        self._counted = 0

    def round(self, *, first: bool) -> None:
        """One call of Hypothesis.  The first one begins with what it learned in earlier campaigns."""
        database = DirectoryBasedExampleDatabase(self._order.database / self._universe.name)
        phases = [Phase.generate, Phase.shrink]
        if first and self._worker == 0:
            phases.insert(0, Phase.reuse)

        @settings(
            max_examples=ROUND,
            database=database,
            derandomize=False,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(plans(kinds_of(self._universe)))
        def history(plan: Plan) -> None:
            self._one(plan)

        # More than one finding comes as a group; all are noted by then.
        with suppress(Broken, ExceptionGroup):
            history()
        for finding in self._shortest.keys() - self._known:
            self._known.add(finding)
            self._note(self._wanderer.shortest(self._plans[finding]))
        self.report()
        if len(self._wanderer.simulation.automaton.places) > MAX_PLACES:
            self._wanderer.simulation.automaton.abandon()
            self._states += self._wanderer.menu.states
            self._begin()

    def _one(self, plan: Plan) -> None:
        if self._stop.is_set():
            raise _Stop
        history = self._wanderer.go(plan)
        self._left.histories += 1
        self._left.landed.update(history.happened)
        if history.findings:
            self._note(plan)
        if time.monotonic() > self._said + EVERY:
            self.report()

    def _note(self, plan: Plan) -> None:
        trace = self._wanderer.trace(self._wanderer.go(plan))
        length = self._shortest.get(trace.finding)
        if length is None or len(trace.steps) < length:
            self._shortest[trace.finding], self._plans[trace.finding] = len(trace.steps), plan
            self._left.found.append(trace)
        if trace.finding not in self._known:
            raise broken(trace)

    def report(self) -> None:
        """Tells the parent what there is to tell."""
        places = self._wanderer.simulation.automaton.places
        for place in places[self._counted :]:
            if place.ended:
                self._left.rows.update(place.effect[2])
        self._counted = len(places)
        self._left.states = self._states + self._wanderer.menu.states
        self._reports.put(self._left)
        self._left = Report(self._worker, self._universe.name)
        self._said = time.monotonic()
