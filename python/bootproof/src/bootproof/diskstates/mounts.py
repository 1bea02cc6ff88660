"""mount(2), and a loop device that is gone with whoever holds it open.

Both are the host's kernel, and so need root. A process of its own mount namespace (`alone`) leaves nothing behind,
however it ends: its mounts go with it, and with them the loop device, which detaches itself when nobody uses it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_ACCESS_TIMES = 1024
_NEW_NAMESPACE = 0x20000
_PRIVATE, _RECURSIVE = 1 << 18, 1 << 14
_GET_FREE, _CONFIGURE, _DROP_CACHE = 0x4C82, 0x4C0A, 0x1261
_DETACHES_ITSELF = 4
# struct loop_config: the file, and in the middle of much that is left alone the flags
_CONFIG = struct.Struct("<II 52x I 232x")
_TRIES = 20

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (*(ctypes.c_char_p,) * 3, ctypes.c_ulong, ctypes.c_char_p)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)


def alone() -> None:
    """From now on this process mounts for itself alone. Raises OSError."""
    _check(_libc.unshare(_NEW_NAMESPACE))
    mount("none", Path("/"), "", _PRIVATE | _RECURSIVE)


def mount(what: str, where: Path, kind: str, flags: int = 0, options: str = "") -> None:
    """Raises OSError with what the file system says."""
    _check(_libc.mount(what.encode(), os.fsencode(where), kind.encode(), flags, options.encode()))


def unmount(where: Path) -> None:
    """Raises OSError."""
    _check(_libc.umount2(os.fsencode(where), 0))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Loop:
    """A file as a disk."""

    def __init__(self, device: int, path: str) -> None:
        self._device, self.path = device, path

    def forget(self) -> None:
        """The file was changed behind the device: what the kernel remembers of it is void."""
        fcntl.ioctl(self._device, _DROP_CACHE)


@contextmanager
def loop(image: Path) -> Iterator[Loop]:
    """Raises OSError. The device is detached when this is left, or when the process ends in any other way."""
    with contextlib.ExitStack() as opened:
        control = opened.enter_context(_open(Path("/dev/loop-control")))
        file = opened.enter_context(_open(image))
        for _ in range(_TRIES):
            path = f"/dev/loop{fcntl.ioctl(control, _GET_FREE)}"
            device = opened.enter_context(_open(Path(path)))
            try:
                fcntl.ioctl(device, _CONFIGURE, _CONFIG.pack(file, 0, _DETACHES_ITSELF))
            except OSError as error:
                if error.errno != errno.EBUSY:  # somebody else was faster
                    raise
            else:
                yield Loop(device, path)
                return
        raise OSError(errno.EBUSY, "no loop device is free")


@contextmanager
def _open(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)
