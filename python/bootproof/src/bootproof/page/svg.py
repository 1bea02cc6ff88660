"""A chart as SVG. Every colour and font is the page's (see style.py); every mark has a title that tells all of it."""

from __future__ import annotations

from collections.abc import Iterator

from bootproof.page.labels import Placed, placed
from bootproof.page.model import Chart, Lane, Look, Mark, Shape, Span, Track
from bootproof.page.scale import GUTTER, RIGHT, Scale, scale_of, seconds_named
from bootproof.page.shapes import DRAWN
from bootproof.page.text import plural, safe, seconds

TOP = 26
"""For the names of the scenario's points."""
AXIS = 34
LABEL_ROW = 18
BAR = 18
GAP = 8
LANE_GAP = 14


def drawn(chart: Chart, name: str, key: str) -> str:
    """The whole picture; `key` makes its ids its own."""
    scale = scale_of(chart)
    width = scale.width
    top = TOP if any(not guide.cut for guide in chart.guides) else 8
    y, rows = float(top), []
    for lane in chart.lanes:
        text, y = _lane(lane, scale, y)
        rows.append(text)
    height = y + AXIS
    title = f"What happened in {name}"
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">{safe(title)}</title><desc id="{key}-desc">{safe(_description(chart))}</desc>'
        f"{_behind(chart, scale, top, y)}{''.join(rows)}{_axis(scale, y)}</svg>"
    )


def _description(chart: Chart) -> str:
    lanes = ", ".join(lane.name for lane in chart.lanes)
    notes = " ".join(note for lane in chart.lanes for note in lane.notes)
    count = plural(len(chart.lanes), "lane")
    return f"{seconds(chart.seconds)} seconds in {count}: {lanes}. {notes} The same as a table below."


def _behind(chart: Chart, scale: Scale, top: float, bottom: float) -> str:
    """What goes through all lanes: the times without power, the cuts, the scenario's points."""
    parts = []
    for start, end in chart.off:
        x, width = scale.x(start), scale.x(end) - scale.x(start)
        parts.append(
            f'<g><title>no power from {seconds(start)} s to {seconds(end)} s</title><rect class="off" x="{x:.1f}" '
            f'y="{top}" width="{width:.1f}" height="{bottom - top:.1f}"/></g>'
        )
    labels = placed([(scale.x(g.at), g.label, 0) for g in chart.guides if not g.cut], GUTTER, scale.width - 8)
    for guide in chart.guides:
        x, kind = scale.x(guide.at), "cut" if guide.cut else "point"
        parts.append(
            f'<g class="guide {kind}"><title>{seconds(guide.at)} s: {safe(guide.label)}</title>'
            f'<path d="M{x:.1f} {top - 4}V{bottom:.1f}"/></g>'
        )
    parts += [_label(label, top - 9, "point") for label in labels]
    return "".join(parts)


def _lane(lane: Lane, scale: Scale, top: float) -> tuple[str, float]:
    """The lane from `top` on, and where it ends."""
    parts, y = [], top + LANE_GAP / 2
    first = y
    for track in lane.tracks:
        text, middle, y = _track(track, scale, y)
        parts.append(text)
        if track.name:
            x = GUTTER - 14
            parts.append(f'<text class="track" x="{x}" y="{middle + 4:.1f}">{safe(track.name)}</text>')
        if track is lane.tracks[0]:
            parts.append(f'<text class="lane" x="0" y="{middle + 4:.1f}">{safe(lane.name)}</text>')
    y += LANE_GAP / 2
    rule = f'<path class="rule" d="M0 {y:.1f}H{scale.width:.1f}"/>'
    return f'<g data-lane="{safe(lane.name)}" data-top="{first:.0f}">{"".join(parts)}{rule}</g>', y


def _track(track: Track, scale: Scale, top: float) -> tuple[str, float, float]:
    """The track, its middle, and where it ends. Labels of marks stand above it, if there are any."""
    labels = placed(
        [(scale.x(m.at), m.label, m.weight) for m in track.marks if m.label], GUTTER, scale.width - 8
    )
    middle = top + (LABEL_ROW if labels else 0) + BAR / 2 + GAP / 2
    parts = [f'<path class="thread" d="M{GUTTER} {middle:.1f}H{scale.width - RIGHT:.1f}"/>']
    parts += [part for span in track.spans for part in _span(span, scale, middle)]
    parts += [_mark(mark, scale, middle) for mark in sorted(track.marks, key=lambda mark: mark.weight)]
    parts += [_label(label, middle - BAR / 2 - 5, "") for label in labels]
    return "".join(parts), middle, middle + BAR / 2 + GAP / 2


def _span(span: Span, scale: Scale, middle: float) -> Iterator[str]:
    x, right = scale.x(span.start), scale.x(span.end)
    width = max(right - x, 3.0)
    high = 4 if span.look is Look.PENDING else BAR
    yield (
        f'<g class="span {span.look.value}"><title>{seconds(span.start)} s to {seconds(span.end)} s: '
        f'{safe(span.text)}</title><rect x="{x:.1f}" y="{middle - high / 2:.1f}" width="{width:.1f}" '
        f'height="{high}" rx="3"/></g>'
    )
    indent = 13 if span.look is Look.CLAIM else 6  # beside the mark of the write
    if span.label and width > len(span.label) * 6.4 + indent:
        yield f'<text class="in {span.look.value}" x="{x + indent:.1f}" y="{middle + 4:.1f}">{safe(span.label)}</text>'


def _mark(mark: Mark, scale: Scale, middle: float) -> str:
    # Dots are many and say little: they sit on the lower edge, where they leave the bars' words alone.
    y = middle + BAR / 2 if mark.shape is Shape.DOT else middle
    return (
        f'<g class="mark {mark.shape.value}" transform="translate({scale.x(mark.at):.1f} {y:.1f})">'
        f"<title>{seconds(mark.at)} s: {safe(mark.text)}</title>{DRAWN[mark.shape]}</g>"
    )


def _label(label: Placed, y: float, kind: str) -> str:
    return f'<text class="label {kind}" x="{label.x:.1f}" y="{y:.1f}">{safe(label.text)}</text>'


def _axis(scale: Scale, top: float) -> str:
    parts = []
    for named in seconds_named(scale):
        x = scale.x(float(named.text))
        parts.append(f'<path class="tick" d="M{x:.1f} {top:.1f}v6"/>')
        parts.append(f'<text class="axis" x="{named.x:.1f}" y="{top + 19:.1f}">{named.text}</text>')
    name = f'<text class="track" x="{GUTTER - 14}" y="{top + 19:.1f}">seconds</text>'
    return f"<g>{''.join(parts)}{name}</g>"
