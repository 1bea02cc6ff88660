"""The serial console: evidence, and something to wait for.

A console that nobody reads stalls QEMU, so a thread reads it from the first byte on, into a log file and into memory;
`expect` searches what it has gathered. Each boot's lines follow the ones before in the same log.
"""

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pexpect
from pexpect.socket_pexpect import SocketSpawn

from bootproof.errors import MachineTimeoutError

LAST_LINES = 20


class _Gathered(SocketSpawn):  # type: ignore[misc] # pexpect has no types of its own here
    """pexpect over what the thread has read, instead of over the socket itself."""

    def __init__(self, console: "Console", connection: socket.socket) -> None:
        super().__init__(connection, encoding="utf-8", codec_errors="replace")
        self._console = console
        self._position = 0

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> str:
        data = self._console.read_from(self._position, self.timeout if timeout == -1 else timeout)
        if data is None:
            raise pexpect.TIMEOUT("nothing more on the console")
        if not data:
            raise pexpect.EOF("the machine is off")
        self._position += len(data)
        return str(self._decoder.decode(data, final=False))


class Console:
    """One power-on's console on a connected socket; closed by `close` or when QEMU ends."""

    def __init__(self, connection: socket.socket, log: Path, factor: float = 1.0) -> None:
        self._connection = connection
        self._factor = factor
        self._gathered = bytearray()
        self._ended = False
        self._changed = threading.Condition()
        self._spawn: Any = _Gathered(self, connection)
        self._thread = threading.Thread(target=self._drain, args=(log,), name="console", daemon=True)
        self._thread.start()

    def expect(self, pattern: str | list[str], timeout: float = 30) -> int:
        """Wait until the console shows `pattern` (a regular expression, or several) after what was matched before.

        Returns which one. Raises MachineTimeoutError after `timeout` seconds times the accelerator's factor, or when
        the machine goes off first.
        """
        try:
            return int(self._spawn.expect(pattern, timeout=timeout * self._factor))
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            why = (
                "the machine went off"
                if isinstance(error, pexpect.EOF)
                else f"{timeout * self._factor:.0f} s went by"
            )
            message = f"{why} and the console did not show {pattern!r}; it showed last:\n{self.last_lines()}"
            raise MachineTimeoutError(message) from None

    @property
    def match(self) -> Any:
        """The match of the last `expect`."""
        return self._spawn.match

    def send(self, text: str) -> None:
        self._connection.sendall(text.encode())

    @property
    def text(self) -> str:
        """Everything since this power-on."""
        with self._changed:
            return self._gathered.decode(errors="replace").replace("\r", "")

    def last_lines(self, count: int = LAST_LINES) -> str:
        lines = [line.rstrip() for line in self.text.splitlines() if line.strip()]
        return "\n".join(f"  | {line}" for line in lines[-count:]) or "  | (nothing)"

    def read_from(self, position: int, timeout: float | None) -> bytes | None:
        """What was gathered from `position` on, waiting for more; None at the time limit, empty at the end."""
        deadline = None if timeout is None else time.monotonic() + max(timeout, 0)
        with self._changed:
            while len(self._gathered) <= position and not self._ended:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
            return bytes(self._gathered[position:])

    def close(self) -> None:
        # shutdown, not close: it wakes the thread, which reads what is left and ends
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join()
        self._connection.close()

    def _drain(self, log: Path) -> None:
        with log.open("ab", buffering=0) as file:
            while True:
                try:
                    data = self._connection.recv(65536)
                except OSError:
                    data = b""
                if data:
                    file.write(data)
                with self._changed:
                    self._gathered += data
                    self._ended = not data
                    self._changed.notify_all()
                if not data:
                    return
