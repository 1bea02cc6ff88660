"""What one run left, read for its page: as much as is there, with a word on what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from bootproof.oracle import Case, Event, read_case_file, read_events
from bootproof.oracle_case import Entry
from bootproof.timeline import MachineEvent, MachineKind, merge, read_timeline
from bootproof.unit_journal import IN_FOLDER, Journal, read_unit_journal
from bootproof.verdict import HarnessError

T = TypeVar("T")
NOTHING_ASKED = Journal()


@dataclass(frozen=True)
class Evidence:
    """A run's records. Without a `case` nobody can tell a person's request from the machine's."""

    events: tuple[Event, ...] = ()
    timeline: tuple[MachineEvent, ...] = ()
    journal: Journal = NOTHING_ASKED
    case: Case | None = None
    missing: tuple[str, ...] = ()
    """What could not be read, and why."""

    @cached_property
    def order(self) -> tuple[Entry, ...]:
        return merge(self.events, self.timeline)

    def by_machine(self, event: Event) -> bool:
        """Whether the machine did it, as far as anybody can tell."""
        try:
            return self.case is None or self.case.by_machine(event)
        except HarnessError:
            return True

    def sources(self, *entries: Entry | None) -> tuple[str, ...]:
        """The numbers by which findings name these entries."""
        return tuple(
            str(entry.seq) if isinstance(entry, Event) else self._numbers[id(entry)]
            for entry in entries
            if entry is not None
        )

    @cached_property
    def _numbers(self) -> dict[int, str]:
        return {id(event): f"t{number}" for number, event in enumerate(self.timeline, 1)}

    @cached_property
    def seconds(self) -> dict[int, float]:
        """For each entry (by `id`), the seconds since the first one, by the host's clock. A mock whose clock was put
        forward says later times from then on; what comes after something is not drawn before it."""
        ahead, latest, found = 0.0, 0.0, {}
        for entry in self.order:
            at = self.since_start(entry.at)
            if isinstance(entry, Event):
                at -= ahead
            elif entry.kind is MachineKind.CLOCK_FORWARD:
                ahead += entry.seconds or 0.0
            found[id(entry)] = latest = max(latest, at)
        return found

    def at(self, entry: Entry) -> float:
        return self.seconds[id(entry)]

    def since_start(self, moment: datetime) -> float:
        """The same for a moment of the host's clock."""
        return (moment - self._start).total_seconds()

    @cached_property
    def _start(self) -> datetime:
        return min(entry.at for entry in self.order)

    @property
    def end(self) -> float:
        """When the last thing was recorded."""
        return max(self.seconds.values(), default=0.0)


def read_run(folder: Path) -> Evidence:
    """Reads what is in a run's folder; a file that is torn is named, and counts as not there."""
    missing: list[str] = []

    def attempt(read: Callable[[Path], T], name: str, nothing: T) -> T:
        path = folder / name
        if not path.exists():
            return nothing
        try:
            return read(path)
        except HarnessError as error:
            missing.append(str(error).replace(f"{folder}/", ""))
            return nothing

    found = Evidence(
        events=attempt(read_events, "events.jsonl", ()),
        timeline=attempt(read_timeline, "timeline.jsonl", ()),
        journal=attempt(read_unit_journal, IN_FOLDER, NOTHING_ASKED),
    )
    file = attempt(read_case_file, "case.json", None)
    case = None
    if file is not None:
        case = Case(found.events, found.timeline, file.registration, file.expect, file.before)
    return replace(found, case=case, missing=tuple(missing))
