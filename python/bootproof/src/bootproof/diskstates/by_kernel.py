"""btrfs and XFS, recovered by the host's kernel: every state is mounted (see `mounted`).

Nobody can tell which blocks a kernel looks at, so all of them matter. What the first image came through, mount,
reading, writing and the file system's own checker, every state has to come through; one that does not is a broken
promise of the file system's.
"""

from __future__ import annotations

import os
import posixpath
import select
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bootproof.diskstates import mounted
from bootproof.diskstates.choices import Bound
from bootproof.diskstates.found import Entry, Found
from bootproof.diskstates.image import Base, Image
from bootproof.diskstates.mounted import Answer, Broken, CameUp, Failed, Seen, State
from bootproof.diskstates.recovery import FileSystem, FileSystemBrokenError, Recovered
from bootproof.verdict import HarnessError

LIMIT = 120.0
"""Seconds for one state, of which a mount takes less than a tenth of one."""
BOUND = Bound(whole=10, sampled=200, tears=0)
"""A mount takes so long that fewer states have to do. Both kinds count on a disk that writes 4 KiB at once or not at
all, and are put on one that does, so there is nothing to be torn."""
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_PACKAGES = {FileSystem.BTRFS: "btrfs-progs", FileSystem.XFS: "xfsprogs"}


class ByKernel:
    """A Recovery (see there), and a context manager. The disk is the whole image; in the guest it was mounted at
    `mounted_at`. `folder` has to be empty, and its owner removes it."""

    seen = 0

    def __init__(self, kind: FileSystem, base: Base, folder: Path, mounted_at: str) -> None:
        self._kind, self._base, self._mounted_at = kind, base, mounted_at
        program = mounted.CHECKS[kind][0]
        if shutil.which(program, path=_PATH) is None:
            raise HarnessError(f"{program} is not installed: apt install {_PACKAGES[kind]}")
        self._folder = folder
        self._mounted = 0

    def __enter__(self) -> Self:
        words = [
            sys.executable,
            "-m",
            mounted.__name__,
            str(self._base.path),
            self._kind.value,
            str(self._folder),
        ]
        environment = {**os.environ, "PATH": _PATH}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(words, stdin=pipe, stdout=pipe, env=environment)
        try:
            self._first()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def see(self, image: Image) -> None:
        """Nothing can be noted."""

    def matters(self, block: int) -> bool:
        """Any block may."""
        return True

    def recover(self, image: Image) -> Recovered:
        """Raises FileSystemBrokenError, or HarnessError."""
        answer = self._ask(image.changed())
        self._mounted += 1
        if isinstance(answer, CameUp):
            return Recovered(answer.entries, self._found(answer.entries))
        if isinstance(answer, Broken):
            raise FileSystemBrokenError(f"{self._kind.value} {answer.why}")
        raise HarnessError(f"a state of the disk could not be mounted: {answer.why}")

    def spent(self) -> float:
        """Seconds of a processor, of this process, the mounter and the checkers; the kernel's threads tell nobody."""
        own = os.times()
        stat = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return own.user + own.system + sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")

    def lines(self) -> Iterator[str]:
        """What was checked, for a person."""
        with Path("/proc/sys/kernel/osrelease").open() as file:
            release = file.read().strip()
        checker = " ".join(mounted.CHECKS[self._kind])
        yield f"{self._mounted} mounted by Linux {release}, read, written to, unmounted and checked by {checker}"

    def _first(self) -> None:
        answer = self._ask({})
        if not isinstance(answer, CameUp):
            raise HarnessError(
                f"the disk cannot be mounted here even as it was in the beginning: {answer.why}"
            )

    def _ask(self, blocks: dict[int, bytes]) -> Answer:
        ask, tell = self._process.stdin, self._process.stdout
        assert ask is not None
        assert tell is not None
        try:
            mounted.write(ask, State(blocks))
            if not select.select([tell], [], [], LIMIT)[0]:
                raise HarnessError(f"{self._kind.value} has not been mounted in {LIMIT:.0f} s: see dmesg")
            message = mounted.read(tell)
        except BrokenPipeError:
            message = mounted.read(tell)
        if message is None:
            raise HarnessError(f"the process that mounts has ended with {self._process.wait()}")
        answer: Answer = msgspec.msgpack.decode(message, type=CameUp | Broken | Failed)
        return answer

    def _found(self, entries: tuple[Seen, ...]) -> Found:
        """Without times, which nobody who runs later depends on."""
        kept = [
            (posixpath.normpath(self._mounted_at + one.path), Entry(one.mode, one.owner, one.content))
            for one in entries
            if stat.S_IFMT(one.mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
        ]
        return Found(tuple(sorted(kept)))

    def _end(self) -> None:
        """It ends by itself when nobody can ask it anything more."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
