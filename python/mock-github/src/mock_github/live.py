"""A world that lives: the one mutable place, behind one lock, with its event log, faults and held answers."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mock_github import pulls
from mock_github.access import without_repositories
from mock_github.change import Change
from mock_github.events import Event
from mock_github.faults import Armed, BadCertificate, Fault, FaultKind
from mock_github.gates import Gate
from mock_github.holds import Hold
from mock_github.step import Arrival, arrive, depart, perform
from mock_github.wire import Request, Response
from mock_github.world import World

T = TypeVar("T")
Clock = Callable[[], float]
_HISTORY = 64


class Live:
    """`clock` gives seconds since 1970 and is asked once for each thing that happens."""

    def __init__(self, world: World, *, clock: Clock | None = None, event_log: Path | None = None) -> None:
        self.world = world
        self.events: list[Event] = []
        self.holds: list[Hold] = []
        self.gates: list[Gate] = []
        self._armed: list[Armed] = []
        self._past: deque[World] = deque(maxlen=_HISTORY)
        self._clock = clock or time.time
        self._changed = threading.Condition(threading.RLock())
        self._log = event_log.open("ab") if event_log else None

    def arrive(self, request: Request) -> Arrival:
        with self._changed:
            self._tick()
            self.world, arrival, event = arrive(self.world, request)
            self._record(event)
            return arrival

    def perform(self, arrival: Arrival) -> Response:
        """Lets a request take effect, now."""
        with self._changed:
            self._tick()
            before = self.world
            self.world, response, events = perform(before, arrival)
            if events:
                self._past.append(before)
            self._record(*events)
            return response

    def perform_stale(self, arrival: Arrival, writes: int) -> Response:
        """Answers from the state as it was before the last `writes` effects; changes nothing."""
        with self._changed:
            self._tick()
            old = self._past[max(0, len(self._past) - writes)] if self._past else self.world
            return perform(old.at(self.world.now), arrival)[1]

    def perform_blind(self, arrival: Arrival) -> Response:
        """Answers as if the token had been granted no repository; changes nothing."""
        with self._changed:
            self._tick()
            return perform(without_repositories(self.world, arrival.request), arrival)[1]

    def depart(
        self, arrival: Arrival, status: int | None, *, delivered: bool, fault: FaultKind | None
    ) -> None:
        with self._changed:
            self._tick()
            name = fault.value if fault else None
            self.world, event = depart(self.world, arrival, status, delivered=delivered, fault=name)
            self._record(event)

    def act(self, deed: Callable[[Change], T]) -> T:
        """Something that a person does, beside all requests."""
        with self._changed:
            self._tick()
            before = self.world
            change = Change(before)
            result = deed(change)
            pulls.settle(change)
            self.world = change.world
            if change.events:
                self._past.append(before)
            self._record(*change.events)
            return result

    def arm(self, fault: Fault) -> None:
        with self._changed:
            self._armed.append(Armed(fault))

    def fault_for(self, arrival: Arrival) -> Fault | None:
        """The first armed fault that this request meets; it is logged as landed."""
        with self._changed:
            for armed in self._armed:
                if armed.meets(arrival) and armed.takes():
                    self._note("fault-landed", armed.fault, arrival.id)
                    return armed.fault
            return None

    def wrong_certificate(self) -> BadCertificate | None:
        """What is to be wrong with the certificate that the connection which is being made is shown."""
        with self._changed:
            for armed in self._armed:
                if armed.fault.kind is FaultKind.WRONG_CERTIFICATE and armed.takes():
                    self._note("fault-landed", armed.fault, None)
                    return armed.fault.certificate
            return None

    def add_hold(self, hold: Hold) -> None:
        with self._changed:
            self.holds.append(hold)

    def hold_for(self, arrival: Arrival) -> Hold | None:
        with self._changed:
            return next((hold for hold in self.holds if hold.takes(arrival)), None)

    def add_gate(self, gate: Gate) -> None:
        with self._changed:
            self.gates.append(gate)

    def gate_for(self, arrival: Arrival) -> Gate | None:
        with self._changed:
            return next((gate for gate in self.gates if gate.stops(arrival)), None)

    def landed(self, fault: Fault, arrival: Arrival) -> None:
        """Logs that this fault met this request."""
        with self._changed:
            self._note("fault-landed", fault, arrival.id)

    def wait_for(self, predicate: Callable[[Event], bool], timeout: float) -> Event:
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for event in self.events[seen:]:
                    if predicate(event):
                        return event
                seen = len(self.events)
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    last = self.events[-1].as_line().decode().strip() if self.events else "none"
                    raise TimeoutError(f"no such event within {timeout} s; {seen} events, the last: {last}")

    def close(self) -> None:
        """Logs the faults that met nobody, and closes the log."""
        with self._changed:
            for armed in self._armed:
                if armed.used < armed.fault.times:
                    self._note("fault-missed", armed.fault, None)
            self._armed.clear()
            if self._log:
                self._log.close()
                self._log = None

    def _tick(self) -> None:
        self.world = self.world.at(round(self._clock() * 1000))

    def _note(self, type_: str, fault: Fault, request: str | None) -> None:
        change = Change(self.world, request)
        change.emit(type_, by=None, fault=fault.kind.value)
        self.world = change.world
        self._record(*change.events)

    def _record(self, *events: Event) -> None:
        self.events.extend(events)
        if self._log:
            self._log.writelines(event.as_line() for event in events)
            self._log.flush()
        self._changed.notify_all()
