"""Words that the stories about GitHub, its people and the node's identity share.

A story begins with the machine that was saved in its first boot, and runs one tick at a time, by hand: the register
unit, or the steward. So it says itself what happens between two of them, and nothing happens but what it says.
"""

from __future__ import annotations

import json

import agent
import field
import planted
from bootproof.saved import Saved
from bootproof.timeline import MachineKind
from mock_github.server import MockServer
from replaying import Clock
from stage import Node

DAY = 86_400.0


def goes_on(node: Node, waiting: Saved, server: MockServer, spoilt: str = "") -> None:
    """The disk as its installer left it, in its first boot; nothing of the agent has run yet. `spoilt` is the bug that
    the agent has."""
    field.go_on(node, waiting, server)
    if spoilt:
        planted.put(node.machine, planted.BUGS[spoilt])


def passes(node: Node, clock: Clock, seconds: float) -> None:
    """Time passes at GitHub, whose clock the agent goes by across boots and for what GitHub dates."""
    clock.ahead += seconds
    node.site.timeline.record(MachineKind.CLOCK_FORWARD, seconds=seconds)


def happened(server: MockServer, *types: str) -> list[tuple[str, int | None]]:
    """Which of these things have happened at GitHub, in order, each with its pull request."""
    return [(event.type, event.number) for event in server.events() if event.type in types]


def on_main(server: MockServer, path: str) -> bytes | None:
    """A file on the base branch, as it is now."""
    world = server.world
    repository = world.repository(agent.REPOSITORY)
    assert repository is not None
    found = world.git.find(world.git.commit(repository.branch("main") or "").tree, path)
    return None if found is None else world.git.blob(found[1])


def pause_left(node: Node) -> float:
    """Seconds until the pause that GitHub asked for is over, by the machine's own clock; at most 0 when it is."""
    state = json.loads(node.machine.get_file(f"{agent.KEPT_IN}/state.json"))
    up = float(node.machine.run("cut -d ' ' -f 1 /proc/uptime").text)
    pause = state["pause"]
    return float(pause["noted"]["monotonic"]) + float(pause["seconds"]) - up


def unplugged(node: Node, why: str) -> None:
    """Somebody takes the machine away: between two runs, so that there is nothing to be lost."""
    node.keep_journal()
    node.machine.run("sync")
    node.machine.cut()
    node.site.timeline.record(MachineKind.POWER_OFF, detail=why)
