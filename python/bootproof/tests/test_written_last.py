"""A file that promises that all else is there: found where it may be believed, and where it may not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from bootproof.diskstates.choices import Bound
from bootproof.diskstates.image import BLOCK, Base, Partition
from bootproof.diskstates.write_log import Entry, Kind, WriteLog
from bootproof.diskstates.written_last import RULE, LastFile, WrittenLast
from bootproof.verdict import HarnessError, Verdict

SIZE = 8 << 20
WHOLE = Partition(0, SIZE)
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
STAMP = LastFile("/stamp", lambda content: content == b"done")


@pytest.fixture
def disks(tmp_path: Path) -> list[Path]:
    """An empty file system, the same with the system, and with the stamp after it."""
    (tmp_path / "system").write_bytes(b"s" * 3 * BLOCK)
    (tmp_path / "stamp").write_bytes(b"done")
    path = tmp_path / "empty.raw"
    path.write_bytes(bytes(SIZE))
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-O", "^orphan_file", str(path))
    found = [path]
    for name in ("system", "stamp"):
        found.append(tmp_path / f"{name}.raw")
        found[-1].write_bytes(found[-2].read_bytes())
        run("debugfs", "-w", "-R", f"write {tmp_path / name} {name}", str(found[-1]))
    return found


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": PATH})


def log(*steps: tuple[Path, Path] | None) -> WriteLog:
    """What makes each disk out of the one before, block by block; None is a flush."""
    entries: list[Entry] = []
    for step in steps:
        changed = [] if step is None else list(changes(*step))
        for offset, data in changed:
            entries.append(Entry(Kind.WRITE, offset, data, len(entries), len(entries) + 1))
        if step is None:
            entries.append(Entry(Kind.FLUSH, 0, b"", len(entries), len(entries) + 1))
    return WriteLog(512, tuple(entries))


def changes(before: Path, after: Path) -> Sequence[tuple[int, bytes]]:
    old, new = before.read_bytes(), after.read_bytes()
    places = range(0, SIZE, BLOCK)
    return [(at, new[at : at + BLOCK]) for at in places if old[at : at + BLOCK] != new[at : at + BLOCK]]


def test_what_was_flushed_before_may_be_believed(disks: list[Path]) -> None:
    empty, system, stamp = disks
    with Base(empty, WHOLE) as begun, Base(stamp, WHOLE) as ended:
        recorded = log((empty, system), None, (system, stamp), None)
        search = WrittenLast(recorded, begun, ended, STAMP)
        found = search.result()
    assert (found.rule, found.verdict, found.looked_at) == (RULE, Verdict.HOLDS, search.believed)
    assert search.images > search.believed > 1
    assert "in which /stamp is whole, 0 of them without all else" in found.note


def test_what_was_not_may_not(disks: list[Path]) -> None:
    empty, system, stamp = disks
    with Base(empty, WHOLE) as begun, Base(stamp, WHOLE) as ended:
        found = WrittenLast(log((empty, system), (system, stamp), None), begun, ended, STAMP).result()
    assert found.verdict is Verdict.VIOLATED
    assert "/stamp is whole, and all else is not: stretch 0, blocks " in str(found.findings[0])


def test_what_was_safe_before_is_not_gone_through(disks: list[Path]) -> None:
    empty, system, stamp = disks
    recorded = log((empty, system), None, (system, stamp), None)
    begins = next(entry.ends for entry in recorded.entries if entry.kind is Kind.FLUSH)
    with Base(empty, WHOLE) as begun, Base(stamp, WHOLE) as ended:
        all_of_it = WrittenLast(recorded, begun, ended, STAMP)
        all_of_it.result()
        rest = WrittenLast(recorded, begun, ended, STAMP, since=begins)
        rest.result()
    assert rest.states < all_of_it.states
    assert rest.believed == all_of_it.believed


def test_a_file_that_is_never_there_shows_nothing(disks: list[Path]) -> None:
    empty, system, _ = disks
    with (
        Base(empty, WHOLE) as begun,
        Base(system, WHOLE) as ended,
        pytest.raises(HarnessError, match="/stamp is not written, not even in the end"),
    ):
        WrittenLast(log((empty, system), None), begun, ended, STAMP, bound=Bound(2, 2)).result()
