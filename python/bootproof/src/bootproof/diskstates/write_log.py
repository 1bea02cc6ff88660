"""The log of everything that a guest wrote to its disk, as QEMU's `blklogwrites` leaves it.

The actors: the *guest*, which writes sectors and asks for flushes; *QEMU*, which does each of these to the image and
then appends an entry to the log, so that entries stand in the order in which they were done; and this reader.

1. The first sector is a superblock: magic, version, how many entries there are, how large a sector is. QEMU writes it
   when the guest flushes; what was written since follows all the same, and its last entry may be torn.
2. Each entry begins with a sector of its own: where it goes, how many sectors, what it is, and the sectors follow.
3. A flush has no sectors. What was written before it is safe once it was done; all else may be lost.

A write that was under way while a flush was, and was done first, stands before it, and so counts as flushed. The format
is that of Linux' dm-log-writes.
"""

from __future__ import annotations

import enum
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootproof.verdict import HarnessError

MAGIC = 0x6A736677736872
VERSION = 1
LARGEST = 64 << 20
"""Bytes of one request; a write is never so long."""
_SUPERBLOCK = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")


class _Flag(enum.IntFlag):
    FLUSH = 1
    FUA = 2
    DISCARD = 4
    MARK = 8
    METADATA = 16


class Kind(enum.Enum):
    WRITE = "write"
    FLUSH = "flush"
    DISCARD = "discard"
    """The guest does not need these bytes any more; its disk reads as zeros there."""


@dataclass(frozen=True)
class Entry:
    """One request of the guest's. `offset` is where it goes on the disk, `begins` and `ends` where the entry stands in
    the log: it was surely not done while the log was no longer than `begins`."""

    kind: Kind
    offset: int
    data: bytes
    begins: int
    ends: int


@dataclass(frozen=True)
class WriteLog:
    """The whole recording; `sector` is the smallest number of bytes that the disk writes at once, which the guest was
    told."""

    sector: int
    entries: tuple[Entry, ...]


def read(path: Path) -> WriteLog:
    """Raises HarnessError when the file is no such log, or not all of one."""
    with path.open("rb") as file:
        if path.stat().st_size < _SUPERBLOCK.size:
            raise HarnessError(f"{path} is empty: the guest has flushed nothing while it was recorded")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            magic, version, count, sector = _SUPERBLOCK.unpack_from(content)
            if (magic, version) != (MAGIC, VERSION):
                raise HarnessError(
                    f"{path} is no log of writes: it begins with {magic:#x}, version {version}"
                )
            return WriteLog(sector, tuple(_entries(path, content, count, sector)))


def _entries(path: Path, content: mmap.mmap, count: int, sector: int) -> Iterator[Entry]:
    at, number = sector, 0
    while at + sector <= len(content):
        where, sectors, bits, _ = _ENTRY.unpack_from(content, at)
        kind, size = _kind(_Flag(bits)), sectors * sector
        if size > LARGEST:
            raise HarnessError(
                f"{path}: the guest gave up {size >> 20} MiB at once (fstrim?) while it was recorded"
            )
        held = size if kind is Kind.WRITE else 0
        if at + sector + held > len(content):
            break
        data = content[at + sector : at + sector + held] if held else bytes(size)
        yield Entry(kind, where * sector, data, at, at + sector + held)
        at, number = at + sector + held, number + 1
    if number < count:
        raise HarnessError(f"{path} is torn: it says that it has {count} entries, and there are {number}")


def _kind(flags: _Flag) -> Kind:
    if flags & (_Flag.FUA | _Flag.MARK):
        # virtio has neither; a write that is safe at once would have to be enumerated in another way.
        raise HarnessError(f"the log of writes has an entry of a kind that no virtio disk has: {flags!r}")
    if flags & _Flag.FLUSH:
        return Kind.FLUSH
    return Kind.DISCARD if flags & _Flag.DISCARD else Kind.WRITE
