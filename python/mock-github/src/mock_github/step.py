"""One step: a world and a request in; the next world, the response and what happened out. A pure function.

A front that can lose answers uses the three parts: `arrive` (the request is there, nothing has been done), `perform`
(it takes effect) and `depart` (its answer went out, or did not).
"""

from __future__ import annotations

import hashlib
import re
from enum import Enum

import msgspec
from msgspec.structs import replace

from mock_github import graphql_run, limits, pulls, rest, smart_http
from mock_github.access import Caller, authenticate, login_of, token_of
from mock_github.change import Change
from mock_github.clock import http_date
from mock_github.events import Event
from mock_github.graphql_base import Ask
from mock_github.sites import site_of
from mock_github.wire import Refused, Request, Response
from mock_github.world import World

_GIT = re.compile(r"/[^/]+/[^/]+/(?:info/refs|git-upload-pack|git-receive-pack)")


class Kind(Enum):
    REST = "rest"
    GRAPHQL = "graphql"
    GIT = "git"


class Arrival(msgspec.Struct, frozen=True):
    """A request that is known and logged, and has not been answered yet."""

    id: str
    request: Request
    kind: Kind
    operation: str | None
    by: str | None
    at: int
    reads: bool


def step(world: World, request: Request) -> tuple[World, Response, tuple[Event, ...]]:
    world, arrival, first = arrive(world, request)
    world, response, effects = perform(world, arrival)
    world, last = depart(world, arrival, response.status)
    return world, response, (first, *effects, last)


def kind_of(request: Request) -> Kind:
    if request.path in ("/graphql", "/api/graphql"):
        return Kind.GRAPHQL
    return Kind.GIT if _GIT.fullmatch(request.path) else Kind.REST


def arrive(world: World, request: Request) -> tuple[World, Arrival, Event]:
    """Takes a request in: gives it an id and logs it."""
    world = replace(world, requests=world.requests + 1)
    kind = kind_of(request)
    payload = graphql_run.read_payload(request.body) if kind is Kind.GRAPHQL else None
    operation, mutates = None, False
    if payload:
        operation, mutates = graphql_run.operation_of(payload.query, payload.operationName)
    reads = request.method in ("GET", "HEAD") or (kind is Kind.GRAPHQL and not mutates)
    token = token_of(request)
    login = login_of(world, request)
    arrival = Arrival(f"r{world.requests}", request, kind, operation, login, world.now, reads)
    change = Change(world, arrival.id)
    change.emit(
        "request",
        by=arrival.by,
        method=request.method,
        path=request.path,
        query=request.query,
        user_agent=request.header("user-agent"),
        kind=kind.value,
        operation=operation,
        token=f"{token[:4]}…" if token else None,
    )
    return change.world, arrival, change.events[0]


def perform(world: World, arrival: Arrival) -> tuple[World, Response, tuple[Event, ...]]:
    """Does what the request asks. A refusal leaves the world as it was, but for what was counted."""
    caller = Caller()
    change = Change(world, arrival.id)
    try:
        caller = authenticate(world, arrival.request)
        change.world = world = _charged(world, caller, arrival)
        response = _handle(change, caller, arrival)
        if change.events:
            pulls.settle(change)
        response = _conditional(arrival.request, response)
        if response.status == 304:
            change.world = limits.refund(change.world, caller)
    except Refused as refusal:
        change = Change(world, arrival.id)  # what was begun is forgotten
        response = refusal.response()
        if arrival.kind is Kind.GIT and refusal.status == 401:
            response = smart_http.ask_for_password()
    return change.world, _finished(change.world, caller, arrival, response), tuple(change.events)


def depart(
    world: World,
    arrival: Arrival,
    status: int | None,
    *,
    delivered: bool = True,
    fault: str | None = None,
) -> tuple[World, Event]:
    """Logs how a request ended."""
    change = Change(world, arrival.id)
    seconds = (world.now - arrival.at) / 1000
    change.emit("response", by=arrival.by, status=status, delivered=delivered, fault=fault, seconds=seconds)
    return change.world, change.events[0]


def _handle(change: Change, caller: Caller, arrival: Arrival) -> Response:
    if arrival.kind is Kind.GRAPHQL:
        return _graphql(change, caller, arrival.request)
    if arrival.kind is Kind.GIT:
        return smart_http.answer(change, caller, arrival.request)
    return rest.answer(change, caller, arrival.request)


def _graphql(change: Change, caller: Caller, request: Request) -> Response:
    if caller.login is None:
        raise Refused(401, "This endpoint requires you to be authenticated.", kind="UNAUTHORIZED")
    payload = graphql_run.read_payload(request.body) if request.method == "POST" else None
    if payload is None:
        raise Refused(400, "Problems parsing JSON")
    if graphql_run.operation_of(payload.query, payload.operationName)[1]:
        pull = "createPullRequest" in payload.query
        change.world = limits.charge_content(change.world, caller, pull=pull)
    return graphql_run.answer(Ask(change, caller, site_of(request)), payload)


def _resource(arrival: Arrival) -> str:
    return "graphql" if arrival.kind is Kind.GRAPHQL else "core"


def _free(arrival: Arrival) -> bool:
    """Git is not counted, nor is asking how much is left."""
    return arrival.kind is Kind.GIT or arrival.request.path.removeprefix("/api/v3") == "/rate_limit"


def _charged(world: World, caller: Caller, arrival: Arrival) -> World:
    return world if _free(arrival) else limits.charge(world, caller, _resource(arrival))


def _conditional(request: Request, response: Response) -> Response:
    """Adds an ETag to what can be cached; 304 if the client has it already."""
    if response.status != 200 or request.method not in ("GET", "HEAD") or response.header("etag") == "":
        return response
    if "json" not in (response.header("content-type") or ""):
        return response
    tag = f'W/"{hashlib.sha256(response.body).hexdigest()}"'
    asked = [known.strip() for known in (request.header("if-none-match") or "").split(",")]
    if tag in asked or tag.removeprefix("W/") in asked:
        return Response(304, (("etag", tag), *(h for h in response.headers if h[0] != "content-type")))
    return replace(
        response, headers=(*response.headers, ("etag", tag), ("cache-control", "private, max-age=60"))
    )


def _finished(world: World, caller: Caller, arrival: Arrival, response: Response) -> Response:
    headers = [
        ("date", http_date(world.now)),
        ("server", "github.com"),
        ("x-github-request-id", _request_id(arrival)),
    ]
    if arrival.kind is not Kind.GIT:
        version = arrival.request.header("x-github-api-version") or "2022-11-28"
        headers.append(("x-github-api-version-selected", version))
        headers.append(("vary", "Accept, Authorization"))
        if response.header("x-ratelimit-limit") is None:
            headers += limits.window(world, caller, _resource(arrival)).headers()
        if caller.token is not None and caller.token.classic:
            headers.append(("x-oauth-scopes", ", ".join(caller.token.permissions) or "repo"))
    return replace(response, headers=(*response.headers, *headers))


def _request_id(arrival: Arrival) -> str:
    """In GitHub's shape, and made from the id, so that a run repeats to the byte."""
    digest = hashlib.sha256(arrival.id.encode()).hexdigest().upper()
    return f"{digest[:4]}:{digest[4:10]}:{digest[10:16]}:{digest[16:22]}:{digest[22:30]}"
