"""Requests that are stopped when they arrive: nothing is done yet, and a test says what becomes of each.

The test sets a gate (`server.gate(Match(...))`), waits until a request stands there (`gate.next`), does what it came
for (kills the client, say), and then says how that request goes on: as GitHub would have it, with a fault, not at all,
or later, when nobody waits for it any more.  Instead of waiting, it can be called with each request, from the server's
thread (`server.gate(Match(...), queue.put)`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from mock_github.faults import Fault, Match
from mock_github.step import Arrival

Verdict = Fault | None


class Discarded(Exception):
    """The request never reached GitHub."""


@dataclass
class Waiting:
    """One request at the gate.  `connected` says whether its client still waits for it."""

    arrival: Arrival
    connected: Callable[[], bool]
    _give_up: Callable[[], None]
    _loop: asyncio.AbstractEventLoop
    _decided: asyncio.Future[Verdict] = field(init=False)

    def __post_init__(self) -> None:
        self._decided = self._loop.create_future()

    def let(self, fault: Fault | None = None) -> None:
        """It goes on, and this fault meets it."""
        self._decide(lambda: self._decided.set_result(fault))

    def discard(self) -> None:
        """It is lost on its way, and its connection with it."""
        self._decide(lambda: self._decided.set_exception(Discarded()))

    def delay(self) -> None:
        """It is late: its client is hung up on, and the request stays where it is until `let`."""
        self._loop.call_soon_threadsafe(self._give_up)

    async def decided(self) -> Verdict:
        """Waits, as the server.  Raises Discarded."""
        return await self._decided

    def _decide(self, how: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: None if self._decided.done() else how())


class Gate:
    """Stops all matching requests until it is opened, and none after that.  `arrived` is called with each of them."""

    def __init__(self, match: Match, arrived: Callable[[Waiting], object] = lambda _: None) -> None:
        self._match = match
        self._arrived = arrived
        self._open = False
        self._waiting: list[Waiting] = []
        self._taken = 0
        self._changed = threading.Condition()

    def stops(self, arrival: Arrival) -> bool:
        """Whether this request has to wait here."""
        with self._changed:
            return not self._open and self._match.agrees(arrival)

    async def passed(
        self, arrival: Arrival, connected: Callable[[], bool], give_up: Callable[[], None]
    ) -> Verdict:
        """Waits, as the server, until it is said how the request goes on.  Raises Discarded."""
        waiting = Waiting(arrival, connected, give_up, asyncio.get_running_loop())
        with self._changed:
            self._waiting.append(waiting)
            if self._open:
                waiting.let()
            self._changed.notify_all()
        self._arrived(waiting)
        return await waiting.decided()

    def next(self, timeout: float) -> Waiting:
        """Blocks until a request stands here that was not given out yet; TimeoutError after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._waiting) > self._taken, timeout):
                raise TimeoutError(f"no request came within {timeout:g} s: {self._match}")
            self._taken += 1
            return self._waiting[self._taken - 1]

    def open(self) -> None:
        """Lets pass what nobody has asked for yet, and whatever comes."""
        with self._changed:
            self._open = True
            for waiting in self._waiting[self._taken :]:
                waiting.let()
            self._taken = len(self._waiting)

    def discard_all(self) -> None:
        """Whatever still stands here is lost, as when the server ends."""
        with self._changed:
            for waiting in self._waiting:
                waiting.discard()
