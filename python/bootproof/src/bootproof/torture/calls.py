"""The system calls that leave something behind: on a disk, or at the other end of a connection. x86-64 only."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Does(enum.Enum):
    """What a call does to files, which decides which errors it can meet."""

    OPEN = "open"
    WRITE = "write"
    SYNC = "sync"
    ENTRY = "entry"
    REMOVE = "remove"
    ATTRIBUTE = "attribute"
    CONNECT = "connect"


@dataclass(frozen=True)
class Signature:
    """Where a call's arguments say what it touches: `paths` are (folder descriptor or None, path) by position, `fd` is
    the descriptor that is written to, `flags` where the flags of an open stand (None: it always creates)."""

    number: int
    name: str
    does: Does
    fd: int | None = None
    paths: tuple[tuple[int | None, int], ...] = ()
    flags: int | None = None


def _fd(number: int, name: str, does: Does = Does.WRITE, position: int = 0) -> Signature:
    return Signature(number, name, does, fd=position)


def _path(number: int, name: str, does: Does, *paths: tuple[int | None, int]) -> Signature:
    return Signature(number, name, does, paths=paths or ((None, 0),))


SIGNATURES = (
    Signature(2, "open", Does.OPEN, paths=((None, 0),), flags=1),
    Signature(257, "openat", Does.OPEN, paths=((0, 1),), flags=2),
    _path(437, "openat2", Does.OPEN, (0, 1)),
    _path(85, "creat", Does.OPEN),
    _fd(1, "write"),
    _fd(18, "pwrite64"),
    _fd(20, "writev"),
    _fd(296, "pwritev"),
    _fd(328, "pwritev2"),
    _fd(40, "sendfile"),
    _fd(275, "splice", position=2),
    _fd(326, "copy_file_range", position=2),
    _fd(44, "sendto"),
    _fd(46, "sendmsg"),
    _fd(307, "sendmmsg"),
    _fd(48, "shutdown", Does.CONNECT),
    _fd(42, "connect", Does.CONNECT),
    _fd(77, "ftruncate"),
    _fd(285, "fallocate"),
    _path(76, "truncate", Does.WRITE),
    _fd(74, "fsync", Does.SYNC),
    _fd(75, "fdatasync", Does.SYNC),
    _path(82, "rename", Does.ENTRY, (None, 0), (None, 1)),
    _path(264, "renameat", Does.ENTRY, (0, 1), (2, 3)),
    _path(316, "renameat2", Does.ENTRY, (0, 1), (2, 3)),
    _path(86, "link", Does.ENTRY, (None, 0), (None, 1)),
    _path(265, "linkat", Does.ENTRY, (0, 1), (2, 3)),
    _path(88, "symlink", Does.ENTRY, (None, 1)),
    _path(266, "symlinkat", Does.ENTRY, (1, 2)),
    _path(83, "mkdir", Does.ENTRY),
    _path(258, "mkdirat", Does.ENTRY, (0, 1)),
    _path(133, "mknod", Does.ENTRY),
    _path(259, "mknodat", Does.ENTRY, (0, 1)),
    _path(84, "rmdir", Does.REMOVE),
    _path(87, "unlink", Does.REMOVE),
    _path(263, "unlinkat", Does.REMOVE, (0, 1)),
    _path(90, "chmod", Does.ATTRIBUTE),
    _fd(91, "fchmod", Does.ATTRIBUTE),
    _path(268, "fchmodat", Does.ATTRIBUTE, (0, 1)),
    _path(452, "fchmodat2", Does.ATTRIBUTE, (0, 1)),
    _path(92, "chown", Does.ATTRIBUTE),
    _fd(93, "fchown", Does.ATTRIBUTE),
    _path(94, "lchown", Does.ATTRIBUTE),
    _path(260, "fchownat", Does.ATTRIBUTE, (0, 1)),
)
BY_NUMBER = {signature.number: signature for signature in SIGNATURES}

# Work handed to the kernel through shared memory is not seen by any filter: programs do without where it is missing.
IO_URING_SETUP = 425


@dataclass(frozen=True)
class Call:
    """One effectful call of a run. `target` is a path within the state folder, or `api`; two paths of a rename are
    joined by an arrow."""

    name: str
    does: Does
    target: str

    @property
    def on_file(self) -> bool:
        return self.target != API

    def __str__(self) -> str:
        return f"{self.name}({self.target})"


API = "api"
ROOT = "."
