"""What all runs came to together, in lines: for below the table, for the page, and for CI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from bootproof.verdict import Landing, Row, count_landings


def tally(rows: Sequence[Row]) -> list[str]:
    """What landed, what the runs cost beyond their boots, and how fast they were; each only where there was any."""
    return [line for line in (_interruptions(rows), _spent(rows), _pace(rows)) if line]


def _interruptions(rows: Sequence[Row]) -> str:
    counted = count_landings(interruption for row in rows for interruption in row.interruptions)
    told = (
        f"{what}: {counts[Landing.LANDED]} landed, {counts[Landing.TOO_LATE]} too late"
        for what, counts in counted.items()
    )
    return f"interruptions: {'; '.join(told)}" if counted else ""


def _spent(rows: Sequence[Row]) -> str:
    """What the runs cost beyond what their machines would have taken anyway."""
    own = [row for row in rows if row.booting]
    booting = sum(row.booting for row in own)
    beyond = sum(row.seconds for row in own) - booting
    running = sum(row.running for row in own)
    if not own:
        return ""
    told = (
        f"installing and booting: {booting:.0f} s; beyond it: {beyond:.0f} s, {beyond / booting:.0%} of that"
    )
    if not running:
        return told
    return f"{told}; without the program's own runs ({running:.0f} s): {(beyond - running) / booting:.0%}"


def _pace(rows: Sequence[Row]) -> str:
    """By the clock, from when the first began until the last was over: what runs share was made within it, too."""
    if len(times := list(_times(rows))) < 2:
        return ""
    minutes = (max(end for _, end in times) - min(begin for begin, _ in times)) / timedelta(minutes=1)
    return f"{len(times)} runs in {minutes:.1f} min: {len(times) / minutes:.1f} a minute" if minutes else ""


def _times(rows: Sequence[Row]) -> Iterator[tuple[datetime, datetime]]:
    for row in rows:
        if row.began is not None:
            yield row.began, row.began + timedelta(seconds=row.seconds)
