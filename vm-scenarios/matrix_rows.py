"""The rows of the installer matrix: each step of the installer, and each way in which it can end before its time."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bootproof.installation import STEPS

THERE_IS_WORK = frozenset(
    {"wipe", "partition", "format", "configure", "operator-key", "password", "hostname", "wifi"}
    | {"install", "sync", "stamp", "banner"}
)
"""The steps that write to the disk. For the others, failing at once and failing later is the same."""

PARTS: Mapping[str, tuple[float, ...]] = {
    "partition": (0.6, 0.9, 1),
    "format": (0.3, 0.6, 1),
    "install": (0.3, 0.6, 0.9, 1),
    "sync": (0.3, 0.9, 1),
    "stamp": (0.6, 0.9, 1),
    "banner": (0.5, 1),
}
"""Where in a step the power goes: when this part of all the bytes that it writes has been written. In the others only
at the end, since what they write is still in the installer's memory by then, or there is nothing."""


class Ending(enum.Enum):
    """How a step ends before its time."""

    FAILS_AT_ONCE = "fails at once"
    FAILS_AFTER_ITS_WORK = "fails after its work"
    POWER_GOES = "the power goes"
    TWO_TRIES_FAIL = "two tries fail, the third works"
    THREE_TRIES_FAIL = "all three tries fail"
    NO_DISK = "there is no disk that can be written to"
    NOT_AMONG_THEM = "the disk that was named is not there"
    TOO_SMALL = "the disk is too small"
    NO_CONSENT = "nobody consents"


@dataclass(frozen=True)
class Row:
    """One row. `part` is of the step's bytes, where the power goes."""

    step: str
    ending: Ending
    part: float = 1

    @property
    def name(self) -> str:
        """Such as `install-power-30`."""
        if self.ending is Ending.POWER_GOES:
            return f"{self.step}-power-{self.part * 100:.0f}"
        return f"{self.step}-{self.ending.name.lower().replace('_', '-')}"

    @property
    def at_end(self) -> bool:
        """Whether all that was written before the stamp is on the disk for good."""
        return STEPS.index(self.step) > STEPS.index("sync")

    @property
    def must_hold(self) -> bool:
        """Whether the whole system is there, put away in order, but not the stamp: it boots, and says so."""
        place, install = STEPS.index(self.step), STEPS.index("install")
        whole = place > install or (place == install and self.ending is Ending.FAILS_AFTER_ITS_WORK)
        stamped = place > STEPS.index("stamp") or (
            self.step == "stamp" and self.ending is not Ending.FAILS_AT_ONCE
        )
        return whole and not stamped and self.ending is not Ending.POWER_GOES


def rows() -> Iterator[Row]:
    """All of them, in the installer's order."""
    for step in STEPS:
        if step == "enumerate":
            yield Row(step, Ending.NO_DISK)
        if step == "choose":
            yield Row(step, Ending.NOT_AMONG_THEM)
            yield Row(step, Ending.TOO_SMALL)
        if step == "wipe":
            yield Row(step, Ending.NO_CONSENT)
        yield Row(step, Ending.FAILS_AT_ONCE)
        if step == "install":
            yield Row(step, Ending.THREE_TRIES_FAIL)
            yield Row(step, Ending.TWO_TRIES_FAIL)
        if step in THERE_IS_WORK:
            yield Row(step, Ending.FAILS_AFTER_ITS_WORK)
        for part in PARTS.get(step, (1,)):
            yield Row(step, Ending.POWER_GOES, part)


ROWS = {row.name: row for row in rows()}
