"""What comes after a kill: the program is run again until it is content, and the oracle judges the whole."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mock_github.events import Event
from mock_github.faults import Fault, FaultKind, Match

from bootproof.leaks import no_leak, search_files
from bootproof.oracle import Case, as_events, judge, verdict_of
from bootproof.timeline import MachineKind, Timeline
from bootproof.torture.calls import Call
from bootproof.torture.disk import Tree
from bootproof.torture.place import Place, State, place, run
from bootproof.torture.points import ERRORS, Kind, Point, Recording
from bootproof.torture.recipe import Recipe
from bootproof.torture.tracer import Ended, Leash, Order, trace
from bootproof.verdict import Finding, Landing, RuleResult, Verdict

_TOLD_LINES = 8


@dataclass(frozen=True)
class Outcome:
    """What became of one state or one broken run. `output` is the end of what the agent said, `runs` how often the
    program was run again."""

    landing: Landing
    results: tuple[RuleResult, ...]
    runs: int
    seconds: float
    output: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.results)

    @property
    def broken(self) -> list[str]:
        """One line for each broken promise, and for each rule that could not be judged."""
        found = [f"{result.rule}: {finding}" for result in self.results for finding in result.findings]
        return found + [f"{r.rule}: not judged: {r.error}" for r in self.results if r.error is not None]


def from_state(recipe: Recipe, folder: Path, state: State, leash: Leash) -> Outcome:
    """Runs the program again from what a kill left, and judges."""
    timeline, begun = _begun(recipe), time.monotonic()
    timeline.record(MachineKind.CUT, landing=Landing.LANDED, after_seq=len(state.events))
    with place(recipe, folder, state, leash) as here:
        return _rest(here, timeline, Landing.LANDED, begun)


def for_real(recipe: Recipe, folder: Path, recording: Recording, point: Point, leash: Leash) -> Outcome:
    """Runs the agent from the beginning, kills it at the point or lets its calls fail from there, runs it again in the
    same place, and judges."""
    timeline, begun = _begun(recipe), time.monotonic()
    with place(recipe, folder, State(Tree(), recipe.world), leash) as here:
        if point.kind is Kind.REQUEST_SENT:
            here.server.add_fault(Fault(kind=FaultKind.DROP_BEFORE, match=Match(nth=point.number)))
        breaker = _Breaker(here, recording, point)
        end = trace(here.program(recipe.command), breaker.visit, recipe.limit, leash)
        landing = breaker.landed(end.how)
        if point.kind not in ERRORS:
            timeline.record(MachineKind.CUT, landing=landing, after_seq=len(here.events()))
        stuck = _hung(recipe, "the run that was broken") if end.how is Ended.TIME_UP else None
        return _rest(here, timeline, landing, begun, stuck)


class _Breaker:
    """Counts calls and does to one of them what the point says."""

    def __init__(self, here: Place, recording: Recording, point: Point) -> None:
        self._here, self._recording, self._point = here, recording, point
        self._count = 0
        self._reached = False

    def visit(self, call: Call) -> Order | int:
        self._count += 1
        if self._count == self._point.call:
            self._reached = str(call) == str(self._recording.calls[self._count - 1])
        if not self._reached:
            return Order.GO
        if self._point.kind in ERRORS:
            error, meets = ERRORS[self._point.kind]
            now = self._count == self._point.call or self._point.kind is not Kind.EIO
            return error if now and call.on_file and call.does in meets else Order.GO
        return self._kill()

    def _kill(self) -> Order:
        if self._point.kind is Kind.ANSWER_DELIVERED:
            return Order.KILL_BEFORE if self._count > self._point.call else Order.GO
        return Order.KILL_BEFORE if self._point.kind is Kind.BEFORE_CALL else Order.KILL_AFTER

    def landed(self, end: Ended) -> Landing:
        """Whether the point was reached, and what it was aimed at was in the state that it should be."""
        kind, number = self._point.kind, self._point.number

        def there(events: Iterable[Event]) -> bool:
            types = [event.type for event in events]
            if kind is Kind.REQUEST_SENT:
                return "fault-landed" in types
            return kind not in (Kind.ANSWER_LOST, Kind.ANSWER_DELIVERED) or types.count("response") >= number

        self._here.settle(there, limit=1.0)
        reached = self._reached and (kind in ERRORS or end is Ended.KILLED)
        return Landing.LANDED if reached and there(self._here.server.events()) else Landing.TOO_LATE


def _begun(recipe: Recipe) -> Timeline:
    timeline = Timeline()
    if not recipe.case.before.installed:
        timeline.record(MachineKind.INSTALL_FINISHED, after_seq=0)
    timeline.record(MachineKind.POWER_ON, after_seq=0)
    timeline.record(MachineKind.BOOT, boot_id="run-1", after_seq=0)
    return timeline


def _rest(
    here: Place, timeline: Timeline, landing: Landing, begun: float, stuck: str | None = None
) -> Outcome:
    recipe, number = here.recipe, 0
    status: int | None = None
    while stuck is None and status != 0 and number < recipe.reruns:
        if number:
            here.ahead += recipe.skip
        here.leash.pause(recipe.pause if number else 0)
        number += 1
        last = len(here.events())
        timeline.record(MachineKind.POWER_ON, after_seq=last)
        timeline.record(MachineKind.BOOT, boot_id=f"run-{number + 1}", after_seq=last)
        status = 0
        for words in recipe.then:
            end = run(here.program(words), recipe.limit, here.leash)
            if end.how is Ended.TIME_UP:
                stuck = _hung(recipe, f"run {number} after it")
                break
            status = status or end.status
    if stuck is None and status != 0:
        stuck = f"it did not come to rest in {number} runs; the last ended with {status}"
    return _judged(here, timeline, landing, number, begun, stuck)


def _hung(recipe: Recipe, which: str) -> str:
    return f"{which} did not end within {recipe.limit:g} s and was killed"


def _judged(
    here: Place, timeline: Timeline, landing: Landing, runs: int, begun: float, stuck: str | None
) -> Outcome:
    here.settle()
    events = as_events(here.events())
    asked = here.recipe.case
    case = Case(events, timeline.events, asked.registration, asked.expect, asked.before)
    rest = RuleResult("comes-to-rest", runs, (Finding(stuck),) if stuck else ())
    leak = no_leak(search_files([here.output], here.recipe.token.encode())) if here.output.exists() else None
    results = (*judge(case), rest, *([leak] if leak else []))
    text = here.output.read_text(errors="replace") if here.output.exists() else ""
    lines = [line for line in text.splitlines() if line.strip()]
    return Outcome(landing, results, runs, time.monotonic() - begun, tuple(lines[-_TOLD_LINES:]))
