"""A recording, cut at its flushes: what is surely on the disk, and what may or may not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bootproof.diskstates.choices import Choice
from bootproof.diskstates.image import BLOCK, Base
from bootproof.diskstates.moments import FOR_EVER
from bootproof.diskstates.write_log import Kind, WriteLog


@dataclass(frozen=True)
class Write:
    """A block of a write to the partition: a disk need not do a long one at once, or in order. `begins` is where its
    entry stands in the log."""

    offset: int
    data: bytes
    begins: int

    @property
    def blocks(self) -> range:
        """Those that it touches."""
        return range(self.offset // BLOCK, -(-(self.offset + len(self.data)) // BLOCK))


@dataclass(frozen=True)
class Stretch:
    """The writes between two flushes. While the log grew from `begins` to `ends`, this was what a cut could lose;
    `before` is what had been flushed, by block."""

    number: int
    writes: tuple[Write, ...]
    begins: int
    ends: int
    before: Mapping[int, bytes]

    def moment(self, choice: Choice) -> tuple[int, int]:
        """How long the log can have been when the power went: the last write that arrived had been begun, and the
        flush after it was not done."""
        return (self.writes[choice.last].begins if choice.last >= 0 else self.begins), self.ends


def stretches(log: WriteLog, base: Base) -> Iterator[Stretch]:
    """In order. Each one's `before` is only good until the next is asked for."""
    before: dict[int, bytes] = {}
    writes: list[Write] = []
    number, begins = 0, 0
    for entry in log.entries:
        if entry.kind is Kind.FLUSH:
            if writes:
                yield Stretch(number, tuple(writes), begins, entry.ends, before)
                number, begins = number + 1, entry.ends
            put(before, base, writes)
            writes = []
        elif entry.offset in base.partition:
            writes += _by_block(Write(entry.offset - base.partition.begins, entry.data, entry.begins))
    # After the last flush nothing is certain, and the empty stretch is the state in which all is safe.
    yield Stretch(number, tuple(writes), begins, FOR_EVER, before)


def _by_block(write: Write) -> Iterator[Write]:
    for block in write.blocks:
        begins, ends = (max(0, number * BLOCK - write.offset) for number in (block, block + 1))
        yield Write(write.offset + begins, write.data[begins:ends], write.begins)


def arrived(stretch: Stretch, base: Base, choice: Choice, sector: int) -> dict[int, bytes]:
    """The blocks that these writes have changed."""
    found: dict[int, bytes] = {}
    writes: list[Write] = []
    for number, write in enumerate(stretch.writes):
        if choice.torn is not None and choice.torn.write == number:
            writes.append(_part(write, choice.torn.sectors * sector, choice.torn.rest))
        elif number in choice.arrived:
            writes.append(write)
    put(found, base, writes, stretch.before)
    return found


def _part(write: Write, size: int, rest: bool) -> Write:
    if rest:
        return Write(write.offset + size, write.data[size:], write.begins)
    return Write(write.offset, write.data[:size], write.begins)


def put(
    into: dict[int, bytes], base: Base, writes: Sequence[Write], below: Mapping[int, bytes] | None = None
) -> None:
    """Writes them, in order, over what is there."""
    for write in writes:
        for block in write.blocks:
            at = block * BLOCK - write.offset
            data = write.data[max(at, 0) : at + BLOCK]
            if len(data) < BLOCK:
                old = into.get(block) or (below or {}).get(block) or base[block]
                start = max(-at, 0)
                data = old[:start] + data + old[start + len(data) :]
            into[block] = data
