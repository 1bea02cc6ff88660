"""Cuts at events: the power goes while a request or its answer is on its way, at every edge of every request.

The machine boots lean (see bootproof's lean.py), so that a trial costs hardly more than its runs; the same cut with
everything booted is in test_reboot.py. In the end there is one merged pull request (or an open one, where its check is
not green), and the marker says so.
"""

from __future__ import annotations

import time

import agent
import cuts
import pytest
from bootproof.oracle import Final
from bootproof.simulation import agents
from bootproof.simulation.aiming import aimed
from bootproof.simulation.ending import final_of
from bootproof.simulation.people import first_world
from bootproof.simulation.universes import UNIVERSES
from cluster import as_found
from replaying import Clock, Replay, all_landed

EDGES = cuts.at_each_edge("zeta-self-register")


@pytest.mark.long
@pytest.mark.parametrize("edge", EDGES)
def test_power_cut(edge, lean_node, github):
    node, trace, clock = lean_node, EDGES[edge], Clock()
    simulated = agents.load(trace.agent)
    world = first_world(node.site.registration, agent.TOKEN).at(round(time.time() * 1000))
    different = UNIVERSES[trace.universe].world
    server = github(as_found(different(world) if different else world), clock)
    node.connect(server)
    node.boot()
    Replay(node, server, clock, agents.registration(simulated), simulated.thresholds).go(aimed(trace))
    all_landed(node.site.timeline.events)
    final = final_of(server.world, node.site.registration)
    assert final in (Final.MERGED, Final.EXACTLY_ONE_OPEN)
    node.site.expect(final=final)
    state = "registered" if final is Final.MERGED else "pr-open"
    assert node.marker().get("state") == state, "it comes to rest, and its marker does not say so"
    node.off()
