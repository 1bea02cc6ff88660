"""What a call is about to touch: a file of the state folder, the connection to the mock, or nothing of interest."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bootproof.torture import ptrace
from bootproof.torture.calls import API, ROOT, Call, Does, Signature

_CURRENT_FOLDER = -100
_INTERNET, _INTERNET_6 = 2, 10
# The longest address of the two, in bytes.
_ADDRESS_SIZE = 28
_NO_FILES = ("/dev/", "/proc/", "/sys/")


class Sight:
    """Looks at what lies below `state`, and at connections to `port`. `elsewhere` collects other files."""

    def __init__(self, state: Path, port: int) -> None:
        self._state = os.path.realpath(state)
        self._port = port
        self._sockets: set[str] = set()
        self.elsewhere: set[str] = set()

    def effect(self, pid: int, signature: Signature, arguments: Sequence[int]) -> Call | None:
        """The call of a process that stands still before it, or None if it touches nothing of interest."""
        if signature.name == "connect":
            target = self._connected(pid, arguments)
        elif signature.fd is not None:
            target = self._held(pid, _int(arguments[signature.fd]))
        else:
            target = self._named(pid, signature, arguments)
        return None if target is None else Call(signature.name, signature.does, target)

    def _connected(self, pid: int, arguments: Sequence[int]) -> str | None:
        address = ptrace.memory(pid, arguments[1], min(arguments[2], _ADDRESS_SIZE))
        family, port = int.from_bytes(address[:2], sys.byteorder), int.from_bytes(address[2:4], "big")
        if family not in (_INTERNET, _INTERNET_6) or port != self._port:
            return None
        self._sockets.add(str(Path(f"/proc/{pid}/fd/{_int(arguments[0])}").readlink()))
        return API

    def _held(self, pid: int, descriptor: int) -> str | None:
        try:
            path = str(Path(f"/proc/{pid}/fd/{descriptor}").readlink())
        except OSError:
            return None
        return API if path in self._sockets else self._within(path.removesuffix(" (deleted)"))

    def _named(self, pid: int, signature: Signature, arguments: Sequence[int]) -> str | None:
        paths = [_path(pid, arguments, at) for at in signature.paths]
        found = [self._within(path) for path in paths]
        if any(path is not None for path in found):
            return " → ".join(path or "elsewhere" for path in found)
        if signature.does is not Does.ATTRIBUTE:
            self.elsewhere.update(path for path in paths if not path.startswith(_NO_FILES))
        return None

    def _within(self, path: str) -> str | None:
        if path == self._state:
            return ROOT
        return path.removeprefix(f"{self._state}/") if path.startswith(f"{self._state}/") else None


def _path(pid: int, arguments: Sequence[int], at: tuple[int | None, int]) -> str:
    """A path that a call names, absolute; its last part may be a link, and is not followed."""
    folder_at, path_at = at
    path = os.fsdecode(ptrace.text(pid, arguments[path_at]))
    descriptor = _CURRENT_FOLDER if folder_at is None else _int(arguments[folder_at])
    base = f"/proc/{pid}/cwd" if descriptor == _CURRENT_FOLDER else f"/proc/{pid}/fd/{descriptor}"
    whole = Path(os.path.realpath(base)) / path
    return str(Path(os.path.realpath(whole.parent)) / whole.name)


def _int(argument: int) -> int:
    """A register as the C int that a call takes it for."""
    low = argument & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low
