"""Reboot: a registered node may be restarted in any way, and nothing is registered again.

Six reboots in three ways after the registration: the register unit is skipped by its condition, no process of it
starts, the steward only reads.  And once in the middle of the registration itself: the answer to the creation of
the pull request is on its way when the power goes.
"""

from __future__ import annotations

import pytest
from bootproof.oracle import Final, Window
from cluster import only_pull
from mock_github.faults import Match
from replaying import all_landed
from stage import landing, pull_in
from under_test import Promise

pytestmark = pytest.mark.any_agent

WAYS = ("orderly", "reset", "power cut")
BOOT_SECONDS = 60
"""From switching on until the pull request is being created, on hardware."""


def test_reboot(installed_node, github):
    node, server = installed_node, github()
    node.connect(server)
    node.boot()
    marker = node.registered()
    number = only_pull(server)
    skipped = node.promises(Promise.SKIPPED)

    node.site.timeline.point("registered")
    node.site.expect(
        final=Final.EXACTLY_ONE_OPEN,
        only_reads=(Window("registered", ""),),
        no_requests=(Window("registered", "", user_agent=node.agent.user_agent),) if skipped else (),
    )
    if node.promises(Promise.FOLLOWS):
        timers = node.property(node.agent.tick_unit, "TriggeredBy").split()
        assert any(node.property(timer, "ActiveState") == "active" for timer in timers), "it will look again"
    for nth, way in enumerate(WAYS * 2):
        node.restart(way)
        if nth >= len(WAYS):
            node.tick()
        said = node.first_job(node.agent.unit)
        if skipped:
            # Until its turn comes, a unit's ConditionResult is "no" as well, and nothing of it has started.
            assert "skipped" in said
            assert not node.started(node.agent.unit)
        assert node.marker() == marker
    assert len(set(node.boots)) == 7
    assert only_pull(server) == number
    node.off()


def test_power_cut_while_the_pull_request_is_created(installed_node, github):
    node, server = installed_node, github()
    node.connect(server)
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)

    creation = Match(method="POST", path=r".*/pulls")
    gate, held = server.gate(creation), server.hold(creation)
    node.machine.power_on()
    request = gate.next(node.stretched(BOOT_SECONDS))
    request.let()
    held.wait(node.stretched(BOOT_SECONDS))
    node.cut("the answer to the creation of the pull request", landing(request.connected()))
    held.drop()
    gate.open()
    all_landed(node.site.timeline.events)

    node.boot()
    marker = node.registered()
    assert pull_in(marker) == only_pull(server)
    assert marker.get("state") == "pr-open"
    if node.is_ours:
        assert marker.get("boot_id") == node.boots[0], "written in the second boot, from what was read back"
    node.off()
