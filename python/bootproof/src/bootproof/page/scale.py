"""From seconds to the picture. An installation takes minutes, and the requests that matter follow each other within
seconds: so time is stretched where much happens. Between two moments that follow each other lies a width that grows
with the root of the time between them; the axis names seconds, many where time is stretched, few where it is not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from bootproof.page.labels import Placed, placed
from bootproof.page.model import Chart

GUTTER = 210
"""For the names of lanes and tracks, at the left."""
RIGHT = 34
NARROWEST, WIDEST = 1136, 3000
ROOT_SECOND = 4.0
"""How wide one second is drawn at least, if nothing happens within it and the chart is not as wide as it may be."""
STRETCHED = 40
"""Where two seconds are as wide as that, they are named one by one."""
_SAME = 0.02
"""Moments as near as that are one."""


@dataclass(frozen=True)
class Scale:
    """`places` are the middles of `moments` in the picture; between them it is even."""

    moments: tuple[float, ...]
    places: tuple[float, ...]
    width: float

    def x(self, at: float) -> float:
        """Where it is drawn; what lies outside of the chart's time, at its edge."""
        moments, places = self.moments, self.places
        if at <= moments[0]:
            return places[0]
        if at >= moments[-1]:
            return places[-1]
        n = bisect_right(moments, at)
        part = (at - moments[n - 1]) / (moments[n] - moments[n - 1])
        return places[n - 1] + part * (places[n] - places[n - 1])


def scale_of(chart: Chart) -> Scale:
    moments = _moments(chart)
    steps = [0.0, *((later - sooner) ** 0.5 for sooner, later in pairwise(moments))]
    reached = list(accumulate(steps))
    width = min(max(NARROWEST, GUTTER + RIGHT + reached[-1] * ROOT_SECOND), WIDEST)
    unit = (width - GUTTER - RIGHT) / reached[-1]
    return Scale(tuple(moments), tuple(GUTTER + at * unit for at in reached), width)


def _moments(chart: Chart) -> list[float]:
    """All times at which something begins, ends or happens, and the edges of the chart."""
    found = {0.0, chart.seconds, *(guide.at for guide in chart.guides)}
    found.update(edge for start_and_end in chart.off for edge in start_and_end)
    for lane in chart.lanes:
        for track in lane.tracks:
            found.update(mark.at for mark in track.marks)
            found.update(edge for span in track.spans for edge in (span.start, span.end))
    ordered = sorted(at for at in found if 0.0 <= at <= chart.seconds)
    kept = [ordered[0]]
    for at in ordered[1:]:
        if at - kept[-1] >= _SAME:
            kept.append(at)
    return kept


def seconds_named(scale: Scale) -> list[Placed]:
    """The seconds that the axis names: rounder ones first, and as many as there is room for."""
    wanted = [
        (scale.x(second), str(second), step)
        for second, step in _round(int(scale.moments[-1]))
        if step > 1 or scale.x(second + 1) - scale.x(second - 1) > STRETCHED
    ]
    return placed(wanted, GUTTER - 20, scale.width, apart=10)


def _round(last: int) -> Iterator[tuple[int, int]]:
    for second in range(last + 1):
        steps = [step for step in (600, 60, 30, 10, 5, 1) if second % step == 0]
        yield second, steps[0]
