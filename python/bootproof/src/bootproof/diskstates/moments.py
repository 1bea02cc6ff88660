"""Which world stood at GitHub when: the log of writes and the mock, held side by side while both go on.

The actors: *QEMU*, which appends to the log; the *mock*, which asks its clock once for each thing that happens, just
before it does it; and the *onlooker*, who is that clock, and looks how long the log is whenever he is asked.

1. A request arrives. Everything that the program had made safe before it sent it stands in the log by now.
2. It takes effect: from here on the new world may stand.
3. Its answer leaves. Whatever the program writes because of it comes later in the log: until here the old world may
   stand.

So for each stretch of the log it is known which worlds could have stood then, and which request was on its way: when
the power goes, it may still arrive, up to Q later.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mock_github.gates import Waiting
from mock_github.server import MockServer
from mock_github.wire import Request
from mock_github.world import World

FOR_EVER = 1 << 62


@dataclass(frozen=True)
class Moment:
    """From when the log was `begins` bytes long until it was `ends` bytes long, this world stood, and the request
    `asked` was on its way."""

    world: World
    asked: Request | None
    begins: int
    ends: int


@dataclass(frozen=True)
class _Look:
    length: int
    world: World
    asked: str | None
    """The last request, if nothing has come of it."""


@dataclass
class Onlooker:
    """The clock of a mock; `gate` is to be the one that all of the program's requests pass."""

    log: Path
    _server: MockServer | None = None
    _looks: list[_Look] = field(default_factory=list)
    _requests: dict[str, Request] = field(default_factory=dict)

    def __call__(self) -> float:
        if self._server is not None:
            self._looks.append(self._look(self._server))
        return time.time()

    def watch(self, server: MockServer) -> None:
        """From now on. The server is the one that has this clock."""
        self._server = server

    def pass_on(self, waiting: Waiting) -> None:
        """A request stands at the gate: it is noted, and goes on."""
        self._requests[waiting.arrival.id] = waiting.arrival.request
        waiting.let()

    def moments(self) -> tuple[Moment, ...]:
        """All that was seen, to the present end."""
        assert self._server is not None
        end = _Look(FOR_EVER, self._server.world, None)
        return tuple(self._between([*self._looks, end]))

    def _between(self, looks: Iterable[_Look]) -> Iterable[Moment]:
        begins, before = 0, None
        for look in looks:
            # Seen a second time so, it has taken effect, and its effect was nothing.
            there = look.asked is not None and look.asked != before
            asked = self._requests[look.asked] if there and look.asked is not None else None
            yield Moment(look.world, asked, begins, look.length)
            begins, before = look.length, look.asked

    def _look(self, server: MockServer) -> _Look:
        events = server.events()
        last = events[-1] if events else None
        asked = last.request if last is not None and last.type == "request" else None
        return _Look(self.log.stat().st_size, server.world, asked)
