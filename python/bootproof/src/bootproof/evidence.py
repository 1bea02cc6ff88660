"""One scenario's site: its folder of evidence, what it expects, and the verdict on what was found there.

A scenario starts its mock with `event_log=site.event_log`, records what it does to the machine in
`site.timeline`, and says what is judged (`site.registration`), what must come of it (`site.expect(...)`)
and which token must be nowhere (`site.secret(...)`). All the rest is done when it is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bootproof import spending
from bootproof.leaks import no_leak, search_files
from bootproof.oracle import (
    Before,
    Case,
    CaseFile,
    Expectations,
    Registration,
    interruptions,
    judge,
    read_case_file,
    read_events,
    verdict_of,
)
from bootproof.progress import Phase, phase
from bootproof.timeline import MachineKind, Timeline, now_utc, read_timeline
from bootproof.unit_journal import IN_FOLDER, UnitJournal, read_unit_journal
from bootproof.verdict import HarnessError, Row, RuleResult, Verdict, worst


class EventSource(Protocol):
    """A mock in this process, as far as the order of events needs it."""

    def events(self) -> Any:
        """All events so far, each with a `seq`."""


class Site:
    """Where one run of a scenario leaves its traces; see the module's text. `machine` is shown in the
    table."""

    def __init__(self, folder: Path, scenario: str) -> None:
        self.folder, self.scenario, self.machine = folder, scenario, "-"
        self.consoles, self.disks = folder / "consoles", folder / "disks"
        for made in (self.consoles, self.disks):
            made.mkdir(parents=True, exist_ok=True)
        self.event_log = folder / "events.jsonl"
        self.timeline = Timeline(folder / "timeline.jsonl")
        self.unit_journal = UnitJournal(folder / IN_FOLDER)
        self.registration: Registration | None = None
        self.trouble: Callable[[], str] = lambda: ""
        """What is wrong with the machine, when something was waited for in vain (see health.py)."""
        self.before = Before()
        self.expectations = Expectations()
        self._secrets: list[bytes] = []
        self._without_oracle = ""
        self._further: list[RuleResult] = []
        self._begun, self._began = time.monotonic(), now_utc()

    def follow(self, mock: EventSource) -> None:
        """Orders the timeline exactly beside this mock's events, not by time."""

        def last_seq() -> int:
            events = mock.events()
            return int(events[-1].seq) if events else 0

        self.timeline.follow(last_seq)

    def expect(self, **fields: Any) -> None:
        """Sets fields of Expectations; those set before stay."""
        self.expectations = msgspec.structs.replace(self.expectations, **fields)

    def secret(self, token: str | bytes) -> None:
        """At the end the token is in no file of the folder but those in `disks`."""
        self._secrets.append(token.encode() if isinstance(token, str) else token)

    def attach(self, name: str, content: bytes) -> None:
        """Keeps something beside the logs: what the run was made from, say."""
        (self.folder / name).write_bytes(content)

    def add(self, result: RuleResult) -> None:
        """A rule that the scenario has judged itself, beside the oracle's."""
        self._further.append(result)

    def without_oracle(self, reason: str) -> None:
        """This scenario is judged by its own assertions alone, and the table says why."""
        self._without_oracle = reason

    def phase(self, name: str) -> AbstractContextManager[Phase]:
        return phase(name)

    def judged(self, *, finished: bool) -> Row:
        """Closes the record and judges it. A scenario that was not `finished` (it failed or was skipped)
        can break what always holds, but not what was expected of its end, and what cannot be judged of it
        is left out."""
        self.timeline.close()
        seconds = time.monotonic() - self._begun
        row = Row(
            scenario=self.scenario,
            machine=self.machine,
            verdict=Verdict.HOLDS,
            began=self._began,
            seconds=round(seconds, 3),
            evidence=str(self.folder),
        )
        if self._without_oracle:
            reason = f"judged by its own assertions alone: {self._without_oracle}"
            return msgspec.structs.replace(row, reason=reason)
        try:
            return self._by_oracle(row, finished)
        except HarnessError as error:
            if not finished:
                return row
            return msgspec.structs.replace(row, verdict=Verdict.HARNESS_ERROR, reason=str(error))

    def _by_oracle(self, row: Row, finished: bool) -> Row:
        if self.registration is None:
            raise HarnessError("the scenario does not say what is judged (site.registration)")
        file = CaseFile(registration=self.registration, expect=self.expectations, before=self.before)
        (self.folder / "case.json").write_bytes(msgspec.json.format(msgspec.json.encode(file)) + b"\n")
        case = read_folder(self.folder)
        results = (*judge(case, finished=finished), *self._further, *self._leaks())
        if not finished:
            results = tuple(result for result in results if result.error is None)
        return msgspec.structs.replace(row_of(case, results, row), running=self._running(case))

    def _running(self, case: Case) -> float:
        """As far as the journal can be read: what it was, it does not change the verdict."""
        try:
            journal = read_unit_journal(self.folder / IN_FOLDER)
        except HarnessError:
            return 0.0
        return round(spending.running(journal, case.timeline), 3)

    def _leaks(self) -> list[RuleResult]:
        if not self._secrets:
            return [RuleResult("no-leak", 0, error="the scenario does not say which token (site.secret)")]
        paths = [path for path in sorted(self.folder.iterdir()) if path != self.disks]
        return [no_leak(search_files(paths, secret)) for secret in self._secrets]


def read_folder(folder: Path) -> Case:
    """The case that a scenario left in its folder of evidence. Raises HarnessError when part of it is not
    there."""
    file = read_case_file(folder / "case.json")
    return read_case(folder / "events.jsonl", folder / "timeline.jsonl", file)


def read_case(events: Path, timeline: Path, file: CaseFile) -> Case:
    return Case(read_events(events), read_timeline(timeline), file.registration, file.expect, file.before)


def row_of(case: Case, results: tuple[RuleResult, ...], row: Row) -> Row:
    """`row` with what the case shows: the verdict, the counts, and which interruptions landed."""
    own = [event for event in case.machine_effects if event.type == "pull-request-opened"]
    boots = {event.boot_id for event in case.timeline if event.kind is MachineKind.BOOT}
    return msgspec.structs.replace(
        row,
        verdict=worst([row.verdict, verdict_of(results)]) if results else row.verdict,
        pull_requests_opened=len(own),
        boots=len(boots),
        booting=round(spending.booting(case.timeline), 3),
        requests=len(case.machine_requests),
        rules=results,
        interruptions=interruptions(case),
    )
