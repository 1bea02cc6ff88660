"""What is found on a disk: the files that the program under test looks at, read as they are after recovery."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bootproof.diskstates.ext4 import Ext4, Node
from bootproof.diskstates.image import Base, Image, Partition
from bootproof.verdict import HarnessError

LARGEST = 1 << 20
"""Bytes of one file; a first-boot program keeps a few small ones."""


@dataclass(frozen=True)
class Entry:
    """A file, a folder or a link; `content` is a file's, or where a link points."""

    mode: int
    owner: int
    content: bytes = b""


@dataclass(frozen=True)
class Found:
    """Everything below some folders, by path."""

    entries: tuple[tuple[str, Entry], ...]

    @cached_property
    def contents(self) -> Mapping[str, bytes]:
        """The files alone."""
        return {path: entry.content for path, entry in self.entries if stat.S_ISREG(entry.mode)}

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The folders alone."""
        return tuple(path for path, entry in self.entries if stat.S_ISDIR(entry.mode))


def look(files: Ext4, paths: Sequence[str]) -> Found:
    """What is there of these paths, and below them. Raises HarnessError when something cannot be read."""
    found: list[tuple[str, Entry]] = []
    for path in paths:
        node = files.find(path)
        if node is not None:
            found += _below(files, path, node)
    return Found(tuple(sorted(found)))


def _below(files: Ext4, path: str, node: Node) -> Iterator[tuple[str, Entry]]:
    if node.is_folder:
        yield path, Entry(node.mode, node.owner)
        for name, number in files.names(node).items():
            yield from _below(files, f"{path}/{name}", files.node(number))
        return
    if node.size > LARGEST:
        raise HarnessError(f"{path} has {node.size} bytes, which is more than a first-boot program keeps")
    yield path, Entry(node.mode, node.owner, files.content(node))


def set_up_on(image: Path, where: Partition, paths: Sequence[str]) -> Found:
    """What is there of these paths on an ext4 that was unmounted, or synced, in good order."""
    with Base(image, where) as base:
        return look(Ext4(Image(base)), paths)
