"""The timeline: what is recorded is read back, from any thread, and merges with the mock's log in one
order."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bootproof.oracle import Event
from bootproof.timeline import (
    ClaimState,
    MachineEvent,
    MachineKind,
    MarkerClaim,
    Timeline,
    merge,
    read_timeline,
)
from bootproof.verdict import HarnessError, Landing, Loses
from hypothesis import given
from hypothesis import strategies as st

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_what_was_recorded_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "timeline.jsonl"
    with Timeline(path) as timeline:
        timeline.install_step("partition")
        timeline.boot("b1")
        timeline.unit_state("sshd.service", "active")
        timeline.cut("the answer to the PR", Landing.TOO_LATE, Loses.PAGE_CACHE)
        timeline.marker_seen("{}", "b1", MarkerClaim(ClaimState.PR_OPEN, 3, "b1"))
        assert read_timeline(path) == timeline.events
    assert [event.kind.value for event in read_timeline(path)] == [
        "install-step",
        "boot",
        "unit-state",
        "cut",
        "marker-seen",
    ]


def test_a_torn_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "timeline.jsonl"
    with Timeline(path) as timeline:
        timeline.boot("b1")
        timeline.boot("b2")
    path.write_text(path.read_text()[:-5])
    with pytest.raises(HarnessError, match="line 2"):
        read_timeline(path)


def test_times_have_the_resolution_of_the_mocks_log() -> None:
    timeline = Timeline(clock=lambda: START.replace(microsecond=123_999))
    assert timeline.boot("b1").at.microsecond == 123_000


def test_threads_lose_nothing(tmp_path: Path) -> None:
    with Timeline(tmp_path / "t.jsonl") as timeline:
        threads = [threading.Thread(target=lambda: [timeline.boot("b") for _ in range(50)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(read_timeline(tmp_path / "t.jsonl")) == len(timeline.events) == 200


def test_a_points_name_is_given_once() -> None:
    timeline = Timeline()
    timeline.point("here")
    with pytest.raises(HarnessError, match="already has a point 'here'"):
        timeline.point("here")


def test_it_follows_the_mocks_numbers() -> None:
    seq = 3
    timeline = Timeline()
    timeline.follow(lambda: seq)
    assert timeline.boot("b").after_seq == 3
    seq = 5
    assert timeline.boot("b").after_seq == 5


def event(seq: int, ms: int) -> Event:
    return Event(seq=seq, at=START + timedelta(milliseconds=ms), type="request")


def machine(kind: MachineKind, ms: int, after: int | None = None) -> MachineEvent:
    return MachineEvent(kind=kind, at=START + timedelta(milliseconds=ms), after_seq=after)


def test_in_the_same_millisecond_the_machine_is_switched_on_before_it_asks_and_cut_after() -> None:
    asked = event(1, 5)
    on, cut = machine(MachineKind.POWER_ON, 5), machine(MachineKind.CUT, 5)
    assert merge([asked], [on, cut]) == (on, asked, cut)


def test_a_number_outweighs_a_time() -> None:
    first, second = event(1, 5), event(2, 6)
    cut = machine(MachineKind.CUT, 900, after=1)
    assert merge([first, second], [cut]) == (first, cut, second)


@given(
    st.lists(st.integers(0, 9), max_size=8),
    st.lists(st.tuples(st.sampled_from(MachineKind), st.integers(0, 9), st.none() | st.integers(0, 8))),
)
def test_neither_record_is_reordered_in_itself(
    times: list[int], machines: list[tuple[MachineKind, int, int | None]]
) -> None:
    events = [event(seq, ms) for seq, ms in enumerate(times, 1)]
    timeline = [machine(*fields) for fields in machines]
    merged = merge(events, timeline)
    assert [e for e in merged if isinstance(e, Event)] == events
    assert [e for e in merged if isinstance(e, MachineEvent)] == timeline
