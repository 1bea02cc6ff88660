"""The simulated disk: what a power cut leaves of what was not synced."""

from __future__ import annotations

import errno

import pytest
from bootproof.simulation.storage import Disk, DiskError, after_power_cut, disk_of

FOLDER = "/var/lib/agent"
NOTE = f"{FOLDER}/note"
SCRATCH = f"{FOLDER}/.note.new"
FOLDERS = frozenset({"/var", "/var/lib", FOLDER})


@pytest.fixture
def empty() -> Disk:
    return disk_of({}, FOLDERS)


def left(disk: Disk) -> set[tuple[tuple[str, bytes], ...]]:
    """All that can be found after a power cut."""
    return {tuple(cut.files().items()) for cut in after_power_cut(disk)}


def test_a_file_that_was_not_synced_is_absent_empty_torn_or_whole(empty: Disk) -> None:
    assert left(empty.write(NOTE, b"done")) == {
        (),
        ((NOTE, b""),),
        ((NOTE, b"do"),),
        ((NOTE, b"done"),),
    }


def test_a_synced_file_whose_folder_was_not_can_be_absent(empty: Disk) -> None:
    assert left(empty.write(NOTE, b"done").sync(NOTE)) == {(), ((NOTE, b"done"),)}


def test_what_is_synced_with_its_folder_stays(empty: Disk) -> None:
    disk = empty.write(NOTE, b"done").sync(NOTE).sync(FOLDER)
    assert left(disk) == {((NOTE, b"done"),)}


def test_a_rename_before_the_sync_can_leave_an_empty_file(empty: Disk) -> None:
    disk = empty.write(SCRATCH, b"done").rename(SCRATCH, NOTE).sync(FOLDER)
    assert ((NOTE, b""),) in left(disk)


def test_a_durable_replacement_is_the_old_file_or_the_new_one(empty: Disk) -> None:
    old = empty.write(NOTE, b"old").sync(NOTE).sync(FOLDER)
    renamed = old.write(SCRATCH, b"new").sync(SCRATCH).rename(SCRATCH, NOTE)
    assert {dict(files)[NOTE] for files in left(renamed)} == {b"old", b"new"}
    assert {dict(files)[NOTE] for files in left(renamed.sync(FOLDER))} == {b"new"}


def test_after_a_failed_sync_a_later_one_proves_nothing(empty: Disk) -> None:
    disk = empty.write(NOTE, b"done").sync(FOLDER).fail_to_sync(NOTE).sync(NOTE)
    assert ((NOTE, b""),) in left(disk)
    assert ((NOTE, b""),) not in left(disk.write(NOTE, b"done").sync(NOTE))


def test_a_folder_that_was_not_synced_takes_its_files_along(empty: Disk) -> None:
    inner = f"{FOLDER}/inner"
    disk = empty.make_folder(inner).write(f"{inner}/x", b"1").sync(f"{inner}/x").sync(inner)
    assert () in left(disk)
    assert left(disk.sync(FOLDER)) == {((f"{inner}/x", b"1"),)}


def test_sync_all_settles_everything(empty: Disk) -> None:
    disk = empty.write(SCRATCH, b"new").rename(SCRATCH, NOTE).sync_all()
    assert left(disk) == {((NOTE, b"new"),)}


def test_scratch_files_are_folded_away_and_the_same_is_left_of_the_others(empty: Disk) -> None:
    disk = empty.write(SCRATCH, b"new").sync(SCRATCH).rename(SCRATCH, NOTE)
    folded = disk.folded(lambda path: path == SCRATCH)
    assert folded.pending == (("link", NOTE, folded.visible[NOTE]),)
    assert {tuple(f for f in files if f[0] != SCRATCH) for files in left(disk)} == left(folded)


def test_killing_again_and_again_does_not_grow_the_disk(empty: Disk) -> None:
    disk = empty
    sizes = []
    for _ in range(4):
        disk = disk.write(SCRATCH, b"new").sync(SCRATCH).rename(SCRATCH, NOTE)
        disk = disk.folded(lambda path: path == SCRATCH)
        sizes.append(len(disk.pending))
    assert sizes == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda disk: disk.read(NOTE), errno.ENOENT),
        (lambda disk: disk.read(FOLDER), errno.EISDIR),
        (lambda disk: disk.write("/nowhere/x", b""), errno.ENOENT),
        (lambda disk: disk.rename(SCRATCH, NOTE), errno.ENOENT),
        (lambda disk: disk.sync(NOTE), errno.ENOENT),
    ],
)
def test_errors_are_those_of_the_kernel(empty: Disk, act, code: int) -> None:
    with pytest.raises(DiskError) as caught:
        act(empty)
    assert caught.value.code == code
