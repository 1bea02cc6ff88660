"""GitHub as the simulation sees it: mock-github's own state machine, called directly, and what can become of a request.

A world is an immutable value; here each one is kept once and known by a number, so that states are compared by
numbers and no request is ever worked out twice.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mock_github import limits, wire
from mock_github.access import Caller, without_repositories
from mock_github.clock import http_date
from mock_github.events import Event
from mock_github.frozen import FrozenMap
from mock_github.step import step
from mock_github.world import World
from msgspec.structs import replace

from bootproof.simulation.automaton import Effect, HttpAnswer, Raises


class RequestFault(enum.Enum):
    """What can become of one request beside its answer.  `lost-after` and `late` reach GitHub, now or later."""

    NOT_SENT = "not-sent"
    LOST_BEFORE = "lost-before"
    LOST_AFTER = "lost-after"
    LATE = "late"
    ERROR_BEFORE = "5xx-before"
    ERROR_AFTER = "5xx-after"
    PRIMARY_LIMIT = "primary-limit"
    SECONDARY_LIMIT = "secondary-limit"
    STALE = "stale"
    NO_PERMISSION = "no-permission"
    BASE_MODIFIED = "base-modified"
    """A merge is refused since the base has moved at the same moment; to be tried again."""


@dataclass(frozen=True)
class Fate:
    """One way in which a request can end.  `fault` is None for the answer that it deserves."""

    fault: RequestFault | None
    answer: HttpAnswer | Raises
    world: int
    """The world afterwards."""
    events: tuple[Event, ...] = ()
    late: bool = False
    """The request is still on its way."""


BAD_GATEWAY = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass
class Hub:
    """All worlds that were met.  `worked_out` counts the requests that the mock's state machine really answered."""

    token: str
    repository: str
    worlds: list[World] = field(default_factory=list)
    worked_out: int = 0
    effects: list[Effect] = field(default_factory=list)
    """The requests that were ever on their way when nobody waited for them any more."""
    _numbers: dict[World, int] = field(default_factory=dict)
    _effects: dict[Effect, int] = field(default_factory=dict)
    _steps: dict[tuple[int, Effect], tuple[HttpAnswer, int, tuple[Event, ...]]] = field(default_factory=dict)
    _fates: dict[tuple[int, int, Effect, frozenset[RequestFault]], tuple[Fate, ...]] = field(
        default_factory=dict
    )

    def number(self, world: World) -> int:
        """The number of this world; what merely counts requests and events is not a part of it."""
        bare = replace(world, requests=0, events=0, usage=FrozenMap())
        found = self._numbers.get(bare)
        if found is None:
            found = self._numbers[bare] = len(self.worlds)
            self.worlds.append(bare)
        return found

    def effect_number(self, effect: Effect) -> int:
        """The number of this request."""
        found = self._effects.get(effect)
        if found is None:
            found = self._effects[effect] = len(self.effects)
            self.effects.append(effect)
        return found

    def perform(self, world: int, effect: Effect) -> tuple[HttpAnswer, int, tuple[Event, ...]]:
        """What a request that arrives now is answered, and the world after it."""
        key = (world, effect)
        found = self._steps.get(key)
        if found is None:
            self.worked_out += 1
            after, response, events = step(self.worlds[world], _request(effect))
            found = self._steps[key] = (_answer(response), self.number(after), events)
        return found

    def fates(
        self, world: int, stale: int, effect: Effect, faults: frozenset[RequestFault]
    ) -> tuple[Fate, ...]:
        """Every way in which this request can end, the fault-free one first.  `stale` is the world that a replica
        may still show, or the same as `world`."""
        key = (world, stale, effect, faults)
        found = self._fates.get(key)
        if found is None:
            found = self._fates[key] = tuple(self._all_fates(world, stale, effect, faults))
        return found

    def _all_fates(
        self, world: int, stale: int, effect: Effect, faults: frozenset[RequestFault]
    ) -> list[Fate]:
        answer, after, events = self.perform(world, effect)
        fates = [Fate(None, answer, after, events)]
        for fault in RequestFault:
            if fault in faults and self._applies(fault, effect, world, after, stale):
                fates.append(self._fate(fault, world, stale, effect))
        return fates

    @staticmethod
    def _applies(fault: RequestFault, effect: Effect, world: int, after: int, stale: int) -> bool:
        """Whether this fault makes a difference here: a read has no effect to lose, a write shows nothing stale."""
        if fault in (RequestFault.LOST_AFTER, RequestFault.ERROR_AFTER, RequestFault.LATE):
            return after != world
        if fault is RequestFault.BASE_MODIFIED:
            return bool(effect[1] == "PUT" and effect[2].endswith("/merge"))
        return fault is not RequestFault.STALE or (after == world and stale != world)

    def _fate(self, fault: RequestFault, world: int, stale: int, effect: Effect) -> Fate:
        lost = Raises("no-answer", "timed out")
        match fault:
            case RequestFault.NOT_SENT:
                return Fate(fault, Raises("not-sent", "connection refused"), world)
            case RequestFault.LOST_BEFORE:
                return Fate(fault, lost, world)
            case RequestFault.LOST_AFTER:
                _, after, events = self.perform(world, effect)
                return Fate(fault, lost, after, events)
            case RequestFault.LATE:
                return Fate(fault, lost, world, late=True)
            case RequestFault.ERROR_BEFORE:
                return Fate(fault, self._bad_gateway(world), world)
            case RequestFault.ERROR_AFTER:
                _, after, events = self.perform(world, effect)
                return Fate(fault, self._bad_gateway(world), after, events)
            case RequestFault.PRIMARY_LIMIT | RequestFault.SECONDARY_LIMIT:
                return Fate(fault, self._limited(world, primary=fault is RequestFault.PRIMARY_LIMIT), world)
            case RequestFault.NO_PERMISSION:
                return Fate(fault, self._forbidden(world, effect), world)
            case RequestFault.STALE:
                return Fate(fault, self._stale(world, stale, effect), world)
            case RequestFault.BASE_MODIFIED:
                return Fate(fault, self._base_modified(world), world)

    def _bad_gateway(self, world: int) -> HttpAnswer:
        return HttpAnswer(502, (("date", http_date(self.worlds[world].now)),), BAD_GATEWAY)

    def _base_modified(self, world: int) -> HttpAnswer:
        refusal = wire.Refused(405, "Base branch was modified. Review and try the merge again.")
        return _answer(refusal.response(), ("date", http_date(self.worlds[world].now)))

    def _limited(self, world: int, *, primary: bool) -> HttpAnswer:
        now = self.worlds[world]
        caller = Caller(now.tokens[self.token].login)
        response = limits.primary_answer(now, caller, "core") if primary else limits.secondary_answer(now, 60)
        return _answer(response, ("date", http_date(now.now)))

    def _forbidden(self, world: int, effect: Effect) -> HttpAnswer:
        request = _request(effect)
        _, response, _ = step(without_repositories(self.worlds[world], request), request)
        return _answer(response)

    def _stale(self, world: int, stale: int, effect: Effect) -> HttpAnswer:
        _, response, _ = step(self.worlds[stale].at(self.worlds[world].now), _request(effect))
        return _answer(response)

    def by_person(
        self, world: int, token: str, method: str, target: str, json: object = None
    ) -> tuple[int, int, tuple[Event, ...]]:
        """A person's request: its status, the world after it, and what happened."""
        asked = wire.request(method, target, token=token, json=json)
        after, response, events = step(self.worlds[world], asked)
        return response.status, self.number(after), events


def _request(effect: Effect) -> wire.Request:
    _, method, url, headers, body = effect
    split = urlsplit(url)
    return wire.Request(method, split.path, split.query, headers, body)


def _answer(response: wire.Response, *further: tuple[str, str]) -> HttpAnswer:
    # GitHub's request id says how many requests there were before; no program may depend on it.
    headers = {k.lower(): v for k, v in (*response.headers, *further) if k.lower() != "x-github-request-id"}
    return HttpAnswer(response.status, tuple(headers.items()), response.body)
