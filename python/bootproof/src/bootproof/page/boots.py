"""The lane of boots: which system ran when, and how each time with power ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bootproof.page.evidence import Evidence
from bootproof.page.model import Guide, Lane, Look, Mark, Shape, Span, Track
from bootproof.page.periods import Ending, Period
from bootproof.timeline import MachineKind
from bootproof.verdict import Landing

_SHAPES = {
    Ending.GUEST: Shape.RESTART,
    Ending.BUTTON: Shape.BUTTON,
    Ending.CUT: Shape.BOLT,
    Ending.OFF: Shape.STOP,
    Ending.UNKNOWN: Shape.RING,
}


def boots_lane(evidence: Evidence, found: Sequence[Period]) -> Lane:
    spans = [span for period in found for span in _spans(period)]
    marks = [mark for period in found for mark in _marks(period)]
    forward = [
        Mark(
            evidence.at(event),
            Shape.RING,
            f"GitHub's clock is put forward by {event.seconds or 0:.0f} s, as if the machine had been off for so long",
            f"+{_duration(event.seconds or 0)}",
            evidence.sources(event),
        )
        for event in evidence.timeline
        if event.kind is MachineKind.CLOCK_FORWARD
    ]
    return Lane("boots", (Track(spans=tuple(spans), marks=(*marks, *forward)),))


def _spans(period: Period) -> Iterator[Span]:
    if period.installer:
        yield Span(
            period.start, period.end, Look.INSTALLER, "the installer runs", "installer", period.began_by
        )
        return
    up = period.up if period.up is not None else period.end
    if up > period.start:
        no_system = period.up is None
        text = (
            "switched on, and no system came up"
            if no_system
            else "firmware, kernel, and the first of systemd"
        )
        yield Span(period.start, up, Look.STARTING, text, "no system" if no_system else "", period.began_by)
    if period.up is not None:
        text = f"boot {period.boot}"
        yield Span(period.up, period.end, Look.ON, text, period.boot[:8], period.up_by)


def _marks(period: Period) -> Iterator[Mark]:
    if period.multi_user is not None:
        yield Mark(
            period.multi_user, Shape.DOT, f"{period.name}: multi-user reached", sources=period.multi_user_by
        )
    words = [f"{period.name} ended: {period.ending.value}"]
    if period.ending is Ending.UNKNOWN:
        words.append("the record stops here")
    if period.detail:
        words.append(period.detail)
    if period.landing is Landing.TOO_LATE:
        words.append("came too late")
    label = period.ending.value
    yield Mark(period.end, _SHAPES[period.ending], ", ".join(words), label, period.ended_by, weight=1)


_GUIDES = {
    MachineKind.POINT: "",
    MachineKind.FAULTS_ENDED: "faults ended",
    MachineKind.OPERATOR_RESET: "operator's reset",
    MachineKind.RECORD_REMOVED: "record removed",
}


def guides(evidence: Evidence, found: Sequence[Period]) -> tuple[Guide, ...]:
    """Lines through all lanes: the cuts, and what the scenario gave a name to."""
    cuts = [Guide(period.end, "power cut", cut=True) for period in found if period.ending is Ending.CUT]
    named = [
        Guide(evidence.at(event), _GUIDES[event.kind] or event.name, sources=evidence.sources(event))
        for event in evidence.timeline
        if event.kind in _GUIDES
    ]
    return (*cuts, *named)


def off(found: Sequence[Period], seconds: float) -> tuple[tuple[float, float], ...]:
    """When there was no power; nothing if nothing is known of it."""
    if not found:
        return ()
    edges = [0.0, *(edge for period in found for edge in (period.start, period.end)), seconds]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return tuple((start, end) for start, end in gaps if end > start)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
