"""Install failure: an installation that did not finish registers nothing, whatever of it boots.

The step that installs the system fails, once before there is anything that boots, once after.  Not one request
reaches GitHub, neither from the installer nor from a boot of what is on the disk, and a forced tick of the steward
changes nothing.  Then the stick is used again, it works, and there is one pull request.
"""

from __future__ import annotations

import time

import agent
import pytest
from bootproof.firmware import FOUND_NOTHING
from bootproof.oracle import Final, Seeded
from cluster import MAINTAINER, a_cluster, only_pull, with_open_pulls
from stage import installed_before, pull_in
from under_test import Promise

pytestmark = pytest.mark.any_agent


def test_install_failure(blank_node, github, payload):
    node, server = blank_node, github()
    node.connect(server)
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)

    assert not node.install(payload, fail_before="install")
    node.machine.power_on()
    with node.site.phase("finds nothing to boot"):
        node.machine.console.expect([*FOUND_NOTHING], timeout=60)
    node.cut("a machine that found nothing to boot")

    assert not node.install(payload, fail_after="install")
    node.boot()
    status = node.tick()
    if node.is_ours:
        assert status == agent.HELD
        assert "the installation is not complete" in node.journal(node.agent.tick_unit)
    assert node.marker() == {}
    node.off()
    assert server.events() == [], "a failed installation reached GitHub"

    assert node.install(payload)
    node.boot()
    assert pull_in(node.registered()) == only_pull(server)
    node.off()


def test_the_old_installers_orphan_is_joined(installed_node, github):
    """A pull request that the old installer left behind, before it failed: its branch has a time in its name."""
    node = installed_node
    orphan, record = f"register-{node.name}-20260101T120000Z", node.site.registration.record
    server = github(with_open_pulls(a_cluster(time.time()), {orphan: record}))
    node.connect(server)
    installed_before(node.site, open=(Seeded(1, f"acme:{orphan}", MAINTAINER, (record,)),))
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)
    node.boot()
    assert pull_in(node.registered()) == 1
    assert [e for e in server.events() if e.type == "pull-request-opened"] == []
    if node.promises(Promise.COMMENTS):
        assert len([e for e in server.events() if e.type == "comment-created"]) == 1
    node.off()
