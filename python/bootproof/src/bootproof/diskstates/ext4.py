"""ext4 as it is after a power cut: the journal is replayed, and files are read, without mounting anything.

Mounting takes a kernel, root and tens of milliseconds for each of thousands of states; reading the few blocks that
matter takes none of these. Only what file systems of today have is known here; whatever else is met is a HarnessError.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from bootproof.diskstates import journal
from bootproof.diskstates.crc32c import crc32c
from bootproof.diskstates.image import BLOCK, Image
from bootproof.diskstates.journal import Replayed
from bootproof.verdict import HarnessError

_SUPERBLOCK = 1024
_SUM = _SUPERBLOCK + 0x3FC
_MAGIC = 0xEF53
_NEEDS_RECOVERY, _EXTENTS, _WIDE = 0x4, 0x40, 0x80
# filetype, recovery, extents, 64bit, flexible groups, the seed of checksums
_KNOWN = 0x2 | _NEEDS_RECOVERY | _EXTENTS | _WIDE | 0x200 | 0x2000
_CHECKSUMS = 0x400
_ORPHANS_IN_FILE = 0x10000
_HAS_ERRORS = 0x2
ROOT = 2
Extent = tuple[int, int, int]
"""A block of a file, the block of the partition where it lies, and how many of them follow each other in both."""
_IN_EXTENTS = 0x80000
_EXTENT_MAGIC = 0xF30A
_UNWRITTEN = 32768


@dataclass(frozen=True)
class Node:
    """An inode: what it is, whose, how long, and where its content lies."""

    number: int
    mode: int
    owner: int
    size: int
    flags: int
    map: bytes

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


class Ext4:
    """One file system in one state."""

    def __init__(self, image: Image) -> None:
        self.image = image
        block = image[0]
        (magic,) = struct.unpack_from("<H", block, _SUPERBLOCK + 0x38)
        (shift,) = struct.unpack_from("<I", block, _SUPERBLOCK + 0x18)
        (features,) = struct.unpack_from("<I", block, _SUPERBLOCK + 0x60)
        if magic != _MAGIC or 1024 << shift != BLOCK:
            raise HarnessError("this is no ext4 with blocks of 4 KiB")
        if features & ~_KNOWN or not features & _EXTENTS or not features & _WIDE:
            raise HarnessError(f"ext4 with features that are not known here: {features:#x}")
        self.needs_recovery = bool(features & _NEEDS_RECOVERY)
        self.label = block[_SUPERBLOCK + 0x78 : _SUPERBLOCK + 0x88]
        (self._in_group,) = struct.unpack_from("<I", block, _SUPERBLOCK + 0x28)
        (self._node_size,) = struct.unpack_from("<H", block, _SUPERBLOCK + 0x58)
        (self._description,) = struct.unpack_from("<H", block, _SUPERBLOCK + 0xFE)
        (first,) = struct.unpack_from("<I", block, _SUPERBLOCK + 0xE8)
        (optional,) = struct.unpack_from("<I", block, _SUPERBLOCK + 0x64)
        self.has_orphans = bool(first) or bool(optional & _ORPHANS_IN_FILE)
        """Whether it may have files that were being removed, which is finished when it is mounted."""
        (self._journal,) = struct.unpack_from("<I", block, _SUPERBLOCK + 0xE0)

    # --- after a power cut

    @cached_property
    def journal_blocks(self) -> tuple[int, ...]:
        """Where the journal lies, in its own order."""
        return _spread(tuple(self._extents(self.node(self._journal))))

    def recovered(self) -> Ext4:
        """The file system as it is when it has been mounted. Raises HarnessError when it cannot be."""
        where = self.journal_blocks
        replayed = journal.replay(lambda number: self.image[where[number]])
        return Ext4(self.image.under(self._written(replayed)))

    def _written(self, replayed: Replayed) -> dict[int, bytes]:
        written = replayed.blocks
        written[self.journal_blocks[0]] = replayed.superblock
        block = bytearray(written.get(0, self.image[0]))
        (features,) = struct.unpack_from("<I", block, _SUPERBLOCK + 0x60)
        struct.pack_into("<I", block, _SUPERBLOCK + 0x60, features & ~_NEEDS_RECOVERY)
        (optional,) = struct.unpack_from("<I", block, _SUPERBLOCK + 0x64)
        (state,) = struct.unpack_from("<H", block, _SUPERBLOCK + 0x3A)
        if state & _HAS_ERRORS:
            raise HarnessError("the guest's kernel has found errors in its file system")
        if optional & _CHECKSUMS:
            struct.pack_into("<I", block, _SUM, crc32c(bytes(block[_SUPERBLOCK:_SUM])))
        written[0] = bytes(block)
        return written

    # --- files

    def node(self, number: int) -> Node:
        """The inode of this number."""
        group, place = divmod(number - 1, self._in_group)
        block, offset = divmod(group * self._description, BLOCK)
        described = self.image[1 + block]
        (low,) = struct.unpack_from("<I", described, offset + 0x8)
        (high,) = struct.unpack_from("<I", described, offset + 0x28)
        block, offset = divmod(place * self._node_size, BLOCK)
        content = self.image[(low | high << 32) + block]
        mode, owner, size = struct.unpack_from("<HHI", content, offset)
        (flags,) = struct.unpack_from("<I", content, offset + 0x20)
        (size_high,) = struct.unpack_from("<I", content, offset + 0x6C)
        (links,) = struct.unpack_from("<H", content, offset + 0x1A)
        if not links:
            raise HarnessError(f"a name leads to inode {number}, which has been deleted")
        where = content[offset + 0x28 : offset + 0x28 + 60]
        return Node(number, mode, owner, size | size_high << 32, flags, where)

    def find(self, path: str) -> Node | None:
        """What this absolute path leads to, links not followed; None when it leads nowhere."""
        here: Node | None = self.node(ROOT)
        for name in filter(None, path.split("/")):
            if here is None or not here.is_folder:
                return None
            number = self.names(here).get(name)
            here = None if number is None else self.node(number)
        return here

    def names(self, folder: Node) -> dict[str, int]:
        """The entries of a folder, without itself and the one above it."""
        return _names(self.content(folder))

    def content(self, node: Node) -> bytes:
        """The bytes of a file, a folder or a link."""
        if node.is_link and node.size < len(node.map):
            return node.map[: node.size]
        content = bytearray(-(-node.size // BLOCK) * BLOCK)
        for place, first, length in self._extents(node):
            # A file may have more set aside than it is long.
            for number in range(min(length, len(content) // BLOCK - place)):
                at = (place + number) * BLOCK
                content[at : at + BLOCK] = self.image[first + number]
        return bytes(content[: node.size])

    def _extents(self, node: Node) -> Iterator[Extent]:
        """Holes, and what was only set aside, are zeros and not there."""
        if not node.flags & _IN_EXTENTS:
            raise HarnessError(f"inode {node.number} has no extents, which is not known here")
        yield from self._tree(node.map)

    def _tree(self, tree: bytes) -> Iterator[Extent]:
        magic, count, _, depth = struct.unpack_from("<HHHH", tree)
        if magic != _EXTENT_MAGIC:
            raise HarnessError("a tree of extents is corrupt")
        for at in range(12, 12 + 12 * count, 12):
            if depth:
                _, low, high = struct.unpack_from("<IIH", tree, at)
                yield from self._tree(self.image[low | high << 32])
                continue
            place, length, high, low = struct.unpack_from("<IHHI", tree, at)
            if length <= _UNWRITTEN:
                yield place, low | high << 32, length


# The same journal, and the same folders, come again in thousands of states.
@lru_cache
def _spread(extents: tuple[Extent, ...]) -> tuple[int, ...]:
    """All blocks of a file, in its order."""
    return tuple(block for _, first, length in sorted(extents) for block in range(first, first + length))


@lru_cache(maxsize=1 << 12)
def _names(folder: bytes) -> dict[str, int]:
    found: dict[str, int] = {}
    at = 0
    while at < len(folder):
        number, length, size = struct.unpack_from("<IHB", folder, at)
        if length < 8 or at % BLOCK + length > BLOCK:
            raise HarnessError("a folder is corrupt")
        if number:
            found[folder[at + 8 : at + 8 + size].decode(errors="surrogateescape")] = number
        at += length
    return {name: number for name, number in found.items() if name not in (".", "..")}
