"""The oracle as a whole: there is a verdict on every log, and what was counted was counted right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bootproof.oracle import ALWAYS, Final, as_events, interruptions, judge, verdict_of
from bootproof.timeline import ClaimState, MachineKind, MarkerClaim
from bootproof.verdict import Interruption, Landing, Loses, Verdict
from hypothesis import given
from hypothesis import strategies as st

RECORD = "maintainers/alice/cluster-nodes/node-a/node.yaml"


def test_an_event_whose_request_is_not_in_the_log_is_an_error_of_the_harness(booted: Any) -> None:
    booted.log("branch-created", request="r99", branch="register-node-a")
    results = judge(booted.case())
    assert verdict_of(results) is Verdict.HARNESS_ERROR
    assert "r99, which is not in the log" in str(next(r.error for r in results if r.rule == "nobody-elses"))


def test_interruptions_are_counted_with_what_became_of_them(booted: Any) -> None:
    booted.log("fault-landed", fault="drop-after")
    booted.log("fault-missed", fault="5xx-after")
    booted.cut(Landing.TOO_LATE)
    booted.machine(MachineKind.CUT, landing=Landing.LANDED, loses=Loses.NEW_CLUSTERS)
    booted.machine(MachineKind.KILL, landing=Landing.LANDED)
    assert interruptions(booted.case()) == (
        Interruption("drop-after", Landing.LANDED),
        Interruption("5xx-after", Landing.TOO_LATE),
        Interruption("cut", Landing.TOO_LATE),
        Interruption("cut (page cache and new clusters)", Landing.LANDED),
        Interruption("kill", Landing.LANDED),
    )


def test_the_mocks_own_structs_are_read_like_its_log() -> None:
    events = pytest.importorskip("mock_github.events")
    raw = events.Event(seq=1, at="2026-01-02T03:04:05.678Z", type="pull-request-opened", number=7)
    (event,) = as_events([raw])
    assert (event.seq, event.number, event.at.microsecond) == (1, 7, 678000)


DEEDS = st.tuples(
    st.sampled_from(["reopened", "closed", "merged"]), st.integers(1, 3), st.sampled_from([None, "agent/1"])
)


@given(deeds=st.lists(DEEDS, max_size=12))
def test_what_counts_as_open_is_what_a_simple_count_says(
    new_story: Any, deeds: list[tuple[str, int, str | None]]
) -> None:
    story, open_now, twins = new_story(), {1, 2, 3}, 0
    for number in (1, 2, 3):
        story.opens(number, agent=None)
    for deed, number, agent in deeds:
        story.does(f"pull-request-{deed}", number=number, head="acme:register-node-a", agent=agent)
        if deed == "reopened":
            twins += bool(agent and open_now - {number})
            open_now.add(number)
        else:
            open_now.discard(number)
    (result,) = [result for result in judge(story.case()) if result.rule == "at-most-one-open"]
    assert len(result.findings) == twins


THINGS: dict[str, Callable[[Any, int, str | None], object]] = {
    "open": lambda story, number, agent: story.opens(number, agent=agent),
    "merge": lambda story, number, agent: story.merges(number, agent=agent),
    "close": lambda story, number, agent: story.does("pull-request-closed", number=number, agent=agent),
    "move": lambda story, number, agent: story.does(
        "branch-moved", branch="main", paths=(RECORD,), agent=agent
    ),
    "ask": lambda story, number, agent: story.request(),
    "lose": lambda story, number, agent: story.log("branch-created", request=f"lost{number}", branch="x"),
    "machine": lambda story, number, agent: story.machine(list(MachineKind)[number * 4 + bool(agent)]),
    "boot": lambda story, number, agent: story.boots(f"boot-{number}"),
    "claim": lambda story, number, agent: story.marker(
        MarkerClaim(list(ClaimState)[number % 3], number or None, f"boot-{number}" if agent else "")
    ),
}


@given(
    things=st.lists(st.tuples(st.sampled_from(sorted(THINGS)), st.integers(0, 3), st.booleans()), max_size=15)
)
def test_there_is_a_verdict_on_every_log(new_story: Any, things: list[tuple[str, int, bool]]) -> None:
    story = new_story()
    for thing, number, by_machine in things:
        THINGS[thing](story, number, "agent/1" if by_machine else None)
    results = judge(story.case(final=Final.MERGED, order=("boot", "pull-request-opened")))
    assert verdict_of(results) in (Verdict.HOLDS, Verdict.VIOLATED, Verdict.HARNESS_ERROR)
    assert len(results) == len(ALWAYS) + 2
