"""bootproof torture on toy agents, each a real program: planted faults are caught, and a good one is not accused."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bootproof.cli import main
from bootproof.torture.recipe import forward

TOYS = Path(__file__).parent / "toys"
SEED = """
[[repositories]]
name = "acme/cluster"
collaborators = { alice = "write" }

[[tokens]]
token = "github_pat_0123456789"
login = "alice"
"""
CASE = """
[registration]
repository = "acme/cluster"
record = "nodes/node-a.yaml"
branch = "BRANCH"
old_branch = 'register-node-a-\\d+'
user_agent = "^toy/"
logins = ["alice"]
"""

CLOCKS = subprocess.run([*forward(1), "true"], capture_output=True, check=False).returncode == 0
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="torture knows x86-64 only"),
]


class Toys:
    """Runs campaigns on the toys over HTTP, and reads their reports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "seed" / "repos" / "acme" / "cluster").mkdir(parents=True)
        (folder / "seed" / "repos" / "acme" / "cluster" / "README.md").write_text("hi")
        (folder / "seed" / "mock.toml").write_text(SEED)

    def arguments(self, toy: str, *options: str, branch: str = "register-node-a") -> list[str]:
        case = self.folder / "case.toml"
        case.write_text(CASE.replace("BRANCH", branch))
        where = ["--seed", str(self.folder / "seed"), "--case", str(case)]
        where += [
            "--env",
            "TOY_API={api}",
            "--env",
            "TOY_TOKEN={token}",
            "--json",
            str(self.folder / "out.json"),
        ]
        # Without site packages a toy starts in a fraction of the time.
        agent = [sys.executable, "-S", "-B", str(TOYS / f"{toy}.py"), "--state", "{state}"]
        return ["torture", "--http", *where, *options, "--", *agent]

    def __call__(self, toy: str, *options: str, branch: str = "register-node-a") -> Report:
        status = main(self.arguments(toy, *options, branch=branch))
        return Report(status, json.loads((self.folder / "out.json").read_bytes()))


class Report:
    def __init__(self, status: int, document: dict[str, Any]) -> None:
        self.status, self.document = status, document
        self.kinds = {row["kind"]: row for row in document["kinds"]}
        self.broken = {p for one in document["violations"] for p in one["points"]}
        self.rules = {line.split(":")[0] for one in document["violations"] for line in one["broken"]}

    def counted(self) -> dict[str, tuple[int, int, int]]:
        """Points, landed and violated of each kind."""
        return {kind: (row["points"], row["landed"], row["violated"]) for kind, row in self.kinds.items()}


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path)


def test_a_good_agent_holds_at_every_point(toys: Toys, capsys: pytest.CaptureFixture[str]) -> None:
    report = toys("good", "--errors", "--lose-unsynced")
    assert report.document["violations"] == []
    assert report.status == 0
    assert set(report.kinds) == {
        *("before-call", "after-call", "request-sent", "answer-lost", "answer-delivered"),
        *("lost-data", "lost-names", "enospc", "erofs", "eio"),
    }
    for row in report.kinds.values():
        assert row["landed"] == row["points"] > 0, row
    calls = report.document["calls"]
    assert report.kinds["before-call"]["points"] == len(calls)
    assert report.kinds["request-sent"]["points"] == report.document["requests"] == 7
    assert [call for call in calls if "api" not in call] == [
        *("openat(.marker.new)", "write(.marker.new)", "fsync(.marker.new)"),
        *("rename(.marker.new → marker)", "fsync(.)"),
    ]
    assert "holds: " in capsys.readouterr().out


def test_a_marker_before_the_pull_request_is_caught(toys: Toys) -> None:
    report = toys("marker_first")
    assert report.status == 1
    assert report.rules == {"final-state"}
    broken = sorted(report.broken)
    # From the marker's rename on until the pull request is there, and at no other point.
    assert "after-call 4: rename(.marker.new → marker)" in broken
    assert "before-call 4: rename(.marker.new → marker)" not in broken
    assert any(point.startswith("request-sent") and "POST" in point and "/pulls" in point for point in broken)
    assert not any(point.startswith("answer-lost") and point.endswith("/pulls") for point in broken)


def test_a_creation_without_a_look_is_caught(toys: Toys) -> None:
    report = toys("never_looks", branch="register-node-a-1")
    assert report.status == 1
    assert {"at-most-one-open", "one-per-epoch", "final-state"} <= report.rules
    assert any(point.startswith("answer-lost") and point.endswith("/pulls") for point in report.broken)


def test_a_note_in_place_is_caught_where_it_is_empty(toys: Toys) -> None:
    report = toys("in_place", "--errors")
    assert report.status == 1
    assert report.kinds["before-call"]["violated"] == 1
    assert {point for point in report.broken if "call" in point} == {
        "after-call 1: openat(note)",
        "before-call 2: write(note)",
    }
    assert "enospc 2: write(note)" in report.broken


def test_what_was_not_synced_is_lost_only_when_asked_for(toys: Toys) -> None:
    assert toys("unsynced").status == 0
    report = toys("unsynced", "--lose-unsynced")
    assert report.status == 1
    assert report.kinds["lost-data"]["violated"] > 0
    assert report.kinds["before-call"]["violated"] == report.kinds["lost-names"]["violated"] == 0


def test_an_agent_that_hangs_is_killed_and_told(toys: Toys, capsys: pytest.CaptureFixture[str]) -> None:
    report = toys("stale_lock", "--limit", "1", "-j", "16")
    assert report.status == 1
    assert "comes-to-rest" in report.rules
    out = capsys.readouterr().out
    assert "did not end within 1 s and was killed" in out
    assert "| waiting for the lock" in out
    assert "before-call 1: openat(lock)" not in report.broken


@pytest.mark.parametrize("toy", ["good", "in_place"])
def test_killing_for_real_says_the_same(toys: Toys, toy: str) -> None:
    """The shortcut (one recorded run, equal states run once) against a kill at each point."""
    short, real = toys(toy), toys(toy, "--for-real")
    assert short.counted() == real.counted()
    assert short.broken == real.broken
    assert short.rules == real.rules


def test_points_that_another_run_does_not_have_come_too_late(toys: Toys) -> None:
    report = toys("random_path", "--for-real")
    row = report.kinds["before-call"]
    assert row["too_late"] == 2
    assert row["landed"] == row["points"] - 2


def test_a_kind_that_never_landed_is_no_proof(toys: Toys, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = toys.arguments("good")
    arguments = [*arguments[: arguments.index("--") + 1], "sh", "-c", "echo x > {state}/x"]
    (toys.folder / "case.toml").write_text(CASE.replace("BRANCH", "b") + '[expect]\nfinal = "none"\n')
    assert main(arguments) == 2
    assert "request-sent never landed: nothing is known of it" in capsys.readouterr().out


@pytest.mark.skipif(not (CLOCKS or os.geteuid() == 0), reason="a time namespace needs root here")
def test_clocks_are_put_forward_between_runs(toys: Toys, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = toys.arguments(
        "good", "--skip", "500", "--reruns", "3", "--then", "sh -c 'cat /proc/uptime; exit 75'"
    )
    assert main(arguments) == 1
    document = json.loads((toys.folder / "out.json").read_bytes())
    first, second, third = (float(line.split()[0]) for line in document["violations"][0]["output"][-3:])
    assert 499 < second - first < 530
    assert 499 < third - second < 530
    assert "it did not come to rest in 3 runs; the last ended with 75" in capsys.readouterr().out
