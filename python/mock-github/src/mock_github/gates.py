"""Requests that wait at a gate: they have arrived, nothing has come of them, and the harness says what does.

A hold is after the effect, a fault is armed before its request is there; a gate stands between. Whoever opened it is
called with each request, from the server's thread, and answers when it likes, from any thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

from mock_github.faults import Fault, FaultKind, Match
from mock_github.step import Arrival

GONE = Fault(kind=FaultKind.DROP_BEFORE)


@dataclass(frozen=True)
class Decision:
    """What becomes of a request: GitHub's own answer, or a fault's. `counts` is whether the fault is logged as one
    that landed; a client that died before is no fault."""

    fault: Fault | None
    counts: bool = True


class Waiting:
    """One request at the gate. It is told once what becomes of it; later words change nothing."""

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self._loop = asyncio.get_running_loop()
        self._decided: asyncio.Future[Decision] = self._loop.create_future()

    def go_on(self, fault: Fault | None = None) -> None:
        """It goes on to GitHub, and meets this fault there."""
        self._decide(Decision(fault))

    def give_up(self) -> None:
        """Its client is dead, and it never reaches GitHub."""
        self._decide(Decision(GONE, counts=False))

    async def decision(self) -> Decision:
        return await self._decided

    def _decide(self, decision: Decision) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, decision)

    def _settle(self, decision: Decision) -> None:
        if not self._decided.done():
            self._decided.set_result(decision)


class Gate:
    """Stops all matching requests until it is opened; `arrived` is called with each of them."""

    def __init__(self, match: Match, arrived: Callable[[Waiting], None]) -> None:
        self._match = match
        self._arrived = arrived
        self._waiting: list[Waiting] = []
        self._open = False
        self._lock = threading.Lock()

    def stops(self, arrival: Arrival) -> bool:
        """Whether this request has to wait here."""
        return not self._open and self._match.agrees(arrival)

    async def decision(self, arrival: Arrival) -> Decision:
        """Waits, as the server, until somebody says what becomes of the request."""
        waiting = Waiting(arrival)
        with self._lock:
            self._waiting.append(waiting)
        self._arrived(waiting)
        return await waiting.decision()

    def open(self) -> None:
        """From now on nothing waits here; what did has lost its client."""
        with self._lock:
            self._open, waiting = True, self._waiting
        for one in waiting:
            one.give_up()
