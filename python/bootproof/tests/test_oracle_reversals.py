"""What a machine reopens and closes: each rule with a log that keeps it and one that does not."""

from __future__ import annotations

from typing import Any

import pytest
from bootproof.oracle import ALWAYS, Before, Case, Seeded
from bootproof.oracle_rules import Look
from bootproof.verdict import MissingEvidence

RULES = {rule.id: rule.judge for rule in ALWAYS}
RECORD = "maintainers/alice/cluster-nodes/node-a/node.yaml"
HEAD = "acme:register-node-a"
SEEDED = Seeded(7, HEAD, "alice")


def look(rule: str, case: Case) -> Look:
    return RULES[rule](case)


def broken(rule: str, case: Case) -> list[str]:
    return [str(finding) for finding in look(rule, case).findings]


def closes(story: Any, number: int, **fields: Any) -> Any:
    return story.does("pull-request-closed", number=number, head=HEAD, **fields)


def reopens(story: Any, number: int, **fields: Any) -> Any:
    return story.does("pull-request-reopened", number=number, head=HEAD, **fields)


# --- auto-merge that a person switched off


def switches(story: Any, way: str, **fields: Any) -> Any:
    return story.does(f"auto-merge-{way}", number=1, **fields)


def test_auto_merge_may_be_armed_again_when_a_person_has_switched_it_on_or_reopened(booted: Any) -> None:
    booted.opens(1)
    switches(booted, "enabled")
    switches(booted, "disabled", agent=None)
    switches(booted, "enabled", agent=None)
    switches(booted, "disabled", agent=None)
    reopens(booted, 1, agent=None)
    switches(booted, "enabled")
    assert look("leaves-switched-off", booted.case()) == Look(2)


@pytest.mark.parametrize("way", ["enabled", "merged"])
def test_what_a_person_switched_off_is_left(booted: Any, way: str) -> None:
    booted.opens(1)
    off = switches(booted, "disabled", agent=None)
    did = (
        switches(booted, way) if way == "enabled" else booted.does("pull-request-merged", number=1, head=HEAD)
    )
    word = {"enabled": "armed", "merged": "merged"}[way]
    said = f"#1 was {word} after somebody had switched auto-merge off [{off.seq}, {did.seq}]"
    assert broken("leaves-switched-off", booted.case()) == [said]


# --- what somebody made of the record


def base_moves(story: Any, paths: tuple[str, ...], removed: tuple[str, ...] = (), **fields: Any) -> Any:
    return story.does("branch-moved", branch="main", paths=paths, removed=removed, **fields)


def test_the_record_is_added_and_people_may_do_with_it_what_they_like(booted: Any) -> None:
    base_moves(booted, (RECORD,))
    base_moves(booted, (RECORD,), agent=None)
    base_moves(booted, (RECORD,), (RECORD,), agent=None)
    assert look("leaves-the-record", booted.case()) == Look(1)


@pytest.mark.parametrize(
    ("removed", "said"),
    [((), "was there already, and was changed"), ((RECORD,), "was removed, and nobody had asked for that")],
)
def test_a_record_that_is_there_is_left(booted: Any, removed: tuple[str, ...], said: str) -> None:
    moved = base_moves(booted, (RECORD,), removed)
    case = booted.case(before=Before(record_on_base=True))
    assert broken("leaves-the-record", case) == [f"the record {said} [{moved.seq}]"]


def test_what_the_machine_merges_is_its_record_and_nothing_else(booted: Any) -> None:
    booted.opens(1)
    request = booted.request()
    moved = booted.log(
        "branch-moved", branch="main", after="c9", paths=(RECORD, "more.md"), request=request, by="alice"
    )
    booted.log("pull-request-merged", number=1, head=HEAD, merge_commit="c9", request=request, by="alice")
    assert broken("nobody-elses", booted.case()) == [f"branch-moved of main touches more.md [{moved.seq}]"]


# --- reopened once


def test_each_pull_request_may_be_reopened_once(booted: Any) -> None:
    for number in (1, 2):
        booted.opens(number)
        closes(booted, number, agent=None)
        reopens(booted, number)
    assert look("reopened-once", booted.case()) == Look(2)


def test_a_second_time_is_found_with_the_first(booted: Any) -> None:
    booted.opens(1)
    closes(booted, 1, agent=None)
    first = reopens(booted, 1)
    closes(booted, 1, agent=None)
    second = reopens(booted, 1)
    assert broken("reopened-once", booted.case()) == [f"#1 was reopened again [{first.seq}, {second.seq}]"]


def test_a_person_may_reopen_as_often_as_they_like(booted: Any) -> None:
    booted.opens(1)
    reopens(booted, 1, agent=None)
    reopens(booted, 1, agent="browser", by="bob")
    reopens(booted, 1)
    assert look("reopened-once", booted.case()) == Look(1)


def test_what_it_reopened_before_the_log_counts(booted: Any) -> None:
    again = reopens(booted, 7)
    assert look("reopened-once", booted.case(Before(ended=(SEEDED,)))) == Look(1)
    before = Before(ended=(SEEDED,), reopened=(7,))
    assert broken("reopened-once", booted.case(before)) == [f"#7 was reopened again [{again.seq}]"]


def test_another_nodes_pull_request_is_not_looked_at(booted: Any) -> None:
    reopens(booted, 5)
    reopens(booted, 5)
    assert look("reopened-once", booted.case()) == Look(0)


# --- taken back


def test_closing_the_only_one_takes_it_back(booted: Any) -> None:
    booted.opens(1)
    closing = closes(booted, 1)
    assert broken("taken-back", booted.case()) == [
        f"#1 was closed, and there is no other one [{closing.seq}]"
    ]


def test_a_stray_may_be_closed_beside_an_open_one(booted: Any) -> None:
    booted.opens(1)
    booted.opens(2)
    closes(booted, 2)
    assert look("taken-back", booted.case()) == Look(1)


def test_a_stray_may_be_closed_beside_a_merged_one_though_the_record_is_gone(booted: Any) -> None:
    booted.opens(1)
    booted.merges(1)
    booted.does("branch-moved", branch="main", after="c9", paths=(RECORD,), removed=(RECORD,), agent=None)
    booted.opens(2)
    closes(booted, 2)
    assert look("taken-back", booted.case()) == Look(1)


def test_a_stray_may_be_closed_beside_one_that_a_person_closed(booted: Any) -> None:
    booted.opens(1)
    closes(booted, 1, agent=None)
    booted.opens(2)
    closes(booted, 2)
    assert look("taken-back", booted.case()) == Look(1)


def test_one_that_the_machine_closed_itself_stands_for_nothing(booted: Any) -> None:
    booted.opens(1)
    booted.opens(2)
    closes(booted, 1)
    closing = closes(booted, 2)
    assert broken("taken-back", booted.case()) == [
        f"#2 was closed, and there is no other one [{closing.seq}]"
    ]


def test_one_that_was_reopened_is_not_closed_by_a_person_any_more(booted: Any) -> None:
    booted.opens(1)
    closes(booted, 1, agent=None)
    reopens(booted, 1)
    booted.opens(2)
    closes(booted, 1)
    closes(booted, 2)
    assert len(broken("taken-back", booted.case())) == 1


def test_what_a_person_closes_is_their_business(booted: Any) -> None:
    booted.opens(1)
    closes(booted, 1, agent=None)
    assert look("taken-back", booted.case()) == Look(0)


def test_what_there_was_before_the_log_counts(booted: Any) -> None:
    booted.opens(8)
    closes(booted, 8)
    assert len(broken("taken-back", booted.case(Before(ended=(SEEDED,))))) == 1
    for before in (
        Before(open=(SEEDED,)),
        Before(ended=(SEEDED,), settled=(7,)),
        Before(record_on_base=True),
    ):
        assert look("taken-back", booted.case(before)) == Look(1)


def test_where_the_record_may_be_gone_nothing_is_judged(booted: Any) -> None:
    booted.does("branch-moved", branch="main", after="c9", paths=(RECORD,), agent=None)
    booted.opens(1)
    closes(booted, 1)
    with pytest.raises(MissingEvidence, match="whether the record was on the base"):
        look("taken-back", booted.case(Before(record_on_base=True)))
