"""ptrace(2), as much of it as a tracer needs. Every request must come from the thread that seized the process."""

from __future__ import annotations

import ctypes
import os
from typing import Any

_PEEK, _POKE_USER, _CONTINUE, _SYSCALL = 2, 6, 7, 24
_SEIZE, _LISTEN, _SYSCALL_INFO, _EVENT_MESSAGE = 0x4206, 0x4208, 0x420E, 0x4201
# exit-kill, trace seccomp, execs, clones, vforks, forks, and mark the stops at calls.
_OPTIONS = 0x100000 | 0x80 | 0x10 | 0x8 | 0x4 | 0x2 | 0x1
EVENT_SECCOMP, EVENT_STOP = 7, 128
CALL_STOP = 0x85
# Where struct user of x86-64 keeps the call's number and its result, in bytes.
_NUMBER_AT, _RESULT_AT = 15 * 8, 10 * 8
_PATH_MAX = 4096

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


class _Info(ctypes.Structure):
    """struct ptrace_syscall_info at a seccomp stop, or (its first field of the rest) at a call's end."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("ip", ctypes.c_uint64),
        ("sp", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("data", ctypes.c_uint32),
    )


def _ptrace(request: int, pid: int, address: int, data: Any) -> int:
    ctypes.set_errno(0)
    result = int(_libc.ptrace(request, pid, address, data))
    if result < 0 and (number := ctypes.get_errno()):
        raise OSError(number, os.strerror(number))
    return result


def seize(pid: int) -> None:
    """From now on `pid` and all that it starts stop for this thread, and die with it. Raises OSError."""
    _ptrace(_SEIZE, pid, 0, _OPTIONS)


def resume(pid: int, signal: int = 0, *, to_end_of_call: bool = False) -> None:
    _ptrace(_SYSCALL if to_end_of_call else _CONTINUE, pid, 0, signal)


def listen(pid: int) -> None:
    """Leaves a process stopped that somebody else stopped, until somebody else continues it."""
    _ptrace(_LISTEN, pid, 0, 0)


def call(pid: int) -> tuple[int, tuple[int, ...], int]:
    """At a seccomp stop: the call's number, its arguments, and what the filter has to say."""
    info = _Info()
    _ptrace(_SYSCALL_INFO, pid, ctypes.sizeof(info), ctypes.byref(info))
    return int(info.number), tuple(info.arguments), int(info.data)


def result(pid: int) -> int:
    """At the end of a call: what it returns, an error as its negative number."""
    info = _Info()
    _ptrace(_SYSCALL_INFO, pid, ctypes.sizeof(info), ctypes.byref(info))
    return ctypes.c_int64(info.number).value


def fail(pid: int, error: int) -> None:
    """At a seccomp stop: the call does not happen, and returns this error."""
    _ptrace(_POKE_USER, pid, _NUMBER_AT, ctypes.c_void_p(-1))
    _ptrace(_POKE_USER, pid, _RESULT_AT, ctypes.c_void_p(-error))


def text(pid: int, address: int) -> bytes:
    """The string at an address of the process, without its terminating zero."""
    return memory(pid, address, _PATH_MAX).partition(b"\0")[0]


def memory(pid: int, address: int, length: int) -> bytes:
    """Up to `length` bytes; fewer where the memory ends. Raises OSError."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:  # noqa: PTH123 - no path's methods are needed
        file.seek(address)
        page = length if length <= 64 else 4096 - address % 4096
        found = file.read(min(page, length))
        if len(found) < length and b"\0" not in found and page < length:
            try:
                found += file.read(length - len(found))
            except OSError:
                return found
        return found
