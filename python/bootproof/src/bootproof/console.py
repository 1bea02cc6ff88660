"""The serial console: evidence, and something to wait for.

A console that nobody reads stalls QEMU, so a thread reads it from the first byte on, into a log file and into memory;
`expect` searches what was gathered. A machine has one console for its life; the boots' lines follow each other.
"""

import codecs
import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
from pexpect.socket_pexpect import SocketSpawn

from bootproof.errors import MachineError, MachineTimeoutError
from bootproof.last_words import PANIC, last_words

LAST_LINES = 20
LINE_BYTES = 1000
"""More than a kernel's line has."""
_DIES = re.compile(re.escape(PANIC.encode()) + rb"[^\n]*\n")

if TYPE_CHECKING:
    _Spawn = SocketSpawn[str]  # generic in its type stubs only
else:
    _Spawn = SocketSpawn


class _Gathered(_Spawn):
    """pexpect over what the threads have read, instead of over a socket itself."""

    def __init__(self, console: "Console", unused: socket.socket) -> None:
        super().__init__(unused, encoding="utf-8", codec_errors="replace")
        self._console = console
        self._position = 0
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> str:
        data = self._console.read_from(self._position, self.timeout if timeout == -1 else timeout)
        if data is None:
            raise pexpect.TIMEOUT("nothing more on the console")
        if not data:
            raise pexpect.EOF("the machine is off")
        self._position += len(data)
        return self._utf8.decode(data)


class Console:
    """`attach` gives it the socket of each boot's console; `end` says that the machine is off."""

    def __init__(self, log: Path, factor: float = 1.0, on_panic: Callable[[], None] = lambda: None) -> None:
        """`on_panic` is called from the thread that reads, when a kernel says that it dies."""
        self._log = log
        self._on_panic = on_panic
        self._factor = factor
        self._gathered = bytearray()
        self._booted_at = 0  # how much had been gathered before this boot
        self._on = False
        self._changed = threading.Condition()
        self._connection: socket.socket | None = None
        self._thread: threading.Thread | None = None
        with socket.socket() as unused:  # pexpect wants one; ours never reads from it
            self._spawn: Any = _Gathered(self, unused)

    def attach(self, connection: socket.socket) -> None:
        self.detach()
        with self._changed:
            self._on = True
            self._booted_at = len(self._gathered)
        self._connection = connection
        self._thread = threading.Thread(target=self._drain, args=(connection,), name="console", daemon=True)
        self._thread.start()

    def detach(self) -> None:
        """Read what the boot's console still holds, and let it go."""
        if self._connection is not None and self._thread is not None:
            # shutdown, not close: it wakes the thread, which reads what is left and ends
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._connection.close()
            self._connection = None

    def end(self) -> None:
        """The machine is off: nothing more will come until it is attached again."""
        with self._changed:
            self._on = False
            self._changed.notify_all()

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
        if self._connection is None:
            raise MachineError("the machine is off: nobody reads the console")
        self._connection.sendall(text.encode())

    @property
    def text(self) -> str:
        """Everything since the machine was made."""
        with self._changed:
            return self._gathered.decode(errors="replace").replace("\r", "")

    @property
    def this_boot(self) -> str:
        """Everything since the machine was switched on or reset last."""
        with self._changed:
            return self._gathered[self._booted_at :].decode(errors="replace").replace("\r", "")

    def last_lines(self, count: int = LAST_LINES) -> str:
        return "\n".join(f"  | {line}" for line in last_words(self.text, count)) or "  | (nothing)"

    def read_from(self, position: int, timeout: float | None) -> bytes | None:
        """What was gathered from `position` on, waiting for more; None at the time limit, empty at the end."""
        deadline = None if timeout is None else time.monotonic() + max(timeout, 0)
        with self._changed:
            while len(self._gathered) <= position and self._on:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
            return bytes(self._gathered[position:])

    def _drain(self, connection: socket.socket) -> None:
        with self._log.open("ab", buffering=0) as file:
            while data := _receive(connection):
                file.write(data)
                with self._changed:
                    self._gathered += data
                    # Only a whole line: whoever is told reads there why it died.
                    begin = max(0, len(self._gathered) - len(data) - LINE_BYTES)
                    dies = _DIES.search(self._gathered, begin) is not None
                    self._changed.notify_all()
                if dies:
                    self._on_panic()


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""
