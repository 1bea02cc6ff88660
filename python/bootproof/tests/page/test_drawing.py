"""Where things are drawn: time that is stretched, and labels that do not lie upon each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from bootproof.page.labels import CHARACTER, placed
from bootproof.page.model import Chart, Lane, Mark, Shape, Span, Track
from bootproof.page.model import Look as SpanLook
from bootproof.page.scale import GUTTER, NARROWEST, RIGHT, WIDEST, scale_of, seconds_named
from bootproof.page.shapes import DRAWN, MEANINGS
from bootproof.page.style import CSS
from hypothesis import given
from hypothesis import strategies as st


def chart(times: list[float], seconds: float) -> Chart:
    return Chart(seconds, (Lane("x", (Track(marks=tuple(Mark(at, Shape.DOT, "") for at in times)),)),))


@given(st.lists(st.floats(0, 5000), max_size=60), st.floats(1, 5000))
def test_time_goes_one_way_and_stays_inside(times: list[float], seconds: float) -> None:
    scale = scale_of(chart(times, seconds))
    assert NARROWEST <= scale.width <= WIDEST
    places = [scale.x(at) for at in sorted([0.0, *times, seconds])]
    assert all(sooner <= later for sooner, later in pairwise(places))
    assert places[0] == GUTTER
    assert places[-1] == pytest.approx(scale.width - RIGHT)
    assert [int(named.text) for named in seconds_named(scale)] == sorted(
        int(n.text) for n in seconds_named(scale)
    )


def test_a_second_in_which_much_happens_is_wider_than_a_quiet_one() -> None:
    scale = scale_of(chart([100, 100.2, 100.4, 100.6, 100.8, 101], 200))
    assert scale.x(101) - scale.x(100) > 5 * (scale.x(51) - scale.x(50))


@given(st.lists(st.tuples(st.floats(200, 1100), st.text("ab", min_size=1, max_size=40), st.integers(0, 3))))
def test_labels_do_not_lie_upon_each_other(wanted: list[tuple[float, str, int]]) -> None:
    found = placed(wanted, 200, 1136)
    edges = [
        (label.x - len(label.text) * CHARACTER / 2, label.x + len(label.text) * CHARACTER / 2)
        for label in found
    ]
    assert all(end < start for (_, end), (start, _) in pairwise(edges))
    assert not wanted or found


def test_the_heavier_label_wins() -> None:
    assert [label.text for label in placed([(300, "light", 0), (305, "heavy", 3)], 200, 1000)] == ["heavy"]


def test_all_shapes_are_drawn_and_told_and_all_looks_have_one() -> None:
    assert set(DRAWN) == {shape for shape, _ in MEANINGS} == set(Shape)
    assert all(f".span.{look.value} rect" in CSS for look in SpanLook)
    assert Span(0, 1, SpanLook.ON, "").listed
