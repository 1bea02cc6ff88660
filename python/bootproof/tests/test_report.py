"""The table for people and the JSON for programs."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bootproof.report import CONSOLE_LINES, explain, print_report, read_json, render, write_json
from bootproof.verdict import (
    Finding,
    HarnessError,
    Interruption,
    Landing,
    Row,
    RuleResult,
    Verdict,
    exit_status,
    worst,
)


def row(verdict: Verdict = Verdict.HOLDS, **fields: object) -> Row:
    known = {"scenario": "reboot", "machine": "debian-13", "verdict": verdict, **fields}
    return Row(**known)  # type: ignore[arg-type]


def test_the_table_is_plain_and_fits_80_columns() -> None:
    rows = [
        row(scenario="install[wipe]", pull_requests_opened=1, boots=2, requests=31, seconds=9.04),
        row(Verdict.HARNESS_ERROR, scenario="fresh-install", reason="no QEMU here"),
    ]
    lines = render(rows).splitlines()
    assert lines[0].split() == ["PRs"]
    assert lines[1].split() == ["scenario", "machine", "verdict", "opened", "boots", "requests", "seconds"]
    assert lines[2].split() == ["install[wipe]", "debian-13", "holds", "1", "2", "31", "9.0"]
    assert max(map(len, lines)) <= 80
    assert all(character.isprintable() for line in lines for character in line)
    assert "fresh-install: no QEMU here" in lines
    assert lines[-1] == "1 holds, 1 harness-error"


def test_what_was_spent_beyond_boots_is_told_with_and_without_the_programs_runs() -> None:
    rows = [row(seconds=100, booting=40, running=30), row(seconds=60, booting=40), row(seconds=9)]
    said = "installing and booting: 80 s; beyond it: 80 s, 100% of that; without the program's own runs (30 s): 62%"
    assert said in render(rows).splitlines()
    assert "installing" not in render([row(seconds=9)])
    assert "own runs" not in render([row(seconds=60, booting=40)])


def test_the_pace_is_by_the_clock_from_the_first_beginning_to_the_last_end() -> None:
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    rows = [
        row(began=noon, seconds=150),
        row(began=noon + timedelta(minutes=2), seconds=30),
        row(seconds=900),
    ]
    assert "2 runs in 2.5 min: 0.8 a minute" in render(rows).splitlines()
    assert "a minute" not in render(rows[:1])


def test_a_file_gets_no_colour_and_a_terminal_does() -> None:
    out = io.StringIO()
    print_report([row()], out)
    assert "\x1b" not in out.getvalue()
    assert "\x1b[32mholds" in render([row()], colour=True)


def test_findings_errors_and_idle_rules_are_named_below() -> None:
    rules = (
        RuleResult("twin", 2, (Finding("#2 was opened while #1 was", ("4", "t9")),)),
        RuleResult("marker", 0, error="no marker was read"),
        RuleResult("comment", 0),
        RuleResult("branch", 5),
    )
    text = render([row(Verdict.VIOLATED, rules=rules, evidence="kept/reboot")])
    assert "reboot: twin: #2 was opened while #1 was [4, t9]\n" in text
    assert "reboot: marker: not judged: no marker was read\n" in text
    assert "reboot: had nothing to look at: comment\n" in text
    assert "reboot: evidence: kept/reboot\n" in text


def test_interruptions_are_counted_and_a_run_without_any_that_landed_says_so() -> None:
    late, landed = Interruption("cut", Landing.TOO_LATE), Interruption("cut", Landing.LANDED)
    text = render([row(interruptions=(late, late)), row(scenario="other", interruptions=(late, landed))])
    assert "interruptions: cut: 1 landed, 3 too late\n" in text
    assert "reboot: every interruption came too late" in text
    assert "other: every" not in text


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([Verdict.HOLDS, Verdict.HOLDS], 0),
        ([Verdict.HOLDS, Verdict.VIOLATED, Verdict.HARNESS_ERROR], 1),
        ([Verdict.HOLDS, Verdict.HARNESS_ERROR], 2),
        ([Verdict.HOLDS, Verdict.SKIPPED], 2),
        ([], 2),
    ],
)
def test_only_what_holds_throughout_exits_with_0(verdicts: list[Verdict], status: int) -> None:
    assert exit_status(row(verdict) for verdict in verdicts) == status


def test_of_nothing_at_all_the_verdict_is_an_error() -> None:
    assert worst([]) is Verdict.HARNESS_ERROR


def test_the_json_has_a_version_and_is_read_back(tmp_path: Path) -> None:
    rules = (RuleResult("twin", 2, (Finding("bad", ("4",)),)),)
    rows = (row(Verdict.VIOLATED, rules=rules, interruptions=(Interruption("cut", Landing.LANDED),)),)
    path = tmp_path / "new" / "report.json"
    write_json(rows, path)
    document = json.loads(path.read_bytes())
    assert (document["schema"], document["version"]) == ("bootproof-report", 1)
    assert (document["verdict"], document["exit_status"]) == ("violated", 1)
    assert document["runs"][0]["rules"][0]["findings"] == [{"text": "bad", "events": ["4"]}]
    assert document["runs"][0]["interruptions"] == [{"what": "cut", "landing": "landed"}]
    assert read_json(path).runs == rows
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]


def test_another_version_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json([row()], path)
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(HarnessError, match="version 2"):
        read_json(path)
    with pytest.raises(HarnessError, match="no report"):
        read_json(tmp_path / "none.json")


def test_a_run_that_was_not_judged_shows_what_its_console_said_last(tmp_path: Path) -> None:
    log = tmp_path / "consoles" / "node-a" / "console.log"
    log.parent.mkdir(parents=True)
    dump = b"[    1.0] RAX: 0000000000000000\r\n" * 9
    log.write_bytes(b"long ago\r\n" * 9 + b"\r\nKernel panic - not syncing: init died\r\n" + dump)
    told = explain(row(Verdict.HARNESS_ERROR, evidence=str(tmp_path)))
    assert told[-1] == "node-a's console: Kernel panic - not syncing: init died"
    assert len(told) == 1 + CONSOLE_LINES
    assert len(explain(row(Verdict.VIOLATED, evidence=str(tmp_path)))) == 1
