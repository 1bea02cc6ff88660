"""Answers that are held back: the request took effect, and its client does not know yet.

The test says what is to be held (`server.hold(Match(...))`), waits until a request is (`hold.wait`), does what it came
for (cuts the power of the client, say), and then lets the answer go or drops its connection.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from mock_github.faults import Counter, Match
from mock_github.step import Arrival


class Hold:
    """Holds the answers to all matching requests until `release` or `drop`, and none after that."""

    def __init__(self, match: Match) -> None:
        self._counter = Counter(match, None)
        self._held: list[str] = []
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[bool]]] = []
        self._outcome: bool | None = None
        self._changed = threading.Condition()

    def takes(self, arrival: Arrival) -> bool:
        """Whether this request's answer is to be held."""
        with self._changed:
            return self._outcome is None and self._counter.match.agrees(arrival) and self._counter.takes()

    async def verdict(self, arrival: Arrival) -> bool:
        """Waits, as the server, until it is decided: True to deliver the answer, False to drop the connection."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        with self._changed:
            self._held.append(arrival.id)
            if self._outcome is not None:
                return self._outcome
            self._waiting.append((loop, future))
            self._changed.notify_all()
        return await future

    def wait(self, timeout: float) -> str:
        """Blocks until an answer is held; the id of its request. TimeoutError after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._held), timeout):
                raise TimeoutError(f"nothing to hold came within {timeout} s: {self._counter.match}")
            return self._held[0]

    @property
    def held(self) -> tuple[str, ...]:
        """The ids of the requests whose answers are or were held."""
        with self._changed:
            return tuple(self._held)

    def release(self) -> None:
        """Delivers what is held."""
        self._decide(True)

    def drop(self) -> None:
        """Closes the connections of what is held, unanswered."""
        self._decide(False)

    def _decide(self, deliver: bool) -> None:
        with self._changed:
            if self._outcome is not None:
                return
            self._outcome = deliver
            waiting, self._waiting = self._waiting, []
        for loop, future in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, future, deliver)

    def __enter__(self) -> Hold:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _settle(future: asyncio.Future[bool], deliver: bool) -> None:
    if not future.done():
        future.set_result(deliver)
