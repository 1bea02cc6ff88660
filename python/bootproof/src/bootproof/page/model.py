"""What a chart consists of, before anything is drawn: lanes of tracks, tracks of spans and marks. Times are seconds
since the run began.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass


class Shape(enum.Enum):
    """What a mark looks like, so that none is told by its colour alone."""

    TICK = "tick"
    SQUARE = "square"
    CROSS = "cross"
    HALF = "half"
    STAR = "star"
    DOT = "dot"
    DIAMOND = "diamond"
    PERSON = "person"
    RESTART = "restart"
    BUTTON = "button"
    BOLT = "bolt"
    STOP = "stop"
    RING = "ring"


class Look(enum.Enum):
    """What a span looks like."""

    ON = "on"
    """The machine runs a system."""
    STARTING = "starting"
    """It is switched on, and there is no system yet."""
    INSTALLER = "installer"
    GOOD = "good"
    AGAIN = "again"
    """It ended as it may end, and will be tried again."""
    BAD = "bad"
    PENDING = "pending"
    """A request that has not been answered yet."""
    CLAIM = "claim"
    """What a marker says holds."""
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Mark:
    """A moment. `text` tells all of it in a line; `label` is drawn beside it where there is room. `sources` name its
    evidence: `12` a line of the mock's log, `t3` one of the timeline."""

    at: float
    shape: Shape
    text: str
    label: str = ""
    sources: tuple[str, ...] = ()
    weight: int = 0
    """Of two labels that want the same place, the heavier one gets it."""


@dataclass(frozen=True)
class Span:
    start: float
    end: float
    look: Look
    text: str
    label: str = ""
    sources: tuple[str, ...] = ()
    listed: bool = True
    """Whether the table names it; one that only joins marks which are named there is not."""


@dataclass(frozen=True)
class Track:
    """One row of a lane; `name` tells it from the others, where there are several."""

    name: str = ""
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.spans and not self.marks


@dataclass(frozen=True)
class Lane:
    name: str
    tracks: tuple[Track, ...]
    notes: tuple[str, ...] = ()
    """What a reader has to know of it, most of all what is not known."""


@dataclass(frozen=True)
class Guide:
    """A line through all lanes: a power cut, or a moment to which the scenario gave a name."""

    at: float
    label: str
    cut: bool = False
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    seconds: float
    lanes: tuple[Lane, ...]
    guides: tuple[Guide, ...] = ()
    off: tuple[tuple[float, float], ...] = ()
    """When the machine had no power."""


@dataclass(frozen=True)
class Happening:
    """One line of the table."""

    at: float
    end: float | None
    lane: str
    text: str
    sources: tuple[str, ...]


def happenings(chart: Chart) -> Iterator[Happening]:
    """Everything that the chart shows, in order; what ends then comes before what begins."""
    found = [
        Happening(span.start, span.end, _name(lane, track), span.text, span.sources)
        for lane in chart.lanes
        for track in lane.tracks
        for span in track.spans
        if span.listed
    ]
    found += [
        Happening(mark.at, None, _name(lane, track), mark.text, mark.sources)
        for lane in chart.lanes
        for track in lane.tracks
        for mark in track.marks
    ]
    found += [
        Happening(guide.at, None, "point", guide.label, guide.sources)
        for guide in chart.guides
        if not guide.cut
    ]
    return iter(sorted(found, key=lambda happening: (happening.at, happening.end is not None)))


def _name(lane: Lane, track: Track) -> str:
    return f"{lane.name}: {track.name}" if track.name else lane.name
