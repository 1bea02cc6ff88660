"""PR in flight: a pull request for this node is open, and the disk knows nothing of it.

It is joined: one comment over three boots, no twin, and when it is merged the marker says so.  All the while there
are a pull request of a node whose name begins like this one's, and more than two hundred others.  And a branch that
was left behind without a pull request is not taken for one.
"""

from __future__ import annotations

import time

import pytest
from bootproof.oracle import Final, Seeded
from cluster import MAINTAINER, OLD_RECORD, a_cluster, checked, only_pull, with_branch, with_open_pulls
from stage import installed_before, pull_in
from under_test import Promise

pytestmark = pytest.mark.any_agent

MANY = 205


def test_pr_in_flight(installed_node, github):
    node = installed_node
    ours, longer = node.site.registration, node.agent.registration(f"{node.name}-b")
    open_pulls = {
        ours.branch: ours.record,
        longer.branch: longer.record,
        **{f"topic-{n}": f"docs/topic-{n}/README.md" for n in range(MANY)},
    }
    server = github(with_open_pulls(a_cluster(time.time()), open_pulls))
    node.connect(server)
    installed_before(node.site, open=(Seeded(1, f"acme:{ours.branch}", MAINTAINER),))
    node.site.expect(final=Final.MERGED)

    node.boot()
    marker = node.registered()
    assert pull_in(marker) == 1
    assert marker.get("state") == "pr-open"
    for way in ("orderly", "power cut"):
        node.restart(way)
        node.tick()
    if node.promises(Promise.COMMENTS):
        comments = [event.number for event in server.events() if event.type == "comment-created"]
        assert comments == [1], "one comment, on this node's pull request"

    checked(server, 1)
    assert [e.number for e in server.events() if e.type == "pull-request-merged"] == [1]
    if node.promises(Promise.FOLLOWS):
        node.tick()
        assert node.marker().get("state") == "registered"
    node.off()


def test_a_branch_left_behind_without_a_pull_request(installed_node, github):
    node = installed_node
    ours = node.site.registration
    record = {ours.record: OLD_RECORD.format(node=node.name)}
    server = github(with_branch(a_cluster(time.time()), ours.branch, record))
    node.connect(server)
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)
    node.boot()
    assert pull_in(node.registered()) == only_pull(server)
    node.off()
