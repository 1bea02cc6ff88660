"""A second opinion on what was recovered: e2fsck, upon a copy of the partition that is changed and changed back.

It says whether a recovered file system is whole, and it replays a journal itself, to be compared with ours. When it is
not content, or cannot be run, nothing was proved: that is a HarnessError, never a pass.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bootproof.diskstates.ext4 import Ext4
from bootproof.diskstates.image import BLOCK, Base
from bootproof.verdict import HarnessError

_FIXED = 1
"""What e2fsck ends with when it has changed something."""
_PIECE = 1 << 20


class Checker:
    """`checked` and `compared` count what it was asked, `orphans` where removals had to be finished. The copy is in
    `folder`, and its owner removes that."""

    def __init__(self, base: Base, folder: Path) -> None:
        found = shutil.which("e2fsck", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if found is None:
            raise HarnessError("e2fsck is not installed: apt install e2fsprogs")
        self._command, self._base = found, base
        self._copy = folder / "partition.img"
        self.checked = self.compared = self.orphans = 0
        _copy_sparsely(base, self._copy)

    def check(self, files: Ext4) -> None:
        """Whether this file system, which has been recovered, is whole."""
        self.checked += 1
        with self._holding(files.image.changed()):
            if not files.has_orphans:
                self._run("-fn", self._copy, fine=(0,))
            elif self._asked("-fn", self._copy).returncode:
                self._check_without_orphans()

    def _check_without_orphans(self) -> None:
        """A file that was being removed is an orphan: the kernel finishes that when it mounts, and e2fsck does when it
        is not told to look at everything. Nothing else is mended, so that whatever else is wrong is found after it."""
        self.orphans += 1
        with tempfile.NamedTemporaryFile(dir=self._copy.parent) as file:
            copy = ["cp", "--sparse=always", "--reflink=auto", str(self._copy), file.name]
            subprocess.run(copy, check=True)
            if ": clean," not in self._run("-p", file.name, fine=(0, _FIXED)):
                raise HarnessError("e2fsck looks at everything where it is to finish removals alone")
            self._run("-fn", file.name, fine=(0,))

    def compare(self, cut: Ext4, recovered: Ext4) -> None:
        """Whether e2fsck, which replays the journal itself, comes to the same. Where something was being removed it
        would finish that at once, so there is nothing to compare."""
        if recovered.has_orphans:
            return
        self.compared += 1
        ours, theirs = recovered.image.changed(), {}
        own = {0, cut.journal_blocks[0]}
        with self._holding({**ours, **{n: cut.image[n] for n in ours}}):
            self._run("-y", "-E", "journal_only", self._copy, fine=(0, _FIXED))
            with self._copy.open("rb") as file:
                theirs = {number: os.pread(file.fileno(), BLOCK, number * BLOCK) for number in ours}
        # Both superblocks say when and by whom; the rest is to be the same to the byte.
        wrong = [number for number, block in ours.items() if number not in own and theirs[number] != block]
        if wrong:
            raise HarnessError(
                f"e2fsck replays the journal in another way: block {wrong[0]}, of {len(wrong)}"
            )

    def _asked(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self._command, *words], capture_output=True, text=True, check=False)

    def _run(self, *words: str | Path, fine: tuple[int, ...]) -> str:
        done = self._asked(*words)
        if done.returncode not in fine:
            said = " / ".join(line for line in done.stdout.splitlines() if line.strip())
            raise HarnessError(f"e2fsck ends with {done.returncode}: {said[-1500:]} {done.stderr[-500:]}")
        return done.stdout

    @contextmanager
    def _holding(self, blocks: Mapping[int, bytes]) -> Iterator[None]:
        self._write(blocks)
        try:
            yield
        finally:
            self._write({number: self._base[number] for number in blocks})

    def _write(self, blocks: Mapping[int, bytes]) -> None:
        with self._copy.open("r+b") as file:
            for number, block in blocks.items():
                os.pwrite(file.fileno(), block, number * BLOCK)


def _copy_sparsely(base: Base, path: Path) -> None:
    begins, ends = base.partition.begins, base.partition.ends
    with base.path.open("rb") as source, path.open("xb") as copy:
        copy.truncate(ends - begins)
        at = begins
        while at < ends:
            try:
                at = os.lseek(source.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                return
            until = min(os.lseek(source.fileno(), at, os.SEEK_HOLE), ends)
            while at < until:
                piece = os.pread(source.fileno(), min(until - at, _PIECE), at)
                os.pwrite(copy.fileno(), piece, at - begins)
                at += len(piece)
