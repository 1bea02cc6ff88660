"""A captive portal: whoever connects to it is told to sign in elsewhere, and what they said is kept."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from typing import Self

ANSWER = (
    b"HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/sign-in\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
SECONDS = 20.0
"""A client that says nothing for so long is hung up on."""


class Portal:
    """It listens from enter to exit, on the loopback; with a context it speaks TLS."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        portal = self
        self.connections: list[bytes] = []
        """What each client said inside the connection: nothing, if there was no agreement on TLS."""

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(SECONDS)
                portal.connections.append(_said(self.request, context))

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="portal", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def heard(self, words: bytes) -> bool:
        """Whether anybody said this."""
        return any(words in said for said in self.connections)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _said(connection: socket.socket, context: ssl.SSLContext | None) -> bytes:
    """What the client says first, before it is sent away."""
    with contextlib.suppress(OSError):
        if context is not None:
            connection = context.wrap_socket(connection, server_side=True)
        said = connection.recv(65536)
        connection.sendall(ANSWER)
        return said
    return b""
