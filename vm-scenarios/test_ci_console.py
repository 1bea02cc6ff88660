"""CI console: a cluster's own tests read on the serial console what becomes of the registration.

`zeta-self-register-ci.service` is enabled there: one JSON object a line, for each change, and it only looks.
"""

from __future__ import annotations

import json

import agent
from bootproof.oracle import Final
from cluster import checked, only_pull

SAYS = "zeta-self-register-ci.service"
EVERY_SECONDS = 30
"""How often it looks when nobody has anything to say."""


def test_ci_console(installed_node, waiting, github):
    node, server = installed_node, github()
    node.site.expect(final=Final.MERGED)
    node.connect(server)
    node.machine.credentials = agent.BY_HAND
    node.resume(waiting)
    node.machine.run(f"systemctl start {SAYS}", timeout=60)
    node.machine.console.expect('"row":"nothing-there"', 60)

    node.machine.run(f"systemctl start {agent.REGISTER_UNIT}", timeout=60, check=False)
    node.machine.console.expect('"pull_request":1,', 60 + EVERY_SECONDS)
    number = only_pull(server)
    checked(server, number)
    node.machine.run(f"mkdir -p {agent.TURN.rpartition('/')[0]} && touch {agent.TURN}")
    node.tick()
    node.machine.console.expect('"end":0,', 60 + EVERY_SECONDS)
    assert node.property(SAYS, "Result") == "success"
    said = said_on(node.machine.console.text)
    assert [one["end"] for one in said][-1] == 0
    assert [one["pull_request"] for one in said if one["pull_request"]] == [number]
    node.off()


def said_on(console):
    """Its lines, among whatever else is there."""
    lines = (line.strip() for line in console.splitlines())
    return [json.loads(line) for line in lines if line.startswith('{"end":')]
