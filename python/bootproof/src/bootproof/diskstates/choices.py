"""What of the writes between two flushes has reached the disk when the power goes: a pure enumeration, with its bound.

A disk with a write cache may do what it was given in any order and leave any of it out, until it is told to flush; and
of a write of several sectors it may have done some. All subsets are tried where there are few writes; where there are
many, those that are next to an order in which a disk would do them, and a sample of the others that is always the same.
A write is a block here: a longer one is several of them (see `stretches`).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """How far it goes. `whole` is the most writes of which every subset is tried, `sampled` how many subsets are drawn
    where there are more, `tears` the most places in which one write is torn."""

    whole: int = 14
    sampled: int = 1000
    tears: int = 7

    def __str__(self) -> str:
        torn = f"each torn at up to {self.tears} sectors" if self.tears else "none torn"
        return (
            f"all subsets of up to {self.whole} blocks that were written between two flushes; of more, every prefix "
            f"and suffix, each alone and left out, and {self.sampled} drawn; {torn}"
        )


@dataclass(frozen=True)
class Torn:
    """Of this write only the first `sectors` have arrived; with `rest`, only those after them."""

    write: int
    sectors: int
    rest: bool = False

    def __str__(self) -> str:
        return (
            f"{self.write} but for its first {self.sectors} sectors"
            if self.rest
            else f"{self.sectors} sectors of {self.write}"
        )


@dataclass(frozen=True)
class Choice:
    """The numbers of the writes that have arrived, and one that has in part."""

    arrived: tuple[int, ...]
    torn: Torn | None = None

    def __str__(self) -> str:
        return "blocks " + (
            ", ".join([*map(str, self.arrived), *([str(self.torn)] if self.torn else [])]) or "none"
        )

    @property
    def last(self) -> int:
        """The last write that has to have been begun; -1 for none."""
        torn = -1 if self.torn is None else self.torn.write
        return max(torn, *self.arrived, -1) if self.arrived else torn


def choices(sectors: Sequence[int], matters: Sequence[bool], bound: Bound, seed: int) -> Iterator[Choice]:
    """Everything that can be left of these writes, given by how many sectors each has. One that does not `matter` to
    anybody who looks is on the disk if a later one is."""
    seen: set[Choice] = set()
    for choice in _all(sectors, matters, bound, seed):
        if choice not in seen:
            seen.add(choice)
            yield choice


def _all(sectors: Sequence[int], matters: Sequence[bool], bound: Bound, seed: int) -> Iterator[Choice]:
    every = tuple(range(len(sectors)))
    for length in range(len(sectors) + 1):
        yield Choice(every[:length])
    mattering = [number for number in every if matters[number]]
    for subset in _subsets(mattering, bound, seed):
        yield Choice(_with_idle(subset, matters))
    for number in mattering:
        for torn in _tears(number, sectors[number], bound):
            yield Choice(every[:number], torn)
            yield Choice((), torn)


def _with_idle(subset: Sequence[int], matters: Sequence[bool]) -> tuple[int, ...]:
    last = max(subset, default=-1)
    idle = [number for number in range(last) if not matters[number]]
    return tuple(sorted({*subset, *idle}))


def _subsets(numbers: Sequence[int], bound: Bound, seed: int) -> Iterator[tuple[int, ...]]:
    if len(numbers) <= bound.whole:
        for size in range(len(numbers) + 1):
            yield from itertools.combinations(numbers, size)
        return
    for place, number in enumerate(numbers):
        yield tuple(numbers[:place])
        yield (number,)
        yield tuple(other for other in numbers if other != number)
        yield tuple(numbers[place:])
    draw = random.Random(seed)
    for _ in range(bound.sampled):
        yield tuple(number for number in numbers if draw.random() < 0.5)


def _tears(number: int, sectors: int, bound: Bound) -> Iterator[Torn]:
    for place in range(1, min(sectors, bound.tears + 1)):
        yield Torn(number, place)
        yield Torn(number, place, rest=True)
