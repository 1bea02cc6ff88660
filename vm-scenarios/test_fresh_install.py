"""Fresh install: a blank disk, a stick, and at the end one pull request, opened by the installed system.

The installer partitions the disk, unpacks the system, writes the intent where it used to register, and last of
all, after the file systems were synced, the stamp.  The machine starts by its own firmware.  The network comes
late, and the credentials are restored a while after that.  Then the node registers itself, once.
"""

from __future__ import annotations

import base64

import agent
import yaml
from bootproof.oracle import Final
from mock_github import wire
from mock_github.step import step
from stage import MAINTAINER_TOKEN, only_pull, record_path


def test_fresh_install(blank_node, github, payload):
    node, server = blank_node, github()
    node.connect(server)
    node.site.expect(
        final=Final.EXACTLY_ONE_OPEN,
        order=("install-started", "install-finished", "boot", "multi-user", "pull-request-opened"),
    )

    assert node.install(payload)
    assert server.events() == [], "the installer talked to GitHub"

    boot_id = node.boot(network=False)
    assert server.events() == [], "something reached GitHub before there was a network"
    node.machine.set_link(True)
    marker = node.registered()

    number = only_pull(server)
    assert marker["state"] == "pr-open"
    assert marker["pull_request"]["number"] == number
    assert marker["boot_id"] == boot_id
    assert node.property("zeta-creds-restore.service", "Result") == "success"
    assert_right_content(server, node, number)
    assert_owned_by_the_service(node)
    node.off()


def assert_right_content(server, node, number):
    """The pull request adds the node's own record and nothing else, and a real `git` gets the same from a clone."""
    repository = f"/repos/{agent.REPOSITORY}"
    files = asked(server, f"{repository}/pulls/{number}/files")
    assert [(file["filename"], file["status"]) for file in files] == [(record_path(node.name), "added")]
    pull = asked(server, f"{repository}/pulls/{number}")
    assert pull["title"] == f"feat(node-register): {node.name} self-registers"
    assert pull["head"]["ref"] == f"register-node-{node.name}"
    content = asked(server, f"{repository}/contents/{record_path(node.name)}?ref={pull['head']['ref']}")
    record = yaml.safe_load(base64.b64decode(content["content"]))
    assert record["metadata"]["name"] == node.name
    mac = node.machine.run("cat /sys/class/net/e*/address").text
    assert record["spec"]["hardware"]["network"]["mac"] == mac
    assert record["spec"]["hardware"]["kernel"] == node.machine.run("uname -r").text


def asked(server, target):
    """What GitHub shows a maintainer, without leaving a trace in the log."""
    _, answer, _ = step(server.world, wire.request("GET", target, token=MAINTAINER_TOKEN))
    assert answer.status == 200, answer.body
    return answer.json()


def assert_owned_by_the_service(node):
    """The state folder and all in it belong to the service's user, and the token is not among it."""
    owners = node.machine.run("stat -c %U /var/lib/zeta-self-register /var/lib/zeta-self-register/*").text
    assert set(owners.split()) == {"zeta-self-register"}
    found = node.machine.run(
        f"grep -rlF {agent.TOKEN} /var/lib/zeta-self-register /run/log /var/log", check=False
    )
    assert found.text == "", "the token was written down"
