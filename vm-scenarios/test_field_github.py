"""GitHub in trouble: down, slow, limiting, or not itself.

A node comes up while GitHub is not as it should be. Its journal names what it waits for, nothing is written there, and
it exits with 75; once the trouble ends there is exactly one pull request, whatever became of an answer. Where GitHub
says when to come back, no request is sent before.
"""

from __future__ import annotations

import re
import time
from datetime import datetime

import agent
import field
import pytest
from bootproof.oracle import Final, Window
from bootproof.verdict import HarnessError
from cluster import only_pull
from field_github import goes_on, pause_left
from mock_github.faults import BadCertificate, Fault, FaultKind, Match
from stage import MOCK_ADDRESS, pull_in

pytestmark = pytest.mark.long

CREATION = Match(method="POST", path=r".*/pulls")
LOOK = Match(kind="graphql")
PATIENCE = 30
"""Seconds that the agent waits for an answer."""


def certificate(flaw):
    return Fault(kind=FaultKind.WRONG_CERTIFICATE, certificate=flaw)


TROUBLE = {
    "unavailable": (Fault(kind=FaultKind.ERROR_BEFORE, status=503, times=2), r"HTTP 503"),
    "hangs-up": (Fault(kind=FaultKind.DROP_BEFORE), r"GitHub gave no whole answer"),
    "never-answers": (Fault(kind=FaultKind.SLOW, match=LOOK, seconds=PATIENCE + 10), r"timed out"),
    "certificate-expired": (certificate(BadCertificate.EXPIRED), r"certificate has expired"),
    "certificate-of-another-name": (
        certificate(BadCertificate.OTHER_NAME),
        r"not valid for 'api\.github\.test'",
    ),
    "certificate-of-nobody-known": (
        certificate(BadCertificate.UNKNOWN_AUTHORITY),
        r"does not verify \(.*cert",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble(trouble, installed_node, waiting, github):
    """Before anything is asked for: nothing is there until it ends."""
    node, server = installed_node, github()
    fault, named = TROUBLE[trouble]
    server.add_fault(fault)
    goes_on(node, waiting, server)
    node.site.expect(states={"it ends": Final.NONE}, final=Final.EXACTLY_ONE_OPEN)

    assert field.register(node).status == agent.NOT_NOW
    assert re.search(named, field.said_by(node, agent.REGISTER_UNIT))
    for _ in range(1, fault.times):
        assert field.steward(node).status == agent.NOT_NOW
        assert re.search(named, field.said_by(node, agent.STEWARD_UNIT))
    node.site.timeline.point("it ends")

    assert field.steward(node).status == agent.NOT_NOW, "the pull request is open, and not merged yet"
    assert pull_in(node.marker()) == only_pull(server)
    node.keep_journal()


def test_refused(installed_node, waiting, github):
    """Nobody listens at its address."""
    node, server = installed_node, github()
    goes_on(node, waiting, server)
    node.site.expect(states={"it ends": Final.NONE}, final=Final.EXACTLY_ONE_OPEN)

    # While the address is the machine's own, its kernel refuses each connection.
    own = f"local {MOCK_ADDRESS} dev lo table local"
    node.machine.run(f"ip route add {own}")
    assert field.register(node).status == agent.NOT_NOW
    assert "GitHub is not reached: [Errno 111] Connection refused" in field.said_by(node, agent.REGISTER_UNIT)
    node.machine.run(f"ip route del {own}")
    node.site.timeline.point("it ends")

    assert field.steward(node).status == agent.NOT_NOW
    assert pull_in(node.marker()) == only_pull(server)
    node.keep_journal()


LOST = {
    "error-after-it-took-effect": (
        Fault(kind=FaultKind.ERROR_AFTER, match=CREATION, status=503),
        r"HTTP 503",
    ),
    "answered-too-late": (Fault(kind=FaultKind.SLOW, match=CREATION, seconds=PATIENCE + 10), r"timed out"),
}


@pytest.mark.parametrize("lost", LOST)
def test_lost_answer(lost, installed_node, waiting, github):
    """The pull request is made, and the node is not told: it finds it, and makes no other."""
    node, server = installed_node, github()
    fault, named = LOST[lost]
    server.add_fault(fault)
    goes_on(node, waiting, server)
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)

    assert field.register(node).status == agent.NOT_NOW
    assert re.search(named, field.said_by(node, agent.REGISTER_UNIT))
    assert node.marker() == {}, "it was not told, so it claims nothing"

    assert field.steward(node).status == agent.NOT_NOW
    assert pull_in(node.marker()) == only_pull(server)
    node.keep_journal()


def test_slow(installed_node, waiting, github):
    """Slow, but not too slow: one run is enough."""
    node, server = installed_node, github()
    server.add_fault(Fault(kind=FaultKind.SLOW, match=LOOK, seconds=PATIENCE / 2))
    server.add_fault(Fault(kind=FaultKind.SLOW, match=CREATION, seconds=PATIENCE / 2))
    goes_on(node, waiting, server)
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)

    assert field.register(node).status == agent.DONE
    assert pull_in(node.marker()) == only_pull(server)
    node.keep_journal()


PAUSE = 90
"""Seconds: in less, an emulated machine beside others might not even begin its next run."""
SLACK = 2
"""Of the pause: where GitHub names the end of an hour, it does so in whole seconds."""
LIMITS = {
    "primary": (
        Fault(kind=FaultKind.PRIMARY_LIMIT, retry_after=PAUSE),
        r"GitHub's hourly limit is used up: pauses (8\d|90) s",
    ),
    "secondary": (
        Fault(kind=FaultKind.SECONDARY_LIMIT, retry_after=PAUSE),
        r"GitHub asks for a pause: pauses 90 s",
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_limit(limit, installed_node, waiting, github):
    """At the first look."""
    node, server = installed_node, github()
    fault, named = LIMITS[limit]
    server.add_fault(fault)
    goes_on(node, waiting, server)
    waits_as_it_is_told(node, server, named)


def test_limit_at_the_pull_request(installed_node, waiting, github, spoilt):
    """GitHub limits how much is made in a minute: the branch is there, the pull request comes later."""
    node, server = installed_node, github()
    server.add_fault(Fault(kind=FaultKind.SECONDARY_LIMIT, match=CREATION, retry_after=PAUSE))
    goes_on(node, waiting, server, spoilt)
    waits_as_it_is_told(node, server, LIMITS["secondary"][1])


def waits_as_it_is_told(node, server, named):
    """It asks nothing before the time is over, and then there is one pull request."""
    node.site.expect(no_requests=(Window("told to wait", "the time is over"),), final=Final.EXACTLY_ONE_OPEN)

    assert field.register(node).status == agent.NOT_NOW
    node.site.timeline.point("told to wait")
    assert field.steward(node).status == agent.NOT_NOW
    waited = seconds_waited(server)
    assert waited >= PAUSE - SLACK, f"it asked again after {waited:.0f} s"
    if "GitHub asked for a pause" not in field.said_by(node, agent.STEWARD_UNIT):
        raise HarnessError(
            f"this machine is too slow for a pause of {PAUSE} s: it was over before the next run"
        )
    assert re.search(named, field.said_by(node, agent.REGISTER_UNIT))
    time.sleep(max(0.0, pause_left(node)))
    node.site.timeline.point("the time is over")

    assert field.steward(node).status == agent.NOT_NOW
    assert pull_in(node.marker()) == only_pull(server)
    node.keep_journal()


def seconds_waited(server):
    """From the answer that says so to the next request; without end while none has come."""
    events = server.events()
    (limited,) = (event.request for event in events if event.type == "fault-landed")
    told = next(n for n, event in enumerate(events) if (event.type, event.request) == ("response", limited))
    answered, *asked = (
        datetime.fromisoformat(e.at) for e in events[told:] if e is events[told] or e.type == "request"
    )
    return (asked[0] - answered).total_seconds() if asked else float("inf")
