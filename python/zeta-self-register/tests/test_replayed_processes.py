"""Traces of the simulation, replayed by the program itself against the server; and that both layers agree."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from bootproof.cli import main
from bootproof.processes import github, scene
from bootproof.processes.host import apart
from bootproof.processes.replaying import replay
from bootproof.simulation.covering import histories
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.machine import WALL_CLOCKS
from bootproof.simulation.people import Act
from bootproof.simulation.replay import replay as simulated
from bootproof.simulation.steps import Do, Step, Trace, read_trace, write_trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universes import named
from bootproof.verdict import HarnessError, Landing
from mock_github import Fault, FaultKind
from zeta_self_register.simulated import AGENT, Simulated

TRACES = Path(__file__).parent / "traces"
HOLDS = sorted((TRACES / "holds").glob("*.json"))
BROKEN = sorted((TRACES / "broken").glob("*.json"))
NAMESPACES = subprocess.run([*apart(0), "true"], capture_output=True, check=False).returncode == 0
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the tracer knows x86-64 only"),
    pytest.mark.skipif(not NAMESPACES, reason="namespaces of its own need root here"),
]
LONGEST = 40
"""Steps of one history, beyond which no other kind of thing is looked for in it."""
COMPARED = (
    *("faults", "limits", "stale", "late-people", "retargeted", "checks"),
    *("start-record-ours", "start-installer"),
)
"""Universes that have every kind of thing together, but for a second machine, and two other beginnings."""
CLOCKS = {f"clock at {clock:.0f}" for clock in WALL_CLOCKS}
"""In processes the machine's own clock is this host's, and nobody sets it."""


def told(step: Step) -> Iterator[object]:
    """What is told apart: what happens, what becomes of a request, and what goes wrong at which kind of effect."""
    yield step.do
    yield step.fault
    yield step.after
    if step.do is Do.PERSON:
        yield step.what
    for part in step.local.split("; "):
        yield " ".join(word for word in part.partition(" (#")[0].split() if "/" not in word)


def covering(*universes: str, longest: int = LONGEST) -> list[Trace]:
    """Histories with every kind of thing that happens in these universes."""
    known: set[object] = set(CLOCKS)
    return [
        Trace(agent=AGENT.name, universe=universe.name, steps=steps)
        for universe in named(AGENT, universes)
        for steps in histories(Simulation(AGENT, universe), told, known, longest)
    ]


@pytest.fixture(scope="module")
def compared() -> list[Trace]:
    return [*covering(*COMPARED), *covering("twins", longest=12)[:1]]


def test_simulation_and_processes_agree_on_every_kind_of_thing(compared: list[Trace]) -> None:
    """`replay` compares requests, exit statuses, files and GitHub after each step, and raises where they differ."""
    for trace in compared:
        found = replay(trace)
        assert found.findings == (), trace
        assert found.end == simulated(trace).end, trace
        assert all(one.landing is Landing.LANDED for one in found.interruptions), trace


def test_that_is_every_kind_there_is(compared: list[Trace]) -> None:
    happened = {one for trace in compared for step in trace.steps for one in told(step)}
    # What an operator does is a program that asks questions: `test_operator.py` runs it.
    steps = set(Do) - {Do.OPERATOR}
    acts = {act.value for act in (Act.MERGE, Act.CLOSE, Act.RETARGET, Act.CHECK)}
    assert happened >= {*steps, *acts, *(fault.value for fault in RequestFault)}
    assert happened >= {
        *("enospc at write", "enospc at make_folder", "enospc at lock", "eio at sync", "locked at lock"),
        *("erofs at write", "erofs at rename", "erofs at make_folder", "erofs at lock"),
        *("killed after make_folder", "killed after rename", "killed before anything was written"),
        *("power cut after make_folder", "power cut after rename"),
        "power cut before anything was written",
    }


@pytest.mark.parametrize("path", HOLDS, ids=lambda path: path.stem)
def test_what_holds_in_the_simulation_holds_in_processes(path: Path) -> None:
    trace = read_trace(path)
    found = replay(trace)
    assert found.findings == ()
    assert found.end == simulated(trace).end
    goes_wrong = any(one.fault or one.local or one.do in (Do.KILL, Do.CUT, Do.REBOOT) for one in trace.steps)
    assert bool(found.interruptions) == goes_wrong
    assert all(one.landing is Landing.LANDED for one in found.interruptions)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_spoilt_agent_is_found_as_a_process_too(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoilt = f"spoiled:{path.stem.replace('-', '_').upper()}"
    assert main(["replay", "--in", "processes", str(path), "--agent", spoilt]) == 1
    rule = read_trace(path).finding.partition(":")[0]
    said = capsys.readouterr().out
    assert f"    ! {rule}: " in said
    assert "layer processes" in said
    assert "interruptions: 1 landed (" in said


def written(path: Path, *steps: Step, universe: str = "alone") -> str:
    trace = Trace(agent=AGENT.name, universe=universe, steps=steps)
    path.write_bytes(write_trace(trace))
    return str(path)


RUN = Step(Do.RUN, "register")
LOOK = Step(Do.ANSWER, "graphql Snapshot")


def test_as_json_with_its_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "t.json", RUN, Step(Do.KILL))
    assert main(["replay", "--in", "processes", path, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["layer"], said["end"], said["findings"]) == ("processes", "registered", [])
    assert said["interruptions"] == [{"what": "kill", "landing": "landed"}]


class Other(Simulated):
    """The agent in the simulation, and another program as the process."""

    def __init__(self, *words: str) -> None:
        self.program: Mapping[str, Any] = {**AGENT.program, "command": words}


DEAF = Other("{python}", "-c", "")
SCRIBBLER = Other("sh", "-c", "mkdir {state}/zeta-self-register; echo x > {state}/zeta-self-register/x")
SILENT = type("Silent", (Simulated,), {"program": {}})()


@pytest.mark.parametrize(
    ("steps", "universe", "agent", "said"),
    [
        ((RUN, Step(Do.RUN, "register")), "alone", None, "step 2 (run register) is not possible there"),
        ((RUN,), "start-marker-unreadable", None, "a file cannot be made that fails to be read (/var/lib/"),
        ((RUN,), "alone", "DEAF", "step 1 (run register), in processes: the program ends with 0, and in the"),
        (
            (RUN,),
            "alone",
            "SCRIBBLER",
            "the program calls openat(zeta-self-register/x), and sync /var/lib is",
        ),
        (
            (Step(Do.OPERATOR, "pause"),),
            "start-paused",
            None,
            "step 1 (operator pause): a command of the operator's: not in this layer",
        ),
        ((RUN,), "alone", "SILENT", "zeta-self-register does not say how it is run as a process"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    steps: tuple[Step, ...],
    universe: str,
    agent: str | None,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chosen = [] if agent is None else ["--agent", f"test_replayed_processes:{agent}"]
    path = written(tmp_path / "t.json", *steps, universe=universe)
    assert main(["replay", "--in", "processes", path, *chosen]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


TO_THE_PULL = (
    RUN,
    LOOK,
    *(Step(Do.ANSWER, what) for what in ("graphql Survey", "POST /repos/acme/cluster/git/refs")),
)
LOST = Step(Do.ANSWER, "graphql Commit", fault="lost-after")
NOTED = "rename /var/lib/zeta-self-register/.attempt.json.new /var/lib/zeta-self-register/attempt.json"
TORN = Step(Do.ANSWER, "graphql Survey", local=f"power cut after {NOTED} (#1)")


@pytest.mark.parametrize(
    ("module", "name", "instead", "steps", "said"),
    [
        (
            github,
            "_FAULTS",
            {RequestFault.LOST_AFTER: Fault(kind=FaultKind.DROP_BEFORE)},
            (*TO_THE_PULL, LOST),
            "at GitHub",
        ),
        (
            scene.Scene,
            "_leave",
            lambda *_: None,
            (RUN, LOOK, TORN),
            "/var/lib/zeta-self-register/attempt.json",
        ),
    ],
)
def test_where_one_layer_does_something_else_they_do_not_agree(
    module: Any, name: str, instead: Any, steps: tuple[Step, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, instead)
    with pytest.raises(HarnessError, match=re.escape(said)):
        replay(Trace(agent=AGENT.name, universe="alone", steps=steps))
