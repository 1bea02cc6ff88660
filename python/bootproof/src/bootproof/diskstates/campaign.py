"""From a recording to a verdict: every state of the disk, recovered, told apart, and followed up.

1. The whole log, written over the first image, has to give the last one; otherwise nothing that follows is true.
2. A first walk, over prefixes alone, finds out which blocks anybody looks at: what the journal's replay and the files
   come to depends on no other, so a write of another block needs no subsets of its own.
3. A second walk puts together each state that the bound asks for. The same image is recovered once, and the same files
   at the same moment are followed up once.
4. e2fsck has to find each file system whole that was recovered, once for each different metadata, and in a sample has
   to come to the same when it replays the journal itself.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from bootproof.diskstates import found, stretches, write_log
from bootproof.diskstates.checker import Checker
from bootproof.diskstates.choices import Bound, Choice, choices
from bootproof.diskstates.counts import Counts
from bootproof.diskstates.ext4 import Ext4
from bootproof.diskstates.found import Found
from bootproof.diskstates.image import Base, Fingerprints, Image, partition
from bootproof.diskstates.recording import Recording
from bootproof.diskstates.stretches import Stretch
from bootproof.verdict import Finding, HarnessError, RuleResult

RULE = "every-disk-state"
COMPARE_EVERY = 200
"""So many recovered images are one whose journal e2fsck replays as well."""
Tell = Callable[[str], object]


class Judge(Protocol):
    """Whoever judges what was found (see `follow_up`); `starts` counts what it had not met before, `under_way` those
    of them with a request on its way, `steps` what they led to."""

    starts: int
    under_way: int
    steps: int

    def judge(self, found: Found, begins: int, ends: int) -> tuple[str, ...]:
        """What is wrong with this, found when the log was between so long and so long: one line for each promise."""


class Seeing(dict[int, bytes]):
    """A layer that holds nothing, and notes which blocks are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[int] = set()

    def get(self, key: int, default: object = None) -> None:  # type: ignore[override]
        self.asked.add(key)
        return


@dataclass
class _Known:
    """What was met before; what was found is known by its number."""

    images: dict[int, int] = field(default_factory=dict)
    recovered: dict[int, int] = field(default_factory=dict)
    found: dict[Found, int] = field(default_factory=dict)
    judged: dict[tuple[int, int, int], tuple[str, ...]] = field(default_factory=dict)


class Campaign:
    """One recording, gone through. A context manager: what it puts into `folder` is gone when it is left."""

    def __init__(
        self, recording: Recording, judge: Judge, folder: Path | None = None, bound: Bound | None = None
    ) -> None:
        self._recording, self._judge = recording, judge
        self._bound = bound or Bound()
        self._folder = folder
        self._open = ExitStack()
        self._known = _Known()
        self._looked_at: set[int] = set()
        self.counts = Counts(self._bound)
        self.violations: dict[str, str] = {}
        """Each broken promise, and the first state in which it was found."""

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            begun = self._recording.begun
            where = partition(begun, self._recording.partition)
            self._base = opening.enter_context(Base(begun, where))
            folder = opening.enter_context(
                tempfile.TemporaryDirectory(prefix="disk-states-", dir=self._folder)
            )
            self._log = write_log.read(self._recording.log)
            self._prints = Fingerprints(self._base)
            self._checker = Checker(self._base, Path(folder))
            self._journal = frozenset(Ext4(Image(self._base)).journal_blocks)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def run(self, tell: Tell = lambda _: None) -> None:
        """Goes through all of it. Raises HarnessError when something cannot be judged."""
        self._count_log()
        self._same_in_the_end()
        self._find_what_is_looked_at()
        begun, busy = time.monotonic(), _processor_seconds()
        known = 0
        # A state may make somebody look where no prefix did; then there are more subsets than were tried.
        while known < len(self._looked_at):
            known = len(self._looked_at)
            self.counts.walks += 1
            self.counts.states = self.counts.violations = 0
            for stretch in stretches.stretches(self._log, self._base):
                self._through(stretch)
                self.counts.seconds = time.monotonic() - begun
                self.counts.busy = _processor_seconds() - busy
                tell(f"flush {stretch.number}: {self.counts.states} states")

    def result(self) -> RuleResult:
        """As a rule of the oracle's, with the counts as its note."""
        findings = tuple(Finding(text, (where,)) for text, where in self.violations.items())
        return RuleResult(RULE, self.counts.images, findings, note="; ".join(self.counts.lines()))

    # --- before any state

    def _count_log(self) -> None:
        kinds = [entry.kind for entry in self._log.entries]
        self.counts.writes = kinds.count(write_log.Kind.WRITE)
        self.counts.flushes = kinds.count(write_log.Kind.FLUSH)

    def _same_in_the_end(self) -> None:
        written: dict[int, bytes] = {}
        for stretch in stretches.stretches(self._log, self._base):
            last = stretch
        written.update(last.before)
        stretches.put(written, self._base, last.writes)
        with Base(self._recording.ended, self._base.partition) as ended:
            for number, block in written.items():
                if ended[number] != block:
                    raise HarnessError(
                        f"the log does not tell all that was written: block {number} is different"
                    )

    def _find_what_is_looked_at(self) -> None:
        for stretch in stretches.stretches(self._log, self._base):
            for length in range(len(stretch.writes) + 1):
                seeing = Seeing()
                blocks = self._blocks(stretch, Choice(tuple(range(length))))
                self._look(Image(self._base, (seeing, blocks, stretch.before)))
                self._looked_at |= seeing.asked

    def _look(self, image: Image) -> tuple[Ext4, Found]:
        """The file system when it has been mounted, and what is found there."""
        recovered = Ext4(image).recovered()
        return recovered, found.look(recovered, (self._recording.kept_in, *self._recording.set_up_in))

    def _blocks(self, stretch: Stretch, choice: Choice) -> dict[int, bytes]:
        return stretches.arrived(stretch, self._base, choice, self._log.sector)

    # --- states

    def _through(self, stretch: Stretch) -> None:
        under = self._prints.of(stretch.before)
        sectors = [len(write.data) // self._log.sector for write in stretch.writes]
        matters = [any(block in self._looked_at for block in write.blocks) for write in stretch.writes]
        for choice in choices(sectors, matters, self._bound, stretch.number):
            blocks = self._blocks(stretch, choice)
            self.counts.states += 1
            name = self._named(stretch.before, blocks, under)
            number = self._known.images.get(name)
            if number is None:
                self.counts.images += 1
                number = self._known.images[name] = self._recover(stretch, blocks)
            self._follow(stretch, choice, number)

    def _named(self, before: Mapping[int, bytes], blocks: Mapping[int, bytes], under: int) -> int:
        name = under
        for number, block in blocks.items():
            if number in before:
                name ^= self._prints.of_block(number, before[number])
            name ^= self._prints.of_block(number, block)
        return name

    def _recover(self, stretch: Stretch, blocks: Mapping[int, bytes]) -> int:
        """The number of what is found when it has been mounted."""
        seeing = Seeing()
        image = Image(self._base, (seeing, blocks, stretch.before))
        mounted, there = self._look(image)
        self._looked_at |= seeing.asked
        if self.counts.images % COMPARE_EVERY == 1:
            self._checker.compare(Ext4(image), mounted)
        # What is in the journal now counts for nothing any more.
        left = {n: block for n, block in mounted.image.changed().items() if n not in self._journal}
        name = self._prints.of(left)
        if name not in self._known.recovered:
            self._checker.check(mounted)
            self._known.recovered[name] = self._known.found.setdefault(there, len(self._known.found))
            self.counts.recovered = len(self._known.recovered)
            self.counts.found = len(self._known.found)
            self.counts.checked, self.counts.compared = self._checker.checked, self._checker.compared
            self.counts.orphans = self._checker.orphans
        return self._known.recovered[name]

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
            where = f"before flush {stretch.number}: {choice} of {len(stretch.writes)}"
            self.violations.setdefault(text, where)


def _processor_seconds() -> float:
    """Of this process and of the checkers that it has run."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
