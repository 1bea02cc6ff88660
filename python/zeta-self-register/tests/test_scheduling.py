"""Schedules for machines: each can be aimed, applies in the simulation, is interrupted again and again, and comes again
by its number."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import islice

import pytest
from bootproof.simulation import agents
from bootproof.simulation.aiming import aimed
from bootproof.simulation.kinds import KILL
from bootproof.simulation.replay import followed, replay_in, simulation_of
from bootproof.simulation.scheduling import (
    MAX_BOOTS,
    AimedMenu,
    Schedule,
    Scheduler,
    boots,
    by_means,
    for_machines,
)
from bootproof.simulation.steps import By, Do, Step, Trace, means_of, read_trace, write_trace
from bootproof.simulation.wandering import Detour, Wanderer
from bootproof.verdict import HarnessError
from msgspec.structs import replace
from spoiled import SILENCE_IS_SUCCESS

REAL = "zeta-self-register"
LOOK = Step(Do.ANSWER, "graphql Snapshot")
BEGUN = Step(Do.RUN, "register")
PAUSED = [BEGUN, replace(LOOK, fault="secondary-limit"), Step(Do.RUN, "steward", after="q")]
KILLED, CUT = "killed before anything was written", "power cut before anything was written (#0)"


NUMBER = 12


@cache
def scheduler() -> Scheduler:
    return Scheduler(agents.load(REAL))


@cache
def drawn(seed: int) -> tuple[Schedule, ...]:
    return tuple(islice(scheduler().draw(seed), NUMBER))


def trace(*steps: Step, universe: str = "alone") -> Trace:
    return Trace(agent=REAL, universe=universe, steps=steps)


def test_the_same_seed_draws_the_same_schedules_and_another_one_others() -> None:
    others = {schedule.trace for schedule in drawn(8)}
    once = [schedule.trace for schedule in drawn(7)]
    again = [schedule.trace for schedule in islice(Scheduler(agents.load(REAL)).draw(7), NUMBER)]
    assert once == again
    assert len(set(once)) == NUMBER
    assert len(others.intersection(once)) < NUMBER / 3


def test_every_schedule_applies_and_can_be_aimed_at_a_machine() -> None:
    for schedule in drawn(7):
        assert replay_in(simulation_of(schedule.trace), schedule.trace).findings == ()
        assert [move.step for move in aimed(schedule.trace)] == list(schedule.trace.steps)


def test_every_schedule_is_interrupted_again_and_again_and_boots_seldom_enough() -> None:
    means: Counter[By | None] = Counter()
    for schedule in drawn(7):
        interruptions = [step for step in schedule.trace.steps if means_of(step)]
        means.update(step.by for step in interruptions)
        assert len(interruptions) >= 2
        assert boots(schedule.trace) <= MAX_BOOTS
    assert set(means) == {None, *By}


def test_what_runs_at_the_first_boot_is_not_run_where_the_marker_is() -> None:
    """Its unit would pass over it; a fuzz run on a machine found this."""
    plan = [Detour(10, "another turn", pick=pick) for pick in range(6)]
    wanderer = Wanderer(simulation_of(trace(BEGUN)), AimedMenu)
    for further in range(6):
        trace_ = wanderer.trace(wanderer.go([*plan[:further], *plan]))
        for _, before, following in followed(wanderer.simulation, trace_):
            there = wanderer.simulation.machine.disks[before.actors[0].disk].visible
            if following.step.do is Do.RUN and wanderer.simulation.agent.marker in there:
                assert following.step.what == "steward"


def test_a_run_may_be_without_a_network_and_nothing_else_is_wrong_with_that() -> None:
    wanderer = Wanderer(simulation_of(trace(BEGUN)), AimedMenu)
    plans = [[Detour(1, "not-sent", also, pick)] for also in (None, KILL) for pick in range(6)]
    steps = [step for plan in plans for step in wanderer.trace(wanderer.go(plan)).steps]
    not_sent = [step for step in steps if step.fault == "not-sent"]
    assert not_sent
    assert all(step.local == "" for step in not_sent)


def test_there_is_no_universe_twice() -> None:
    names = [universe.name for universe in for_machines()]
    assert {"alone", "late-people", "any-act"} <= set(names)
    assert "unsynced" not in names, "on a machine it is the same as `disk`"
    assert {"checks", "reviews", "strict", "switched-off"} <= set(names), "what people decide is part of it"
    assert not {"twins", "beyond-q", "limits"} & set(names), "nobody has such a machine"


# --- the means of an interruption -----------------------------------------------------------------------------------


def test_a_trace_with_means_is_the_same_when_it_was_kept(tmp_path) -> None:
    kept = trace(BEGUN, Step(Do.CUT, by=By.RESET), BEGUN, replace(LOOK, local=KILLED, by=By.REBOOT))
    path = tmp_path / "trace.json"
    path.write_bytes(write_trace(kept))
    assert read_trace(path) == kept
    assert [str(step) for step in kept.steps[1::2]] == [
        "power-cut by the reset button",
        f"answer graphql Snapshot: {KILLED} by the orderly reboot",
    ]


def test_to_the_program_a_reset_is_a_power_cut() -> None:
    plain = trace(BEGUN, Step(Do.CUT), BEGUN, replace(LOOK, local=CUT), BEGUN)
    other = trace(BEGUN, Step(Do.CUT, by=By.RESET), BEGUN, replace(LOOK, local=CUT, by=By.RESET), BEGUN)
    simulation = simulation_of(plain)
    assert replay_in(simulation, plain).end == replay_in(simulation, other).end
    assert [one.step for one in replay_in(simulation, other).seen] == list(other.steps)


def test_an_orderly_reboot_in_a_run_is_a_kill_and_a_reboot() -> None:
    """A pause is dated by the boot that it was noted in."""
    simulation = simulation_of(trace(BEGUN, universe="limits"))
    killed, reboot = Step(Do.KILL), Step(Do.REBOOT)
    ways = [(killed, reboot), (replace(killed, by=By.REBOOT),), (killed,)]
    apart, at_once, only_killed = [
        list(followed(simulation, trace(*PAUSED, *way, BEGUN, universe="limits")))[-1][2].state
        for way in ways
    ]
    assert apart == at_once != only_killed


@pytest.mark.parametrize("by", [None, By.RESET, By.CUT])
def test_a_reboot_between_two_runs_that_changes_nothing_is_no_error(by: By | None) -> None:
    whole = trace(BEGUN, Step(Do.KILL), Step(Do.REBOOT, by=by), BEGUN, LOOK)
    assert replay_in(simulation_of(whole), whole).findings == ()
    assert [move.step for move in aimed(whole)] == list(whole.steps)
    within = trace(BEGUN, Step(Do.REBOOT, by=by), BEGUN)
    with pytest.raises(HarnessError, match=r"^step 2 \(reboot.*\) is not possible there"):
        replay_in(simulation_of(within), within)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            Step(Do.KILL, by=By.RESET),
            r"step 2 \(kill by the reset button\): no reset button is what stops a machine",
        ),
        (Step(Do.REBOOT, by=By.REBOOT), "no orderly reboot is what stops a machine there"),
        (Step(Do.KILL, by=By.CUT), "no power cut is what stops a machine there"),
        (Step(Do.CUT, by=By.REBOOT), "no orderly reboot is what stops a machine there"),
        (replace(LOOK, by=By.RESET), "no reset button is what stops a machine there"),
        (replace(LOOK, local=KILLED, by=By.RESET), "no reset button is what stops a machine there"),
    ],
)
def test_means_that_do_not_fit_are_refused(step: Step, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        replay_in(simulation_of(trace(BEGUN)), trace(BEGUN, step))
    with pytest.raises(HarnessError, match=said):
        aimed(trace(BEGUN, step))


def test_by_which_means_is_drawn_for_each_place_as_long_as_it_does_not_boot_too_often() -> None:
    steps = [BEGUN, Step(Do.KILL), BEGUN, Step(Do.CUT), BEGUN, LOOK]
    simulation = simulation_of(trace(BEGUN))

    def changed(means: list[int], *steps: Step) -> list[str]:
        return [str(step) for step in by_means(simulation, trace(*steps), means).steps]

    plain = ["run register", "kill", "run register", "power-cut", "run register", "answer graphql Snapshot"]
    assert changed([0], *steps) == plain
    assert changed([1, 0, 1, 3], *steps) == [
        *("run register", "kill by the orderly reboot", "run register", "power-cut by the reset button"),
        *("reboot", "run register", "answer graphql Snapshot"),
    ]
    assert changed([0, 4, 0, 5], *steps)[2::3] == ["reboot by the reset button", "reboot by the power cut"]
    assert changed([1, 0], *[BEGUN, Step(Do.KILL)] * 6).count("kill by the orderly reboot") == MAX_BOOTS


# --- when a promise is broken ---------------------------------------------------------------------------------------


def test_a_history_goes_on_behind_a_broken_promise_and_is_shrunk_to_it() -> None:
    spoilt = Scheduler(SILENCE_IS_SUCCESS)
    finding, schedule = next((found, one) for one in spoilt.draw(3) if (found := spoilt.finding(one.trace)))
    short = spoilt.shrunk(schedule)
    assert short.finding == finding
    assert len(short.steps) < len(schedule.trace.steps)
    assert aimed(replace(short, agent=REAL))


def test_what_only_the_means_bring_about_is_not_shrunk() -> None:
    schedule = Schedule(trace(BEGUN, Step(Do.KILL, by=By.REBOOT)), (Detour(1, KILL),))
    assert scheduler().shrunk(schedule) == schedule.trace
