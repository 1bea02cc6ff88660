"""A random campaign: every core goes through histories of all universes, in turn, until the time is over.

The parent starts the workers, shows where they are, and keeps what they find.  A worker draws histories in rounds,
each of which is one call of Hypothesis and ends when something new is found (and shrunk) or after ROUND examples.
What is known already is not looked for again.  Workers never hear Ctrl-C: the parent tells them to stop, and each
one then ends after the history that it is in.
"""

from __future__ import annotations

import argparse
import hashlib
import queue
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from typing import Any

from bootproof.simulation import agents
from bootproof.simulation.fuzzing import Order, Report, work
from bootproof.simulation.kinds import REBOOT, kinds_of
from bootproof.simulation.plans import described
from bootproof.simulation.steps import Trace, write_trace
from bootproof.simulation.universe import Universe
from bootproof.simulation.universes import named
from bootproof.verdict import HarnessError

EVERY = 10.0
"""Seconds between two lines of progress."""
FIRST = 2.0
"""Seconds to the first one: nobody likes to look at nothing."""
LOOK = 0.2
"""Seconds between two looks at the clock."""
GRACE = 20.0
"""Seconds that a worker gets to end its history; the slowest that was seen took less than one."""
MAY_MISS = frozenset({REBOOT})
"""A reboot is a step of its own only where the boot id matters; every power cut is one as well."""


@dataclass
class Campaign:
    """What all workers together have come to."""

    universes: Mapping[str, Universe]
    rows: tuple[str, ...]
    """All rows of the agent's table."""
    histories: int = 0
    states: dict[tuple[int, str], int] = field(default_factory=dict)
    """By worker and universe: workers go through states of their own, which may be the same."""
    seen: set[str] = field(default_factory=set)
    landed: dict[str, Counter[str]] = field(default_factory=dict)
    found: dict[tuple[str, str], Trace] = field(default_factory=dict)
    """The shortest trace of each universe and finding."""

    def add(self, report: Report) -> None:
        self.histories += report.histories
        self.states[report.worker, report.universe] = report.states
        self.seen |= report.rows & set(self.rows)
        self.landed.setdefault(report.universe, Counter()).update(report.landed)
        for trace in report.found:
            key = (trace.universe, trace.finding)
            if key not in self.found:
                _say(f"found in {trace.universe}: {trace.finding}")
            if key not in self.found or len(trace.steps) < len(self.found[key].steps):
                self.found[key] = trace

    def missing(self) -> dict[str, list[str]]:
        """The kinds of each universe that never happened."""
        missed = {
            name: [
                kind
                for kind in kinds_of(universe)
                if kind not in MAY_MISS and not self.landed.get(name, Counter())[kind]
            ]
            for name, universe in self.universes.items()
            if not universe.may_be_held
        }
        return {name: kinds for name, kinds in missed.items() if kinds}

    def line(self, seconds: float) -> str:
        """Where the campaign is."""
        kinds: Counter[str] = sum(self.landed.values(), Counter())
        landed = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common())
        return (
            f"{seconds:5.0f} s: {self.histories} histories ({self.histories / max(seconds, 1e-3):.0f}/s), "
            f"{sum(self.states.values())} states, {len(self.seen)} of {len(self.rows)} rows, "
            f"{len(self.found)} findings; {landed}"
        )


def command(options: argparse.Namespace) -> int:
    """`bootproof fuzz`; returns its exit status."""
    agent = agents.load(options.agent)
    universes = {universe.name: universe for universe in named(agent, options.universe or ())}
    names = tuple(universes)
    campaign = Campaign(universes, tuple(agent.rows))
    order = Order(options.agent, names, options.database.absolute())
    interrupted = _run(campaign, order, options.workers, options.minutes * 60)
    for trace in campaign.found.values():
        print(described(trace))  # noqa: T201
        print(f"kept as {_keep(trace, options.keep)}")  # noqa: T201
    if interrupted:
        return 1 if campaign.found else 130
    missing = campaign.missing()
    for name, kinds in missing.items():
        _say(f"bootproof: in the universe {name} this never happened: {', '.join(kinds)}")
    return 1 if campaign.found else 2 if missing else 0


def _keep(trace: Trace, folder: Path) -> Path:
    digest = hashlib.sha256(trace.finding.encode()).hexdigest()[:8]
    path = folder / f"{trace.universe}-{digest}.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write_trace(trace))
    return path


def _run(campaign: Campaign, order: Order, number: int, seconds: float) -> bool:
    """Runs the workers to the end of the time.  Returns whether Ctrl-C came before it."""
    context = get_context("spawn")
    reports, stop = context.Queue(), context.Event()
    workers: list[BaseProcess] = [
        context.Process(target=work, args=(order, index, reports, stop), daemon=True)
        for index in range(number)
    ]
    begun = time.monotonic()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as the workers inherit it
    try:
        for worker in workers:
            worker.start()
        # Noted and not raised, so that no report is lost half read.
        interrupted = Event()
        signal.signal(signal.SIGINT, lambda _number, _frame: interrupted.set())
        _follow(campaign, reports, workers, seconds, interrupted)
    finally:
        stop.set()
        _collect(campaign, reports, workers)
        signal.signal(signal.SIGINT, handler)
    _say(campaign.line(time.monotonic() - begun))
    return interrupted.is_set()


def _follow(
    campaign: Campaign, reports: Any, workers: list[BaseProcess], seconds: float, interrupted: Event
) -> None:
    """For so long after the first report: how long Python takes to start is no part of a campaign."""
    begun, end = time.monotonic(), float("inf")
    shown = begun - EVERY + FIRST
    while time.monotonic() < end and not interrupted.is_set():
        try:
            campaign.add(reports.get(timeout=LOOK))
            end = min(end, time.monotonic() + seconds)
        except queue.Empty:
            if any(worker.exitcode not in (None, 0) for worker in workers):
                raise HarnessError("a worker died; its last words are above") from None
        if time.monotonic() > shown + EVERY:
            shown = time.monotonic()
            _say(campaign.line(shown - begun))


def _collect(campaign: Campaign, reports: Any, workers: list[BaseProcess]) -> None:
    """What the workers say last.  Their queue is emptied first: one that is full keeps its worker from ending."""
    end = time.monotonic() + GRACE
    while time.monotonic() < end and any(worker.is_alive() for worker in workers):
        try:
            campaign.add(reports.get(timeout=0.1))
        except queue.Empty:
            continue
    while not reports.empty():
        campaign.add(reports.get())
    for worker in workers:
        worker.terminate()
        worker.join()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
