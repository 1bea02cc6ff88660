"""The field, clock: it stands in 1970, years behind or far ahead, so that no certificate verifies; or is just wrong.

The first waits until the clock is right, and says so, whether it was set wrong or the machine booted with it. The
second is no reason to wait: what the node writes down is GitHub's time, not its own.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import agent
import field
import msgspec
import pytest
import yaml
from bootproof.oracle import Final
from cluster import record_path

DAY = 86_400.0
YEAR = 365 * DAY
IN_1970 = DAY
"""The second day of 1970: the kernel keeps the clock above the time since its start."""


@pytest.mark.long
@pytest.mark.parametrize(
    ("clock", "words"),
    [
        (lambda: IN_1970, ("clock stands in the past", "waits until it is set")),
        (lambda: time.time() + 40 * YEAR, ("clock stands far ahead", "waits until it is set")),
        (lambda: time.time() - YEAR, ("certificate does not verify", "clock")),
        (lambda: time.time() + 4 * YEAR, ("certificate does not verify", "clock")),
    ],
    ids=["in-1970", "far-ahead", "last-year", "years-ahead"],
)
def test_no_certificate_can_be_checked(clock, words, installed_node, waiting, github):
    """Nothing is sent until the clock is set."""
    node, server = installed_node, github()
    field.not_one_request(node)
    field.go_on(node, waiting, server)
    field.set_clock(node, clock())
    field.register(node).is_told(agent.NOT_NOW, "GitHub is not reached", *words)
    field.trouble_ends(node)
    field.set_clock(node, time.time())
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
def test_boots_with_an_empty_battery(installed_node, github):
    """A real boot in 1970, of which systemd makes the day it was built; once the clock is set, nobody has to come."""
    node, server = installed_node, github()
    node.connect(server)
    node.emulator.hardware = msgspec.structs.replace(node.emulator.hardware, clock="1970-01-02T00:00:00")
    field.not_one_request(node)
    node.boot()
    node.wait_for_run(agent.REGISTER_UNIT)
    field.last_run(node, agent.REGISTER_UNIT).is_told(agent.NOT_NOW, "GitHub is not reached", "clock")
    field.boot_is_well(node)
    field.trouble_ends(node)
    field.set_clock(node, time.time())
    field.opens_by_itself(node, server)
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
@pytest.mark.parametrize("wrong_by", [-DAY, DAY], ids=["a-day-behind", "a-day-ahead"])
def test_wrong(wrong_by, installed_node, waiting, github):
    """It registers at once, and both the record and the marker have GitHub's time."""
    node, server = installed_node, github()
    node.site.expect(final=Final.MERGED)
    field.go_on(node, waiting, server)
    before = time.time()
    field.set_clock(node, before + wrong_by)
    assert field.register(node).status == agent.DONE
    marker = field.is_merged(node, server)
    for text in (marker["written_at"], registered_at(server, node)):
        written = datetime.fromisoformat(text).astimezone(UTC).timestamp()
        assert before - 2 <= written <= time.time() + 2, f"{text} is not GitHub's time"
    node.off()


def registered_at(server, node):
    """When the node was registered, as its record says."""
    git, main = server.world.git, server.world.repository(agent.REPOSITORY).branch("main")
    _, blob = git.find(git.commit(main).tree, record_path(node.name))
    return yaml.safe_load(git.blob(blob))["spec"]["registration"]["timestamp"]
