"""A file that is written last of all, such as an installer's stamp: wherever it is whole, all else is there, too.

Whoever finds such a file believes it. Whether he may is a matter of what was flushed before it was written, which no
boot shows that was not cut at the right write: so every state that a cut could have left is put together, as for a
program's own files (see the package's text), and looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bootproof.diskstates import contents
from bootproof.diskstates.choices import Bound, choices
from bootproof.diskstates.ext4 import Ext4
from bootproof.diskstates.image import Base, Fingerprints, Image
from bootproof.diskstates.stretches import Stretch, arrived, stretches
from bootproof.diskstates.write_log import WriteLog
from bootproof.verdict import Finding, HarnessError, RuleResult

RULE = "written-last"
BOUND = Bound(whole=12, sampled=500)


@dataclass(frozen=True)
class LastFile:
    """Its absolute path, and whether this is what somebody would believe (None: there is no such file)."""

    path: str
    is_whole: Callable[[bytes | None], bool]


@dataclass
class WrittenLast:
    """`log` is what made `ended` out of `begun`, the same partition with ext4; only what could have been lost when the
    log was longer than `since` is gone through: the file had not been begun before."""

    log: WriteLog
    begun: Base
    ended: Base
    file: LastFile
    since: int = 0
    bound: Bound = BOUND
    states: int = 0
    images: int = 0
    unreadable: int = 0
    believed: int = 0

    def result(self) -> RuleResult:
        """Goes through all of it. Raises HarnessError when the file is not there in the end."""
        found = tuple(self.wrong())
        note = (
            f"bound: {self.bound}; {self.states} states, {self.images} different images, {self.unreadable} that cannot "
            f"be read, {self.believed} in which {self.file.path} is whole, {len(found)} of them without all else"
        )
        return RuleResult(RULE, self.believed, found, note=note)

    def wrong(self) -> Iterator[Finding]:
        """The states in which it is whole and all else is not, as they are met."""
        self._prints = Fingerprints(self.begun)
        self._digests: dict[int, str] = {}
        complete = Ext4(Image(self.ended)).recovered()
        if not self.file.is_whole(contents.of_file(complete, self.file.path)):
            raise HarnessError(f"{self.file.path} is not written, not even in the end")
        self._all_else = contents.of_files(complete, {self.file.path})
        for stretch in stretches(self.log, self.begun):
            if stretch.ends > self.since:
                yield from self._through(stretch)

    def _through(self, stretch: Stretch) -> Iterator[Finding]:
        sectors = [len(write.data) // self.log.sector for write in stretch.writes]
        seen: set[int] = set()
        for choice in choices(sectors, [True] * len(sectors), self.bound, stretch.number):
            self.states += 1
            blocks = arrived(stretch, self.begun, choice, self.log.sector)
            image = Image(self.begun, (blocks, stretch.before))
            name = self._prints.of(image.changed())
            if name not in seen:
                seen.add(name)
                self.images += 1
                if self._is_wrong(image):
                    where = f"stretch {stretch.number}, {choice}"
                    yield Finding(f"{self.file.path} is whole, and all else is not: {where}")

    def _is_wrong(self, image: Image) -> bool:
        try:
            files = Ext4(image).recovered()
            believed = self.file.is_whole(contents.of_file(files, self.file.path))
        except contents.UNREADABLE:
            self.unreadable += 1
            return False
        self.believed += believed
        return believed and self._digest(files) != self._all_else

    def _digest(self, files: Ext4) -> str:
        """Empty where somebody who reads on comes upon what cannot be read."""
        # What is in the journal now counts for nothing any more.
        journal = frozenset(files.journal_blocks)
        name = self._prints.of({n: block for n, block in files.image.changed().items() if n not in journal})
        if name not in self._digests:
            try:
                self._digests[name] = contents.of_files(files, {self.file.path})
            except contents.UNREADABLE:
                self._digests[name] = ""
        return self._digests[name]
