"""Replay: a history that the exploration has kept as a trace happens to a real machine, step by step.

Every step is aimed: at a request that the mock holds, at its answer, or between two runs.  In the end nothing goes
wrong any more; there is one merged pull request, one that waits for what its base branch requires, or what a person
wanted instead, and the marker says so.
"""

from __future__ import annotations

import agent
import planted
from bootproof.oracle import Final
from bootproof.simulation import agents
from bootproof.simulation.aiming import aimed
from bootproof.simulation.ending import final_of
from bootproof.simulation.steps import write_trace
from cluster import as_begun
from replaying import Clock, Replay, all_landed


def test_replay(trace, bug, installed_node, github):
    node, simulated, clock = installed_node, agents.load(trace.agent), Clock()
    server = github(as_begun(trace, node.site.registration), clock)
    node.connect(server)
    node.machine.credentials = agent.BY_HAND
    replay = Replay(node, server, clock, agents.registration(simulated), simulated.thresholds)
    node.site.attach("trace.json", write_trace(trace))
    node.boot()
    if bug:
        planted.put(node.machine, planted.BUGS[bug])

    replay.go(aimed(trace))
    all_landed(node.site.timeline.events)

    final = final_of(server.world, node.site.registration)
    node.site.expect(final=final)
    if final is Final.MERGED:
        assert node.marker().get("state") == "registered", "it comes to rest, and its marker does not say so"
    node.off()
