"""Random long histories: the real agent keeps its promises in them, a spoilt one is caught by a short one."""

from __future__ import annotations

import random
from functools import cache

import pytest
from bootproof.simulation import agents
from bootproof.simulation.kinds import kinds_in, kinds_of, woken
from bootproof.simulation.plans import Broken, described, judge, plans
from bootproof.simulation.steps import Step, Trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import Universe
from bootproof.simulation.universes import UNIVERSES
from bootproof.simulation.wandering import MAX_STEPS, Detour, Wanderer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from spoiled import NOTHING_IS_NOTED, SILENCE_IS_SUCCESS, Spoiled

pytestmark = pytest.mark.slow


@cache
def wanderer(universe: str) -> Wanderer:
    return Wanderer(Simulation(agents.load(None), UNIVERSES[universe]))


@pytest.mark.parametrize("universe", ["late-people", "disk", "stale"])
def test_the_agent_keeps_its_promises_in_long_histories(universe: str) -> None:
    @settings(max_examples=300, suppress_health_check=list(HealthCheck))
    @given(plans(kinds_of(UNIVERSES[universe])))
    def history(plan: tuple[Detour, ...]) -> None:
        judge(wanderer(universe), plan)

    history()


def test_a_history_without_detours_is_the_one_in_which_nothing_goes_wrong() -> None:
    history = wanderer("alone").go([])
    assert (history.steps, history.happened, history.findings) == ([], frozenset(), ())


def test_a_detour_is_taken_at_the_first_place_after_its_gap_where_it_can_be() -> None:
    history = wanderer("alone").go([Detour(1, "lost-after")])
    assert [str(step) for step in history.steps] == [
        "run register",
        "answer graphql Snapshot",
        "answer graphql Survey",
        "answer POST /repos/acme/cluster/git/refs: lost-after",
    ]
    assert history.happened == {"lost-after"}


def test_a_detour_that_is_not_possible_soon_leaves_the_history_as_it_was() -> None:
    assert len(wanderer("alone").go([Detour(2, "enospc"), Detour(0, "kill")]).steps) == 3


def test_a_history_goes_on_after_a_rest_and_has_an_end() -> None:
    history = wanderer("alone").go([Detour(10, "another turn", pick=1)] * 20)
    assert len(history.steps) == MAX_STEPS
    assert not history.findings


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("universe", ["alone", "disk", "stale", "late", "twins"])
def test_each_kind_alone_leads_where_it_leads_among_all_others(universe: str, seed: int) -> None:
    """The views of a menu leave out steps, and change none."""
    menu = wanderer(universe).menu
    whole = Simulation(agents.load(None), UNIVERSES[universe])
    choose = random.Random(seed)
    state, other = menu.simulation.first(), whole.first()
    for _ in range(20):
        there = tuple(whole.next(other))
        default = there[0].step
        kinds = {kinds_in(one.step, default) for one in there if len(kinds_in(one.step, default)) == 1}
        for kind in kinds:
            expected = [(one.step, one.findings) for one in there if kinds_in(one.step, default) == kind]
            assert [(one.step, one.findings) for one in menu.steps(state, kind)] == expected
        kind = choose.choice(sorted(kinds, key=sorted)) if choose.random() < 0.15 else None
        mine = menu.default(state) if kind is None else choose.choice(menu.steps(state, kind))
        assert mine is not None
        found = next(one for one in there if one.step == mine.step)
        other = found.state if kind is None else woken(found.state)
        state = mine.state
        if not menu.default(state):
            state, other = woken(state), woken(other)


LATE = ("closes it", "late", "late arrival")
"""Three detours that have to come together: 8000 histories with all ten kinds did not show them."""


def caught(agent: Spoiled, universe: Universe, kinds: tuple[str, ...], examples: int) -> Trace:
    """The shrunk trace of what Hypothesis finds wrong with this agent."""
    spoilt = Wanderer(Simulation(agent, universe))
    found: list[tuple[Detour, ...]] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(plans(kinds))
    def history(plan: tuple[Detour, ...]) -> None:
        if spoilt.go(plan).findings:
            found.append(plan)
        judge(spoilt, plan)

    with pytest.raises(Broken) as raised:
        history()
    assert described(spoilt.trace(spoilt.go(found[-1]))) == str(raised.value)
    return spoilt.trace(spoilt.go(spoilt.shortest(found[-1])))


def test_silence_that_is_taken_for_success_is_caught() -> None:
    trace = caught(SILENCE_IS_SUCCESS, UNIVERSES["alone"], kinds_of(UNIVERSES["alone"]), 1500)
    assert trace.finding == "markers-were-true: a marker claims #1, which is no PR of this node"
    assert len(trace.steps) == 6
    assert [str(step) for step in trace.steps if step.fault] == [
        "answer POST /repos/acme/cluster/pulls: lost-before"
    ]


def test_a_plan_is_made_shorter_where_two_things_have_to_change_at_once() -> None:
    spoilt = Wanderer(Simulation(SILENCE_IS_SUCCESS, UNIVERSES["alone"]))
    plan = [Detour(1, "kill"), Detour(5, "lost-before")]
    shorter = spoilt.shortest([*plan, Detour(3, "reboot")])
    assert spoilt.go(shorter).findings == spoilt.go(plan).findings != ()
    assert [(detour.gap, detour.kind) for detour in shorter] == [(5, "lost-before")]


def test_a_request_that_is_forgotten_while_on_its_way_is_caught_and_shrunk() -> None:
    """A late request, a second one that somebody closes, and only then the late one: three detours in 12 steps."""
    trace = caught(NOTHING_IS_NOTED, UNIVERSES["late-people"], LATE, 8000)
    assert trace.finding == "one-per-epoch: #2 is a second PR in the epoch that had #1"
    assert len(trace.steps) == 12
    assert [str(step) for step in trace.steps if step.fault or step.local] == [
        "answer POST /repos/acme/cluster/pulls: late"
    ]
    assert str(trace.steps[-1]) == "late POST /repos/acme/cluster/pulls"


@given(st.data())
@settings(max_examples=50)
def test_no_plan_is_longer_than_it_may_be(data: st.DataObject) -> None:
    plan = data.draw(plans(kinds_of(UNIVERSES["late"])))
    history = wanderer("late").go(plan)
    assert len(history.steps) <= MAX_STEPS
    assert all(isinstance(step, Step) for step in history.steps)
