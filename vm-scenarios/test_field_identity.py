"""Who is who: a machine that is installed again, gets another name, or whose disk wakes up in another machine.

GitHub is the truth and the marker a receipt: without it the machine finds what is its own, with it it has nothing to
do. What is another machine's, or may be, is left alone until the operator says so.
"""

from __future__ import annotations

import agent
import field
import pytest
from bootproof import qemu
from bootproof.oracle import Final, Window
from cluster import MAINTAINER, checked, only_pull, record_path
from field_github import goes_on, happened, on_main, unplugged
from msgspec.structs import replace
from stage import pull_in, registration

pytestmark = pytest.mark.long


@pytest.mark.parametrize("left", ["pull-request", "record"])
def test_reinstalled_without_its_marker(left, installed_node, waiting, github):
    """Its state folder is gone: it joins the pull request that is open, or finds its record, and makes nothing new."""
    node, server = installed_node, github()
    goes_on(node, waiting, server)
    assert field.register(node).status == agent.DONE
    number = only_pull(server)
    if left == "record":
        checked(server, number, "success")
        server.as_user(MAINTAINER).merge(agent.REPOSITORY, number)
    unplugged(node, "to be installed again")

    goes_on(node, waiting, server)
    node.site.timeline.point("installed again")
    assert node.marker() == {}
    assert field.register(node).status == agent.DONE
    comments = happened(server, "comment-created")
    if left == "record":
        node.site.expect(final=Final.MERGED, only_reads=(Window("installed again", ""),))
        assert node.marker().get("state") == "registered"
        assert comments == []
    else:
        node.site.expect(final=Final.EXACTLY_ONE_OPEN)
        assert pull_in(node.marker()) == only_pull(server) == number
        assert comments == [("comment-created", number)], "it says that it joins it"
    node.keep_journal()


def test_reinstalled_with_its_marker(installed_node, waiting, github):
    """It is restored with the credentials: nothing is registered, and the steward goes on from there."""
    node, server = installed_node, github()
    goes_on(node, waiting, server)
    assert field.register(node).status == agent.DONE
    kept = node.machine.run(f"tar -C / -cf - {agent.KEPT_IN[1:]}").stdout
    unplugged(node, "to be installed again")

    goes_on(node, waiting, server)
    node.machine.run("tar -C / -xf -", stdin=kept)
    node.restart("orderly")  # so that the marker is of another boot than this one
    node.site.timeline.point("restored")
    node.site.expect(
        no_requests=(Window("restored", "", user_agent=r"\(register\)"),),
        final=Final.MERGED,
    )
    node.machine.run(f"systemctl start {agent.REGISTER_UNIT}")
    assert not node.started(agent.REGISTER_UNIT), "its condition skips it"

    checked(server, only_pull(server), "success")
    assert field.steward(node).status == agent.DONE
    assert node.marker().get("state") == "registered"
    assert happened(server, "comment-created") == []
    node.keep_journal()


NEW = "edge-7"


def test_new_name(installed_node, waiting, github, spoilt):
    """The same hardware under another name is held until `rename`; then one pull request moves the record."""
    node, server = installed_node, github()
    old = record_path(node.name)
    goes_on(node, waiting, server, spoilt)
    record = node.machine.run("zeta-self-register compose").stdout
    server.as_user(MAINTAINER).push_file(agent.REPOSITORY, old, record)
    named = (
        f"zeta-self-register intent --operator {agent.OPERATOR} --repository {agent.REPOSITORY} --node {NEW}"
    )
    node.machine.run(named)
    node.site.registration = replace(registration(NEW), also_paths=(old,))
    node.site.expect(states={"held": Final.NONE}, final=Final.MERGED)

    assert field.register(node).status == agent.HELD
    expected = (
        f"this machine is {node.name!r} of {agent.OPERATOR!r} already ({old}): `zeta-self-register rename`"
    )
    assert expected in field.said_by(node, agent.REGISTER_UNIT)
    assert field.steward(node).status == agent.HELD
    node.site.timeline.point("held")

    node.machine.run("zeta-self-register rename --yes", timeout=60)
    number = only_pull(server)
    assert on_main(server, old) == record, "until it is merged"
    checked(server, number, "success")
    assert field.steward(node).status == agent.DONE
    assert on_main(server, old) is None
    assert on_main(server, record_path(NEW)) is not None
    assert node.marker().get("node") == NEW
    node.keep_journal()


def test_cloned_disk(installed_node, waiting, github, spoilt):
    """The same disk in another machine, marker and all: it is held, writes nothing, and says what to do."""
    node, server = installed_node, github()
    goes_on(node, waiting, server, spoilt)
    assert field.register(node).status == agent.DONE
    number = only_pull(server)
    unplugged(node, "its disk goes into another machine")

    own = node.machine.hardware
    node.machine.hardware = qemu.Hardware.named("node-b", memory=own.memory, cpus=own.cpus)
    node.boot()
    node.site.timeline.point("cloned")
    node.site.expect(
        no_requests=(Window("cloned", "its marker removed"),),
        only_reads=(Window("its marker removed", ""),),
        final=Final.EXACTLY_ONE_OPEN,
    )
    assert field.steward(node).status == agent.HELD
    assert "the marker is of another machine" in field.said_by(node, agent.STEWARD_UNIT)
    assert "if this disk was cloned or moved, remove the marker" in field.said_by(node, agent.STEWARD_UNIT)
    assert not node.started(agent.REGISTER_UNIT), "the marker is there"

    node.machine.run(f"rm {agent.MARKER}")
    node.site.timeline.point("its marker removed")
    assert field.register(node).status == agent.HELD
    assert f"#{number} is open on this node's branch but is not this machine's" in field.said_by(
        node, agent.REGISTER_UNIT
    )
    assert "give this machine another name" in field.said_by(node, agent.REGISTER_UNIT)
    assert node.marker() == {}
    node.keep_journal()
