"""Cuts at events: the power goes while a request or its answer is on its way, at every edge of every request.

All begin with the same machine, which was saved when its first boot was up; so a trial costs a run, a cut and a boot.
In the end there is one merged pull request, and the marker says so.
"""

from __future__ import annotations

import time

import agent
import cuts
import pytest
from bootproof.oracle import Final
from bootproof.simulation import agents
from bootproof.simulation.aiming import aimed
from bootproof.simulation.people import first_world
from replaying import Clock, Replay
from stage import as_found

EDGES = cuts.at_each_edge("zeta-self-register")


@pytest.mark.long
@pytest.mark.parametrize("edge", EDGES)
def test_power_cut(edge, installed_node, waiting, github):
    node, trace, clock = installed_node, EDGES[edge], Clock()
    simulated = agents.load(trace.agent)
    world = first_world(node.site.registration, agent.TOKEN).at(round(time.time() * 1000))
    server = github(as_found(world), clock)
    node.connect(server)
    node.machine.credentials = agent.BY_HAND
    node.resume(waiting)
    Replay(node, server, clock, agents.registration(simulated), simulated.thresholds).go(aimed(trace))
    node.site.expect(final=Final.MERGED)
    assert node.marker().get("state") == "registered", "it comes to rest, and its marker does not say so"
    node.off()
