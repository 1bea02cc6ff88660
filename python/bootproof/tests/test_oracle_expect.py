"""What a scenario may expect, each with a log that meets it and one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from bootproof.oracle import Case, Final, Window, judge, read_case_file, read_events
from bootproof.timeline import MachineKind
from bootproof.verdict import HarnessError, RuleResult, Verdict


def result(case: Case, rule: str) -> RuleResult:
    return next(found for found in judge(case) if found.rule == rule)


def verdict(case: Case, rule: str) -> Verdict:
    return result(case, rule).verdict


def texts(case: Case, rule: str) -> list[str]:
    return [str(finding) for finding in result(case, rule).findings]


def test_none_means_no_pull_request_and_no_branch(story: Any) -> None:
    story.installs()
    assert verdict(story.case(final=Final.NONE), "final-state") is Verdict.HOLDS
    story.does("branch-created", branch="register-node-a")
    assert "register-node-a" in texts(story.case(final=Final.NONE), "final-state")[0]
    story.does("branch-deleted", branch="register-node-a")
    assert verdict(story.case(final=Final.NONE), "final-state") is Verdict.HOLDS
    story.opens(1)
    story.does("pull-request-closed", number=1, head="acme:register-node-a")
    assert "there is #1" in texts(story.case(final=Final.NONE), "final-state")[0]


def test_exactly_one_open(booted: Any) -> None:
    assert "there are 0 (none)" in texts(booted.case(final=Final.EXACTLY_ONE_OPEN), "final-state")[0]
    booted.opens(1)
    assert verdict(booted.case(final=Final.EXACTLY_ONE_OPEN), "final-state") is Verdict.HOLDS
    booted.opens(2)
    assert "there are 2 (#1, #2)" in texts(booted.case(final=Final.EXACTLY_ONE_OPEN), "final-state")[0]


def test_then_a_merged_one(booted: Any) -> None:
    booted.opens(1)
    assert "#1 is still open" in texts(booted.case(final=Final.MERGED), "final-state")[0]
    booted.merges(1)
    assert verdict(booted.case(final=Final.MERGED), "final-state") is Verdict.HOLDS
    booted.installs()
    booted.boots("boot-2")
    assert verdict(booted.case(final=Final.MERGED), "final-state") is Verdict.HOLDS
    booted.machine(MachineKind.RECORD_REMOVED)
    assert "its record is gone" in texts(booted.case(final=Final.MERGED), "final-state")[0]


def test_closed_for_good(booted: Any) -> None:
    booted.opens(1)
    assert "there is #1" in texts(booted.case(final=Final.CLOSED), "final-state")[0]
    booted.does("pull-request-closed", number=1, head="acme:register-node-a", agent=None)
    assert verdict(booted.case(final=Final.CLOSED), "final-state") is Verdict.HOLDS
    booted.opens(2)
    booted.merges(2)
    assert "there is merged #2" in texts(booted.case(final=Final.CLOSED), "final-state")[0]


def test_two_merged_in_one_epoch_are_not_one(booted: Any) -> None:
    for number in (1, 2):
        booted.opens(number)
        booted.merges(number)
    assert "there are 2" in texts(booted.case(final=Final.MERGED), "final-state")[0]


def test_closed_is_not_merged(booted: Any) -> None:
    booted.opens(1)
    booted.does("pull-request-closed", number=1, head="acme:register-node-a", agent=None)
    assert "there are 0" in texts(booted.case(final=Final.MERGED), "final-state")[0]


def test_a_scenario_that_names_no_end_is_not_judged(booted: Any) -> None:
    assert result(booted.case(), "final-state").error == (
        "the scenario does not say what there must be in the end (expect.final)"
    )


def test_a_state_on_the_way(booted: Any) -> None:
    booted.opens(1)
    booted.point("before the merge")
    booted.merges(1)
    expect = {"final": Final.MERGED, "states": {"before the merge": Final.EXACTLY_ONE_OPEN}}
    assert verdict(booted.case(**expect), "state-at:before the merge") is Verdict.HOLDS
    expect["states"] = {"before the merge": Final.NONE}
    assert verdict(booted.case(**expect), "state-at:before the merge") is Verdict.VIOLATED
    expect["states"] = {"never": Final.NONE}
    assert verdict(booted.case(**expect), "state-at:never") is Verdict.HARNESS_ERROR


def quiet_boot(story: Any, *agents: str) -> Case:
    story.request()
    story.point("reboot")
    story.boots("boot-2")
    for agent in agents:
        story.request(agent=agent)
    story.machine(MachineKind.MULTI_USER)
    story.point("multi-user")
    story.request()
    return story.case(no_requests=(Window("reboot", "multi-user"),))  # type: ignore[no-any-return]


def test_a_quiet_boot_is_quiet_between_its_points_only(booted: Any) -> None:
    found = result(quiet_boot(booted), "no-requests:reboot..multi-user")
    assert (found.verdict, found.looked_at) == (Verdict.HOLDS, 3)


def test_one_request_in_a_quiet_boot(booted: Any) -> None:
    (text,) = texts(quiet_boot(booted, "agent/1"), "no-requests:reboot..multi-user")
    assert text.startswith("1 request(s) between reboot and multi-user [")


def test_a_window_of_one_program(booted: Any) -> None:
    case = quiet_boot(booted, "git/2")
    for agent, expected in (("^agent/", Verdict.HOLDS), ("^git/", Verdict.VIOLATED)):
        window = Window("reboot", "multi-user", user_agent=agent)
        narrowed = msgspec.structs.replace(case.expect, no_requests=(window,))
        found = verdict(Case(case.events, case.timeline, case.registration, narrowed), window_id(window))
        assert found is expected


def window_id(window: Window) -> str:
    return f"no-requests:{window.start}..{window.end}"


def test_a_window_that_ends_before_it_begins_is_no_window(booted: Any) -> None:
    booted.point("late")
    booted.point("later")
    case = booted.case(no_requests=(Window("later", "late"),))
    assert verdict(case, "no-requests:later..late") is Verdict.HARNESS_ERROR


def test_only_reads(booted: Any) -> None:
    booted.opens(1)
    booted.point("second boot")
    booted.request()
    booted.comments(1, "by hand", agent=None)
    expect = {"only_reads": (Window("second boot"),)}
    assert result(booted.case(**expect), "only-reads:second boot..").looked_at == 1
    assert verdict(booted.case(**expect), "only-reads:second boot..") is Verdict.HOLDS
    booted.comments(1, "once more")
    (text,) = texts(booted.case(**expect), "only-reads:second boot..")
    assert "1 write(s) between second boot and the end: comment-created" in text


ORDER = ("install-finished", "boot", "multi-user", "pull-request-opened")


def test_things_in_their_order(booted: Any) -> None:
    booted.opens(7, head="acme:other", paths=("else",), agent=None)
    booted.machine(MachineKind.MULTI_USER)
    booted.opens(1)
    assert verdict(booted.case(order=ORDER), "order") is Verdict.HOLDS


def test_the_first_of_each_counts(booted: Any) -> None:
    opened = booted.opens(1)
    booted.machine(MachineKind.MULTI_USER)
    booted.opens(2)
    (text,) = texts(booted.case(order=ORDER), "order")
    assert text == f"the first pull-request-opened came before the first multi-user [{opened.seq}, t6]"


def test_what_never_happened_is_named(booted: Any) -> None:
    assert texts(booted.case(order=ORDER), "order") == [
        "multi-user never happened",
        "pull-request-opened never happened",
    ]


def test_a_case_is_read_from_toml_and_from_its_json(tmp_path: Path) -> None:
    text = """
        [registration]
        repository = "acme/cluster"
        record = "node.yaml"
        branch = "register-node-a"
        user_agent = "^agent/"
        logins = ["alice"]
        [expect]
        final = "merged"
        [[expect.no_requests]]
        start = "reboot"
        end = "multi-user"
        [before]
        installed = true
    """
    toml, json = tmp_path / "case.toml", tmp_path / "case.json"
    toml.write_text(text)
    case = read_case_file(toml)
    json.write_bytes(msgspec.json.encode(case))
    assert case == read_case_file(json)
    assert (case.expect.final, case.before.installed) == (Final.MERGED, True)
    toml.write_text(text + "\nremarks = 1\n")
    with pytest.raises(HarnessError, match="unknown field `remarks`"):
        read_case_file(toml)
    with pytest.raises(HarnessError, match="cannot read"):
        read_case_file(tmp_path / "none.toml")


def test_a_log_with_a_missing_or_torn_line_is_no_log(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    line = '{{"at":"2026-01-02T03:04:05.678Z","seq":{},"type":"request","request":"r1","query":"a=b"}}\n'
    log.write_text(line.format(1) + line.format(2))
    assert [event.seq for event in read_events(log)] == [1, 2]
    log.write_text(line.format(1) + line.format(3))
    with pytest.raises(HarnessError, match="event 3 stands where 2 belongs"):
        read_events(log)
    log.write_text(line.format(1) + line.format(2)[:40])
    with pytest.raises(HarnessError, match="line 2"):
        read_events(log)
