"""The points of one run at which the agent can be killed, or a call can fail, and what became of each."""

from __future__ import annotations

import enum
import errno
from collections.abc import Iterator
from dataclasses import dataclass

from mock_github.events import Event

from bootproof.oracle_case import NO_EFFECT
from bootproof.torture.calls import Call, Does
from bootproof.torture.place import State


class Kind(enum.Enum):
    BEFORE_CALL = "before-call"
    AFTER_CALL = "after-call"
    # The request was sent, and GitHub has not done it.
    REQUEST_SENT = "request-sent"
    # GitHub has done it, and the agent does not know.
    ANSWER_LOST = "answer-lost"
    # The agent has the answer, and has done nothing with it.
    ANSWER_DELIVERED = "answer-delivered"
    # As a kill before the call, and with it what was not synced: of the data, or of the names as well.
    LOST_DATA = "lost-data"
    LOST_NAMES = "lost-names"
    # The disk is full from this call on; the file system is read-only from this call on; this sync fails.
    ENOSPC = "enospc"
    EROFS = "erofs"
    EIO = "eio"


KILLS = (
    Kind.BEFORE_CALL,
    Kind.AFTER_CALL,
    Kind.REQUEST_SENT,
    Kind.ANSWER_LOST,
    Kind.ANSWER_DELIVERED,
)
LOSSES = (Kind.LOST_DATA, Kind.LOST_NAMES)
ERRORS = {
    Kind.ENOSPC: (errno.ENOSPC, frozenset({Does.OPEN, Does.WRITE, Does.SYNC, Does.ENTRY})),
    Kind.EROFS: (errno.EROFS, frozenset({Does.OPEN, Does.WRITE, Does.ENTRY, Does.REMOVE, Does.ATTRIBUTE})),
    Kind.EIO: (errno.EIO, frozenset({Does.SYNC})),
}


@dataclass(frozen=True)
class Point:
    """`number` counts calls or requests, from 1; `call` is the number of the call at which it is reached."""

    kind: Kind
    number: int
    what: str
    call: int

    def __str__(self) -> str:
        return f"{self.kind.value} {self.number}: {self.what}"


@dataclass(frozen=True)
class Recording:
    """One unbroken run: its calls, and what would have been left before each of them and in the end (so there is one
    state more than there are calls). `lost` are the states with what was not synced gone; `elsewhere` are files outside
    of the state folder that it may have written, which no kill puts back."""

    calls: tuple[Call, ...]
    states: tuple[State, ...]
    lost: tuple[dict[Kind, State], ...] = ()
    elsewhere: frozenset[str] = frozenset()

    @property
    def events(self) -> tuple[Event, ...]:
        return self.states[-1].events


def effects(events: tuple[Event, ...]) -> int:
    return sum(event.type not in NO_EFFECT for event in events)


def kill_points(recording: Recording) -> Iterator[tuple[Point, State | None]]:
    """Every kill point with the state that it leaves, None where no such state was seen: it came too late."""
    for index, call in enumerate(recording.calls):
        yield Point(Kind.BEFORE_CALL, index + 1, str(call), index + 1), recording.states[index]
        yield Point(Kind.AFTER_CALL, index + 1, str(call), index + 1), recording.states[index + 1]
    for index, lost in enumerate(recording.lost):
        what = str(recording.calls[index]) if index < len(recording.calls) else "the end"
        for kind, state in lost.items():
            yield Point(kind, index + 1, what, index + 1), state
    yield from _request_points(recording)


def _request_points(recording: Recording) -> Iterator[tuple[Point, State | None]]:
    requests = [event for event in recording.events if event.type == "request"]
    for number, request in enumerate(requests, 1):
        what = f"{request.method} {request.path}"
        if request.operation:
            what += f" {request.operation}"
        before, after = _around(recording, request)
        at = 1 + max(i for i, s in enumerate(recording.states) if len(s.events) < request.seq)
        yield Point(Kind.REQUEST_SENT, number, what, at), before
        yield Point(Kind.ANSWER_LOST, number, what, at), after
        yield Point(Kind.ANSWER_DELIVERED, number, what, at), after


def _around(recording: Recording, request: Event) -> tuple[State | None, State | None]:
    """The last state before a request and the first after its answer. None where another request took effect in
    between, so that no state shows this one alone."""
    own = [event for event in recording.events if event.request == request.request]
    first, last = own[0].seq, own[-1].seq
    before = [state for state in recording.states if len(state.events) < first][-1]
    after = next((state for state in recording.states if len(state.events) >= last), None)
    begun = effects(recording.events[: first - 1]) == effects(before.events)
    ended = after is not None and effects(after.events) == effects(recording.events[:last])
    return before if begun else None, after if ended else None
