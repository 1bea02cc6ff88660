"""Requests that are stopped before anything is done, and how each goes on."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest
from mock_github.events import Event
from mock_github.faults import Fault, FaultKind, Match
from mock_github.server import MockServer

SAY = Match(method="POST", path=".*/comments")


@pytest.fixture
def busy(client: Any) -> int:
    """The number of a pull request that can be talked about."""
    number: int = client.pull()
    return number


class Asking:
    """A client that says something in the background, and what came of it."""

    def __init__(self, client: Any, number: int) -> None:
        self.status: int | None = None
        self.failed = False
        self._thread = threading.Thread(target=self._ask, args=(client, number))
        self._thread.start()

    def _ask(self, client: Any, number: int) -> None:
        try:
            self.status = client.send("POST", f"/issues/{number}/comments", body="hello").status_code
        except httpx.HTTPError:
            self.failed = True

    def over(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()


def seen(server: MockServer, *types: str) -> list[Event]:
    return [event for event in server.events() if event.type in types]


def test_nothing_is_done_until_it_is_let_through(client: Any, server: MockServer, busy: int) -> None:
    gate = server.gate(SAY)
    asking = Asking(client, busy)
    waiting = gate.next(10)
    assert waiting.connected()
    assert (seen(server, "request")[-1].request, seen(server, "comment-created")) == (waiting.arrival.id, [])
    waiting.let()
    asking.over()
    assert asking.status == 201
    assert len(seen(server, "comment-created")) == 1


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        (FaultKind.DROP_BEFORE, None, 0),
        (FaultKind.DROP_AFTER, None, 1),
        (FaultKind.ERROR_BEFORE, 502, 0),
        (FaultKind.ERROR_AFTER, 502, 1),
        (FaultKind.NO_PERMISSION, 404, 0),
    ],
)
def test_a_fault_meets_what_is_let_through(
    client: Any, server: MockServer, busy: int, kind: FaultKind, status: int | None, said: int
) -> None:
    gate = server.gate(SAY)
    asking = Asking(client, busy)
    gate.next(10).let(Fault(kind=kind))
    asking.over()
    assert (asking.status, asking.failed) == (status, status is None)
    assert len(seen(server, "comment-created")) == said
    assert [event.fault for event in seen(server, "fault-landed")] == [kind.value]


def test_a_late_request_takes_effect_when_nobody_waits_for_it(
    client: Any, server: MockServer, busy: int
) -> None:
    gate = server.gate(SAY)
    asking = Asking(client, busy)
    waiting = gate.next(10)
    waiting.delay()
    asking.over()
    assert asking.failed
    assert not waiting.connected()
    assert seen(server, "comment-created") == []
    assert [event.fault for event in seen(server, "fault-landed")] == ["late"]
    waiting.let()
    made = server.wait_for(lambda event: event.type == "comment-created", 10)
    assert made.request == waiting.arrival.id
    assert (
        server.wait_for(
            lambda event: event.type == "response" and event.request == made.request, 10
        ).delivered
        is False
    )


def test_what_is_discarded_never_reached_github(client: Any, server: MockServer, busy: int) -> None:
    gate = server.gate(SAY)
    asking = Asking(client, busy)
    gate.next(10).discard()
    asking.over()
    assert asking.failed
    assert seen(server, "comment-created", "fault-landed") == []
    assert (seen(server, "response")[-1].delivered, seen(server, "response")[-1].fault) == (False, None)


def test_an_open_gate_stops_nothing(client: Any, server: MockServer, busy: int) -> None:
    gate = server.gate(SAY)
    first = Asking(client, busy)
    server.wait_for(lambda event: event.type == "request" and event.path.endswith("/comments"), 10)
    gate.open()
    first.over()
    second = Asking(client, busy)
    second.over()
    assert (first.status, second.status) == (201, 201)
    with pytest.raises(TimeoutError, match="no request came within"):
        gate.next(0.05)


def test_the_server_stops_while_a_request_stands_there(server: MockServer, client: Any, busy: int) -> None:
    gate = server.gate(SAY)
    asking = Asking(client, busy)
    gate.next(10)
    server.stop()
    asking.over()
    assert asking.failed
