"""What a fuzz run does with failures and with its time; the machine is a stand-in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from bootproof.simulation.scheduling import Schedule
from bootproof.simulation.steps import Do, Step, Trace, read_trace
from bootproof.verdict import Finding, Interruption, Landing, Row, RuleResult, Verdict
from fuzzing import Budget, Fuzzer, Kept, Tally
from msgspec.structs import replace

pytestmark = pytest.mark.slow

SHORT = Step(Do.KILL)
BROKEN = "one-per-epoch: #2 is a second PR"


def trace(number: int) -> Trace:
    steps = (Step(Do.RUN, "register"), Step(Do.RUN, f"steward {number}"), SHORT)
    return Trace(agent="a", universe="alone", steps=steps)


class Scheduler:
    """Schedules that are told apart by their second step; what the simulation finds is given for each number."""

    def __init__(self, findings: Mapping[int, str]) -> None:
        self.findings = findings
        self.shrinkings = 0

    def draw(self, number: int) -> Iterator[Schedule]:
        return (Schedule(trace(n), ()) for n in range(1, 100))

    def finding(self, trace: Trace) -> str:
        return self.findings.get(int(trace.steps[1].what.split()[1]), "")

    def shrunk(self, schedule: Schedule) -> Trace:
        self.shrinkings += 1
        return replace(schedule.trace, steps=schedule.trace.steps[-1:], finding=self.finding(schedule.trace))


class Machine:
    """On which each schedule comes to the verdict that is given for its number; 0 is the short history."""

    def __init__(self, verdicts: Mapping[int, Verdict]) -> None:
        self.verdicts = verdicts
        self.played: list[str] = []

    def __call__(self, name: str, trace: Trace) -> Row:
        self.played.append(name)
        number = 0 if len(trace.steps) == 1 else int(trace.steps[1].what.split()[1])
        verdict = self.verdicts.get(number, Verdict.HOLDS)
        rules = (
            (RuleResult("one-per-epoch", 1, (Finding("#2 is a second PR"),)),)
            if verdict is Verdict.VIOLATED
            else ()
        )
        reason = "no request came" if verdict is Verdict.HARNESS_ERROR else ""
        return Row(scenario=name, machine="m", verdict=verdict, reason=reason, rules=rules)


def fuzzer(folder: Path, machine: Machine, findings: Mapping[int, str]) -> Fuzzer:
    return Fuzzer(Scheduler(findings), 7, machine, Kept(folder / "traces", folder / "shrunk"))


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "traces").glob("*"))


def test_what_holds_is_a_row_and_nothing_more(tmp_path: Path) -> None:
    (row,) = fuzzer(tmp_path, Machine({}), {}).rows(2)
    assert (row.scenario, row.verdict, row.reason) == ("fuzz[7-2]", Verdict.HOLDS, "")
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("short", "said"),
    [
        (Verdict.VIOLATED, "confirmed; shrunk in "),
        (Verdict.HOLDS, "NOT CONFIRMED, it holds on the machine; shrunk in "),
        (Verdict.HARNESS_ERROR, "no request came; not confirmed, it was not judged; shrunk in "),
    ],
)
def test_what_the_simulation_shows_too_is_shrunk_and_confirmed_once(
    short: Verdict, said: str, tmp_path: Path
) -> None:
    machine = Machine({3: Verdict.VIOLATED, 0: short})
    failed, confirmed = fuzzer(tmp_path, machine, {3: BROKEN}).rows(3)
    assert machine.played == ["fuzz[7-3]", "fuzz/shrunk[7-3]"]
    assert failed.verdict is Verdict.VIOLATED
    assert failed.reason == f"trace: {tmp_path}/traces/machine-7-3.json; the simulation finds: {BROKEN}"
    assert confirmed.verdict is short
    assert confirmed.reason.startswith(said)
    assert confirmed.reason.endswith(
        f" s from 3 steps (1 interrupted) to 1 steps (1 interrupted): {tmp_path}/traces/machine-7-3-shrunk.json"
    )
    assert read_trace(tmp_path / "traces/machine-7-3.json") == replace(trace(3), finding=BROKEN)
    assert read_trace(tmp_path / "traces/machine-7-3-shrunk.json").steps == (SHORT,)


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        ("liveness: it rests", "NOT CONFIRMED, this is not what the simulation finds (liveness: it rests)"),
        (BROKEN, "confirmed"),
    ],
)
def test_another_violation_on_the_machine_confirms_nothing(finding: str, said: str, tmp_path: Path) -> None:
    machine = Machine({1: Verdict.VIOLATED, 0: Verdict.VIOLATED})
    _, confirmed = fuzzer(tmp_path, machine, {1: finding}).rows(1)
    assert confirmed.reason.startswith(f"{said}; shrunk in ")


def test_a_finding_is_shrunk_once_by_all_workers_together(tmp_path: Path) -> None:
    machine = Machine(dict.fromkeys(range(9), Verdict.VIOLATED))
    findings = {1: BROKEN, 2: BROKEN, 3: "taken-back: the branch is gone"}
    assert len(list(fuzzer(tmp_path, machine, findings).rows(1))) == 2
    (again,) = fuzzer(tmp_path, machine, findings).rows(2)
    assert again.reason.endswith(f"the simulation finds what was shrunk before: {BROKEN}")
    assert len(list(fuzzer(tmp_path, machine, findings).rows(3))) == 2


def test_what_the_simulation_does_not_show_is_told_and_kept_and_not_shrunk(tmp_path: Path) -> None:
    machine = Machine({1: Verdict.VIOLATED})
    (row,) = fuzzer(tmp_path, machine, {}).rows(1)
    assert (row.verdict, machine.played) == (Verdict.VIOLATED, ["fuzz[7-1]"])
    assert row.reason == f"trace: {tmp_path}/traces/machine-7-1.json; the simulation shows nothing of it"


@pytest.mark.parametrize(
    ("findings", "said"), [({}, "the simulation shows nothing of it"), ({1: BROKEN}, "the simulation finds")]
)
def test_a_machine_that_does_other_things_than_the_simulation_is_told(
    findings: Mapping[int, str], said: str, tmp_path: Path
) -> None:
    (row,) = fuzzer(tmp_path, Machine({1: Verdict.HARNESS_ERROR}), findings).rows(1)
    assert row.verdict is Verdict.HARNESS_ERROR
    assert row.reason.startswith(f"no request came; trace: {tmp_path}/traces/machine-7-1.json; {said}")
    assert read_trace(tmp_path / "traces/machine-7-1.json").finding == "no request came"


def test_workers_number_the_schedules_alike(tmp_path: Path) -> None:
    one, other = (fuzzer(tmp_path, Machine({}), {}) for _ in range(2))
    assert one.schedule(1) == other.schedule(1)
    assert other.schedule(5).trace == trace(5) == one.schedule(5).trace
    assert one.schedule(2).trace == trace(2)


# --- time -----------------------------------------------------------------------------------------------------------


def test_nothing_is_begun_that_cannot_end_in_time() -> None:
    now = [0.0]
    budget = Budget(100, clock=lambda: now[0])
    now[0] = 500.0  # until the machine stands ready
    for end in (530.0, 570.0):
        assert budget.room
        with budget.one():
            now[0] = end
    assert not budget.room, "70 of 100 seconds are over, and one takes 35 in the mean"
    now[0] = 565.0
    assert budget.room
    budget.over = True
    assert not budget.room


def test_the_tally_counts_schedules_and_not_what_was_shrunk() -> None:
    now = [100.0]
    tally = Tally(7, 10, clock=lambda: now[0])
    assert "0 schedules (0.0 a minute), none yet" in str(tally)
    landed, late = (Interruption("cut", landing) for landing in Landing)
    row = Row(
        scenario="fuzz[7-1]",
        machine="m",
        verdict=Verdict.HOLDS,
        boots=2,
        seconds=30,
        interruptions=(landed, late),
    )
    tally.add([row])
    bad = replace(row, scenario="fuzz[7-2]", verdict=Verdict.VIOLATED, interruptions=(landed,))
    now[0] = 160.0
    tally.add([bad, replace(bad, scenario="fuzz/shrunk[7-2]")])
    assert str(tally) == (
        "seed 7, 1.5 of 10 min: 2 schedules (1.3 a minute), 1 holds, 1 violated; "
        "interruptions: 3 landed, 1 too late; 6 boots"
    )


SCENARIO = """
import time
from fuzz_run import BUDGET

def test_schedule(schedule, request):
    with request.config.stash[BUDGET].one():
        time.sleep(3.5)
"""
CONFTEST = """
import fuzz_run

def pytest_addoption(parser):
    fuzz_run.add_options(parser)

def pytest_configure(config):
    fuzz_run.configure(config)
"""


def fuzzed(folder: Path, scenario: str, minutes: str, workers: int) -> subprocess.CompletedProcess[str]:
    (folder / "fuzz.py").write_text(scenario)
    (folder / "conftest.py").write_text(CONFTEST)
    scenarios = Path(__file__).parents[3] / "vm-scenarios"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "fuzz.py",
        "--fuzz",
        minutes,
        "--seed",
        "7",
        "-n",
        str(workers),
    ]
    further = ["-o", f"pythonpath={scenarios}", "-p", "no:cacheprovider", "--maxschedchunk", "1"]
    return subprocess.run([*command, *further], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", [0, 2])
def test_places_that_there_is_no_time_for_are_passed_over(workers: int, tmp_path: Path) -> None:
    """Six seconds have three places, and each worker has the time for one."""
    done = fuzzed(tmp_path, SCENARIO, "0.1", workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{max(1, workers)} passed" in done.stdout


NO_MACHINE = """
import pytest

@pytest.fixture(scope="session")
def machine():
    raise OSError("no room on the disk")

def test_schedule(schedule, machine): ...
"""


def test_where_no_machine_can_be_made_ready_it_is_tried_once(tmp_path: Path) -> None:
    done = fuzzed(tmp_path, NO_MACHINE, "0.2", 0)
    assert done.returncode == 1
    assert "1 error in" in done.stdout, "and not six"
    assert "no room on the disk" in done.stdout
