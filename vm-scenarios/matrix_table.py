"""What each row of the installer matrix came to, carried from the tests to the end of the run, and printed there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bootproof.timeline import MachineEvent, MachineKind
from bootproof.verdict import Row as JudgedRow
from bootproof.verdict import Verdict, worst
from matrix_rows import ROWS
from msgspec.structs import replace

PROPERTY = "installer-matrix"
JUDGED = "bootproof-row"
FILE = "installer-matrix.json"
HEAD = ("step", "how it ended", "writes", "state", "booting the disk", "the stick again", "verdict")


class Outcome(msgspec.Struct):
    """One row, as far as it got. `written` says how much of the step's writes was done, `state` which disk it left,
    `followed` whether it was this row that went on with it; `installed` which disk the stick then has made, and
    `registered` what became of that if it was this row that booted it; `machine_seconds` how long a machine was on."""

    row: str
    state: str = ""
    written: str = ""
    followed: bool = False
    booted: str = ""
    note: str = ""
    installed: str = ""
    registered: str = ""
    verdict: str = ""
    machine_seconds: float = 0


class Table(msgspec.Struct, frozen=True):
    """The whole matrix; `states` counts the disks that were told apart, and `installed` those that the stick then
    made of them."""

    rows: tuple[Outcome, ...]
    states: int
    installed: int
    machine_seconds: float


def seconds_on(events: Sequence[MachineEvent]) -> float:
    """How long the machine was on, by its timeline."""
    begun, total = None, 0.0
    for event in events:
        if event.kind is MachineKind.POWER_ON:
            begun = event.at
        elif event.kind in (MachineKind.POWER_OFF, MachineKind.CUT) and begun is not None:
            total, begun = total + (event.at - begun).total_seconds(), None
    return round(total, 1)


def table(outcomes: Iterable[Outcome]) -> Table:
    """In the installer's order; states are numbered in the order in which they come."""
    found = {one.row: one for one in outcomes}
    ordered = _with_their_leaders([found[name] for name in ROWS if name in found])
    states = {one.state for one in ordered if one.state}
    installed = {one.installed for one in ordered if one.installed}
    return Table(ordered, len(states), len(installed), round(sum(one.machine_seconds for one in ordered), 1))


def _with_their_leaders(ordered: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """A row whose disk another one followed up holds only if that one does; if none came so far, nobody has tried."""
    booted = _leaders((one.installed, one) for one in ordered if one.registered)
    found = [
        _led(one, booted.get(one.installed)) if one.installed and not one.registered else one
        for one in ordered
    ]
    followed = _leaders((one.state, one) for one in found if one.followed)
    return tuple(
        _led(one, followed.get(one.state)) if one.state and not one.followed else one for one in found
    )


def _leaders(went_on: Iterable[tuple[str, Outcome]]) -> dict[str, Outcome]:
    """By disk, the row that went on with it; of two (a disk that must hold is followed up once more) the worse one."""
    found: dict[str, Outcome] = {}
    for disk, one in went_on:
        known = found.get(disk, one)
        found[disk] = one if worst([_verdict(known), _verdict(one)]) is _verdict(one) else known
    return found


def _led(one: Outcome, leader: Outcome | None) -> Outcome:
    return replace(one, verdict=worst([_verdict(one), _verdict(leader)]).value) if one.verdict else one


def _verdict(one: Outcome | None) -> Verdict:
    """Of a row that did not come to its end, or was not even begun, nothing is known."""
    return Verdict(one.verdict) if one is not None and one.verdict else Verdict.SKIPPED


def lines(whole: Table) -> list[str]:
    """The table as text, a row a line."""
    leaders = _leaders((one.state, one) for one in whole.rows if one.followed)
    booted = _leaders((one.installed, one) for one in whole.rows if one.registered)
    numbers = {state: n for n, state in enumerate(dict.fromkeys(one.state for one in whole.rows), 1)}
    cells = [HEAD, *(_cells(one, numbers, leaders, booted) for one in whole.rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(HEAD))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _cells(
    one: Outcome,
    numbers: Mapping[str, int],
    leaders: Mapping[str, Outcome],
    registered: Mapping[str, Outcome],
) -> tuple[str, ...]:
    row = ROWS[one.row]
    state = f"#{numbers[one.state]}" if one.state else "?"
    if one.followed or not one.state:
        booted = f"{one.booted}: {one.note}" if one.note else one.booted
        again = one.registered
        if one.installed and not again:
            again = f"the same as after {_name(registered.get(one.installed), 'nothing that was booted')}"
        return row.step, row.ending.value, one.written, state, booted, again, one.verdict
    same = f"the same as {_name(leaders.get(one.state), 'nothing that was followed up')}"
    return row.step, row.ending.value, one.written, state, same, "", one.verdict


def _name(leader: Outcome | None, none: str) -> str:
    return leader.row if leader is not None else none


class Collector:
    """A plugin: gathers the outcomes from the tests' reports, and prints the table."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._outcomes: list[Outcome] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        said = dict(report.user_properties)
        if PROPERTY in said:
            one = msgspec.json.decode(str(said[PROPERTY]), type=Outcome)
            judged = msgspec.json.decode(str(said[JUDGED]), type=JudgedRow) if JUDGED in said else None
            one.verdict = (judged.verdict if judged else Verdict.HARNESS_ERROR).value
            self._outcomes.append(one)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self._outcomes:
            return
        whole = table(self._outcomes)
        terminalreporter.section("the installer matrix", sep="=")
        for line in lines(whole):
            terminalreporter.line(line)
        terminalreporter.line(
            f"{len(whole.rows)} of {len(ROWS)} rows, {whole.states} states of the disk, {whole.installed} of what the"
            f" stick then installed; {whole.machine_seconds:.0f} s of machines that were on"
        )
        keep: Path | None = self._config.getoption("--keep")
        if keep is not None:
            (keep / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
