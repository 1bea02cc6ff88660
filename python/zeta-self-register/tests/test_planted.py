"""The bad agents of `./prove --planted` keep up with the program: each bug still has its place, and still compiles."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import bugs
import planted
import pytest
from bootproof.simulation.replay import replay
from bootproof.simulation.steps import read_trace

ROOT = Path(__file__).parents[3]
PACKAGE = Path(__file__).parents[1] / "src" / "zeta_self_register"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """As much of the agent's files as bugs are planted in."""
    root = tmp_path_factory.mktemp("files")
    shutil.copytree(PACKAGE, root / planted.CODE)
    shutil.copytree(PACKAGE / "data/lib/systemd/system", root / planted.UNITS)
    return root


@pytest.mark.parametrize("name", planted.BUGS)
def test_each_bug_can_be_planted(files, tmp_path, name):
    bug = planted.BUGS[name]
    text = (planted.plant(files, bug, tmp_path / "copy") / bug.file).read_text()
    assert bug.old not in text or bug.old in bug.new
    if bug.file.endswith(".py"):
        compile(text, bug.file, "exec")


REPLAYED = [name for name, bug in planted.BUGS.items() if bug.trace]


@pytest.mark.parametrize("name", REPLAYED)
def test_the_trace_of_a_bug_on_machines_shows_it_in_the_simulation_too(name):
    same = next(bug for bug in bugs.BUGS if bugs.MACHINES.get(bug.name) == name)
    trace = read_trace(planted.TRACES / planted.BUGS[name].trace)
    with bugs.planted(same):
        assert trace.finding in replay(trace).findings
    assert trace.finding.startswith(same.rule)


def test_a_bug_counts_as_caught_only_by_what_is_named(tmp_path):
    scenario = tmp_path / "test_x.py"
    scenario.write_text("def test_reboot(node): ...")
    run = {"scenario": "reboot[registers-at-every-boot]", "verdict": "violated", "rules": []}
    slow = planted.outcome([{**run, "reason": "TimeoutError: no shell"}], [scenario])
    assert slow == (1, "registers-at-every-boot: NOT CAUGHT: TimeoutError: no shell\n")
    reason = planted.BUGS["registers-at-every-boot"].found
    assert planted.outcome([{**run, "reason": reason}], [scenario])[0] == 0
    assert planted.outcome([], [scenario]) == (2, "registers-at-every-boot: NOT CAUGHT: not tried\n")
    unjudged = {**run, "verdict": "harness-error", "reason": "HarnessError: the guest hangs"}
    assert planted.outcome([unjudged], [scenario])[0] == 2
    on_both = [{**run, "scenario": f"reboot[{kind}-registers-at-every-boot]"} for kind in ("btrfs", "xfs")]
    assert planted.outcome([{**one, "reason": reason} for one in on_both], [scenario])[0] == 0
    missed = {**on_both[1], "reason": ""}
    assert planted.outcome([{**on_both[0], "reason": reason}, missed], [scenario])[0] == 1
    assert planted.outcome([], []) == (2, "")


def test_a_scenario_that_no_bug_is_planted_for_is_told_before_anything_boots():
    asked = [sys.executable, str(ROOT / "prove"), "--planted", "reboot", "pr-in-flight"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("--planted: no bug is planted for pr-in-flight; there are some for cuts, ")


def test_what_became_of_them_is_told_without_any_package():
    """`./prove` runs by the system's own Python."""
    scenarios = Path(planted.__file__).parent
    code = f"import sys; sys.path.insert(0, {str(scenarios)!r}); import planted"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
