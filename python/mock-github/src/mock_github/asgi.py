"""From HTTP to the world and back, with whatever a fault does to a request on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec.structs import replace
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from mock_github import limits
from mock_github.access import Caller
from mock_github.clock import http_date
from mock_github.faults import Fault, FaultKind
from mock_github.gates import Discarded
from mock_github.live import Live
from mock_github.step import Arrival, Kind
from mock_github.wire import Refused, Request, Response

_CHUNK = 1024 * 1024
_ROUNDS = 4  # of the event loop, after which it knows of every client that hung up while its answer was held
_UNICORN = b"<!DOCTYPE html><html><head><title>Unicorn! &middot; GitHub</title></head><body>Server Error</body></html>"
_PORTAL = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please sign in to the network.</body></html>"
_HTML = ("content-type", "text/html; charset=utf-8")
_SILENT = (FaultKind.DROP_BEFORE, FaultKind.LATE)


class Front:
    """The ASGI application. `connection` finds a client's connection, while it stands."""

    def __init__(
        self,
        live: Live,
        scheme: str,
        connection: Callable[[Scope], asyncio.Transport | None],
        keep_alive: bool = True,
    ) -> None:
        self.live = live
        self.keep_alive = keep_alive
        self.scheme = scheme
        self.connection = connection
        self.active = 0
        self.late: set[asyncio.TimerHandle] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            request = await _read(HttpRequest(scope, receive), self.scheme)
        except ClientDisconnect:
            # A client that died while it sent: GitHub has no request to do or to log.
            return
        self.active += 1
        try:
            await self._serve(request, scope, receive, send)
        finally:
            self.active -= 1

    async def _serve(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        arrival = self.live.arrive(request)
        try:
            fault = await self._met(arrival, scope)
        except Discarded:
            self.live.depart(arrival, None, delivered=False, fault=None)
            await self._hang_up(scope, receive)
            return
        kind = fault.kind if fault else None
        if fault and fault.kind in _SILENT:
            self.live.depart(arrival, None, delivered=False, fault=kind)
            if fault.kind is FaultKind.LATE:
                self._later(arrival, fault.seconds)
            await self._hang_up(scope, receive)
            return
        response = _dated(self._answer(arrival, fault), self.live.world.now)
        if fault and fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        hold = self.live.hold_for(arrival)
        deliver = await hold.verdict(arrival) if hold else True
        if hold:
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
        if not deliver or kind is FaultKind.DROP_AFTER:
            self.live.depart(arrival, response.status, delivered=False, fault=kind)
            await self._hang_up(scope, receive)
            return
        stands = self.connection(scope) is not None
        self.live.depart(arrival, response.status, delivered=stands, fault=kind)
        await _write(send, request, response, fault, keep_alive=self.keep_alive)

    async def _met(self, arrival: Arrival, scope: Scope) -> Fault | None:
        """The fault that meets this request: the one that a gate's keeper says, or one that was armed for it."""
        gate = self.live.gate_for(arrival)
        if gate is None:
            return self.live.fault_for(arrival)

        def give_up() -> None:
            self.live.landed(Fault(kind=FaultKind.LATE), arrival)
            self._abort(scope)

        fault = await gate.passed(arrival, lambda: self.connection(scope) is not None, give_up)
        if fault is not None:
            self.live.landed(fault, arrival)
        return fault

    def _abort(self, scope: Scope) -> None:
        if transport := self.connection(scope):
            transport.abort()

    async def _hang_up(self, scope: Scope, receive: Receive) -> None:
        """Closes the connection at once, unanswered."""
        self._abort(scope)
        while (await receive())["type"] != "http.disconnect":
            pass

    def _later(self, arrival: Arrival, seconds: float) -> None:
        loop = asyncio.get_running_loop()

        def land() -> None:
            self.late.discard(handle)
            self.live.perform(arrival)

        handle = loop.call_later(seconds, land)
        self.late.add(handle)

    def _answer(self, arrival: Arrival, fault: Fault | None) -> Response:
        if self.active > self.live.world.limits.concurrent:
            return limits.secondary_answer(self.live.world, retry_after=60)
        if fault is None:
            return self.live.perform(arrival)
        if fault.kind is FaultKind.STALE_READ:
            return self.live.perform_stale(arrival, fault.writes)
        if fault.kind is FaultKind.NO_PERMISSION:
            return self.live.perform_blind(arrival)
        instead = self._instead(arrival, fault)
        if fault.kind is FaultKind.ERROR_AFTER or instead is None:
            response = self.live.perform(arrival)
            return instead or response
        return instead

    def _instead(self, arrival: Arrival, fault: Fault) -> Response | None:
        """What a fault has answered in place of GitHub; None if the answer is GitHub's own."""
        match fault.kind:
            case FaultKind.ERROR_BEFORE | FaultKind.ERROR_AFTER:
                return Response(fault.status or 502, (_HTML,), _UNICORN)
            case FaultKind.PRIMARY_LIMIT:
                resource = "graphql" if arrival.kind is Kind.GRAPHQL else "core"
                return limits.primary_answer(
                    self.live.world, Caller(arrival.by), resource, fault.status or 403, fault.retry_after
                )
            case FaultKind.SECONDARY_LIMIT:
                return limits.secondary_answer(self.live.world, fault.retry_after, fault.status or 403)
            case FaultKind.REDIRECT:
                return Response(fault.status or 302, (("location", fault.to),))
            case FaultKind.NOT_JSON:
                return Response(fault.status or 200, (_HTML,), _PORTAL)
            case FaultKind.HUGE:
                return Response(fault.status or 200, (("content-type", "application/json"),), b"[")
            case FaultKind.BASE_MODIFIED:
                return Refused(405, "Base branch was modified. Review and try the merge again.").response()
        return None


def _dated(response: Response, now: int) -> Response:
    """Whoever answers in GitHub's place says the time too, since every server in front of it does."""
    if response.header("date") is not None:
        return response
    return replace(response, headers=(*response.headers, ("date", http_date(now))))


async def _read(http: HttpRequest, scheme: str) -> Request:
    body = await http.body()
    headers = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in http.headers.raw
        if name.lower() != b"x-forwarded-proto"
    ]
    headers.append(("x-forwarded-proto", scheme))
    path = http.scope["raw_path"].decode("latin-1")
    return Request(http.method, path, http.scope["query_string"].decode("latin-1"), tuple(headers), body)


async def _write(
    send: Send, request: Request, response: Response, fault: Fault | None, *, keep_alive: bool
) -> None:
    size = fault.size if fault and fault.kind is FaultKind.HUGE else len(response.body)
    headers = [(name.encode(), value.encode("latin-1")) for name, value in response.headers]
    if not keep_alive:
        headers.append((b"connection", b"close"))
    if response.status not in (204, 304):
        headers.append((b"content-length", str(size).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    body = response.body if request.method != "HEAD" else b""
    if size == len(response.body):
        await send({"type": "http.response.body", "body": body})
        return
    left = size
    while left:
        part = min(left, _CHUNK)
        left -= part
        await send({"type": "http.response.body", "body": b" " * part, "more_body": left > 0})
