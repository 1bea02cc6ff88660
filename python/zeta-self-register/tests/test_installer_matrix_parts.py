"""The installer matrix without machines: its rows, its hooks, where the power goes, and its table."""

from __future__ import annotations

import os
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import agent
import matrix_table
import pytest
import stepwise
from bootproof.disk import Disk
from bootproof.diskstates import write_log
from bootproof.diskstates.write_log import Entry, Kind
from bootproof.installation import STEPS, Installation
from bootproof.saved import Saved
from bootproof.verdict import HarnessError, Verdict
from matrix_leaders import judged_there, leader
from matrix_rows import ROWS, THERE_IS_WORK, Ending
from matrix_table import Outcome
from stepwise import Order, Stop


@pytest.mark.parametrize("step", STEPS)
def test_each_step_fails_and_the_power_goes_in_each(step):
    endings = {row.ending for row in ROWS.values() if row.step == step}
    assert {Ending.FAILS_AT_ONCE, Ending.POWER_GOES} <= endings
    assert (Ending.FAILS_AFTER_ITS_WORK in endings) == (step in THERE_IS_WORK)


def test_each_way_to_end_is_met():
    assert {row.ending for row in ROWS.values()} == set(Ending)


def test_where_the_whole_system_is_there_without_the_stamp_it_must_say_so():
    assert [name for name, row in ROWS.items() if row.must_hold] == [
        "install-fails-after-its-work",
        "toolchain-fails-at-once",
        "sync-fails-at-once",
        "sync-fails-after-its-work",
        "stamp-fails-at-once",
    ]


def hook(tmp_path: Path, text: str, order: str = "") -> int:
    """Runs a hook as the installer does, with its files in another place."""
    here, pipe = text.replace("/run/installer", str(tmp_path)), tmp_path / "order"
    both_ends = None
    if order:
        if not pipe.exists():
            os.mkfifo(pipe)
        both_ends = os.open(pipe, os.O_RDWR)
        os.write(both_ends, f"{order}\n".encode())
    done = subprocess.run(["sh", "-eu"], input=here, text=True, capture_output=True, check=False)
    if both_ends is not None:
        os.close(both_ends)
    return done.returncode


def test_a_step_does_what_it_is_ordered_to(tmp_path):
    scripts = stepwise.stopping(Installation())
    for step in STEPS:
        own = scripts.inside if step in ("install", "toolchain", "sync", "stamp") else scripts.after
        ends = own[step]
        assert hook(tmp_path, scripts.before[step], Order.FAIL_AT_ONCE.value)
        assert not hook(tmp_path, scripts.before[step], Order.WORK.value)
        assert not hook(tmp_path, ends)
        assert not hook(tmp_path, scripts.before[step], Order.FAIL_AFTER_ITS_WORK.value)
        assert hook(tmp_path, ends)


def test_without_the_pipe_no_step_waits(tmp_path):
    assert not hook(tmp_path, stepwise.stopping(Installation()).before["wipe"])


def test_what_the_installation_does_anyway_stands_before_the_failure():
    wanted = Installation(after={"hostname": "echo names"}, inside={"stamp": "echo stamp"})
    scripts = stepwise.stopping(wanted)
    assert scripts.after["hostname"].startswith("echo names\n")
    assert scripts.inside["stamp"].startswith("echo stamp\n")


def written(*sizes: int) -> list[Entry]:
    return [Entry(Kind.WRITE, 0, bytes(size), 0, 0) for size in sizes]


def test_the_power_goes_after_a_part_of_the_bytes():
    entries = written(10, 70, 20)
    counted = [len(stepwise.so_far(entries, part)) for part in (0.05, 0.1, 0.79, 0.8, 0.99, 1)]
    assert counted == [0, 1, 1, 2, 2, 3]
    assert stepwise.so_far([], 1) == ()


def test_a_cut_leaves_the_disk_with_the_first_writes(tmp_path):
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(4096))
    stop = Stop("wipe", Saved(tmp_path / "memory", (Disk(disk),), "", None, {}), tmp_path / "log")
    left = stepwise.cut(stop, [Entry(Kind.WRITE, 512, b"x" * 512, 0, 0)], tmp_path / "left.raw")
    assert left.path.read_bytes() == bytes(512) + b"x" * 512 + bytes(3072)
    assert disk.read_bytes() == bytes(4096)
    stop.log.write_bytes(b"")
    assert stepwise.entries(stop) == ()


def a_log(path: Path, *entries: tuple[int, bytes | None]) -> Path:
    """As QEMU leaves it: sector and data of each write, or None for a flush."""
    head = struct.pack("<QQQI", write_log.MAGIC, write_log.VERSION, len(entries), 512).ljust(512, b"\0")
    said = [
        struct.pack("<QQQQ", sector, len(data or b"") // 512, int(data is None), 0).ljust(512, b"\0")
        + (data or b"")
        for sector, data in entries
    ]
    path.write_bytes(b"".join((head, *said)) if entries else b"")
    return path


def test_the_logs_of_steps_are_one_log(tmp_path):
    saved, write = Saved(tmp_path / "memory", (), None, None, {}), b"x" * 512
    logs = (((1, write), (0, None), (3, write)), (), ((2, write), (0, None)))
    stops = [Stop(f"step-{n}", saved, a_log(tmp_path / f"{n}.log", *one)) for n, one in enumerate(logs)]
    log, begins = stepwise.joined(stops)
    assert [(one.kind, one.offset) for one in log.entries] == [
        (Kind.WRITE, 512),
        (Kind.FLUSH, 0),
        (Kind.WRITE, 1536),
        (Kind.WRITE, 1024),
        (Kind.FLUSH, 0),
    ]
    first = stops[0].log.stat().st_size
    assert begins == [0, first, first]
    places = [(one.begins, one.ends) for one in log.entries]
    assert all(a < b <= c for (a, b), (c, _) in pairwise(places))
    assert [one.offset for one in stepwise.at_risk(log, first, first + 512)] == [1536]
    assert [one.offset for one in stepwise.at_risk(log, first, first + 513)] == [1536, 1024]
    assert [one.offset for one in stepwise.at_risk(log, 0, first)] == [512, 1536]
    with pytest.raises(HarnessError, match="the step step-1 has flushed nothing"):
        stepwise.joined(stops[1:])


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        (b'{"installed_at": "2026-01-01T00:00:00Z", "schema": 1}', True),
        (None, False),
        (b"", False),
        (b'{"installed_at": "20', False),
        (b"{}", False),
        (b"[]", False),
        (b"7", False),
        (b"\xff", False),
    ],
)
def test_a_torn_stamp_is_none(content, taken):
    assert agent.is_stamp(content) is taken


def test_who_comes_first_to_a_disk_goes_on_with_it_and_the_others_name_it(tmp_path):
    shared = tmp_path / "followed-up"
    assert [
        leader(shared, state, row) for state, row in (("x", "a"), ("x", "b"), ("y", "b"), ("x", "a"))
    ] == [
        "a",
        "a",
        "b",
        "a",
    ]
    told = judged_there("it left", "a")
    assert (told.verdict, told.vacuous) == (Verdict.HOLDS, False)
    assert "same as in a:" in told.note


def test_the_table_names_the_row_that_was_followed_up():
    found = [
        Outcome("wipe-fails-at-once", state="blank", verdict="holds", machine_seconds=3),
        Outcome("enumerate-fails-at-once", "blank", followed=True, booted="nothing to boot", verdict="holds"),
        Outcome("stamp-power-60", "12ab", "3 of 7", True, "boots and registers", verdict="violated"),
    ]
    whole = matrix_table.table(found)
    assert (whole.states, whole.machine_seconds) == (2, 3)
    head, first, second, third = matrix_table.lines(whole)
    assert head.split("  ")[0] == "step"
    assert "nothing to boot" in first
    assert "#1" in second
    assert "the same as enumerate-fails-at-once" in second
    assert "3 of 7" in third
    assert third.endswith("violated")


def test_of_two_rows_that_followed_a_disk_up_the_worse_one_counts():
    violated = Outcome("install-fails-after-its-work", "1", followed=True, verdict="violated")
    holds = Outcome("sync-power-100", "1", followed=True, verdict="holds")
    led = Outcome("sync-fails-at-once", "1", verdict="holds")
    whole = matrix_table.table([violated, holds, led])
    assert {one.row: one.verdict for one in whole.rows}["sync-fails-at-once"] == "violated"
    assert "the same as install-fails-after-its-work" in "".join(matrix_table.lines(whole))


def test_a_row_whose_installed_disk_another_booted_holds_only_if_that_one_does():
    rows = [
        Outcome("partition-fails-at-once", "1", "", True, installed="a", registered="does not register"),
        Outcome("partition-power-60", "2", "", True, installed="a"),
        Outcome("partition-power-90", "2"),
        Outcome("format-fails-at-once", "3", "", True, installed="b", registered="registers: #1"),
        Outcome("format-power-30", "4", "", True, installed="c"),
    ]
    for row, verdict in zip(rows, ("violated", *["holds"] * 4), strict=True):
        row.verdict = verdict
    whole = matrix_table.table(rows)
    assert (whole.states, whole.installed) == (4, 3)
    came = ["violated", "violated", "violated", "holds", "skipped"]
    assert [one.verdict for one in whole.rows] == came
    _, first, second, third, _, fifth = matrix_table.lines(whole)
    assert "does not register" in first
    assert "the same as after partition-fails-at-once" in second
    assert "the same as partition-power-60" in third
    assert "the same as after nothing that was booted" in fifth


@pytest.mark.parametrize(
    ("leaders", "followers"), [("violated", "violated"), ("harness-error", "harness-error"), ("", "skipped")]
)
def test_a_row_that_another_followed_up_holds_only_if_that_one_does(leaders, followers):
    rows = matrix_table.table(
        [
            Outcome("enumerate-fails-at-once", "blank", followed=True, verdict=leaders),
            Outcome("wipe-fails-at-once", "blank", verdict="holds"),
        ]
    ).rows
    assert {one.row: one.verdict for one in rows} == {
        "enumerate-fails-at-once": leaders,
        "wipe-fails-at-once": followers,
    }
