"""The real server that the programs meet: each of their requests waits at a gate until the trace says what becomes of
it; people act by requests of their own, and late requests are kept until they arrive."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mock_github import wire
from mock_github.faults import Fault, FaultKind, Match
from mock_github.gates import Gate, Waiting
from mock_github.server import MockServer
from mock_github.world import World

from bootproof.processes.host import LIMIT, Connects, Ends
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.moves import short
from bootproof.simulation.people import PERSON, Asked
from bootproof.torture.place import stopping
from bootproof.verdict import HarnessError

_FAULTS = {
    RequestFault.LOST_BEFORE: Fault(kind=FaultKind.DROP_BEFORE),
    RequestFault.LOST_AFTER: Fault(kind=FaultKind.DROP_AFTER),
    RequestFault.ERROR_BEFORE: Fault(kind=FaultKind.ERROR_BEFORE),
    RequestFault.ERROR_AFTER: Fault(kind=FaultKind.ERROR_AFTER),
    RequestFault.PRIMARY_LIMIT: Fault(kind=FaultKind.PRIMARY_LIMIT),
    RequestFault.SECONDARY_LIMIT: Fault(kind=FaultKind.SECONDARY_LIMIT, retry_after=60),
    RequestFault.STALE: Fault(kind=FaultKind.STALE_READ),
    RequestFault.NO_PERMISSION: Fault(kind=FaultKind.NO_PERMISSION),
    RequestFault.BASE_MODIFIED: Fault(kind=FaultKind.BASE_MODIFIED),
}
"""As the simulation has them (`hub`); `not-sent` never comes to the server, and a late one is kept at the gate."""


@dataclass
class Clock:
    """GitHub's time in seconds since 1970: it goes on by itself, and `skip` puts it forward."""

    begun: float
    skipped: float = 0.0
    _start: float = field(default_factory=time.monotonic)

    def __call__(self) -> float:
        return self.begun + time.monotonic() - self._start + self.skipped


@dataclass
class GitHub:
    """`told` gets what the programs come to: a request at the gate, or what a run tells."""

    server: MockServer
    told: queue.Queue[Waiting | Connects | Ends]
    gate: Gate
    late: list[tuple[str, Waiting]] = field(default_factory=list)
    """Requests on their way, with their names in the trace."""

    def next(self) -> Waiting | Connects | Ends:
        """What the program that was let go comes to. Raises HarnessError when it comes to nothing, or went astray."""
        try:
            told = self.told.get(timeout=LIMIT)
        except queue.Empty:
            raise HarnessError(f"the program neither asks nor ends within {LIMIT:g} s") from None
        if isinstance(told, Ends) and told.error is not None:
            raise told.error
        return told

    def answer(self, waiting: Waiting, fault: str) -> None:
        """A request goes on, with this fault of a trace or none."""
        if fault == RequestFault.LATE.value:
            waiting.delay()
            self.late.append((name_of(waiting), waiting))
        else:
            waiting.let(_FAULTS[RequestFault(fault)] if fault else None)

    def departed(self, waiting: Waiting) -> None:
        """Waits until the server has done with a request, whoever heard of it; one that is late has time."""
        if waiting.arrival.id not in self._on_their_way():
            self._ended(waiting.arrival.id)

    def _on_their_way(self) -> set[str]:
        return {late.arrival.id for _, late in self.late}

    def _ended(self, request: str | None) -> None:
        self.server.wait_for(lambda event: event.type == "response" and event.request == request, LIMIT)

    def settle(self) -> None:
        """Waits until the server has done with all requests that came."""
        events = self.server.events()
        over = {event.request for event in events if event.type == "response"} | self._on_their_way()
        for event in events:
            if event.type == "request" and event.request not in over:
                self._ended(event.request)

    def arrive_late(self, name: str) -> None:
        """The first late request of this name takes effect."""
        late = next(one for one in self.late if one[0] == name)
        self.late.remove(late)
        late[1].let()
        self._ended(late[1].arrival.id)

    def open(self) -> None:
        """Nothing waits any more, and what is late is lost."""
        for _, late in self.late:
            late.discard()
        self.gate.open()

    def act(self, asked: Asked) -> None:
        """A person asks for something. Raises HarnessError when GitHub refuses it."""
        method, target, body = asked
        answer = self.server.ask(wire.request(method, target, token=PERSON, json=body))
        if answer.status >= 300:
            raise HarnessError(f"GitHub refuses {method} {target}: {answer.status}")


def name_of(waiting: Waiting) -> str:
    """A request as traces name it."""
    asked = waiting.arrival.request
    query = f"?{asked.query}" if asked.query else ""
    return short(("github", asked.method, f"https://api{asked.path}{query}", asked.headers, asked.body))


@contextmanager
def serving(world: World, clock: Clock) -> Iterator[GitHub]:
    """A server that goes on from this world. Each request has a connection of its own, so that the program can fail to
    connect for any of them."""
    told: queue.Queue[Waiting | Connects | Ends] = queue.Queue()
    server = MockServer(world, clock=clock, keep_alive=False)
    server.start()
    try:
        yield GitHub(server, told, server.gate(Match(), told.put))
    finally:
        stopping(server)
