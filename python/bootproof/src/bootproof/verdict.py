"""What a run of a scenario came to: the words that every other part of the harness reports in.

A run *holds* only when every rule was judged and none was broken. What could not be judged is not a pass:
it is a harness error, and what was never tried is skipped. Both keep a proof from being called one.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime

import msgspec


class HarnessError(Exception):
    """The harness could not do or judge what it was asked to; says nothing about the program under test."""


class MissingEvidence(HarnessError):
    """A rule cannot be judged, because what it looks at was not recorded."""


class Verdict(enum.Enum):
    HOLDS = "holds"
    VIOLATED = "violated"
    HARNESS_ERROR = "harness-error"
    SKIPPED = "skipped"


class Landing(enum.Enum):
    """What became of an interruption. One that came too late has proved nothing, so it is counted apart."""

    LANDED = "landed"
    TOO_LATE = "too-late"


class Loses(enum.Enum):
    """What a power cut takes with it. The less that is, the less has been shown by one that did no harm."""

    PAGE_CACHE = "page cache"
    """What the guest itself had not written to its disk yet."""
    NEW_CLUSTERS = "page cache and new clusters"
    """Of an image that grows, what was newly allocated and not synced, too."""
    NEWEST_WRITES = "newest writes"
    """All that the disk was given after a moment that was chosen in a record of its writes."""


class Interruption(msgspec.Struct, frozen=True):
    """A fault or a power cut that was aimed at the run; `what` is its kind (`drop-after`, `kill`, ...), of a cut with
    what it loses, where that is known (`cut (page cache)`)."""

    what: str
    landing: Landing


class Finding(msgspec.Struct, frozen=True):
    """One broken promise, in one line. `events` names its evidence: `12` is a line of the mock's log, `t3`
    one of the timeline."""

    text: str
    events: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} [{', '.join(self.events)}]" if self.events else self.text


class RuleResult(msgspec.Struct, frozen=True):
    """One rule after it was applied. `looked_at` counts what it had to judge: 0 means that it holds for
    want of anything to break it. `error` says why it could not be judged."""

    rule: str
    looked_at: int
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.findings:
            return Verdict.VIOLATED
        return Verdict.HARNESS_ERROR if self.error is not None else Verdict.HOLDS

    @property
    def vacuous(self) -> bool:
        return self.looked_at == 0 and self.verdict is Verdict.HOLDS


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table: one scenario on one machine. `seconds` is wall-clock time, `booting` the
    part of it in which the machine installed and booted, `running` a further part in which the program's units ran, as
    far as the guest's journal tells; `began` is UTC; `evidence` is the folder that was kept, if one was."""

    scenario: str
    machine: str
    verdict: Verdict
    pull_requests_opened: int = 0
    boots: int = 0
    requests: int = 0
    began: datetime | None = None
    seconds: float = 0.0
    booting: float = 0.0
    running: float = 0.0
    reason: str = ""
    rules: tuple[RuleResult, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    evidence: str | None = None


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on the whole: a violation outweighs an error (it was seen, whatever else went wrong), an
    error outweighs a skip. Of nothing at all it is a harness error: nothing was proved."""
    seen = set(verdicts)
    for verdict in (Verdict.VIOLATED, Verdict.HARNESS_ERROR, Verdict.SKIPPED, Verdict.HOLDS):
        if verdict in seen:
            return verdict
    return Verdict.HARNESS_ERROR


def exit_status(rows: Iterable[Row]) -> int:
    """0: every run holds. 1: a promise was broken. 2: something was not judged (error, skip, no runs at
    all)."""
    return {Verdict.HOLDS: 0, Verdict.VIOLATED: 1}.get(worst(row.verdict for row in rows), 2)


def count_landings(interruptions: Iterable[Interruption]) -> dict[str, dict[Landing, int]]:
    """A matrix of kind and landing, so that a run whose cuts all came too late cannot pass for a proof."""
    matrix: dict[str, dict[Landing, int]] = {}
    for interruption in interruptions:
        row = matrix.setdefault(interruption.what, dict.fromkeys(Landing, 0))
        row[interruption.landing] += 1
    return matrix
