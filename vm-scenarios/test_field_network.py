"""The field, network: absent for a whole boot, late, flapping, a sign-in page; and a cluster that is away.

The boot does not wait for any of it. What is missing is named, GitHub's token is shown to nobody else, and once the
network is what it should be the node registers itself.
"""

from __future__ import annotations

import ssl
import time

import agent
import field
import pytest
import trustme
from bootproof.network import Forward
from bootproof.oracle import Final
from field_portal import Portal
from mock_github.faults import Fault, FaultKind, Match
from mock_github.server import MockServer
from mock_github.world import empty_world

GIVES_UP = {"systemd.unit-dropin.systemd-networkd-wait-online.service": b"[Service]\nTimeoutStartSec=20\n"}
"""Two minutes otherwise: what follows is the same."""
NOT_REACHED = "GitHub is not reached", "waits for the network"
PORTAL_ADDRESS = "10.0.2.103"
CLUSTER_ADDRESS, CLUSTER_NAME, CLUSTER_PORT = "10.0.2.104", "cluster.test", 6443


@pytest.mark.long
@pytest.mark.parametrize("comes", ["later", "at-the-next-boot"])
def test_absent(comes, installed_node, github):
    """A real boot without any network; the node finds it by itself when it comes."""
    node, server = installed_node, github()
    node.connect(server)
    node.machine.credentials = GIVES_UP
    field.not_one_request(node)
    node.boot(network=False)
    node.wait_for_run(agent.REGISTER_UNIT)
    field.last_run(node, agent.REGISTER_UNIT).is_told(agent.NOT_NOW, *NOT_REACHED)
    field.boot_is_well(node, but="systemd-networkd-wait-online.service")
    field.boot_did_not_wait(node)
    field.trouble_ends(node)
    if comes == "later":
        node.machine.set_link(True)
    else:
        node.off()
        node.boot()
    field.opens_by_itself(node, server)
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
def test_flapping(installed_node, waiting, github):
    """The cable is out for a moment while each of the three writes is on its way: they arrive all the same, once."""
    node, server = installed_node, github()
    node.site.expect(final=Final.MERGED)
    field.go_on(node, waiting, server)
    writes = [server.gate(match) for match in (field.CREATES_BRANCH, field.COMMITS, field.OPENS_PULL)]
    node.runs.begin("register")
    for gate in writes:
        request = gate.next(node.stretched(field.REQUEST_SECONDS))
        field.unplug(node)
        request.let()
        field.plug_in(node)
    assert field.ended(node, agent.REGISTER_UNIT).status == agent.DONE
    field.is_merged(node, server)
    node.off()


@pytest.mark.long
def test_gone_for_longer_than_a_request(installed_node, waiting, github):
    """The cable is pulled while the pull request is being created: the run gives up, the pull request is there."""
    node, server = installed_node, github()
    node.site.expect(final=Final.MERGED)
    field.go_on(node, waiting, server)
    creation, request = field.creation_on_its_way(node, server)
    field.unplug(node)
    request.let()
    field.ended(node, agent.REGISTER_UNIT).is_told(agent.NOT_NOW, "GitHub gave no whole answer")
    assert node.marker() == {}, "nothing was read back"
    field.steward(node).is_told(agent.NOT_NOW, *NOT_REACHED)
    field.plug_in(node)
    creation.open()
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
@pytest.mark.parametrize("speaks", ["its-own-tls", "no-tls"])
def test_portal(speaks, installed_node, waiting, github):
    """GitHub's name leads to a sign-in page, until somebody signs in; it is never shown the token."""
    node, server = installed_node, github()
    field.not_one_request(node)
    context = its_own_tls() if speaks == "its-own-tls" else None
    with Portal(context) as portal:
        field.go_on(node, waiting, server, Forward(PORTAL_ADDRESS, 443, portal.port))
        field.names_lead_to(node, PORTAL_ADDRESS, "github.test", "api.github.test")
        field.register(node).is_told(agent.NOT_NOW, *NOT_REACHED, "sign-in")
        assert portal.connections, "nobody came to the sign-in page"
        assert not portal.heard(b"HTTP/1"), "it was asked something"
        field.trouble_ends(node)
        field.names_are_right(node)
        field.registers_once(node, server)
        node.off()


def its_own_tls():
    """A certificate for the right name, by nobody whom the node trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("api.github.test").configure_cert(context)
    return context


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (FaultKind.REDIRECT, agent.MISCONFIGURED, ("redirect", "elsewhere.invalid")),
        (FaultKind.NOT_JSON, agent.NOT_NOW, ("not JSON",)),
    ],
    ids=["redirects", "answers-with-a-page"],
)
def test_proxy(kind, status, words, installed_node, waiting, github):
    """Somebody whose certificate the node has to trust answers in GitHub's place: no redirect is followed, no page is
    taken for an answer."""
    node, server = installed_node, github()
    field.not_one_write(node)
    field.go_on(node, waiting, server)
    server.add_fault(Fault(kind=kind, match=Match(user_agent=agent.PROGRAM)))
    field.register(node).is_told(status, *words)
    field.trouble_ends(node)
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
def test_cluster_away(installed_node, waiting, github, authority):
    """The settings name two places of the cluster: the registration is begun when both of them answer."""
    node, server = installed_node, github()
    field.not_one_write(node)
    api = MockServer(empty_world(clock=time.time()), names=(CLUSTER_NAME,), authority=authority)
    with api:
        field.go_on(node, waiting, server, Forward(CLUSTER_ADDRESS, CLUSTER_PORT, api.port))
    # From here on nobody is behind that address until it is started again.
    field.names_lead_to(node, CLUSTER_ADDRESS, CLUSTER_NAME)
    url, port = f"https://{CLUSTER_NAME}:{CLUSTER_PORT}/healthz", "127.0.0.1:9345"
    field.configure(node, f'cluster = ["{port}", "{url}"]\n')
    field.register(node).is_told(agent.NOT_NOW, "the cluster is not reached", port, url)
    listens = f"systemd-socket-activate --listen={port} --accept --inetd cat"
    node.machine.run(f"systemd-run --quiet --unit=joins {listens}")
    with_only_one = field.steward(node)
    with_only_one.is_told(agent.NOT_NOW, "the cluster is not reached", url)
    assert port not in with_only_one.said
    field.trouble_ends(node)
    with MockServer(
        empty_world(clock=time.time()), names=(CLUSTER_NAME,), authority=authority, port=api.port
    ):
        field.registers_once(node, server)
    node.off()
