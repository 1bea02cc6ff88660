"""FAT32, read: the names and bytes of its files, as far as firmware cares."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Protocol

from bootproof.verdict import HarnessError

_END = 0x0FFFFFF8
_FOLDER, _LABEL, _LONG = 0x10, 0x08, 0x0F
_REMOVED = 0xE5
_MOST = 1 << 28
"""Bytes of a file: no kernel of a guest is so long, so a chain that is longer runs in a circle."""


class Content(Protocol):
    """Bytes that are not all held in memory."""

    def __getitem__(self, where: slice) -> bytes: ...


class Fat:
    """The file system between two places of an image. Raises HarnessError where it is none, or broken."""

    def __init__(self, content: Content, begins: int, ends: int) -> None:
        self._content, self._begins, self._ends = content, begins, ends
        boot = self._bytes(0, 512)
        self._sector, in_cluster, reserved, copies = struct.unpack_from("<HBHB", boot, 11)
        (length,) = struct.unpack_from("<I", boot, 36)
        (self._root,) = struct.unpack_from("<I", boot, 44)
        if boot[510:] != b"\x55\xaa" or boot[82:87] != b"FAT32" or not self._sector or not in_cluster:
            raise HarnessError("this is no FAT32")
        self.label = boot[71:82]
        self._table = reserved * self._sector
        self._data = self._table + copies * length * self._sector
        self._cluster = in_cluster * self._sector

    def files(self) -> Iterator[tuple[bytes, bytes]]:
        """Each folder and file by its path: what is in a file, and nothing for a folder."""
        yield from self._below(self._root, b"", 0)

    def _below(self, first: int, path: bytes, depth: int) -> Iterator[tuple[bytes, bytes]]:
        if depth > 16:
            raise HarnessError("the folders of a FAT lead into each other")
        folder, long = self._chain(first, _MOST), b""
        for at in range(0, len(folder), 32):
            entry = folder[at : at + 32]
            kind = entry[11]
            if not entry[0]:
                return
            if entry[0] == _REMOVED:
                long = b""
            elif kind == _LONG:
                long = entry[1:11] + entry[14:26] + entry[28:32] + long
            elif kind & _LABEL or entry[0] == ord("."):
                long = b""
            else:
                here, long = path + b"/" + (long or entry[:11]), b""
                high, low, size = struct.unpack_from("<H4xHI", entry, 20)
                start = high << 16 | low
                yield here, b"" if kind & _FOLDER else self._chain(start, size)[:size]
                if kind & _FOLDER:
                    yield from self._below(start, here, depth + 1)

    def _chain(self, cluster: int, size: int) -> bytes:
        found = bytearray()
        while 2 <= cluster < _END and len(found) < size:
            found += self._bytes(self._data + (cluster - 2) * self._cluster, self._cluster)
            (cluster,) = struct.unpack("<I", self._bytes(self._table + cluster * 4, 4))
            cluster &= 0x0FFFFFFF
        return bytes(found)

    def _bytes(self, at: int, size: int) -> bytes:
        if self._begins + at + size > self._ends:
            raise HarnessError("a FAT leads beyond its partition")
        return self._content[self._begins + at : self._begins + at + size]
