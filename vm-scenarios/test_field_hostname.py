"""The field, hostname: without an installer's intent the node is called what the machine is; not every name will do.

A name that many machines share, or that is no label, is refused with what to do about it: two machines would meet in
one record. When the machine has a name of its own, it registers under that.
"""

from __future__ import annotations

import agent
import field
import pytest
from stage import registration

OWN_NAME = "rack-3-node-7"


@pytest.mark.long
@pytest.mark.parametrize(
    ("hostname", "words"),
    [
        ("nixos", ("the default of `networking.hostName` in NixOS", "many machines share", "node_name")),
        ("localhost", ("what a machine without a name of its own is called", "node_name")),
        ("Rack_3", ("has 'R', '_'", "use `rack-3`", "node_name")),
    ],
    ids=["nixos", "localhost", "no-label"],
)
def test_shared(hostname, words, installed_node, waiting, github):
    node, server = installed_node, github()
    field.not_one_request(node)
    field.go_on(node, waiting, server)
    field.without_intent(node)
    field.call(node, hostname)
    field.register(node).is_told(agent.MISCONFIGURED, "hostname is no name for a node", *words)
    field.trouble_ends(node)
    field.call(node, OWN_NAME)
    node.name, node.site.registration = OWN_NAME, registration(OWN_NAME)
    marker = field.registers_once(node, server)
    assert (marker["node"], marker["operator"]) == (OWN_NAME, agent.OPERATOR)
    node.off()
