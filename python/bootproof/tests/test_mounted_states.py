"""btrfs and XFS, recovered by this host's kernel: what comes up, what does not, and whose failure it is.

Needs root, loop devices, and the programs that make and check these file systems; without them it is skipped.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bootproof.diskstates import mounted
from bootproof.diskstates.by_kernel import ByKernel
from bootproof.diskstates.image import BLOCK, Base, Image, Partition
from bootproof.diskstates.recovery import FileSystem, FileSystemBrokenError, Recovered
from bootproof.verdict import HarnessError

SIZE = 320 << 20
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
STATE = "/var/lib/agent"
MARKER = f"{STATE}/registered.json"
CONTENT = b'{"pull": 1}\n' * 1000
"""More than fits into an inode, so that it has blocks of its own."""
MAKE = {FileSystem.BTRFS: ("mkfs.btrfs", "-q"), FileSystem.XFS: ("mkfs.xfs", "-q")}
KINDS = tuple(MAKE)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/loop-control").exists(), reason="mounting needs root and loop devices"
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[FileSystem, Path]:
    """A disk of each kind, with a marker in it; those that cannot be made here are not there."""
    folder, made = tmp_path_factory.mktemp("disks"), {}
    for kind, (command, *words) in MAKE.items():
        needed = (command, mounted.CHECKS[kind][0])
        if any(shutil.which(one, path=PATH) is None for one in needed):
            continue
        image = made[kind] = folder / f"{kind.value}.raw"
        with image.open("xb") as file:
            file.truncate(SIZE)
        subprocess.run(
            [command, *words, image], check=True, env={**os.environ, "PATH": PATH}, capture_output=True
        )
        (folder / "content").write_bytes(CONTENT)
        # The mount is this shell's own, and its loop device goes with it.
        script = f"mount -o loop {image} /mnt && cp {folder}/content /mnt/registered.json && umount /mnt"
        subprocess.run(["unshare", "--mount", "sh", "-c", script], check=True)
    return made


@pytest.fixture(params=KINDS, ids=[kind.value for kind in KINDS])
def disk(request: pytest.FixtureRequest, images: dict[FileSystem, Path]) -> Iterator[tuple[FileSystem, Base]]:
    """One of them."""
    if request.param not in images:
        pytest.skip(f"{MAKE[request.param][0]} or what checks it is not installed")
    with Base(images[request.param], Partition(0, SIZE)) as base:
        yield request.param, base


@pytest.fixture
def xfs(images: dict[FileSystem, Path]) -> Iterator[Base]:
    """The one that is XFS."""
    if FileSystem.XFS not in images:
        pytest.skip("xfsprogs is not installed")
    with Base(images[FileSystem.XFS], Partition(0, SIZE)) as base:
        yield base


def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def recovered(kind: FileSystem, base: Base, folder: Path, changed: dict[int, bytes]) -> Recovered:
    with ByKernel(kind, base, folder, STATE) as recovery:
        return recovery.recover(Image(base, (changed,)))


def blocks_with(base: Base, beginning: bytes) -> list[int]:
    blocks = (n for n in range(SIZE // BLOCK) if base[n].startswith(beginning))
    return list(blocks)


def devices_of(folder: Path) -> list[str]:
    """The loop devices whose file lies, or lay, in this folder."""
    files = [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    return [file for file in files if str(folder) in file]


def gone(folder: Path, seconds: float = 5.0) -> bool:
    """The kernel detaches a device soon after its last user has gone."""
    until = time.monotonic() + seconds
    while devices_of(folder) and time.monotonic() < until:
        time.sleep(0.05)
    return not devices_of(folder)


# --- what comes up


def test_what_is_mounted_is_read_as_it_was_in_the_guest(
    disk: tuple[FileSystem, Base], tmp_path: Path
) -> None:
    kind, base = disk
    with ByKernel(kind, base, place(tmp_path), STATE) as recovery:
        one, other = recovery.recover(Image(base)), recovery.recover(Image(base))
        assert one == other
        assert one.found.contents == {MARKER: CONTENT}
        assert one.found.folders == (STATE,)
        assert next(recovery.lines()).startswith("2 mounted by Linux ")
    assert gone(tmp_path)


def test_processor_time_is_told(xfs: Base, tmp_path: Path) -> None:
    """It is counted in hundredths of a second; a state can take less."""
    with ByKernel(FileSystem.XFS, xfs, place(tmp_path), STATE) as recovery:
        before = recovery.spent()
        for _ in range(100):
            recovery.recover(Image(xfs))
            if recovery.spent() > before:
                return
    pytest.fail("a hundred states took no time at all")


def test_a_state_leaves_nothing_in_the_next_one(xfs: Base, tmp_path: Path) -> None:
    data = blocks_with(xfs, CONTENT[:BLOCK])
    changed = {data[0]: b"x" * BLOCK}
    with ByKernel(FileSystem.XFS, xfs, place(tmp_path), STATE) as recovery:
        there = recovery.recover(Image(xfs, (changed,))).found
        again = recovery.recover(Image(xfs)).found
    assert there.contents[MARKER] == b"x" * BLOCK + CONTENT[BLOCK:]
    assert again.contents[MARKER] == CONTENT


# --- what does not, and whose failure that is


def test_what_cannot_be_mounted_is_the_file_systems_failure(
    disk: tuple[FileSystem, Base], tmp_path: Path
) -> None:
    kind, base = disk
    superblock = {FileSystem.BTRFS: 16, FileSystem.XFS: 0}[kind]
    torn = base[superblock][:512].ljust(BLOCK, b"\xff")
    if kind is FileSystem.XFS:
        torn = b"\xff" * BLOCK
    with pytest.raises(FileSystemBrokenError, match=rf"^{kind.value} cannot be mounted: E"):
        recovered(kind, base, place(tmp_path), {superblock: torn})


def test_a_file_that_cannot_be_read_is_the_file_systems_failure(
    images: dict[FileSystem, Path], tmp_path: Path
) -> None:
    if FileSystem.BTRFS not in images:
        pytest.skip("btrfs-progs is not installed")
    with Base(images[FileSystem.BTRFS], Partition(0, SIZE)) as base:
        data = blocks_with(base, CONTENT[:BLOCK])
        with pytest.raises(FileSystemBrokenError, match="is mounted and cannot be used: EIO"):
            recovered(FileSystem.BTRFS, base, place(tmp_path), {data[0]: b"x" * BLOCK})


def test_what_the_checker_finds_is_the_file_systems_failure(xfs: Base, tmp_path: Path) -> None:
    # The free list of the last allocation group: no mount looks at it, and its content is in no checksum that is read.
    last = SIZE // 4 * 3 // BLOCK
    broken = xfs[last][:1536] + b"\x00" * 512 + xfs[last][2048:]
    with pytest.raises(FileSystemBrokenError, match=r"is not whole, says xfs_repair \(1\): "):
        recovered(FileSystem.XFS, xfs, place(tmp_path), {last: broken})


def test_what_could_not_be_mounted_in_the_beginning_is_the_harnesss_failure(tmp_path: Path) -> None:
    image = tmp_path / "nothing.raw"
    image.write_bytes(bytes(1 << 20))
    with (
        Base(image, Partition(0, 1 << 20)) as base,
        pytest.raises(HarnessError, match=r"even as it was in the beginning: cannot be mounted: E"),
        ByKernel(FileSystem.XFS, base, place(tmp_path), STATE),
    ):
        pass
    assert gone(tmp_path)


def test_a_checker_that_dies_is_the_harnesss_failure(xfs: Base, tmp_path: Path) -> None:
    with ByKernel(FileSystem.XFS, xfs, place(tmp_path), STATE) as recovery:
        assert recovery._process.pid
    fake = tmp_path / "bin" / "xfs_repair"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nkill -SEGV $$\n")
    fake.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bootproof.diskstates.by_kernel._PATH", f"{fake.parent}:{PATH}")
        folder = tmp_path / "other"
        folder.mkdir()
        with (
            pytest.raises(HarnessError, match="xfs_repair was killed by SIGSEGV"),
            ByKernel(FileSystem.XFS, xfs, folder, STATE),
        ):
            pass


def test_a_checker_that_is_not_there_is_named_with_its_package(xfs: Base, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bootproof.diskstates.by_kernel._PATH", str(tmp_path))
        with pytest.raises(HarnessError, match="xfs_repair is not installed: apt install xfsprogs"):
            ByKernel(FileSystem.XFS, xfs, tmp_path, STATE)


# --- what is left


def test_a_mounter_that_is_killed_leaves_no_device_and_is_the_harnesss_failure(
    xfs: Base, tmp_path: Path
) -> None:
    with ByKernel(FileSystem.XFS, xfs, place(tmp_path), STATE) as recovery:
        assert devices_of(tmp_path)
        recovery._process.kill()
        with pytest.raises(HarnessError, match="the process that mounts has ended with -9"):
            recovery.recover(Image(xfs))
    assert gone(tmp_path)


ENDLESS = """\
import sys
from pathlib import Path
from bootproof.diskstates.by_kernel import ByKernel
from bootproof.diskstates.image import Base, Image, Partition
from bootproof.diskstates.recovery import FileSystem

image, folder, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
with Base(image, Partition(0, size)) as base, ByKernel(FileSystem.XFS, base, folder, "/state") as recovery:
    print("up", flush=True)
    while True:
        recovery.recover(Image(base))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_it_is_interrupted(xfs: Base, tmp_path: Path, how: signal.Signals) -> None:
    """Ctrl-C reaches the whole group; a plain kill reaches the campaign alone."""
    words = [sys.executable, "-c", ENDLESS, str(xfs.path), str(place(tmp_path)), str(SIZE)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, start_new_session=True, text=True) as campaign:
        assert campaign.stdout is not None
        assert campaign.stdout.readline() == "up\n"
        assert devices_of(tmp_path)
        begun = time.monotonic()
        if how is signal.SIGINT:
            os.killpg(campaign.pid, how)
        else:
            campaign.kill()
        campaign.communicate(timeout=5)
        assert gone(tmp_path, 5 - (time.monotonic() - begun))
