"""What is asked of a guest's journal, and what is understood of its answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bootproof.unit_journal import Asked, question, read_unit_journal, understood
from bootproof.verdict import HarnessError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOOT = "11112222-3333-4444-5555-666677778888"
OTHER = "99992222-3333-4444-5555-666677778888"
HEAD = f"{BOOT}\n100.50\n10.5\n"  # the guest believes that it is 1970
SHOWN = (
    "Id=a.service\nExecMainStartTimestampMonotonic=90000000\nExecMainExitTimestampMonotonic=95500000\n"
    "ExecMainCode=2\nExecMainStatus=9\n\nId=b.service\nExecMainStartTimestampMonotonic=0\n"
    "ExecMainExitTimestampMonotonic=0\nExecMainCode=0\nExecMainStatus=0\n"
)


def line(boot: str, uptime: int, clock: int, **fields: object) -> str:
    told = "".join(f', "{key}": {value}' for key, value in fields.items())
    return (
        f'{{"__MONOTONIC_TIMESTAMP": "{uptime}", "__REALTIME_TIMESTAMP": "{clock}", '
        f'"_BOOT_ID": "{boot.replace("-", "")}", "_SYSTEMD_UNIT": "a.service"{told}}}\n'
    )


def test_times_are_the_hosts_by_the_uptime_of_the_boot() -> None:
    found = understood([Asked(NOW, HEAD + SHOWN + line(BOOT, 90_500_000, 500_000, MESSAGE='"hello"'))])
    (told,) = found.lines
    assert (told.at, told.exact, told.boot_id, told.text) == (
        NOW - timedelta(seconds=10),
        True,
        BOOT,
        "hello",
    )
    (run,) = found.last_runs
    assert (run.unit, run.killed, run.status) == ("a.service", True, 9)
    assert run.end == NOW - timedelta(seconds=5)
    assert found.complete == {BOOT: NOW}
    assert found.units == ("a.service", "b.service"), "also the one of which nothing is known"


def test_in_a_boot_in_which_nobody_asked_the_guests_clock_is_believed_as_far_as_it_is_known() -> None:
    (told,) = understood([Asked(NOW, HEAD + line(OTHER, 1, 500_000))]).lines
    assert (told.at, told.exact) == (NOW - timedelta(seconds=10), False)


def test_a_line_that_is_heard_twice_is_one_line() -> None:
    said = HEAD + line(BOOT, 1_000_000, 1, MESSAGE='"x"')
    later = said.replace("100.50", "110.50")
    assert len(understood([Asked(NOW, said), Asked(NOW + timedelta(seconds=10), later)]).lines) == 1


@pytest.mark.parametrize(
    "text", ["", "sh: no such thing", HEAD + "{torn", HEAD + '{"MESSAGE": 1}', "a\nb\nc\n"]
)
def test_what_is_no_answer_tells_nothing(text: str) -> None:
    assert understood([Asked(NOW, text)]).lines == ()


def test_bytes_that_are_no_text_are_told_as_such() -> None:
    (told,) = understood([Asked(NOW, HEAD + line(BOOT, 1, 1, MESSAGE="[1, 2]"))]).lines
    assert told.text == "(not text)"


def test_nobody_asked(tmp_path: Path) -> None:
    assert read_unit_journal(tmp_path / "units.jsonl").lines == ()


def test_a_torn_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "units.jsonl").write_text("{")
    with pytest.raises(HarnessError, match="line 1"):
        read_unit_journal(tmp_path / "units.jsonl")


def test_unit_names_are_no_shell() -> None:
    assert "-u 'a; rm'" in question(["a; rm"])
