"""All points of one agent: who is run from which state, in how many places at once, and what was found."""

from __future__ import annotations

import concurrent.futures
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bootproof.progress import note
from bootproof.torture.calls import Call
from bootproof.torture.place import State
from bootproof.torture.points import ERRORS, KILLS, LOSSES, Kind, Point, Recording, effects, kill_points
from bootproof.torture.recipe import Recipe
from bootproof.torture.recording import record
from bootproof.torture.tracer import Leash
from bootproof.torture.trial import Outcome, for_real, from_state
from bootproof.verdict import HarnessError, Landing, Verdict, worst

T = TypeVar("T")
_TOLD_EVERY_SECONDS = 2.0
_WAKE_SECONDS = 0.25


@dataclass(frozen=True)
class Wanted:
    """How thorough a campaign is: `each` kills the agent anew for each point, `lose` adds what was not synced,
    `errors` lets calls fail, `workers` is how many places there are at once."""

    each: bool = False
    lose: bool = False
    errors: bool = False
    workers: int = 1


@dataclass(frozen=True)
class Task:
    """One thing to be run, and the points that it stands for."""

    points: tuple[Point, ...]
    state: State | None


@dataclass(frozen=True)
class Judged:
    """A task that was run. `outcome` is None where the harness failed, and `error` says why."""

    points: tuple[Point, ...]
    outcome: Outcome | None
    error: str = ""

    @property
    def verdict(self) -> Verdict:
        return self.outcome.verdict if self.outcome is not None else Verdict.HARNESS_ERROR


@dataclass(frozen=True)
class Campaign:
    """What was found. `missed` are points without a state; `seconds` are wall-clock, `cpu` those of one core, by the
    agent, the mock and the harness."""

    calls: tuple[Call, ...]
    requests: int
    judged: tuple[Judged, ...]
    missed: tuple[Point, ...]
    tasks: int
    seconds: float
    cpu: float
    kinds: tuple[Kind, ...]
    elsewhere: frozenset[str] = frozenset()

    @property
    def finished(self) -> bool:
        return len(self.judged) == self.tasks

    @property
    def idle(self) -> list[Kind]:
        """The kinds that never landed: nothing is known of them. An agent that syncs nothing has no sync to fail."""
        landed = {
            point.kind
            for one in self.judged
            if one.outcome is not None and one.outcome.landing is Landing.LANDED
            for point in one.points
        }
        return [
            kind for kind in self.kinds if kind not in landed and (kind not in ERRORS or self.aimed(kind))
        ]

    def aimed(self, kind: Kind) -> bool:
        """Whether there was any point of this kind."""
        points = [point for one in self.judged for point in one.points]
        return any(point.kind is kind for point in (*points, *self.missed))

    @property
    def verdict(self) -> Verdict:
        found = [one.verdict for one in self.judged]
        if not self.finished or self.idle:
            found.append(Verdict.HARNESS_ERROR)
        return worst(found)


def tasks_of(recording: Recording, wanted: Wanted) -> tuple[list[Task], list[Point]]:
    """What is to be run, and the points for which there is nothing to run. Points that leave the same files and the
    same GitHub are one task, unless each is wanted for itself."""
    shared: dict[object, list[Point]] = {}
    states: dict[object, State] = {}
    single: list[Task] = []
    missed: list[Point] = []
    for point, state in kill_points(recording):
        if state is None:
            missed.append(point)
        elif wanted.each and point.kind not in LOSSES:
            single.append(Task((point,), None))
        else:
            key = state.tree, effects(state.events)
            shared.setdefault(key, []).append(point)
            states.setdefault(key, state)
    tasks = [Task(tuple(points), states[key]) for key, points in shared.items()] + single
    if wanted.errors:
        tasks += [Task((point,), None) for point in error_points(recording)]
    return tasks, missed


def error_points(recording: Recording) -> Iterator[Point]:
    for kind, (_, meets) in ERRORS.items():
        for number, call in enumerate(recording.calls, 1):
            if call.on_file and call.does in meets:
                yield Point(kind, number, str(call), number)


def run_campaign(recipe: Recipe, wanted: Wanted, told: Callable[[str], None] = note) -> Campaign:
    """Records, runs everything and judges. Ctrl-C ends it early: what was found until then is returned, unfinished.
    Raises HarnessError when there is nothing to begin with."""
    begun, cpu = time.monotonic(), _cpu()
    with tempfile.TemporaryDirectory(prefix="bootproof-torture-") as name, _Pool(wanted.workers) as pool:
        base = Path(name)
        recording = pool.alone(lambda leash: record(recipe, base / "run-begin", leash, lose=wanted.lose))
        tasks, missed = tasks_of(recording, wanted)
        told(f"{len(recording.calls)} calls, {len(tasks)} runs to judge")
        judged = pool.all(recipe, recording, base, tasks, told)
    return Campaign(
        calls=recording.calls,
        requests=sum(event.type == "request" for event in recording.events),
        judged=tuple(judged),
        missed=tuple(missed),
        tasks=len(tasks),
        seconds=time.monotonic() - begun,
        cpu=_cpu() - cpu,
        kinds=(*KILLS, *(LOSSES if wanted.lose else ()), *(ERRORS if wanted.errors else ())),
        elsewhere=recording.elsewhere,
    )


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class _Pool:
    """Threads, one for each place: what costs time are the agent's processes. A tracer has to stay in its thread."""

    def __init__(self, workers: int) -> None:
        self._workers = concurrent.futures.ThreadPoolExecutor(workers, "bootproof-torture")
        self._leashes: set[Leash] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        """Kills what still runs, and waits for the threads that ran it."""
        self._stopped = True
        self._workers.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for leash in self._leashes:
                leash.stop()
        self._workers.shutdown(wait=True)

    def alone(self, work: Callable[[Leash], Recording]) -> Recording:
        (future,) = _ended([self._workers.submit(self._leashed, work)])
        return future.result()

    def all(
        self,
        recipe: Recipe,
        recording: Recording,
        base: Path,
        tasks: Sequence[Task],
        told: Callable[[str], None],
    ) -> list[Judged]:
        judged: dict[int, Judged] = {}
        last = time.monotonic()
        try:
            futures = {
                self._workers.submit(self._judge, recipe, recording, base / f"run-{number:05}", task): number
                for number, task in enumerate(tasks)
            }
            for future in _ended(futures):
                judged[futures[future]] = future.result()
                if time.monotonic() - last > _TOLD_EVERY_SECONDS:
                    last = time.monotonic()
                    told(f"{len(judged)} of {len(tasks)} runs judged, {_broken(judged.values())} violated")
        except KeyboardInterrupt:
            told("stopping")
        return [judged[number] for number in sorted(judged)]

    def _judge(self, recipe: Recipe, recording: Recording, folder: Path, task: Task) -> Judged:
        def work(leash: Leash) -> Outcome:
            if task.state is not None:
                return from_state(recipe, folder, task.state, leash)
            return for_real(recipe, folder, recording, task.points[0], leash)

        try:
            return Judged(task.points, self._leashed(work))
        except (HarnessError, OSError, RuntimeError) as error:
            return Judged(task.points, None, f"{type(error).__name__}: {error}")

    def _leashed(self, work: Callable[[Leash], T]) -> T:
        leash = Leash()
        with self._lock:
            if self._stopped:
                raise HarnessError("stopped")
            self._leashes.add(leash)
        try:
            return work(leash)
        finally:
            with self._lock:
                self._leashes.discard(leash)


def _ended(futures: Iterable[Future[T]]) -> Iterator[Future[T]]:
    """The futures as they end. Wakes up now and then: a Ctrl-C that comes just before the main thread begins to wait
    is noticed only when it wakes."""
    waiting = set(futures)
    while waiting:
        ended, waiting = concurrent.futures.wait(waiting, _WAKE_SECONDS, concurrent.futures.FIRST_COMPLETED)
        yield from ended


def _broken(judged: Iterable[Judged]) -> int:
    return sum(one.verdict is Verdict.VIOLATED for one in judged)
