"""Disk states: every state that a power cut can leave the disk in, at any moment of a registration.

One registration is recorded, from the first look until the merged pull request is noted: every write to the disk and
every flush, and beside them what stood at GitHub. Whatever could have been on the disk at any moment is put together
from that, recovered as at the next boot, and handed to the agent. Out of each of them comes one merged pull request,
also when the request that was on its way arrives later, and somebody merges or closes what is there.
"""

from __future__ import annotations

import base64
import time
from pathlib import Path

import agent
import pytest
from bootproof.diskstates.campaign import Campaign
from bootproof.diskstates.follow_up import FollowUp
from bootproof.diskstates.moments import Onlooker
from bootproof.diskstates.recording import Recording, Surroundings
from bootproof.diskstates.recovery import FileSystem
from bootproof.oracle import Final
from bootproof.simulation import agents
from bootproof.simulation.people import first_world
from bootproof.verdict import HarnessError
from cluster import as_found
from mock_github.faults import Match
from recorded_disk import OwnDisk, RecordedDisk, SystemDisk
from stage import Node

TICKS = 5


@pytest.fixture
def recorded_disk(file_system: FileSystem, request: pytest.FixtureRequest) -> RecordedDisk:
    """Where the agent keeps its state."""
    if file_system is FileSystem.EXT4:
        return SystemDisk(request.getfixturevalue("waiting"))
    return OwnDisk(file_system)


@pytest.mark.long
def test_disk_states(installed_node, recorded_disk, github, file_system):
    node = installed_node
    node.site.machine += f", {file_system.value}"
    recording = record(node, recorded_disk, github)
    node.site.expect(final=Final.MERGED)
    follow_up = FollowUp.of(recording, agents.load("zeta-self-register"))
    with (
        node.site.phase("every state of the disk"),
        Campaign(recording, follow_up, node.site.disks) as campaign,
    ):
        campaign.run()
        node.site.add(campaign.result())
        node.site.add(campaign.result_of_file_system())


def record(node: Node, recorded_disk: RecordedDisk, github) -> Recording:
    """One registration with nothing in its way."""
    log = node.site.disks / "writes.log"
    onlooker = Onlooker(log)
    world = first_world(node.site.registration, agent.TOKEN).at(round(time.time() * 1000))
    server = github(as_found(world), onlooker)
    server.gate(Match(user_agent=agent.PROGRAM), onlooker.pass_on)
    node.connect(server)
    node.machine.credentials = agent.BY_HAND
    starts = recorded_disk.begin(node, log)
    onlooker.watch(server)
    node.machine.run(f"systemctl start {agent.REGISTER_UNIT}", timeout=60, check=False)
    node.machine.run(f"mkdir -p {Path(agent.TURN).parent} && touch {agent.TURN}")
    for _ in range(TICKS):
        node.tick()
        if node.marker().get("state") == "registered":
            break
    else:
        raise HarnessError(f"the registration that is recorded has not ended after {TICKS} ticks")
    around = look_around(node)
    moments = onlooker.moments()
    node.off()
    assert node.site.registration is not None
    return Recording(recorded_disk.recorded(node), log, moments, node.site.registration, around, starts)


def look_around(node: Node) -> Surroundings:
    """What the agent sees of this machine."""
    lines = node.machine.run(agent.LOOK_AROUND).text.splitlines()
    files = {path: base64.b64decode(content) for path, _, content in (line.partition(" ") for line in lines)}
    printed = {words: node.machine.run(" ".join(words), check=False).stdout for words in agent.PRINTS}
    return Surroundings(files, printed)
