"""The lane of the marker: each durable write of it that anybody saw, and what it claims from then on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bootproof.page.evidence import Evidence
from bootproof.page.model import Lane, Look, Mark, Shape, Span, Track
from bootproof.timeline import MachineEvent, MachineKind


@dataclass(frozen=True)
class Seen:
    """One look at the marker. `since` is when what was seen had been written, as near as that is known."""

    at: float
    since: float
    event: MachineEvent
    sources: tuple[str, ...]
    new: bool


def marker_lane(evidence: Evidence) -> Lane | None:
    """None if nobody ever looked."""
    seen = _seen(evidence)
    if not seen:
        return None
    marks = [mark for look in seen for mark in _marks(look)]
    writes = sum(look.new and look.event.text != "" for look in seen)
    count = {0: "No write", 1: "One write"}.get(writes, f"{writes} writes")
    note = f"{count} of it seen in {len(seen)} looks; one that was written over before a look is not known."
    return Lane("marker", (Track(spans=tuple(_spans(seen, evidence.end)), marks=tuple(marks)),), (note,))


def _seen(evidence: Evidence) -> list[Seen]:
    found: list[Seen] = []
    for event in evidence.timeline:
        if event.kind is not MachineKind.MARKER_SEEN:
            continue
        at, before = evidence.at(event), found[-1] if found else None
        new = before is None or before.event.text != event.text
        if event.text == "":
            new = before is not None and before.event.text != ""
        since = at
        if event.seconds is not None:
            since = at - event.seconds
        if before is not None:
            # What a look did not find was written after it, whatever the machine's clock says.
            since = max(since, before.at) if new else before.since
        found.append(Seen(at, min(max(since, 0.0), at), event, evidence.sources(event), new))
    return found


def _marks(look: Seen) -> Iterator[Mark]:
    event = look.event
    boot = f"boot {event.boot_id[:8]}" if event.boot_id else "somebody"
    if look.new and event.text == "":
        yield Mark(look.at, Shape.CROSS, f"{boot} finds no marker any more", "gone", look.sources, weight=3)
    elif look.new:
        words = [f"written: {claimed(event)}"]
        if event.claim is not None and event.claim.boot_id:
            words.append(f"in boot {event.claim.boot_id[:8]}")
        known = event.seconds is not None
        words.append("time by the file's date" if known else "when exactly is not known: before it was read")
        yield Mark(look.since, Shape.DIAMOND, "; ".join(words), "written", look.sources, weight=3)
    if not look.new or look.since < look.at:
        found = "no marker" if event.text == "" else claimed(event)
        yield Mark(look.at, Shape.DOT, f"{boot} reads it: {found}", "", look.sources)


def claimed(event: MachineEvent) -> str:
    """What the marker says, in a few words."""
    if event.text == "":
        return "none"
    if event.claim is None:
        return "nothing that can be read"
    pull = f" #{event.claim.pull_request}" if event.claim.pull_request is not None else ""
    return f"{event.claim.state.value}{pull}"


def _spans(seen: Sequence[Seen], end: float) -> Iterator[Span]:
    """What it claims, from write to write; before the first look nothing is known of it."""
    changes = [look for number, look in enumerate(seen) if number == 0 or look.new]
    if changes[0].since > 0:
        text = "not known: nobody had looked at the marker yet"
        yield Span(0.0, changes[0].since, Look.UNKNOWN, text, "not looked at")
    edges: list[Seen | None] = [*changes, None]
    for look, following in pairwise(edges):
        assert look is not None
        until = following.since if following is not None else end
        nothing = look.event.text == ""
        text = "no marker" if nothing else f"the marker says {claimed(look.event)}"
        label = "none" if nothing else claimed(look.event)
        yield Span(
            look.since,
            max(until, look.since),
            Look.NONE if nothing else Look.CLAIM,
            text,
            label,
            listed=False,
        )
