"""From a recording to a verdict: every state of the disk, recovered, told apart, and followed up.

1. The whole log, written over the first image, has to give the last one; otherwise nothing that follows is true.
2. A first walk, over prefixes alone, finds out which blocks anybody looks at, where that can be known: what the
   recovery and the files come to depends on no other, so a write of another block needs no subsets of its own.
3. A second walk puts together each state that the bound asks for. The same image is recovered once, and the same files
   at the same moment are followed up once.
4. Each file system that was recovered has to be whole (see `recovery`).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from bootproof.diskstates import stretches, write_log
from bootproof.diskstates.by_hand import ByHand
from bootproof.diskstates.by_kernel import BOUND, ByKernel
from bootproof.diskstates.choices import Bound, Choice, choices
from bootproof.diskstates.counts import Counts
from bootproof.diskstates.found import Found
from bootproof.diskstates.image import Base, Fingerprints, Image
from bootproof.diskstates.recording import Recording
from bootproof.diskstates.recovery import FileSystem, FileSystemBrokenError, Recovery
from bootproof.diskstates.stretches import Stretch
from bootproof.verdict import Finding, HarnessError, RuleResult

RULE = "every-disk-state"
RULE_OF_FILE_SYSTEM = "file-system-comes-up"
Tell = Callable[[str], object]


class Judge(Protocol):
    """Whoever judges what was found (see `follow_up`); `starts` counts what it had not met before, `under_way` those
    of them with a request on its way, `steps` what they led to."""

    starts: int
    under_way: int
    steps: int

    def judge(self, found: Found, begins: int, ends: int) -> tuple[str, ...]:
        """What is wrong with this, found when the log was between so long and so long: one line for each promise."""


@dataclass
class _Known:
    """What was met before; what was found is known by its number."""

    images: dict[int, int | None] = field(default_factory=dict)
    """None where the file system did not come up."""
    recovered: set[Hashable] = field(default_factory=set)
    found: dict[Found, int] = field(default_factory=dict)
    judged: dict[tuple[int, int, int], tuple[str, ...]] = field(default_factory=dict)


class Campaign:
    """One recording, gone through. A context manager: what it puts into `folder` is gone when it is left."""

    def __init__(
        self, recording: Recording, judge: Judge, folder: Path | None = None, bound: Bound | None = None
    ) -> None:
        self._recording, self._judge = recording, judge
        self._bound = bound or (Bound() if recording.disk.file_system is FileSystem.EXT4 else BOUND)
        self._folder = folder
        self._open = ExitStack()
        self._known = _Known()
        self.counts = Counts(self._bound)
        self.violations: dict[str, str] = {}
        """Each broken promise, and the first state in which it was found."""
        self.broken: dict[str, str] = {}
        """The same for the file system's own."""

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            disk = self._recording.disk
            self._base = opening.enter_context(Base(disk.begun, disk.partition))
            folder = opening.enter_context(
                tempfile.TemporaryDirectory(prefix="disk-states-", dir=self._folder)
            )
            self._log = write_log.read(self._recording.log)
            self._prints = Fingerprints(self._base)
            self._recovery = self._recovering(opening, Path(folder))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _recovering(self, opening: ExitStack, folder: Path) -> Recovery:
        disk = self._recording.disk
        if disk.file_system is FileSystem.EXT4:
            return ByHand(self._base, folder, (disk.kept_in, *disk.set_up_in))
        return opening.enter_context(ByKernel(disk.file_system, self._base, folder, disk.kept_in))

    def run(self, tell: Tell = lambda _: None) -> None:
        """Goes through all of it. Raises HarnessError when something cannot be judged."""
        self._count_log()
        self._same_in_the_end()
        self._find_what_is_looked_at()
        begun, busy = time.monotonic(), self._recovery.spent()
        known = -1
        # A state may make somebody look where no prefix did; then there are more subsets than were tried.
        while known < self._recovery.seen:
            known = self._recovery.seen
            self.counts.walks += 1
            self.counts.states = self.counts.violations = self.counts.broken = 0
            for stretch in self._stretches():
                self._through(stretch)
                self.counts.seconds = time.monotonic() - begun
                self.counts.busy = self._recovery.spent() - busy
                tell(f"flush {stretch.number}: {self.counts.states} states")

    def result(self) -> RuleResult:
        """What became of the program, as a rule of the oracle's, with the counts as its note."""
        return RuleResult(RULE, self.counts.images, _findings(self.violations), note="; ".join(self.lines()))

    def result_of_file_system(self) -> RuleResult:
        """What became of the file system, apart from that: what it does is not the program's doing."""
        return RuleResult(RULE_OF_FILE_SYSTEM, self.counts.images, _findings(self.broken))

    def lines(self) -> Iterator[str]:
        """How much was looked at, for a person."""
        yield from self.counts.lines()
        yield from self._recovery.lines()

    # --- before any state

    def _count_log(self) -> None:
        kinds = [entry.kind for entry in self._log.entries if entry.begins >= self._recording.starts]
        self.counts.writes = kinds.count(write_log.Kind.WRITE)
        self.counts.flushes = kinds.count(write_log.Kind.FLUSH)

    def _same_in_the_end(self) -> None:
        written: dict[int, bytes] = {}
        for stretch in stretches.stretches(self._log, self._base):
            last = stretch
        written.update(last.before)
        stretches.put(written, self._base, last.writes)
        with Base(self._recording.disk.ended, self._base.partition) as ended:
            for number, block in written.items():
                if ended[number] != block:
                    raise HarnessError(
                        f"the log does not tell all that was written: block {number} is different"
                    )

    def _find_what_is_looked_at(self) -> None:
        for stretch in self._stretches():
            for length in range(len(stretch.writes) + 1):
                blocks = self._blocks(stretch, Choice(tuple(range(length))))
                self._recovery.see(Image(self._base, (blocks, stretch.before)))

    def _stretches(self) -> Iterator[Stretch]:
        """Those since the program was started."""
        return (
            stretch
            for stretch in stretches.stretches(self._log, self._base)
            if stretch.ends > self._recording.starts
        )

    def _blocks(self, stretch: Stretch, choice: Choice) -> dict[int, bytes]:
        return stretches.arrived(stretch, self._base, choice, self._log.sector)

    # --- states

    def _through(self, stretch: Stretch) -> None:
        under = self._prints.of(stretch.before)
        sectors = [len(write.data) // self._log.sector for write in stretch.writes]
        matters = [any(map(self._recovery.matters, write.blocks)) for write in stretch.writes]
        for choice in choices(sectors, matters, self._bound, stretch.number):
            blocks = self._blocks(stretch, choice)
            self.counts.states += 1
            name = self._named(stretch.before, blocks, under)
            if name not in self._known.images:
                self.counts.images += 1
                self._known.images[name] = self._recover(stretch, choice, blocks)
            number = self._known.images[name]
            if number is None:
                self.counts.broken += 1
            else:
                self._follow(stretch, choice, number)

    def _named(self, before: Mapping[int, bytes], blocks: Mapping[int, bytes], under: int) -> int:
        name = under
        for number, block in blocks.items():
            if number in before:
                name ^= self._prints.of_block(number, before[number])
            name ^= self._prints.of_block(number, block)
        return name

    def _recover(self, stretch: Stretch, choice: Choice, blocks: Mapping[int, bytes]) -> int | None:
        """The number of what is found when it has been mounted; None if the file system does not come up."""
        try:
            recovered = self._recovery.recover(Image(self._base, (blocks, stretch.before)))
        except FileSystemBrokenError as error:
            self.broken.setdefault(str(error), _where(stretch, choice))
            return None
        known = self._known
        known.recovered.add(recovered.name)
        number = known.found.setdefault(recovered.found, len(known.found))
        self.counts.recovered, self.counts.found = len(known.recovered), len(known.found)
        return number

    def _follow(self, stretch: Stretch, choice: Choice, number: int) -> None:
        key = (number, *stretch.moment(choice))
        wrong = self._known.judged.get(key)
        if wrong is None:
            there = next(found for found, n in self._known.found.items() if n == number)
            wrong = self._known.judged[key] = self._judge.judge(there, *key[1:])
            self.counts.starts, self.counts.under_way = self._judge.starts, self._judge.under_way
            self.counts.steps = self._judge.steps
        if wrong:
            self.counts.violations += 1
        for text in wrong:
            self.violations.setdefault(text, _where(stretch, choice))


def _where(stretch: Stretch, choice: Choice) -> str:
    return f"before flush {stretch.number}: {choice} of {len(stretch.writes)}"


def _findings(found: Mapping[str, str]) -> tuple[Finding, ...]:
    return tuple(Finding(text, (where,)) for text, where in found.items())
