"""The journal of ext4 (jbd2), replayed as the kernel does when it mounts what a power cut has left.

The kernel writes a *transaction* in three steps: a descriptor block that says where the blocks after it belong, with a
checksum of each; those blocks; and, when all of that is on the disk, a commit block. Only what has a commit block took
place. A *revoke* says that what earlier transactions have for a block is not to be written any more.

Everything here is written big-endian. What is read wrongly would be a false verdict, so whatever this does not know is
a HarnessError, and `checker` compares what comes of it with what e2fsck does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bootproof.diskstates.crc32c import crc32c
from bootproof.verdict import HarnessError

_HEADER = struct.Struct(">III")
_MAGIC = 0xC03B3998
_DESCRIPTOR, _COMMIT, _SUPERBLOCK, _REVOKE = 1, 2, 4, 5
_TAG = struct.Struct(">IIII")
_ESCAPED, _SAME_UUID, _DELETED, _LAST = 1, 2, 4, 8
_UUID = 16
_TAIL = 4
_COMMIT_SUM = slice(16, 20)
_COMMIT_HEADER = 60
_SUPERBLOCK_SIZE = 1024
_SUPERBLOCK_SUM = slice(0xFC, 0x100)
# revokes, 64-bit block numbers, checksums of the third kind: what a kernel of today makes of a new file system
_WANTED, _OPTIONAL = 0x10, 0x1 | 0x2

Read = Callable[[int], bytes]
"""A block of the journal, by its number there."""


@dataclass
class Replayed:
    """What a replay writes: blocks of the file system, and the journal's own superblock, which is then empty."""

    blocks: dict[int, bytes] = field(default_factory=dict)
    superblock: bytes = b""
    transactions: int = 0


@dataclass(frozen=True)
class _Journal:
    read: Read
    last: int
    first: int
    sequence: int
    start: int
    seed: int
    wide: bool

    def after(self, block: int) -> int:
        """It is a ring."""
        return self.first if block + 1 >= self.last else block + 1


@dataclass
class _Transaction:
    sequence: int
    tags: list[tuple[int, bytes, bool, int]] = field(default_factory=list)
    """Where a block belongs, the block, whether its beginning is escaped, and its checksum."""
    revoked: list[int] = field(default_factory=list)


def replay(read: Read) -> Replayed:
    """Everything that took place and is not in its place yet. Raises HarnessError."""
    content = read(0)
    journal = _opened(read, content)
    if journal.start == 0:
        return Replayed(superblock=content)
    transactions = list(_committed(journal))
    revoked: dict[int, int] = {}
    for one in transactions:
        revoked.update(dict.fromkeys(one.revoked, one.sequence))
    found = Replayed(transactions=len(transactions))
    for one in transactions:
        for block, data, escaped, checksum in one.tags:
            if revoked.get(block, -1) >= one.sequence:
                continue
            if crc32c(data, crc32c(one.sequence.to_bytes(4, "big"), journal.seed)) != checksum:
                raise HarnessError(f"the journal is corrupt: block {block} of transaction {one.sequence}")
            found.blocks[block] = _MAGIC.to_bytes(4, "big") + data[4:] if escaped else data
    found.superblock = _emptied(content, journal.sequence + len(transactions) + 1)
    return found


def _opened(read: Read, content: bytes) -> _Journal:
    magic, kind, _ = _HEADER.unpack_from(content)
    size, last, first, sequence, start, error = struct.unpack_from(">IIIIIi", content, 0xC)
    compatible, features, others = struct.unpack_from(">III", content, 0x24)
    if (magic, kind, size) != (_MAGIC, _SUPERBLOCK, len(content)):
        raise HarnessError("the journal has no superblock")
    if start and (compatible or others or features & ~_OPTIONAL != _WANTED):
        raise HarnessError(
            f"the journal has features that are not known here: {features:#x}, {compatible:#x}"
        )
    if start and _sum_of_superblock(content) != int.from_bytes(content[_SUPERBLOCK_SUM], "big"):
        raise HarnessError("the journal's superblock is corrupt")
    if error:
        raise HarnessError(f"the journal says that the kernel met error {error}")
    seed = crc32c(content[0x30 : 0x30 + _UUID])
    return _Journal(read, last, first, sequence, start, seed, bool(features & 0x2))


def _sum_of_superblock(content: bytes) -> int:
    bare = bytearray(content[:_SUPERBLOCK_SIZE])
    bare[_SUPERBLOCK_SUM] = bytes(4)
    return crc32c(bytes(bare))


def _emptied(content: bytes, sequence: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(">II", changed, 0x18, sequence, 0)
    changed[_SUPERBLOCK_SUM] = _sum_of_superblock(bytes(changed)).to_bytes(4, "big")
    return bytes(changed)


def _committed(journal: _Journal) -> Iterator[_Transaction]:
    """Until something is not there, or not whole."""
    at, sequence = journal.start, journal.sequence
    while True:
        transaction = _Transaction(sequence)
        while True:
            block = journal.read(at)
            magic, kind, number = _HEADER.unpack_from(block)
            if (magic, number) != (_MAGIC, sequence):
                return
            at = journal.after(at)
            if kind == _COMMIT:
                break
            if kind not in (_DESCRIPTOR, _REVOKE) or not _whole(journal, block):
                return
            if kind == _DESCRIPTOR:
                at = _described(journal, block, at, transaction)
            else:
                transaction.revoked += _revoked(journal, block)
        if not _really_committed(journal, block):
            return
        yield transaction
        sequence += 1


def _whole(journal: _Journal, block: bytes) -> bool:
    told = int.from_bytes(block[-_TAIL:], "big")
    return crc32c(block[:-_TAIL] + bytes(_TAIL), journal.seed) == told


def _really_committed(journal: _Journal, block: bytes) -> bool:
    """Its first sector is enough: the rest of it is empty, and may be anything when the block was torn."""
    told = int.from_bytes(block[_COMMIT_SUM], "big")
    bare = block[: _COMMIT_SUM.start] + bytes(4) + block[_COMMIT_SUM.stop :]
    if crc32c(bare, journal.seed) == told:
        return True
    empty = bare[:_COMMIT_HEADER] + bytes(len(bare) - _COMMIT_HEADER)
    if crc32c(empty, journal.seed) == told:
        return True
    raise HarnessError("the journal is corrupt: a commit block that is not whole")


def _described(journal: _Journal, block: bytes, at: int, transaction: _Transaction) -> int:
    """Notes the blocks that follow; where the next descriptor is."""
    place, end = _HEADER.size, len(block) - _TAIL
    while place + _TAG.size <= end:
        low, flags, high, checksum = _TAG.unpack_from(block, place)
        place += _TAG.size + (0 if flags & _SAME_UUID else _UUID)
        number = low | (high << 32 if journal.wide else 0)
        if flags & _DELETED:
            raise HarnessError("the journal has a deleted tag, which no kernel writes any more")
        transaction.tags.append((number, journal.read(at), bool(flags & _ESCAPED), checksum))
        at = journal.after(at)
        if flags & _LAST:
            break
    return at


def _revoked(journal: _Journal, block: bytes) -> Iterator[int]:
    (used,) = struct.unpack_from(">I", block, _HEADER.size)
    kind = struct.Struct(">Q" if journal.wide else ">I")
    for place in range(_HEADER.size + 4, used, kind.size):
        yield kind.unpack_from(block, place)[0]
