"""A campaign as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from bootproof.torture.campaign import Campaign, Judged
from bootproof.torture.points import ERRORS, Kind
from bootproof.verdict import Landing, Verdict

SCHEMA_VERSION = 1
TARGET_SECONDS = 10.0
_POINTS_TOLD = 3
# After so many, one line each: more of the same is to be had as JSON.
_WHOLE_TOLD = 5


class KindRow(msgspec.Struct, frozen=True):
    """One kind of point: how many there are, what became of them, and how many runs stood for those that landed."""

    kind: Kind
    points: int
    landed: int
    too_late: int
    runs: int
    violated: int


class Violation(msgspec.Struct, frozen=True):
    """One run that broke a promise, or that could not be judged."""

    verdict: Verdict
    points: tuple[str, ...]
    broken: tuple[str, ...]
    output: tuple[str, ...]


class TortureReport(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON document. `seconds` are wall-clock time, `cpu_seconds` the cost on one core."""

    schema: str = "bootproof-torture"
    version: int = SCHEMA_VERSION
    verdict: Verdict
    exit_status: int
    finished: bool
    seconds: float
    cpu_seconds: float
    calls: tuple[str, ...]
    requests: int
    elsewhere: tuple[str, ...]
    kinds: tuple[KindRow, ...]
    violations: tuple[Violation, ...]


def report_of(campaign: Campaign) -> TortureReport:
    return TortureReport(
        verdict=campaign.verdict,
        exit_status={Verdict.HOLDS: 0, Verdict.VIOLATED: 1}.get(campaign.verdict, 2),
        finished=campaign.finished,
        seconds=round(campaign.seconds, 3),
        cpu_seconds=round(campaign.cpu, 3),
        calls=tuple(map(str, campaign.calls)),
        requests=campaign.requests,
        elsewhere=tuple(sorted(campaign.elsewhere)),
        kinds=tuple(_row(campaign, kind) for kind in campaign.kinds),
        violations=tuple(_violation(one) for one in campaign.judged if one.verdict is not Verdict.HOLDS),
    )


def _row(campaign: Campaign, kind: Kind) -> KindRow:
    runs = [(one, [p for p in one.points if p.kind is kind]) for one in campaign.judged]
    runs = [(one, points) for one, points in runs if points]
    landed = [
        (one, points)
        for one, points in runs
        if one.outcome is not None and one.outcome.landing is Landing.LANDED
    ]
    late = sum(len(points) for one, points in runs if (one, points) not in landed and one.outcome is not None)
    missed = sum(point.kind is kind for point in campaign.missed)
    return KindRow(
        kind=kind,
        points=sum(len(points) for _, points in runs) + missed,
        landed=sum(len(points) for _, points in landed),
        too_late=late + missed,
        runs=len(landed),
        violated=sum(len(points) for one, points in runs if one.verdict is Verdict.VIOLATED),
    )


def _violation(one: Judged) -> Violation:
    broken = one.outcome.broken if one.outcome is not None else [one.error]
    output = one.outcome.output if one.outcome is not None else ()
    return Violation(one.verdict, tuple(map(str, one.points)), tuple(broken), output)


def write_json(report: TortureReport, path: Path) -> None:
    """Whole or not at all."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    unfinished.replace(path)


def lines(campaign: Campaign) -> Iterator[str]:
    """What is printed, line by line."""
    report = report_of(campaign)
    yield f"{'':17}{'points':>7}{'landed':>8}{'too late':>10}{'runs':>6}{'violated':>10}"
    for row in report.kinds:
        counts = f"{row.points:7}{row.landed:8}{row.too_late:10}{row.runs:6}{row.violated:10}"
        yield f"{row.kind.value:17}{counts}"
    yield ""
    for number, one in enumerate(report.violations):
        yield from islice(_told(one), 1 if number >= _WHOLE_TOLD else None)
    if campaign.missed:
        yield f"no state shows these alone: {_some(campaign.missed)}"
    for kind in campaign.idle if campaign.finished else []:
        yield f"{kind.value} never landed: nothing is known of it"
    if idle := [kind.value for kind in campaign.kinds if not campaign.aimed(kind) and kind in ERRORS]:
        yield f"no call to fail: {', '.join(idle)}"
    if campaign.elsewhere:
        yield f"written outside of {{state}}, and not put back after a kill: {_some(sorted(campaign.elsewhere))}"
    if not campaign.finished:
        yield f"stopped: {len(campaign.judged)} of {campaign.tasks} runs were judged"
    yield _summary(campaign, report)


def _told(one: Violation) -> Iterator[str]:
    more = f" (and {len(one.points) - 1} more points that leave the same)" if len(one.points) > 1 else ""
    yield f"{one.verdict.value}: {one.points[0]}{more}: {one.broken[0]}"
    yield from (f"    {line}" for line in one.broken[1:])
    if len(one.points) > 1:
        yield f"    also {', '.join(one.points[1 : 1 + _POINTS_TOLD])}"
    yield from (f"    | {line}" for line in one.output)


def _some(things: Sequence[object]) -> str:
    told = ", ".join(map(str, things[:_POINTS_TOLD]))
    return told + (f" and {len(things) - _POINTS_TOLD} more" if len(things) > _POINTS_TOLD else "")


def _summary(campaign: Campaign, report: TortureReport) -> str:
    points = sum(row.points for row in report.kinds)
    cost = f"{campaign.seconds:.1f} s, {campaign.cpu:.1f} s of one core"
    mean = campaign.cpu / max(1, len(campaign.judged))
    met = "" if campaign.cpu <= TARGET_SECONDS else f", missed by {campaign.cpu - TARGET_SECONDS:.1f} s"
    # It is for kills; calls that fail take a run each.
    target = "" if ERRORS.keys() & set(campaign.kinds) else f" (target {TARGET_SECONDS:.0f} s{met})"
    return (
        f"{report.verdict.value}: {points} points of {len(campaign.calls)} calls and {campaign.requests} requests; "
        f"{len(campaign.judged)} runs × {mean:.2f} s; {cost}{target}"
    )
