"""Install failure: an installation that did not finish registers nothing, whatever of it boots.

The step that installs the system fails, once before there is anything that boots, once after.  Not one request
reaches GitHub, neither from the installer nor from a boot of what is on the disk, and a forced tick of the steward
changes nothing.  Then the stick is used again, it works, and there is one pull request.
"""

from __future__ import annotations

import time

import agent
from bootproof.oracle import Final, Seeded
from stage import MAINTAINER, a_cluster, installed_before, only_pull, record_path, with_open_pulls

HELD = 77
# What UEFI firmware ends with when no disk boots: its shell, or this sentence.
FOUND_NOTHING = ["Shell> ", "No bootable option or device was found"]


def test_install_failure(blank_node, github, payload):
    node, server = blank_node, github()
    node.connect(server)
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)

    assert not node.install(payload, fail_before="install")
    node.machine.power_on()
    with node.site.phase("finds nothing to boot"):
        node.machine.console.expect(FOUND_NOTHING, timeout=60)
    node.cut("a machine that found nothing to boot")

    assert not node.install(payload, fail_after="install")
    node.boot()
    assert node.tick() == HELD
    assert "the installation is not complete" in node.journal(agent.STEWARD_UNIT)
    assert node.marker() == {}
    node.off()
    assert server.events() == [], "a failed installation reached GitHub"

    assert node.install(payload)
    node.boot()
    marker = node.registered()
    assert marker["pull_request"]["number"] == only_pull(server)
    node.off()


def test_the_old_installers_orphan_is_joined(installed_node, github):
    """A pull request that the old installer left behind, before it failed: its branch has a time in its name."""
    node = installed_node
    orphan = f"register-{node.name}-20260101T120000Z"
    server = github(with_open_pulls(a_cluster(time.time()), {orphan: record_path(node.name)}))
    node.connect(server)
    installed_before(node.site, open=(Seeded(1, f"acme:{orphan}", MAINTAINER),))
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)
    node.boot()
    marker = node.registered()
    assert marker["pull_request"]["branch"] == orphan
    assert [e for e in server.events() if e.type == "pull-request-opened"] == []
    assert len([e for e in server.events() if e.type == "comment-created"]) == 1
    node.off()
