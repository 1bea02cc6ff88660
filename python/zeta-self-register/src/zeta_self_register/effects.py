"""The one port through which this program touches the world.

Everything above it is a pure function of what the port answered, so that the same code can be run on a
machine, in a simulation and under a wrapper that kills it between any two effects.  No other module does
I/O; a test enforces it.

A file becomes durable by four separate effects (write, sync, rename, sync the folder), not by one, so that a
crash between any two of them is explored through the shipped code; `durable.py` puts them in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec


class Request(msgspec.Struct, frozen=True):
    """One HTTP request to GitHub.  `body` is sent as it is; the port adds only what HTTP itself needs."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class Response(msgspec.Struct, frozen=True):
    """One whole answer.  Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotSent(Exception):
    """The request provably never reached the server: no name, no connection, no valid certificate."""


class NoAnswer(Exception):
    """The request may have reached the server; whether it took effect is not known."""


class AlreadyRunning(Exception):
    """Another process of this machine holds the lock."""


class CommandFailed(Exception):
    """A program of the machine could not be started or answered with a non-zero exit status."""


class Effects(Protocol):
    """What a tick may do.  Paths are absolute; times are seconds."""

    def read(self, path: str) -> bytes:
        """The whole file.  Raises OSError (FileNotFoundError when it is not there)."""

    def listdir(self, path: str) -> list[str]:
        """The folder's entries, sorted.  Raises OSError."""

    def run(self, argv: Sequence[str]) -> bytes:
        """The standard output of a program that only looks (`ip -json …`).  Raises CommandFailed."""

    def write(self, path: str, content: bytes, mode: int) -> None:
        """Creates or empties the file and writes it, without syncing.  Raises OSError."""

    def sync(self, path: str) -> None:
        """fsync of a file or a folder.  Raises OSError."""

    def rename(self, source: str, target: str) -> None:
        """Atomic rename within one folder.  Raises OSError."""

    def make_folder(self, path: str) -> None:
        """Creates one folder; one that exists is fine.  Raises OSError."""

    def publish(self, path: str, content: bytes) -> None:
        """Replaces a file that others read and this program does not rely on: whole or not at all, but not durably.

        Its folder may lie in one that anybody can write to (/tmp): missing folders are made, no symbolic link is
        followed below the first folder, and another user's folder in a place that anybody can write to is refused.
        Raises OSError.
        """

    def sync_all(self) -> None:
        """sync(2): every file system's dirty pages are on their way to the disk and have arrived."""

    def lock(self, path: str) -> AbstractContextManager[None]:
        """One process of this machine at a time; released by the kernel when the process dies.

        Raises AlreadyRunning at once when another holds it, OSError when the file cannot be made.
        """

    def github(self, request: Request) -> Response:
        """One request, sent at most once, redirects not followed.  Raises NotSent or NoAnswer."""

    def wall_clock(self) -> float:
        """Seconds since 1970 by this machine's own clock, which may be wrong."""

    def monotonic(self) -> float:
        """Seconds since this boot, sleep included (CLOCK_BOOTTIME)."""

    def boot_id(self) -> str:
        """The kernel's random id of this boot."""

    def say(self, line: str) -> None:
        """One line to the journal.  What is not printable is shown escaped: a text of GitHub's may be anybody's."""
