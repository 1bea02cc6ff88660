"""Traces of the simulation, replayed by the program itself against the server; and that both layers agree."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from bootproof.cli import main
from bootproof.processes.host import apart
from bootproof.processes.replaying import replay, replay_in
from bootproof.simulation.covering import histories
from bootproof.simulation.replay import replay as simulated
from bootproof.simulation.steps import Do, Step, Trace, read_trace, write_trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universes import named
from bootproof.verdict import HarnessError, Landing
from zeta_self_register.simulated import AGENT, Simulated

TRACES = Path(__file__).parent / "traces"
HOLDS = sorted((TRACES / "holds").glob("*.json"))
BROKEN = sorted((TRACES / "broken").glob("*.json"))
NAMESPACES = subprocess.run([*apart(0), "true"], capture_output=True, check=False).returncode == 0
pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the tracer knows x86-64 only"),
    pytest.mark.skipif(not NAMESPACES, reason="namespaces of its own need root here"),
]
LONGEST = 40
"""Steps of one history, about ten runs of the program."""
COMPARED = ("faults", "limits", "stale", "late-people", "people")
"""Universes that have every kind of step together, but for those that only `twins` and other beginnings have."""


@pytest.mark.parametrize("path", HOLDS, ids=lambda path: path.stem)
def test_what_holds_in_the_simulation_holds_in_processes(path: Path) -> None:
    found = replay(read_trace(path))
    assert found.findings == ()
    assert found.end == simulated(read_trace(path)).end
    assert found.interruptions
    assert {one.landing for one in found.interruptions} == {Landing.LANDED}


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_spoilt_agent_is_found_as_a_process_too(path: Path) -> None:
    trace = read_trace(path)
    found = replay(trace, f"spoiled:{path.stem.replace('-', '_').upper()}")
    assert {text.partition(":")[0] for text in found.findings} >= {trace.finding.partition(":")[0]}


def kinds(step: Step) -> Iterator[object]:
    """What is told apart: what happens, what becomes of a request, and what goes wrong at which kind of effect."""
    yield step.do
    yield step.fault
    yield step.after
    if step.do is Do.PERSON:
        yield step.what
    for part in step.local.split("; "):
        yield " ".join(word for word in part.partition(" (#")[0].split() if "/" not in word)


def covering(*universes: str) -> list[Trace]:
    """Histories with every kind of thing that happens in these universes."""
    known: set[object] = set()
    return [
        Trace(agent=AGENT.name, universe=universe.name, steps=steps)
        for universe in named(AGENT, universes)
        for steps in histories(Simulation(AGENT, universe), kinds, known, LONGEST)
    ]
