"""ext4, recovered here: its journal is replayed and its files are read without mounting anything; e2fsck checks it.

What nobody looks at cannot matter, so it is noted which blocks the replay and the files come to depend on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bootproof.diskstates import found
from bootproof.diskstates.checker import Checker
from bootproof.diskstates.ext4 import Ext4
from bootproof.diskstates.found import Found
from bootproof.diskstates.image import Base, Fingerprints, Image
from bootproof.diskstates.recovery import Recovered

COMPARE_EVERY = 200
"""So many recovered images are one whose journal e2fsck replays as well."""


class Seeing(dict[int, bytes]):
    """A layer that holds nothing, and notes which blocks are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[int] = set()

    def get(self, key: int, default: object = None) -> None:  # type: ignore[override]
        self.asked.add(key)
        return


class ByHand:
    """A Recovery (see there). Its copy of the disk is in `folder`, and the owner of that removes it."""

    def __init__(self, base: Base, folder: Path, looked_in: Sequence[str]) -> None:
        self._prints = Fingerprints(base)
        self._checker = Checker(base, folder)
        self._looked_in = looked_in
        self._journal = frozenset(Ext4(Image(base)).journal_blocks)
        self._looked_at: set[int] = set()
        self._checked: set[int] = set()
        self._images = 0

    @property
    def seen(self) -> int:
        """How many blocks anybody has been seen to look at."""
        return len(self._looked_at)

    def see(self, image: Image) -> None:
        """Notes what is looked at when this one is recovered."""
        self._look(image)

    def matters(self, block: int) -> bool:
        """Whether anybody has looked at this block."""
        return block in self._looked_at

    def recover(self, image: Image) -> Recovered:
        """Raises HarnessError when what comes of it is not whole: it may be this replay that is wrong."""
        self._images += 1
        mounted, there = self._look(image)
        if self._images % COMPARE_EVERY == 1:
            self._checker.compare(Ext4(image), mounted)
        # What is in the journal now counts for nothing any more.
        left = {n: block for n, block in mounted.image.changed().items() if n not in self._journal}
        name = self._prints.of(left)
        if name not in self._checked:
            self._checker.check(mounted)
            self._checked.add(name)
        return Recovered(name, there)

    def spent(self) -> float:
        """Seconds of a processor, of this process and of the checkers that it has run."""
        spent = os.times()
        return spent.user + spent.system + spent.children_user + spent.children_system

    def lines(self) -> Iterator[str]:
        """What was checked, for a person."""
        checker = self._checker
        yield (
            f"{checker.checked} found whole by e2fsck ({checker.orphans} when removals were finished), "
            f"{checker.compared} journals replayed by it too"
        )

    def _look(self, image: Image) -> tuple[Ext4, Found]:
        """The file system when it has been mounted, and what is found there."""
        seeing = Seeing()
        mounted = Ext4(Image(image.base, (seeing, *image.changes))).recovered()
        there = found.look(mounted, self._looked_in)
        self._looked_at |= seeing.asked
        return mounted, there
