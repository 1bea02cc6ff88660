"""How much was looked at, in lines for the one who asks what a verdict is worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bootproof.diskstates.choices import Bound


@dataclass
class Counts:
    """`images` are different states of the disk, `recovered` what they are when they have been mounted, `found` what
    the program may find there, `starts` that and what stands at GitHub, in `under_way` of them with a request on its
    way; in `broken` states the file system did not come up. `busy` are seconds of a processor, `walks` how often all
    states were gone through."""

    bound: Bound
    writes: int = 0
    flushes: int = 0
    states: int = 0
    images: int = 0
    recovered: int = 0
    found: int = 0
    starts: int = 0
    under_way: int = 0
    steps: int = 0
    walks: int = 0
    violations: int = 0
    broken: int = 0
    seconds: float = 0.0
    busy: float = 0.0

    @property
    def rate(self) -> float:
        """Different states of the disk in a minute of one core."""
        return 60 * self.images / self.busy if self.busy else 0.0

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"bound: {self.bound}"
        yield (
            f"{self.writes} recorded writes, {self.flushes} flushes: {self.states} states, {self.images} "
            f"different images, {self.recovered} after recovery; {self.found} of what the program keeps, "
            f"{self.starts} of that with what stands at GitHub, {self.under_way} with a request on its way"
        )
        yield (
            f"{self.steps} steps of next runs; a promise is broken in {self.violations} states, "
            f"and the file system does not come up in {self.broken}"
        )
        yield (
            f"{self.rate:.0f} images a minute and core ({self.busy:.0f} s of a core in {self.seconds:.0f} s, "
            f"{self.walks} {'walk' if self.walks == 1 else 'walks'})"
        )
