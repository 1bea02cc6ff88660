"""The edges at which the power is cut, without a machine: which there are."""

from __future__ import annotations

from itertools import product

import cuts
import pytest
from bootproof.simulation import agents
from bootproof.simulation.people import Act
from bootproof.simulation.steps import Do
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import Universe
from bootproof.simulation.universes import UNIVERSES

EDGES = cuts.at_each_edge("zeta-self-register")


def cut_at(name):
    """The request whose answer is on its way."""
    return EDGES[name].steps[-1].what


def test_each_request_has_both_edges():
    answered = {name.removesuffix("-answered") for name in EDGES if name.endswith("-answered")}
    on_their_way = {name.removesuffix("-on-its-way") for name in EDGES if name.endswith("-on-its-way")}
    assert answered == on_their_way
    assert len(EDGES) == 2 * len(answered)
    assert all(trace.steps[-1].do is Do.CUT for name, trace in EDGES.items() if name.endswith("-on-its-way"))


def test_every_write_of_a_registration_and_of_the_stewards_work_is_met():
    met = {
        (name.partition("-steward")[0].partition("-")[0], cut_at(name))
        for name in EDGES
        if name.endswith("-answered")
    }
    writes = {(story, what) for story, what in met if not what.startswith(("GET ", "graphql S"))}
    home = "/repos/acme/cluster"
    assert writes == {
        ("register", f"POST {home}/git/refs"),
        ("register", "graphql Commit"),
        ("register", f"POST {home}/pulls"),
        ("steward", f"PUT {home}/pulls/1/merge"),
        ("reopened", f"PATCH {home}/pulls/1"),
        ("reopened", f"POST {home}/issues/1/comments"),
        ("repaired", f"PATCH {home}/git/refs/heads/register-node-node-a"),
        ("repaired", "graphql Commit"),
        ("repaired", f"POST {home}/pulls"),
        ("armed", "graphql AutoMerge"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("guarded", ["alone", "checks", "reviews", "strict"])
def test_there_is_no_other_write_whatever_somebody_does(guarded):
    """Each act of people, early and late, before a base branch with and without rules."""
    ours, met = agents.load("zeta-self-register"), {cuts.kind_of(trace.steps[-1]) for trace in EDGES.values()}
    for act, after in product(Act, (1, 2, 3)):
        universe = Universe("one act", "", world=UNIVERSES[guarded].world, people={act: 1})
        steps = list(cuts.history(Simulation(ours, universe), act, after))
        made = {cuts.kind_of(step) for step in steps if step.do is Do.ANSWER}
        assert {what for what in made if not what.startswith(cuts.READS)} <= met, (act, after)
