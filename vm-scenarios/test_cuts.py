"""Cuts at events: the power goes while a request or its answer is on its way, at every edge of every request.

The machine boots lean (see bootproof's lean.py), so that a trial costs hardly more than its runs; the same cut with
everything booted is in test_reboot.py. In the end a check that is required turns green, if one is; there is one
merged pull request, and the marker says so.
"""

from __future__ import annotations

import cuts
import pytest
import selection
from bootproof.oracle import Final
from bootproof.simulation import agents
from bootproof.simulation.aiming import aimed
from bootproof.simulation.ending import final_of
from bootproof.simulation.people import Act
from cluster import as_begun
from replaying import Clock, Replay, all_landed

EDGES = cuts.at_each_edge("zeta-self-register")
SHOWS_A_BAD_ONE = "register-5-answered"


def pytest_generate_tests(metafunc):
    selection.all_or_one(metafunc, "history", EDGES, SHOWS_A_BAD_ONE)


@pytest.mark.long
def test_power_cut(history, lean_node, github):
    node, clock = lean_node, Clock()
    simulated = agents.load(history.agent)
    server = github(as_begun(history, node.site.registration), clock)
    node.connect(server)
    node.boot()
    replay = Replay(node, server, clock, agents.registration(simulated), simulated.thresholds)
    replay.go(aimed(history))
    all_landed(node.site.timeline.events)
    if replay.can(Act.CHECK):
        rests = final_of(server.world, node.site.registration)
        assert rests is Final.EXACTLY_ONE_OPEN, (
            "it waits for a check, and nobody will merge it when that is green"
        )
        replay.act(Act.CHECK)
        replay.rest()
    node.site.expect(final=Final.MERGED)
    assert node.marker().get("state") == "registered", "it comes to rest, and its marker does not say so"
    node.off()
