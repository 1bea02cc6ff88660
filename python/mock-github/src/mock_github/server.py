"""The mock over HTTP or HTTPS, in a background thread.

with MockServer(world, tls=True) as server:
    ...  # server.url, server.ca_pem
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

import trustme
import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from mock_github.asgi import Front
from mock_github.events import Event
from mock_github.faults import Fault, Match
from mock_github.gates import Gate, Waiting
from mock_github.holds import Hold
from mock_github.live import Clock, Live
from mock_github.people import AsUser
from mock_github.tls import Certificates
from mock_github.wire import Request, Response
from mock_github.world import World

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_IDLE_SECONDS = 60  # as long as clients keep a connection, so that none is closed just as it is used again


class MockServer:
    """A running mock. As a context manager it listens from enter to exit, and leaves nothing behind.

    `event_log` is a file that gets one JSON object per event; `names` are further names for the certificate; `clock`
    gives seconds since 1970 (the real time unless given). `authority` signs the certificates instead of a new one, for
    clients that must trust one mock after another. Without `keep_alive` each answer ends its connection.
    """

    def __init__(
        self,
        world: World,
        *,
        tls: bool = True,
        event_log: Path | str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        names: Sequence[str] = (),
        clock: Clock | None = None,
        faults: Iterable[Fault] = (),
        authority: trustme.CA | None = None,
        keep_alive: bool = True,
    ) -> None:
        self._live = Live(world, clock=clock, event_log=Path(event_log) if event_log else None)
        self._certificates = Certificates(names, self._live.wrong_certificate, authority) if tls else None
        self._scheme = "https" if tls else "http"
        self._address = (host, port)
        self._keep_alive = keep_alive
        self._connections: dict[tuple[str, int], asyncio.Transport] = {}
        self._started = threading.Event()
        self._thread: threading.Thread | None = None
        self._server: _Server | None = None
        self.port = port
        for fault in faults:
            self._live.arm(fault)

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._address[0]}:{self.port}"

    @property
    def ca_pem(self) -> bytes:
        """The authority that clients must trust, PEM; empty without TLS."""
        return self._certificates.ca_pem if self._certificates else b""

    @property
    def world(self) -> World:
        return self._live.world

    def events(self) -> list[Event]:
        return list(self._live.events)

    def wait_for(self, predicate: Callable[[Event], bool], timeout: float) -> Event:
        """Blocks until an event matches that has happened or is to come; TimeoutError after `timeout` seconds."""
        return self._live.wait_for(predicate, timeout)

    def add_fault(self, fault: Fault) -> None:
        self._live.arm(fault)

    def hold(self, match: Match) -> Hold:
        """Holds the answers to matching requests, after their effect."""
        hold = Hold(match)
        self._live.add_hold(hold)
        return hold

    def gate(self, match: Match, arrived: Callable[[Waiting], object] = lambda _: None) -> Gate:
        """Stops matching requests before their effect; `arrived` is called with each, from the server's thread."""
        gate = Gate(match, arrived)
        self._live.add_gate(gate)
        return gate

    def ask(self, request: Request) -> Response:
        """A request that comes by no network: logged like all others, and stopped by nothing."""
        arrival = self._live.arrive(request)
        response = self._live.perform(arrival)
        self._live.depart(arrival, response.status, delivered=True, fault=None)
        return response

    def as_user(self, login: str) -> AsUser:
        """What this person does: `server.as_user("alice").merge("acme/cluster", 1)`."""
        return AsUser(login, self._live.act)

    def start(self) -> None:
        # The protocol is named because asyncio switches Nagle's delay off only where it is.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self._address)
        self.port = listener.getsockname()[1]
        front = Front(self._live, self._scheme, self._connection, self._keep_alive)
        config = uvicorn.Config(
            front,
            http=_protocol(self._connections),
            ws="none",
            timeout_keep_alive=_IDLE_SECONDS,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
        )
        config.load()
        config.ssl = self._certificates.context if self._certificates else None
        server = self._server = _Server(config, self._started.set)
        runner = lambda: asyncio.run(_serve(server, front, listener))  # noqa: E731
        self._thread = threading.Thread(target=runner, name="mock-github", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_SECONDS):
            raise RuntimeError("the mock did not start to listen")

    def stop(self) -> None:
        """Drops what is held and late, closes every connection and the event log."""
        for hold in self._live.holds:
            hold.drop()
        for gate in self._live.gates:
            gate.discard_all()
        if self._server and self._thread:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(_STOP_SECONDS)
        self._live.close()

    def _connection(self, scope: Scope) -> asyncio.Transport | None:
        return self._connections.get(tuple(scope["client"]))

    def __enter__(self) -> MockServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell()


async def _serve(server: _Server, front: Front, listener: socket.socket) -> None:
    await server.serve(sockets=[listener])
    for handle in front.late:
        handle.cancel()


def _protocol(connections: dict[tuple[str, int], asyncio.Transport]) -> type[H11Protocol]:
    """HTTP as uvicorn speaks it, with each connection's transport to be found by the client's address."""

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._peer = transport.get_extra_info("peername")[:2]
            connections[self._peer] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            connections.pop(self._peer, None)

    return Protocol
