"""A partition as a value: an image file that nobody writes to, and the blocks that are different.

A state of the disk is a few blocks upon gigabytes that are always the same, so nothing but those is ever copied,
compared or hashed.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Self

from bootproof.verdict import HarnessError

BLOCK = 4096
_SECTOR = 512
_GPT_HEADER = struct.Struct("<8s64xQII")
_GPT_ENTRY = struct.Struct("<16s16sQQ")

Blocks = Mapping[int, bytes]
"""Blocks of a partition by their number; those that are not there are as in the base."""


@dataclass(frozen=True)
class Partition:
    """Where a partition lies on its disk, in bytes."""

    begins: int
    ends: int

    def __contains__(self, offset: int) -> bool:
        return self.begins <= offset < self.ends


class Base:
    """A raw image and one of its partitions, which is read and never written. A context manager."""

    def __init__(self, path: Path, partition: Partition) -> None:
        self.path, self.partition = path, partition
        self._file = path.open("rb")
        self._content = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._kept: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._content.close()
        self._file.close()

    def __getitem__(self, block: int) -> bytes:
        """The block as it was in the beginning."""
        found = self._kept.get(block)
        if found is None:
            at = self.partition.begins + block * BLOCK
            if not 0 <= block * BLOCK < self.partition.ends - self.partition.begins:
                raise HarnessError(f"block {block} is beyond the end of the partition")
            found = self._kept[block] = self._content[at : at + BLOCK]
        return found


@dataclass(frozen=True)
class Image:
    """A state of a partition. `changes` lie in layers, the topmost first."""

    base: Base
    changes: tuple[Blocks, ...] = ()

    def __getitem__(self, block: int) -> bytes:
        for layer in self.changes:
            found = layer.get(block)
            if found is not None:
                return found
        return self.base[block]

    def under(self, blocks: Blocks) -> Image:
        """The image when these blocks have been written too."""
        return Image(self.base, (blocks, *self.changes))

    def changed(self) -> dict[int, bytes]:
        """All blocks that were written, as they are now."""
        found: dict[int, bytes] = {}
        for layer in reversed(self.changes):
            found.update(layer)
        return found


class Fingerprints:
    """Tells images of one base apart by what is different from it: the same content, the same number."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._known: dict[tuple[int, bytes], int] = {}

    def of(self, blocks: Blocks) -> int:
        """The sum of its blocks' own numbers, so that it can be taken apart and put together again."""
        total = 0
        for number, content in blocks.items():
            total ^= self.of_block(number, content)
        return total

    def of_block(self, number: int, content: bytes) -> int:
        """0 for a block that is as in the base."""
        found = self._known.get((number, content))
        if found is None:
            same = content == self._base[number]
            digest = blake2b(content, digest_size=16, salt=number.to_bytes(16, "little")).digest()
            found = self._known[number, content] = 0 if same else int.from_bytes(digest, "little")
        return found


def partition(path: Path, number: int) -> Partition:
    """The partition of this number, counted from 0. Raises HarnessError."""
    there = list(partitions(path))
    if number >= len(there):
        raise HarnessError(f"{path} has {len(there)} partitions, and none of number {number}")
    return there[number]


def partitions(path: Path) -> Iterator[Partition]:
    """Those of a GPT, by number. Raises HarnessError when there is none."""
    with path.open("rb") as file:
        header = os.pread(file.fileno(), _SECTOR, _SECTOR)
        magic, table, count, size = _GPT_HEADER.unpack_from(header)
        if magic != b"EFI PART":
            raise HarnessError(f"{path} has no partition table")
        entries = os.pread(file.fileno(), count * size, table * _SECTOR)
        for number in range(count):
            kind, _, first, last = _GPT_ENTRY.unpack_from(entries, number * size)
            if any(kind):
                yield Partition(first * _SECTOR, (last + 1) * _SECTOR)
