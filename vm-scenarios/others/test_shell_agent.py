"""What the harness finds in a small shell agent that is not ours.

It is what many first-boot programs are: each of its steps is right, and it was never interrupted. What is found is
pinned here: by killing it as a process, by what the scenarios let it meet at GitHub, and by the scenarios on machines.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import agent
import agent_folder
import cluster
import planted
import pytest
from bootproof.cli import main
from bootproof.oracle import Before, Case, Expectations, Final, Seeded, as_events, judge
from mock_github.faults import Fault, FaultKind, Match
from mock_github.server import MockServer
from mock_github.world import World

FOLDER = Path(__file__).parent / "shell-agent"
ROOT = Path(__file__).parents[2]
NODE = "node-a"

TORTURED = (
    *("API={api}", "TOKEN={token}", "CA={ca}", "STATE={state}"),
    *("NODE=node-a", "REPOSITORY=acme/cluster"),
)

runs_here = pytest.mark.skipif(
    platform.machine() != "x86_64" or shutil.which("openssl") is None,
    reason="torture knows x86-64 only, and the agent speaks TLS by openssl's command",
)

PROGRAM = "files/usr/local/bin/register-once"
LOOKS_FIRST = {
    "\nask POST /git/refs ": "\n(ask GET /git/ref/heads/$branch >/dev/null) || ask POST /git/refs ",
    "\nask PUT ": '\n(ask GET "/contents/nodes/$NODE.yaml?ref=$branch" >/dev/null) || ask PUT ',
    "\nnumber=$(ask POST": '\nnumber=$(ask GET "/pulls?state=all&head=acme:$branch" | value number)\n'
    '[ -n "$number" ] || number=$(ask POST',
    '\necho "#$number"': '\n[ -n "$number" ] || exit 1\necho "#$number"',
}
"""What mends the program, as far as kills go: by each line of it, what is there instead."""

HOLDS = ""
FOUND = {
    "fresh-install": HOLDS,
    "reboot": HOLDS,
    "reboot/power-cut-while-the-pull-request-is-created": "it has not come to a pull request",
    "install-failure": "nothing-before-installed: ",
    "install-failure/the-old-installers-orphan-is-joined": "at-most-one-open: ",
    "pr-in-flight": "it has not come to a pull request",
    "pr-in-flight/a-branch-left-behind-without-a-pull-request": "it has not come to a pull request",
}
"""What each scenario says of it: a rule's finding, or how the scenario ended."""


def tortured(program: Path, folder: Path) -> tuple[int, dict[str, Any]]:
    """The exit status and the report of `bootproof torture`, called as the README has it."""
    told = [argument for one in TORTURED for argument in ("--env", one)]
    where = ["--seed", str(FOLDER / "seed"), "--case", str(FOLDER / "case.toml")]
    report = folder / "found.json"
    status = main(["torture", *where, *told, "--json", str(report), "--", "sh", str(program)])
    return status, json.loads(report.read_bytes())


@runs_here
def test_killed_as_a_process_it_gets_stuck_behind_its_own_branch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = tortured(FOLDER / PROGRAM, tmp_path)
    printed = capsys.readouterr().out
    assert status == 1, printed
    assert found["requests"] == 4
    assert all(row["landed"] == row["points"] > 0 for row in found["kinds"]), printed
    rules = {line.partition(":")[0] for one in found["violations"] for line in one["broken"]}
    assert rules == {"comes-to-rest", "final-state"}, printed
    assert "POST /git/refs: HTTP/1.1 422 Unprocessable Entity" in printed


@runs_here
def test_one_that_looks_before_each_step_is_not_accused(tmp_path: Path) -> None:
    text = (FOLDER / PROGRAM).read_text()
    for old, new in LOOKS_FIRST.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    program = tmp_path / "register-once"
    program.write_text(text)
    status, found = tortured(program, tmp_path)
    assert found["violations"] == []
    assert status == 0


@dataclass
class Met:
    """What became of some runs of the program beside a world."""

    statuses: list[int]
    said: str
    note: str
    broken: dict[str, str]


def meets(
    world: World,
    folder: Path,
    *,
    runs: int = 2,
    open_pulls: Sequence[Seeded] = (),
    fault: Fault | None = None,
) -> Met:
    """Runs the program as its unit does, one run after the other, on a node that is installed; the oracle judges."""
    state = folder / "state"
    state.mkdir()
    loaded = agent_folder.load(FOLDER)
    with MockServer(world) as server:
        (folder / "ca.pem").write_bytes(server.ca_pem)
        if fault is not None:
            server.add_fault(fault)
        told = {"API": server.url, "TOKEN": agent.TOKEN, "CA": str(folder / "ca.pem"), "STATE": str(state)}
        told |= {"NODE": NODE, "REPOSITORY": agent.REPOSITORY, "PATH": os.environ["PATH"]}
        done = [
            subprocess.run(["sh", FOLDER / PROGRAM], env=told, capture_output=True, text=True, check=False)
            for _ in range(runs)
        ]
        case = Case(
            as_events(server.events()),
            (),
            loaded.registration(NODE),
            Expectations(final=Final.EXACTLY_ONE_OPEN),
            Before(installed=True, open=tuple(open_pulls)),
        )
    note = state / "pull-request"
    return Met(
        [one.returncode for one in done],
        "".join(one.stderr for one in done),
        note.read_text() if note.exists() else "",
        {result.rule: result.findings[0].text for result in judge(case) if result.findings},
    )


def a_cluster() -> World:
    """GitHub as the scenarios begin with it."""
    return cluster.a_cluster(time.time())


@runs_here
def test_when_nothing_happens_it_is_as_it_should_be(tmp_path: Path) -> None:
    met = meets(a_cluster(), tmp_path)
    assert (met.statuses, met.note, met.broken) == ([0, 0], "#1\n", {})


@runs_here
def test_beside_a_pull_request_that_adds_its_record_it_opens_a_twin(tmp_path: Path) -> None:
    orphan, record = f"register-{NODE}-20260101T120000Z", f"nodes/{NODE}.yaml"
    world = cluster.with_open_pulls(a_cluster(), {orphan: record})
    met = meets(world, tmp_path, open_pulls=[Seeded(1, f"acme:{orphan}", cluster.MAINTAINER, (record,))])
    assert met.broken["at-most-one-open"] == "#2 was opened while #1 was"


@runs_here
def test_its_own_open_pull_request_it_never_finds(tmp_path: Path) -> None:
    branch = f"register-node-{NODE}"
    world = cluster.with_open_pulls(a_cluster(), {branch: f"nodes/{NODE}.yaml"})
    met = meets(world, tmp_path, open_pulls=[Seeded(1, f"acme:{branch}", cluster.MAINTAINER)])
    assert (met.statuses, met.note) == ([1, 1], "")
    assert met.said == "POST /git/refs: HTTP/1.1 422 Unprocessable Entity\n" * 2


@runs_here
def test_an_error_of_github_counts_as_done(tmp_path: Path) -> None:
    """The exit status of a pipeline is that of its last command: the note says that there is nothing."""
    fault = Fault(kind=FaultKind.ERROR_BEFORE, match=Match(method="POST", path=r".*/pulls"))
    met = meets(a_cluster(), tmp_path, fault=fault)
    assert (met.statuses, met.note) == ([0, 0], "#\n")
    assert met.broken == {"final-state": "one open PR was expected, and there are 0 (none)"}


@pytest.mark.long
@pytest.mark.machine
def test_what_the_scenarios_find_in_it(guest_folder: Path, tmp_path: Path) -> None:
    """The same scenarios as ours, in a run of their own, since the agent under test is one for all of a run."""
    report = tmp_path / "report.json"
    scenarios = [ROOT / "vm-scenarios" / f"test_{file}.py" for file in scenario_files()]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rN", *map(str, scenarios)]
    command += [f"--guest={guest_folder.absolute()}", f"--agent={FOLDER}", f"--bootproof-json={report}"]
    outside = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout[-4000:] + run.stderr[-2000:]
    assert_found(report)


def assert_found(report: Path) -> None:
    """In each scenario what FOUND says, and for the reason that it says."""
    rows = {row["scenario"]: row for row in json.loads(report.read_bytes())["runs"]}
    assert rows.keys() == FOUND.keys()
    for name, wanted in FOUND.items():
        said = planted.findings(rows[name])
        if wanted:
            assert rows[name]["verdict"] == "violated", f"{name}: {said}"
            assert any(wanted in one for one in said), f"{name}: {said}"
        else:
            assert rows[name]["verdict"] == "holds", f"{name}: {said}"


def scenario_files() -> list[str]:
    """Those that FOUND names, by their files."""
    return list(dict.fromkeys(name.partition("/")[0].replace("-", "_") for name in FOUND))
