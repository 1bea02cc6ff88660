"""What is on a disk as whoever boots it sees it: two disks with the same contents get the same fingerprint.

Partitions count by place, type and name; file systems by their label and their files: names, modes, owners and bytes.
Times and random numbers do not count, and neither do blocks that no file has, nor whether a journal is still to be
replayed. What cannot be read in this way, because it is blank, torn or half copied, counts byte by byte.
"""

from __future__ import annotations

import binascii
import mmap
import os
import struct
from collections.abc import Collection, Iterator, Set
from functools import partial
from hashlib import blake2b
from pathlib import Path

from bootproof.diskstates.ext4 import ROOT, Ext4, Node
from bootproof.diskstates.fat import Fat
from bootproof.diskstates.image import Base, Image, Partition
from bootproof.verdict import HarnessError

BLANK = "blank"
_SECTOR = 512
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_PIECE = 1 << 20
UNREADABLE = (HarnessError, struct.error, LookupError, ValueError, RecursionError, MemoryError)
"""What a file system that is torn can lead to, beside a reader's own word for it."""


def fingerprint(path: Path, names_alone: Collection[str] = ()) -> str:
    """16 hex digits for the raw image at `path`, or BLANK when there is nothing but zeros on it.

    Of the files in `names_alone` (absolute paths, on ext4) it does not count what is in them.
    """
    digest = blake2b(digest_size=8)
    table = list(partition_table(path))
    parts = table or [(b"the disk", Partition(0, path.stat().st_size))]
    something = False
    for described, where in parts:
        digest.update(described)
        for said in _contents(path, where, names_alone):
            something = True
            digest.update(_framed(said))
    return digest.hexdigest() if table or something else BLANK


def of_files(files: Ext4, names_alone: Collection[str] = ()) -> str:
    """The same for one file system that has been mounted."""
    digest = blake2b(digest_size=8)
    for said in _of_ext4(files, names_alone):
        digest.update(_framed(said))
    return digest.hexdigest()


def _framed(said: bytes) -> bytes:
    return struct.pack("<Q", len(said)) + said


def content(path: Path, file: str) -> bytes | None:
    """What is in this file (by its absolute path) of one of the disk's file systems; None if none has it."""
    found = (_content(path, where, file) for _, where in partition_table(path))
    return next((content for content in found if content is not None), None)


def of_file(files: Ext4, file: str) -> bytes | None:
    """The same for one file system that has been mounted."""
    node = files.find(file)
    return None if node is None else files.content(node)


def _content(path: Path, where: Partition, file: str) -> bytes | None:
    try:
        with Base(path, where) as base:
            return of_file(_recovered(base), file)
    except UNREADABLE:
        return None


def partition_table(path: Path) -> Iterator[tuple[bytes, Partition]]:
    """What firmware and kernel see of a GPT; nothing where its first copy is not whole."""
    with path.open("rb") as file:
        header = os.pread(file.fileno(), _SECTOR, _SECTOR)
        magic, _, size, crc, _, _, _, _, _, _, table, count, length, entries_crc = _HEADER.unpack_from(header)
        if magic != b"EFI PART" or not _HEADER.size <= size <= _SECTOR:
            return
        without = header[:16] + bytes(4) + header[20:size]
        entries = os.pread(file.fileno(), count * length, table * _SECTOR)
        if binascii.crc32(without) != crc or binascii.crc32(entries) != entries_crc:
            return
        for number in range(count):
            kind, _, first, last, flags, name = _ENTRY.unpack_from(entries, number * length)
            if any(kind):
                said = struct.pack("<IQQQ", number, first, last, flags)
                yield kind + said + name, Partition(first * _SECTOR, (last + 1) * _SECTOR)


def _contents(path: Path, where: Partition, names_alone: Collection[str]) -> Iterator[bytes]:
    """Files, if it is a file system that can be read, otherwise every piece that is not all zeros."""
    for reader in (partial(_ext4, names_alone=names_alone), _fat):
        try:
            found = list(reader(path, where))
        except UNREADABLE:
            continue
        yield from found
        return
    yield from _pieces(path, where)


def _pieces(path: Path, where: Partition) -> Iterator[bytes]:
    with path.open("rb") as file:
        at = where.begins
        while at < where.ends:
            try:
                at = max(at, os.lseek(file.fileno(), at, os.SEEK_DATA))
            except OSError:  # nothing but a hole is left
                return
            # From a whole piece on, so that it does not matter where a hole begins.
            at -= (at - where.begins) % _PIECE
            if at >= where.ends:
                return
            piece = os.pread(file.fileno(), min(_PIECE, where.ends - at), at)
            if any(piece):
                yield struct.pack("<Q", at) + piece
            at += _PIECE


def _ext4(path: Path, where: Partition, names_alone: Collection[str]) -> Iterator[bytes]:
    with Base(path, where) as base:
        yield from _of_ext4(_recovered(base), names_alone)


def _of_ext4(files: Ext4, names_alone: Collection[str]) -> Iterator[bytes]:
    yield b"ext4 " + files.label
    yield from _below(files, files.node(ROOT), b"", {os.fsencode(name) for name in names_alone})


def _recovered(base: Base) -> Ext4:
    files = Ext4(Image(base))
    return files.recovered() if files.needs_recovery else files


def _below(files: Ext4, folder: Node, path: bytes, names_alone: Set[bytes]) -> Iterator[bytes]:
    for name, number in sorted(files.names(folder).items()):
        node = files.node(number)
        here = path + b"/" + name.encode(errors="surrogateescape")
        if node.is_folder or here in names_alone:
            yield b"%s %o %d" % (here, node.mode, node.owner)
            if node.is_folder:
                yield from _below(files, node, here, names_alone)
            continue
        said = files.content(node) if node.is_file or node.is_link else node.map
        yield b"%s %o %d %s" % (here, node.mode, node.owner, blake2b(said).digest())


def _fat(path: Path, where: Partition) -> Iterator[bytes]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        files = Fat(content, where.begins, where.ends)
        yield b"FAT " + files.label
        for name, said in files.files():
            yield name + b" " + blake2b(said).digest()
