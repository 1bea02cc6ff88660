"""What of a trace can be aimed at a machine, and what is refused before anything boots."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bootproof.cli import main
from bootproof.simulation.aiming import Move, Then, aimed
from bootproof.simulation.steps import Do, Step, Trace, read_trace
from bootproof.verdict import HarnessError

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
HOLDS = HERE / "traces" / "holds"
SCENARIO = HERE.parents[2] / "vm-scenarios" / "test_replay.py"
PULL = "POST /repos/acme/cluster/pulls"
LOOK = Step(Do.ANSWER, "graphql Snapshot")
BEGUN = Step(Do.RUN, "register")


def moves(*steps: Step, universe: str = "late-people") -> tuple[Move, ...]:
    return aimed(Trace(agent="zeta-self-register", universe=universe, steps=steps))


def test_each_step_says_what_is_to_follow() -> None:
    register, looked, late, _, steward = moves(
        BEGUN, LOOK, Step(Do.ANSWER, PULL, "late"), Step(Do.LATE, PULL), Step(Do.RUN, "steward", after="q")
    )
    assert (register.then, register.asks) == (Then.REQUEST, "graphql Snapshot")
    assert (looked.then, looked.asks) == (Then.REQUEST, PULL)
    assert (late.then, late.asks) == (Then.END, "")
    assert (steward.then, steward.wait) == (Then.UNSAID, 300.0)


def test_a_kill_may_meet_any_request_and_people_act_at_any_time() -> None:
    register, _, killed, again = moves(
        BEGUN, Step(Do.PERSON, "closes it"), Step(Do.KILL), Step(Do.RUN, "steward", after="threshold 2")
    )
    assert (register.then, register.asks) == (Then.REQUEST, "")
    assert (killed.then, killed.interrupt) == (Then.UNSAID, None)
    assert again.wait == 86_400.0


def test_a_run_whose_first_request_is_not_sent_is_without_a_network() -> None:
    not_sent = Step(LOOK.do, LOOK.what, "not-sent")
    register, steward, looked = moves(BEGUN, not_sent, Step(Do.RUN, "steward"), LOOK)
    assert (register.offline, register.then, register.number) == (True, Then.END, 1)
    assert (steward.offline, steward.number, looked.number) == (False, 3, 4)
    (alone,) = moves(BEGUN, not_sent)
    assert alone.offline
    with pytest.raises(HarnessError, match="a request that is not sent is not seen"):
        moves(BEGUN, not_sent, Step(Do.PERSON, "closes it"), LOOK)


@pytest.mark.parametrize(
    ("local", "how"),
    [
        ("killed before anything was written", Do.KILL),
        ("power cut before anything was written (#0)", Do.CUT),
    ],
)
def test_an_answer_that_is_not_seen_ends_the_run(local: str, how: Do) -> None:
    _, cut, _ = moves(BEGUN, Step(LOOK.do, LOOK.what, local=local), Step(Do.REBOOT))
    assert (cut.interrupt, cut.then) == (how, Then.UNSAID)


NOT_SEEN = "what happens between two requests is not seen: not in this layer"
REFUSED = {
    "step 2 (answer graphql Snapshot: enospc at write x): " + NOT_SEEN: [
        Step(LOOK.do, LOOK.what, local="enospc at write x")
    ],
    "step 2 (answer graphql Snapshot: eio at sync x): " + NOT_SEEN: [
        Step(LOOK.do, LOOK.what, local="eio at sync x")
    ],
    "step 2 (answer graphql Snapshot: killed after write x): " + NOT_SEEN: [
        Step(LOOK.do, LOOK.what, local="killed after write x")
    ],
    "step 2 (answer graphql Snapshot: power cut after write x (#0)): " + NOT_SEEN: [
        Step(LOOK.do, LOOK.what, local="power cut after write x (#0)")
    ],
    "step 2 (answer graphql Snapshot: clock at 0): " + NOT_SEEN: [
        Step(LOOK.do, LOOK.what, local="clock at 0")
    ],
    "step 3 (run steward: killed before anything was written): " + NOT_SEEN: [
        Step(Do.KILL),
        Step(Do.RUN, "steward", local="killed before anything was written"),
    ],
    "step 2 (answer graphql Snapshot: power cut before anything was written (#1)): "
    "what a power cut takes cannot be chosen: not in this layer": [
        Step(LOOK.do, LOOK.what, local="power cut before anything was written (#1)")
    ],
    "step 2 (power-cut #2): what a power cut takes cannot be chosen: not in this layer": [Step(Do.CUT, "#2")],
    # The run goes on after it, so it is not the whole of it that is without a network.
    "step 2 (answer graphql Snapshot: not-sent): a request that is not sent is not seen: not in this layer": [
        Step(LOOK.do, LOOK.what, "not-sent"),
        LOOK,
    ],
    "step 3 (answer graphql Snapshot: not-sent): a request that is not sent is not seen: not in this layer": [
        LOOK,
        Step(LOOK.do, LOOK.what, "not-sent"),
    ],
    "step 2 (answer graphql Snapshot: not-sent: killed before anything was written): a request that is not sent": [
        Step(LOOK.do, LOOK.what, "not-sent", local="killed before anything was written")
    ],
    "step 3 (answer graphql Snapshot): no run is under way then": [Step(Do.KILL), LOOK],
    f"step 2 (late {PULL}): no such request is late then": [Step(Do.LATE, PULL)],
    "step 3 (run steward (after threshold 3)): there is no time 'threshold 3', only q, threshold 2": [
        Step(Do.KILL),
        Step(Do.RUN, "steward", after="threshold 3"),
    ],
    "step 2 (person waves): there is no act 'waves', only": [Step(Do.PERSON, "waves")],
}


@pytest.mark.parametrize("said", REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_aimed_is_refused_with_its_step(said: str) -> None:
    with pytest.raises(HarnessError) as refused:
        moves(BEGUN, *REFUSED[said])
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("universe", "step", "said"),
    [
        (
            "twins",
            Step(Do.RUN, "steward", actor=1),
            "step 1 (machine 2: run steward): there is only one machine",
        ),
        (
            "start-record-ours",
            BEGUN,
            "the universe start-record-ours has another beginning than a fresh machine",
        ),
        (
            "start-paused",
            Step(Do.OPERATOR, "pause"),
            "the universe start-paused has another beginning than a fresh machine",
        ),
        ("beyond-q", BEGUN, "the universe beyond-q has promises that nobody can keep"),
    ],
)
def test_universes_of_which_there_is_no_machine(universe: str, step: Step, said: str) -> None:
    with pytest.raises(HarnessError) as refused:
        moves(step, universe=universe)
    assert str(refused.value) == f"{said}: not in this layer"


@pytest.mark.parametrize("name", ["answer-lost-then-killed", "late-pull-request", "closed-twice"])
def test_kept_traces_are_whole_on_machines(name: str) -> None:
    trace = read_trace(HOLDS / f"{name}.json")
    assert [move.step for move in aimed(trace)] == list(trace.steps)


# --- the commands ---------------------------------------------------------------------------------------------


def trace_file(folder: Path, *steps: Any) -> Path:
    path = folder / "trace.json"
    document = {"agent": "zeta-self-register", "universe": "alone", "steps": list(steps)}
    path.write_text(json.dumps(document))
    return path


FULL = {"do": "run", "what": "register", "local": "enospc at lock x"}
GOOD = {"do": "run", "what": "register"}


@pytest.mark.parametrize(
    ("step", "further", "said"),
    [
        (FULL, [], f"step 1 (run register: enospc at lock x): {NOT_SEEN}"),
        (GOOD, [], "--in machines needs --guest DIR; `bootproof guest build` prints one"),
        (
            GOOD,
            ["--guest", "g", "--scenario", "none.py"],
            "no scenario none.py; name it with --scenario FILE",
        ),
    ],
)
def test_bootproof_replay_in_machines_refuses_in_one_line(
    step: Any, further: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(trace_file(tmp_path, step)), "--in", "machines", *further]) == 2
    assert capsys.readouterr() == ("", f"bootproof: {said}\n")


def test_standard_input_is_for_the_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "-", "--in", "machines"]) == 2
    assert capsys.readouterr().err == "bootproof: a trace for machines is a file, not standard input\n"


def test_the_scenario_refuses_before_anything_boots(tmp_path: Path) -> None:
    path = trace_file(tmp_path, FULL)
    command = [sys.executable, "-m", "pytest", "-q", str(SCENARIO), f"--replay={path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SCENARIO.parents[1])
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.strip() == f"ERROR: {path}: step 1 (run register: enospc at lock x): {NOT_SEEN}"


OPTION = """
from pathlib import Path

def pytest_addoption(parser):
    parser.addoption("--replay", action="append", type=Path)
"""
REPORTING = """
import pytest

def test_replay(site, request):
    site.without_oracle("a test of the command")
    assert not request.config.getoption("--replay")[0].read_text().count("steward"), "it steers"
"""


@pytest.mark.parametrize(("command", "status"), [("register", 0), ("steward", 1)])
def test_the_commands_status_is_the_reports(command: str, status: int, tmp_path: Path) -> None:
    scenario = tmp_path / "test_replay.py"
    scenario.write_text(REPORTING)
    (tmp_path / "conftest.py").write_text(OPTION)
    guest = tmp_path / "guest"
    guest.mkdir()
    (guest / "disk.raw").touch()
    (guest / "guest.toml").write_text('name = "g"\nstage = "installed"\ndisks = ["disk.raw"]\n')
    path = trace_file(tmp_path, {"do": "run", "what": command})
    words = ["--in", "machines", "--guest", str(guest), "--scenario", str(scenario), "--json"]
    call = [sys.executable, "-m", "bootproof.cli", "replay", str(path), *words]
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    report = json.loads(done.stdout)
    assert (report["schema"], report["exit_status"]) == ("bootproof-report", status)
