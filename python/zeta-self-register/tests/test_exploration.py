"""The program that ships, gone through in the simulation: what holds, and that the simulation can be trusted."""

from __future__ import annotations

import contextlib
import json
from itertools import count

import pytest
from bootproof.cli import main
from bootproof.simulation import starts
from bootproof.simulation.automaton import NotDeterministic
from bootproof.simulation.closure import explore
from bootproof.simulation.histories import every_history
from bootproof.simulation.passing import ExactPassing
from bootproof.simulation.state import Durable
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import Universe
from bootproof.simulation.universes import UNIVERSES
from zeta_self_register.simulated import AGENT, STATE, Simulated

pytestmark = pytest.mark.slow

SMALL = (
    "alone",
    "faults",
    "edited",
    "retired",
    "checks",
    "reviews",
    "switched-off",
    "retargeted",
    "server",
    "stale",
    "disk",
    "late",
)
"""Those of seconds; `bootproof explore` runs all of them."""


@pytest.mark.parametrize("name", SMALL)
def test_no_step_breaks_a_promise_and_every_state_comes_to_a_good_end(name: str) -> None:
    found = explore(Simulation(AGENT, UNIVERSES[name]))
    assert found.complete
    assert found.findings == {}
    asked = {fault.value for fault in UNIVERSES[name].request_faults | UNIVERSES[name].disk_faults}
    assert asked | {act.name.lower() for act in UNIVERSES[name].people} <= set(found.landed)


@pytest.mark.parametrize("name", sorted(AGENT.starts))
def test_other_beginnings(name: str) -> None:
    found = explore(Simulation(AGENT, starts.universes(AGENT)[f"start-{name}"]))
    assert found.complete
    assert found.findings == {}


def test_histories_one_by_one_and_the_closure_agree_on_what_can_be_left() -> None:
    """What up to three faults leave is what any number of them can leave, but for two lost answers in one registration
    with a cut after each: `bootproof explore alone --faults 4` walks those too, in minutes."""
    simulation = Simulation(AGENT, UNIVERSES["alone"])
    walked = every_history(simulation, 3)
    assert walked.complete
    assert walked.findings == {}
    closure = explore(simulation).durable
    assert len(walked.durable - closure) == 0
    further = [simulation.machine.disks[one.disks[0]].files() for one in closure - walked.durable]
    assert all(b'"lost": true' in files[f"{STATE}/attempt.json"] for files in further)
    assert len(further) < len(closure) / 8


def test_histories_with_a_late_request_leave_nothing_that_the_closure_does_not_have() -> None:
    simulation = Simulation(AGENT, UNIVERSES["late"])
    walked = every_history(simulation, 2)
    assert walked.findings == {}
    assert walked.landed["late"]
    assert len(walked.durable - explore(simulation).durable) == 0


@pytest.mark.parametrize("name", ["alone", "late"])
def test_moving_dates_to_where_they_can_be_compared_loses_nothing(name: str) -> None:
    """Every history of up to 2 faults, once with every date as it is: the same is left in the end."""
    universe = UNIVERSES[name]
    moved = Simulation(AGENT, universe)
    exact = Simulation(AGENT, universe, passes=ExactPassing)
    walked = every_history(exact, 2).durable
    assert {essence(moved, one) for one in every_history(moved, 2).durable} == {
        essence(exact, exact.passing.comparable(one)) for one in walked
    }


SMALL_ROWS = ("stale", "retired", "edited", "removed", "checks", "reviews", "switched-off")


def essence(simulation: Simulation, durable: Durable) -> str:
    """What is left, without the names of commits and blobs, and ETags: those come from the dates in them."""
    disk = simulation.machine.disks[durable.disks[0]]
    notes = {path: without_hashes(json.loads(content)) for path, content in disk.files().items()}
    home = simulation.hub.worlds[durable.world].repositories["acme/cluster"]
    pulls = [
        (p.number, p.state, p.created_at, p.closed_at, p.merged_at, p.merged_by, [t.kind for t in p.timeline])
        for p in home.pulls.values()
    ]
    return repr((notes, pulls, sorted(home.refs), len(home.roots)))


def without_hashes(note: dict[str, object]) -> dict[str, object]:
    return {key: bool(value) if key in ("record_seen", "etag") else value for key, value in note.items()}


def rows_reached(simulation: Simulation) -> set[str]:
    places = simulation.automaton.places
    return {row for place in places if place.ended for row in place.effect[2]}


def test_every_row_of_the_decision_table_is_reached() -> None:
    """A row that is not is dead.  `bootproof explore` says the same of the whole closures."""
    reached: set[str] = set()
    beginnings = starts.universes(AGENT)
    small = [UNIVERSES[name] for name in SMALL_ROWS]
    quiet = [universe for universe in beginnings.values() if not universe.operator]
    for universe in beginnings.values():
        if universe.operator:
            simulation = Simulation(AGENT, universe)
            every_history(simulation, 2)
            reached |= rows_reached(simulation)
    for universe in (*small, *quiet):
        simulation = Simulation(AGENT, universe)
        explore(simulation)
        reached |= rows_reached(simulation)
    for name in ("people", "branch-pushed", "retargeted", "limits", "strict", "beyond-q"):
        simulation = Simulation(AGENT, UNIVERSES[name])
        every_history(simulation, 3 if name == "beyond-q" else 2)
        reached |= rows_reached(simulation)
    assert set(AGENT.rows) - reached == set()


def test_beyond_q_a_second_pull_request_is_possible_and_the_stray_is_closed() -> None:
    universe = UNIVERSES["beyond-q"]
    found = explore(Simulation(AGENT, universe))
    assert found.complete
    assert found.findings == {}
    assert set(found.expected) == universe.expects
    assert found.rows["stray"]


def test_a_program_that_depends_on_something_beside_its_port_is_an_error_that_names_the_effect() -> None:
    calls = count()

    class Moody(Simulated):
        def run(self, port, command):
            with contextlib.suppress(OSError):
                port.read(f"{self.marker}.{next(calls)}")
            return super().run(port, command)

    with pytest.raises(NotDeterministic, match=r"read .*registered\.json\.\d+"):
        explore(Simulation(Moody(), Universe("moody", "")))


def test_a_traceback_is_a_finding() -> None:
    class Clumsy(Simulated):
        def run(self, port, command):
            if port.read(self.marker):
                raise KeyError("state")
            return super().run(port, command)

    found = explore(Simulation(Clumsy(), Universe("clumsy", "")), stop_at=1)
    assert any(text.startswith("traceback: ") for text in found.findings)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nonsense"], "no universe 'nonsense'"), (["--agent", "nobody"], "which agent?")],
)
def test_wrong_input_is_one_line_and_2(arguments: list[str], words: str, capsys) -> None:
    assert main(["explore", *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert "\n" not in said


def test_another_bound_than_the_universes_own_is_said_in_the_claim(capsys) -> None:
    assert main(["explore", "alone", "--bound", "1", "--json"]) == 0
    (bounded,) = json.loads(capsys.readouterr().out)["universes"]
    whole = explore(Simulation(AGENT, UNIVERSES["alone"]))
    assert 0 < bounded["states"] < whole.states
    assert main(["explore", "start-prefix", "--bound", "2"]) == 0
    assert "(start-prefix: 2)" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(["explore", "alone", "--bound", "some"])


def test_what_was_proven_is_said_with_what_it_is_relative_to(capsys) -> None:
    assert main(["explore", "start-prefix", "--faults", "1"]) == 0
    said = capsys.readouterr().out
    assert "Relative to:" in said
    assert "0 of them not in the closure" in said
