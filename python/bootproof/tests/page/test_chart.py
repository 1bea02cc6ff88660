"""What a chart says of a run: boots and how they ended, units, requests, the marker, and what is not known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bootproof.page.chart import chart_of
from bootproof.page.evidence import Evidence, read_run
from bootproof.page.model import Chart, Lane, Look, Mark, Shape, Span, happenings
from bootproof.page.units import STARTED
from bootproof.verdict import Row


@pytest.fixture
def evidence(eventful: Callable[[], Row]) -> Evidence:
    return read_run(Path(eventful().evidence or ""))


@pytest.fixture
def chart(evidence: Evidence) -> Chart:
    found = chart_of(evidence)
    assert found is not None
    return found


def lane(chart: Chart, name: str) -> Lane:
    return next(lane for lane in chart.lanes if lane.name == name)


def marks(chart: Chart, name: str, shape: Shape | None = None) -> list[Mark]:
    found = [mark for track in lane(chart, name).tracks for mark in track.marks]
    return [mark for mark in found if shape in (None, mark.shape)]


def spans(chart: Chart, name: str, look: Look) -> list[Span]:
    return [span for track in lane(chart, name).tracks for span in track.spans if span.look is look]


def near(*times: float) -> list[object]:
    return [pytest.approx(time, abs=0.01) for time in times]


def test_each_boot_has_its_id_and_each_time_with_power_its_end(chart: Chart) -> None:
    assert [span.label for span in spans(chart, "boots", Look.ON)] == [
        "11110000",
        "22220000",
        "33330000",
        "44440000",
    ]
    assert [span.text for span in spans(chart, "boots", Look.INSTALLER)] == ["the installer runs"]
    ends = [mark for mark in marks(chart, "boots") if mark.shape not in (Shape.DOT, Shape.RING)]
    assert [(mark.at, mark.label) for mark in ends] == [
        (85, "power off"),
        (105, "power cut"),
        (131, "reset button"),
        (146, "guest reset"),
        (151, "power off"),
    ]
    assert "aimed at the answer, loses page cache" in ends[1].text
    assert chart.off == ((0, 0.5), (85, 90), (105, 106), (151, 161))
    assert [guide.at for guide in chart.guides if guide.cut] == [105]


def test_the_mocks_time_is_the_runs_after_its_clock_was_put_forward(chart: Chart) -> None:
    (late,) = marks(chart, "requests", Shape.RING)
    assert (late.at, late.label) == (160, "slow too late")
    assert chart.seconds == 161
    assert [mark.label for mark in marks(chart, "boots", Shape.RING)] == ["+5 min"]


def test_a_units_run_stands_where_the_host_saw_it_whatever_the_guests_clock_says(chart: Chart) -> None:
    (run,) = spans(chart, "units", Look.AGAIN)
    assert [run.start, run.end] == near(118, 122)
    assert run.label == "75"
    assert "it said last: says" in run.text
    (killed,) = spans(chart, "units", Look.BAD)
    assert killed.label == "killed by 9"
    (skipped,) = marks(chart, "units", Shape.RING)
    assert skipped.label == "skipped"
    assert [skipped.at] == near(139)


def test_what_a_cut_took_of_the_journal_is_not_known_and_so_it_says(chart: Chart) -> None:
    unknown = spans(chart, "units", Look.UNKNOWN)
    assert [(span.start, span.end) for span in unknown] == [(95, 105), (150, 151)]
    assert all("not known" in span.text for span in unknown)
    assert any("power cut" in note for note in lane(chart, "units").notes)


def test_a_run_whose_end_is_not_in_the_journal_is_not_known(eventful: Callable[[], Row]) -> None:
    path = Path(eventful().evidence or "") / "units.jsonl"
    path.write_text(path.read_text().replace(STARTED, "another"))
    found = chart_of(read_run(path.parent))
    assert found is not None
    (run,) = [span for span in spans(found, "units", Look.UNKNOWN) if span.label == "?"]
    assert (run.start, run.end) == (pytest.approx(118), 131)
    assert "the journal of this boot stops before" in run.text


def test_requests_show_what_became_of_them(chart: Chart) -> None:
    (fault,) = marks(chart, "requests", Shape.CROSS)
    assert fault.label == "POST …/graphql: drop-after"
    assert "the answer never arrived" in fault.text
    (held,) = marks(chart, "requests", Shape.HALF)
    assert (held.label, held.at) == ("POST …/pulls: no answer", 103)
    assert "POST /repos/acme/cluster/pulls" in held.text
    assert "did: pull request opened" in held.text
    ours, others = lane(chart, "requests").tracks
    assert len(ours.marks) == 4
    assert [mark.at for mark in others.marks] == [142]


def test_one_pull_request_is_one_star_and_people_are_apart(chart: Chart) -> None:
    (opened,) = marks(chart, "at GitHub", Shape.STAR)
    assert (opened.at, opened.label) == (103, "#1 opened")
    assert [mark.at for mark in marks(chart, "at GitHub", Shape.PERSON)] == [141]
    assert lane(chart, "at GitHub").notes == ("The machine opened one pull request: #1.",)


def test_a_marker_is_one_write_however_often_it_is_read(chart: Chart) -> None:
    (written,) = marks(chart, "marker", Shape.DIAMOND)
    assert written.at == 121
    assert "pr-open #1" in written.text
    assert [mark.at for mark in marks(chart, "marker", Shape.DOT)] == [125, 140]
    (claim,) = spans(chart, "marker", Look.CLAIM)
    assert (claim.start, claim.end) == (121, 161)
    assert [span.end for span in spans(chart, "marker", Look.UNKNOWN)] == [121]


def test_findings_find_their_events(evidence: Evidence, chart: Chart) -> None:
    shown = {source for happening in happenings(chart) for source in happening.sources}
    assert shown == set(evidence.sources(*evidence.order))


def test_happenings_are_in_order_and_are_all_that_is_drawn(chart: Chart) -> None:
    found = list(happenings(chart))
    assert [happening.at for happening in found] == sorted(happening.at for happening in found)
    drawn = sum(len(track.marks) for lane in chart.lanes for track in lane.tracks)
    assert sum(happening.end is None and happening.lane != "point" for happening in found) == drawn


def test_a_torn_log_is_named_and_the_rest_is_shown(eventful: Callable[[], Row]) -> None:
    folder = Path(eventful().evidence or "")
    (folder / "units.jsonl").write_text("{")
    evidence = read_run(folder)
    assert [text.partition(":")[0] for text in evidence.missing] == ["units.jsonl, line 1"]
    assert chart_of(evidence) is not None


def test_nothing_recorded_is_no_chart(tmp_path: Path) -> None:
    assert chart_of(read_run(tmp_path)) is None
