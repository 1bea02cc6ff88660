"""What a fuzz run does beside its machines: it draws schedules, plays them, and looks into what fails.

The actors: the *scheduler* draws from the simulation, a number at a time; *play* goes through a trace on a machine, and
returns the row that the oracle made of it; the *fuzzer*, this module, is between them.

1. Schedule `n` of a seed is the same in every run and every worker. It is played.
2. A promise was broken: the trace is kept. Where the simulation finds something wrong with it too, the history is
   shrunk there, and the short one is played once, however late it is; its row says whether that confirms it.
3. A failure that the simulation does not show, or a machine that does other things than the simulation says, is told
   with the trace that was kept, and is not shrunk.
4. A finding that was shrunk once in this run, by whichever worker, is not shrunk again.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import itertools
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import agent
import planted
from bootproof.simulation import agents
from bootproof.simulation.scheduling import Schedule
from bootproof.simulation.steps import Trace, means_of, write_trace
from bootproof.simulation.universe import rule_of
from bootproof.verdict import Landing, Row, Verdict, count_landings
from msgspec.structs import replace

ON_MACHINES = {"liveness": ("final-state: ", "it comes to rest, ")}
"""What a rule of the simulation is called on machines, where that is not its name."""
Play = Callable[[str, Trace], Row]
"""Plays a trace on a machine, under this name."""


class Scheduler(Protocol):
    """As in `bootproof.simulation.scheduling`."""

    def draw(self, number: int) -> Iterator[Schedule]: ...
    def finding(self, trace: Trace) -> str: ...
    def shrunk(self, schedule: Schedule) -> Trace: ...


@dataclass(frozen=True)
class Kept:
    """Where traces are kept, and which findings were shrunk, by the workers of one run together."""

    traces: Path
    shrunk: Path

    def keep(self, trace: Trace, name: str) -> Path:
        """Its file."""
        self.traces.mkdir(parents=True, exist_ok=True)
        path = self.traces / f"{name}.json"
        path.write_bytes(write_trace(trace))
        return path

    def first(self, finding: str) -> bool:
        """Whether nobody has shrunk this finding before."""
        self.shrunk.mkdir(parents=True, exist_ok=True)
        try:
            (self.shrunk / _digest(finding)).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class Fuzzer:
    """Plays the schedules of one seed."""

    def __init__(self, scheduler: Scheduler, seed: int, play: Play, kept: Kept) -> None:
        self._scheduler, self._seed, self._play, self._kept = scheduler, seed, play, kept
        self._schedules = scheduler.draw(seed)
        self._drawn: list[Schedule] = []

    def schedule(self, number: int) -> Schedule:
        """The schedule of this number, which counts from 1."""
        self._drawn += itertools.islice(self._schedules, max(0, number - len(self._drawn)))
        return self._drawn[number - 1]

    def rows(self, number: int) -> Iterator[Row]:
        """Plays one schedule, and where it comes to a finding, the short history of it."""
        schedule, name = self.schedule(number), f"{self._seed}-{number}"
        row = self._play(f"fuzz[{name}]", schedule.trace)
        if row.verdict in (Verdict.HOLDS, Verdict.SKIPPED):
            yield row
            return
        path = self._kept.keep(replace(schedule.trace, finding=_said(row)), f"machine-{name}")
        row = _with(row, f"trace: {path}")
        finding = self._scheduler.finding(schedule.trace)
        if not finding:
            yield _with(row, "the simulation shows nothing of it")
        elif row.verdict is not Verdict.VIOLATED:
            yield _with(row, f"the simulation finds: {finding}")
        elif not self._kept.first(finding):
            yield _with(row, f"the simulation finds what was shrunk before: {finding}")
        else:
            yield _with(row, f"the simulation finds: {finding}")
            yield self._confirmed(schedule, name)

    def _confirmed(self, schedule: Schedule, name: str) -> Row:
        """The row of the short history."""
        begun = time.monotonic()
        short = self._scheduler.shrunk(schedule)
        seconds = time.monotonic() - begun
        path = self._kept.keep(short, f"machine-{name}-shrunk")
        row = self._play(f"fuzz/shrunk[{name}]", short)
        word = _confirmed(row, short.finding)
        sizes = f"from {_size(schedule.trace)} to {_size(short)}"
        return _with(row, f"{word}; shrunk in {seconds:.1f} s {sizes}: {path}")


def _with(row: Row, text: str) -> Row:
    return replace(row, reason=f"{row.reason}; {text}" if row.reason else text)


def _size(trace: Trace) -> str:
    stopped = sum(bool(means_of(step)) for step in trace.steps)
    return f"{len(trace.steps)} steps ({stopped} interrupted)"


def _confirmed(row: Row, finding: str) -> str:
    """Whether a machine shows what the simulation found, in words; that it breaks something else is no proof of it."""
    if row.verdict is Verdict.HOLDS:
        return "NOT CONFIRMED, it holds on the machine"
    if row.verdict is not Verdict.VIOLATED:
        return "not confirmed, it was not judged"
    rule = rule_of(finding)
    found = " ".join([*_findings(row), row.reason])
    alike = any(word in found for word in (f"{rule}: ", *ON_MACHINES.get(rule, ())))
    return "confirmed" if alike else f"NOT CONFIRMED, this is not what the simulation finds ({finding})"


def _said(row: Row) -> str:
    """What was wrong, for the trace."""
    return next(iter(_findings(row)), row.reason or row.verdict.value)


def _findings(row: Row) -> list[str]:
    return [f"{rule.rule}: {one.text}" for rule in row.rules for one in rule.findings]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def simulated(bug: str, folder: Path) -> agents.Agent:
    """The agent of the simulation: the code that is on the machine, with the same bug in it."""
    if bug:
        planted_bug = planted.BUGS[bug]
        copy = Path(shutil.copytree(agent.SOURCE / "src", folder / "simulated"))
        path = copy / "zeta_self_register" / Path(planted_bug.file).relative_to(planted.CODE)
        path.write_text(planted.changed(path.read_text(), planted_bug))
        for name in [one for one in sys.modules if one.partition(".")[0] == "zeta_self_register"]:
            del sys.modules[name]
        sys.path.insert(0, str(copy))
        importlib.invalidate_caches()
    return agents.load(None)


@dataclass
class Budget:
    """The time of one worker, from its first schedule on."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    over: bool = False
    """Whether nothing is to be begun any more, whatever the time."""
    _first: float | None = None
    _taken: list[float] = field(default_factory=list)

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """What is done meanwhile is one schedule."""
        begun = self.clock()
        if self._first is None:
            self._first = begun
        try:
            yield
        finally:
            self._taken.append(self.clock() - begun)

    @property
    def room(self) -> bool:
        """Whether one more ends in time, if it takes as long as they did in the mean."""
        if self.over or self._first is None:
            return not self.over
        mean = sum(self._taken) / max(1, len(self._taken))
        return self.clock() - self._first + mean <= self.seconds


@dataclass
class Tally:
    """What all workers have come to; `seed` and `minutes` are those that were asked for."""

    seed: int
    minutes: float
    clock: Callable[[], float] = time.monotonic
    _rows: list[Row] = field(default_factory=list)
    _first: float | None = None
    """When the first schedule began, as far as it can be told from when it was over."""

    def add(self, rows: Sequence[Row]) -> None:
        """What one schedule came to."""
        if self._first is None:
            self._first = self.clock() - sum(row.seconds for row in rows)
        self._rows += rows

    def __str__(self) -> str:
        seconds = 0.0 if self._first is None else self.clock() - self._first
        drawn = [row for row in self._rows if row.scenario.startswith("fuzz[")]
        verdicts = Counter(row.verdict.value for row in drawn)
        landings = count_landings(one for row in self._rows for one in row.interruptions).values()
        landed, late = (sum(counts[landing] for counts in landings) for landing in Landing)
        rate = len(drawn) / seconds * 60 if seconds else 0.0
        came = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items()) or "none yet"
        return (
            f"seed {self.seed}, {seconds / 60:.1f} of {self.minutes:g} min: {len(drawn)} schedules "
            f"({rate:.1f} a minute), {came}; interruptions: {landed} landed, {late} too late; "
            f"{sum(row.boots for row in self._rows)} boots"
        )
