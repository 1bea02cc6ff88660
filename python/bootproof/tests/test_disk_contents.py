"""Disks are told apart by what whoever boots them sees: files and partitions, not times and random numbers."""

from __future__ import annotations

import binascii
import os
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from bootproof.diskstates import contents
from bootproof.diskstates.fat import Fat
from bootproof.verdict import HarnessError

SECTOR = 512
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
BEGINS, SIZE = 2048 * SECTOR, 8 << 20


def table(number: int = 1, name: str = "nixos") -> tuple[bytes, bytes]:
    """The header and the entries of a GPT with one partition; `number` stands for its random GUID."""
    guid, last = number.to_bytes(16, "little"), (BEGINS + SIZE) // SECTOR - 1
    entry = struct.pack("<16s16sQQQ72s", b"L" * 16, guid, BEGINS // SECTOR, last, 0, name.encode("utf-16-le"))
    entries = entry.ljust(4 * 128, b"\0")
    rest = (0, 1, 99, 34, 98, guid, 2, 4, 128, binascii.crc32(entries))
    zeroed = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, *rest)
    return zeroed[:16] + struct.pack("<I", binascii.crc32(zeroed)) + zeroed[20:], entries


def a_disk(path: Path, partition: bytes = b"", gpt: tuple[bytes, bytes] | None = None) -> Path:
    header, entries = gpt or table()
    with path.open("wb") as file:
        file.truncate(BEGINS + SIZE + 34 * SECTOR)
        for at, content in ((SECTOR, header), (2 * SECTOR, entries), (BEGINS, partition)):
            file.seek(at)
            file.write(content)
    return path


def ext4(folder: Path, files: Mapping[str, str]) -> bytes:
    """A file system with these files, each time with another UUID, and of the time when it is made."""
    tree, image = folder / "tree", folder / "ext4.img"
    tree.mkdir(exist_ok=True)
    for name, text in files.items():
        (tree / name).write_text(text)
    with image.open("wb") as file:
        file.truncate(SIZE)
    options = ("-q", "-F", "-t", "ext4", "-b", "4096", "-L", "nixos", "-d", str(tree))
    subprocess.run(["mke2fs", *options, str(image)], check=True, env={**os.environ, "PATH": PATH})
    return image.read_bytes()


def fat(files: Mapping[bytes, bytes], time: int = 0) -> bytes:
    """A FAT32 with these files, none longer than a sector, in clusters of one sector from the third on."""
    boot = bytearray(SECTOR)
    struct.pack_into("<HBHB", boot, 11, SECTOR, 1, 1, 1)
    struct.pack_into("<I4xI", boot, 36, 1, 2)
    boot[71:82], boot[82:90], boot[510:] = b"boot       ", b"FAT32   ", b"\x55\xaa"
    ends = [0x0FFFFFFF] * (3 + len(files))
    folder = b"".join(
        struct.pack("<11sB10xHHHI", name, 0x20, time, 0, cluster, len(content))[:20]
        + struct.pack("<HHHHI", 0, time, time, cluster, len(content))
        for cluster, (name, content) in enumerate(files.items(), 3)
    )
    data = b"".join(content.ljust(SECTOR, b"\0") for content in files.values())
    return (
        bytes(boot)
        + struct.pack(f"<{len(ends)}I", *ends).ljust(SECTOR, b"\0")
        + folder.ljust(SECTOR, b"\0")
        + data
    )


def test_of_some_files_only_the_name_counts(tmp_path: Path) -> None:
    def shown(files: Mapping[str, str], place: str) -> str:
        folder = tmp_path / place
        folder.mkdir()
        return contents.fingerprint(a_disk(folder / "disk", ext4(folder, files)), {"/when"})

    first = shown({"when": "today", "what": "one"}, "first")
    assert shown({"when": "yesterday", "what": "one"}, "another-time") == first
    assert shown({"when": "today", "what": "two"}, "another-thing") != first
    assert shown({"what": "one"}, "without-it") != first


def test_a_disk_of_zeros_is_blank_however_large(tmp_path: Path) -> None:
    for size in (1 << 20, 3 << 20):
        path = tmp_path / "disk"
        path.write_bytes(bytes(size))
        assert contents.fingerprint(path) == contents.BLANK


def test_what_is_neither_table_nor_file_system_counts_byte_by_byte(tmp_path: Path) -> None:
    one, hole = tmp_path / "one", tmp_path / "hole"
    one.write_bytes(bytes(2 << 20) + b"x" + bytes(3 << 20))
    with hole.open("wb") as file:
        file.truncate((5 << 20) + 1)
        file.seek(2 << 20)
        file.write(b"x")
    assert contents.fingerprint(one) == contents.fingerprint(hole)
    moved = tmp_path / "moved"
    moved.write_bytes(bytes((2 << 20) + 1) + b"x" + bytes((3 << 20) - 1))
    assert len({contents.fingerprint(path) for path in (one, moved)}) == 2


def test_guids_do_not_count_and_names_do(tmp_path: Path) -> None:
    a = contents.fingerprint(a_disk(tmp_path / "a", gpt=table(1)))
    assert a == contents.fingerprint(a_disk(tmp_path / "b", gpt=table(2)))
    assert a != contents.fingerprint(a_disk(tmp_path / "c", gpt=table(1, "other")))


def test_a_table_that_was_not_written_whole_is_none(tmp_path: Path) -> None:
    header, entries = table()
    torn = contents.fingerprint(a_disk(tmp_path / "torn", gpt=(header, bytes(len(entries)))))
    assert torn not in (contents.BLANK, contents.fingerprint(a_disk(tmp_path / "whole")))


def test_the_same_files_in_another_file_system_are_the_same(tmp_path: Path) -> None:
    disks = []
    for number, files in enumerate(({"a": "1", "b": "2"}, {"a": "1", "b": "2"}, {"a": "1", "b": "3"})):
        folder = tmp_path / str(number)
        folder.mkdir()
        disks.append(a_disk(folder / "disk", ext4(folder, files)))
    one, same, other = map(contents.fingerprint, disks)
    assert disks[0].read_bytes() != disks[1].read_bytes()
    assert one == same
    assert one != other
    assert contents.content(disks[0], "/a") == b"1"
    assert contents.content(disks[0], "/c") is None
    assert contents.content(a_disk(tmp_path / "empty"), "/a") is None


def test_a_file_system_that_was_copied_by_half_is_not_the_whole_one(tmp_path: Path) -> None:
    files = ext4(tmp_path, {"a": "1"})
    whole = contents.fingerprint(a_disk(tmp_path / "whole", files))
    assert contents.fingerprint(a_disk(tmp_path / "half", files[: 16 << 10])) != whole


def test_the_files_of_a_fat_count_and_their_times_do_not(tmp_path: Path) -> None:
    files = {b"A       TXT": b"one", b"B       TXT": b"two"}
    one, later, other = (
        contents.fingerprint(a_disk(tmp_path / str(n), made))
        for n, made in enumerate((fat(files), fat(files, time=7), fat({**files, b"B       TXT": b"2"})))
    )
    assert one == later
    assert one != other
    content = fat(files)
    read = Fat(content, 0, len(content))
    assert list(read.files()) == [(b"/" + name, text) for name, text in files.items()]


def test_a_fat_that_leads_nowhere_is_an_error() -> None:
    content = fat({b"A       TXT": b"one"})
    with pytest.raises(HarnessError, match="beyond"):
        list(Fat(content, 0, 3 * SECTOR).files())
    with pytest.raises(HarnessError, match="no FAT32"):
        Fat(bytes(SECTOR), 0, SECTOR)
