"""The table of verdicts for people, and the same as JSON for programs.

The table is readable without colour and within 80 columns; below it stands what the table has no room for:
every finding, what could not be judged, which rules had nothing to look at, and which interruptions landed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TextIO

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bootproof.last_words import last_words
from bootproof.tally import tally
from bootproof.verdict import (
    HarnessError,
    Landing,
    Row,
    Verdict,
    exit_status,
    worst,
)

# Raised when a field changes its meaning or goes away; fields may be added without.
SCHEMA_VERSION = 1
CONSOLE_LINES = 5

_STYLE = {
    Verdict.HOLDS: "green",
    Verdict.VIOLATED: "bold red",
    Verdict.HARNESS_ERROR: "magenta",
    Verdict.SKIPPED: "yellow",
}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON document; `exit_status` is what a command that ends with this report exits with."""

    schema: str = "bootproof-report"
    version: int = SCHEMA_VERSION
    verdict: Verdict
    exit_status: int
    runs: tuple[Row, ...]


def report_of(rows: Sequence[Row]) -> Report:
    return Report(verdict=worst(row.verdict for row in rows), exit_status=exit_status(rows), runs=tuple(rows))


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Writes the report whole or not at all, so that a reader never takes half of it for all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(report_of(rows))) + b"\n")
    unfinished.replace(path)


def read_json(path: Path) -> Report:
    """Raises HarnessError if there is no report of this version."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise HarnessError(f"no report in {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise HarnessError(f"{path}: {error}") from error
    if report.version != SCHEMA_VERSION:
        raise HarnessError(f"{path}: version {report.version}, this program reads {SCHEMA_VERSION}")
    return report


def render(rows: Sequence[Row], *, colour: bool = False, width: int = 80) -> str:
    """The table and what belongs below it, as text; with `colour` as text with terminal codes."""
    out = StringIO()
    console = Console(
        file=out,
        width=max(width, 80),
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(_table(rows))
    for line in _below(rows):
        console.print(line, soft_wrap=True)
    return out.getvalue()


def print_report(rows: Sequence[Row], file: TextIO) -> None:
    """Prints it as the file wants it: coloured and as wide as a terminal, plain and 80 columns wide
    otherwise."""
    tty = file.isatty()
    width = os.get_terminal_size(file.fileno()).columns if tty else 80
    file.write(render(rows, colour=tty and "NO_COLOR" not in os.environ, width=width))


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("scenario", overflow="fold", min_width=16)
    table.add_column("machine", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for heading in ("PRs\nopened", "boots", "requests", "seconds"):
        table.add_column(heading, justify="right")
    for row in rows:
        counts = (row.pull_requests_opened, row.boots, row.requests)
        verdict = Text(row.verdict.value, style=_STYLE[row.verdict])
        table.add_row(Text(row.scenario), Text(row.machine), verdict, *map(str, counts), f"{row.seconds:.1f}")
    return table


def _below(rows: Sequence[Row]) -> list[Text]:
    lines: list[Text] = []
    for row in rows:
        for text in explain(row):
            style = _STYLE[row.verdict] if row.verdict is not Verdict.HOLDS else ""
            lines.append(Text.assemble((f"{row.scenario}: ", style), text))
    return [Text(""), *lines, *map(Text, (*tally(rows), summary(rows)))]


def explain(row: Row) -> list[str]:
    """One line for each thing that a reader of the table must know about a row."""
    lines = [row.reason] if row.reason else []
    for result in row.rules:
        lines += [f"{result.rule}: {finding}" for finding in result.findings]
        if result.error is not None:
            lines.append(f"{result.rule}: not judged: {result.error}")
        if result.note:
            lines.append(f"{result.rule}: {result.note}")
    idle = [result.rule for result in row.rules if result.vacuous]
    if idle:
        lines.append(f"had nothing to look at: {', '.join(idle)}")
    if row.interruptions and all(i.landing is Landing.TOO_LATE for i in row.interruptions):
        lines.append("every interruption came too late: this run shows nothing about them")
    if row.evidence is not None and row.verdict is not Verdict.HOLDS:
        lines.append(f"evidence: {row.evidence}")
    return [*lines, *_last_of_the_consoles(row)] if row.verdict is Verdict.HARNESS_ERROR else lines


def _last_of_the_consoles(row: Row) -> list[str]:
    """What each machine of a run said last, where that is kept."""
    logs = sorted(Path(row.evidence).glob("consoles/*/console.log")) if row.evidence is not None else []
    told = []
    for log in logs:
        lines = last_words(log.read_text(errors="replace"), CONSOLE_LINES)
        told += [f"{log.parent.name}'s console: {line}" for line in lines]
    return told


def summary(rows: Sequence[Row]) -> str:
    """One line: how many runs came to what."""
    if not rows:
        return "nothing was judged"
    counts = [(verdict, sum(row.verdict is verdict for row in rows)) for verdict in Verdict]
    return ", ".join(f"{count} {verdict.value}" for verdict, count in counts if count)
