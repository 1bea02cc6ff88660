"""People and the pull request: they close it, merge it at once, let its checks come late, remove the record later.

What a person wants is respected, and what was only waited for is seen to its end: one merged pull request, a closed one
that stays closed, or a new one when the record was taken away and a day has passed.
"""

from __future__ import annotations

import time

import agent
import field
import pytest
from bootproof.oracle import Final, Window
from cluster import MAINTAINER, a_cluster, checked, only_pull, record_path
from field_github import DAY, goes_on, happened, on_main, passes
from mock_github.faults import Match
from mock_github.world import World
from msgspec.structs import replace
from replaying import Clock
from stage import pull_in

pytestmark = pytest.mark.long

LIFETIME = 300.0
"""The agent's `request_lifetime_seconds`: so long a look may be stale."""


def test_closed_and_closed_again(installed_node, waiting, github):
    """Reopened once, with a comment that says why; whoever closes it again means it."""
    node, server = installed_node, github()
    maria = server.as_user(MAINTAINER)
    goes_on(node, waiting, server)
    node.site.expect(states={"closed once": Final.EXACTLY_ONE_OPEN}, final=Final.CLOSED)
    assert field.register(node).status == agent.DONE
    number = only_pull(server)

    maria.close(agent.REPOSITORY, number)
    assert field.steward(node).status == agent.NOT_NOW
    node.site.timeline.point("closed once")

    maria.close(agent.REPOSITORY, number)
    assert field.steward(node).status == agent.HELD
    assert f"#{number} was closed again after it had been reopened" in field.said_by(node, agent.STEWARD_UNIT)
    assert "`zeta-self-register reset` allows a new registration" in field.said_by(node, agent.STEWARD_UNIT)
    assert node.marker().get("state") == "held"
    kinds = ("pull-request-closed", "pull-request-reopened", "comment-created")
    both = ["pull-request-closed", "pull-request-reopened", "comment-created"]
    done = [type_ for type_, _ in happened(server, *kinds)]
    assert done == [*both, "pull-request-closed", "comment-created"]

    node.site.timeline.point("held")
    node.site.expect(only_reads=(Window("held", ""),))
    assert field.steward(node).status == agent.HELD, "it says so as long as it is so"
    node.keep_journal()


@pytest.mark.parametrize("branch", ["kept", "deleted"])
def test_merged_at_once(branch, installed_node, waiting, github):
    """Merged before the node has even heard that it was opened, and the branch is not missed."""
    node, server = installed_node, github()
    maria = server.as_user(MAINTAINER)
    goes_on(node, waiting, server)
    node.site.expect(final=Final.MERGED, only_reads=(Window("merged", ""),))

    told = server.hold(Match(method="POST", path=r".*/pulls"))
    node.runs.begin("register")
    told.wait(node.stretched(field.REQUEST_SECONDS))
    number = only_pull(server)
    checked(server, number, "success")
    maria.merge(agent.REPOSITORY, number)
    if branch == "deleted":
        maria.delete_branch(agent.REPOSITORY, f"register-node-{node.name}")
    node.site.timeline.point("merged")
    told.release()

    assert field.ended(node, agent.REGISTER_UNIT).status == agent.DONE
    assert node.marker().get("state") == "registered"
    assert field.steward(node).status == agent.DONE
    node.keep_journal()


@pytest.mark.parametrize("auto_merge", ["armed", "not-allowed"])
def test_checks_that_come_late(auto_merge, installed_node, waiting, github):
    """They fail first and are green much later: GitHub merges it then, or the node does, where nothing may be armed."""
    node, clock = installed_node, Clock()
    server = github(auto_merge_allowed(auto_merge == "armed"), clock)
    goes_on(node, waiting, server)
    node.site.expect(final=Final.MERGED)
    assert field.register(node).status == agent.DONE
    number = only_pull(server)

    checked(server, number, "failure")
    assert field.steward(node).status == agent.NOT_NOW
    armed = happened(server, "auto-merge-enabled")
    assert armed == ([("auto-merge-enabled", number)] if auto_merge == "armed" else [])
    passes(node, clock, 3 * DAY)
    checked(server, number, "success")
    if auto_merge == "armed":
        assert happened(server, "pull-request-merged"), "GitHub merges it, with nobody's help"

    assert field.steward(node).status == agent.DONE
    assert happened(server, "pull-request-merged") == [("pull-request-merged", number)]
    assert node.marker().get("state") == "registered"
    node.keep_journal()


def auto_merge_allowed(allowed: bool) -> World:
    """The cluster, whose repository allows auto-merge or not."""
    world = a_cluster(time.time())
    repository = world.repository(agent.REPOSITORY)
    return world.with_stored(replace(repository, auto_merge_allowed=allowed))


def test_record_removed_later(installed_node, waiting, github, spoilt):
    """It is noticed, and repaired by one new pull request, but not within a day of the last one."""
    node, clock = installed_node, Clock()
    server = github(clock=clock)
    maria = server.as_user(MAINTAINER)
    goes_on(node, waiting, server, spoilt)
    node.site.expect(
        states={"merged": Final.MERGED},
        only_reads=(Window("removed", "a day later"),),
        final=Final.EXACTLY_ONE_OPEN,
    )
    assert field.register(node).status == agent.DONE
    first = only_pull(server)
    checked(server, first, "success")
    assert field.steward(node).status == agent.DONE, "all is green, so it merges"
    assert node.marker().get("state") == "registered"
    node.site.timeline.point("merged")

    passes(node, clock, LIFETIME)
    maria.delete_file(agent.REPOSITORY, record_path(node.name))
    node.site.timeline.point("removed")
    assert field.steward(node).status == agent.NOT_NOW
    assert f"node.yaml is gone from 'main', but #{first} was opened lately" in field.said_by(
        node, agent.STEWARD_UNIT
    )

    passes(node, clock, DAY - LIFETIME)
    node.site.timeline.point("a day later")
    assert field.steward(node).status == agent.NOT_NOW
    assert happened(server, "pull-request-opened") == [
        ("pull-request-opened", first),
        ("pull-request-opened", first + 1),
    ]
    assert on_main(server, record_path(node.name)) is None, "not merged yet"
    assert pull_in(node.marker()) == first + 1
    node.keep_journal()
