"""Fresh install: a blank disk, a stick, and at the end one pull request, opened by the installed system.

The installer partitions the disk, unpacks the system, writes the intent into it instead of registering, and last of
all, after the file systems were synced, the stamp.  The machine starts by its own firmware.  The network comes
late, and the credentials are restored a while after that.  Then the node registers itself, once.
"""

from __future__ import annotations

import base64
import re

import agent
import pytest
import yaml
from bootproof.oracle import Final
from cluster import MAINTAINER_TOKEN, only_pull, record_path
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from field import configure
from mock_github import wire
from mock_github.step import step
from stage import WRITTEN, pull_in

pytestmark = pytest.mark.any_agent


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
    assert pull_in(marker) == number
    assert marker.get("state") == "pr-open"
    assert all(node.host.file(f"/{path}").exists for path in WRITTEN.values()), "each step's work is there"
    if node.is_ours:
        assert marker.get("boot_id") == boot_id
        assert_what_only_ours_promises(server, node, number)
    node.off()


def assert_what_only_ours_promises(server, node, number):
    """Late credentials, the cluster's record, a sandbox, and what is published for others."""
    assert node.host.service("zeta-creds-restore.service").systemd_properties["Result"] == "success"
    assert_right_content(server, node, number)
    assert_owned_by_the_service(node)
    assert_hardened(node)
    assert_told_to_others(node, number)
    assert_signs_in_the_sandbox(node)


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
    """The state folder and all in it belong to the service's user, who cannot log in; the token is not among it."""
    user, folder = node.host.user("zeta-self-register"), node.host.file(agent.KEPT_IN)
    assert user.shell.endswith("/nologin")
    assert (folder.user, folder.mode) == (user.name, 0o750)
    assert set(node.host.check_output("stat -c %%U %s/*", agent.KEPT_IN).split()) == {user.name}
    found = node.host.run("grep -rlF %s %s /run/log /var/log", agent.TOKEN, agent.KEPT_IN)
    assert found.stdout == "", "the token was written down"


MOST_EXPOSED = 1.5
"""systemd's measure: 0 for nothing that could be exposed, 10 for everything."""


def assert_hardened(node):
    """What the units leave exposed, by the guest's own systemd; the whole list stays with the evidence."""
    units = f"{agent.REGISTER_UNIT} {agent.STEWARD_UNIT}"
    listed = node.machine.run(f"systemd-analyze security --no-pager {units}").text
    (node.site.consoles / "security.txt").write_text(listed)
    found = re.findall(r"Overall exposure level for (\S+): (\S+)", listed)
    exposed = {unit: float(exposure) for unit, exposure in found}
    for unit in units.split():
        assert exposed[unit] <= MOST_EXPOSED, f"{unit}: {exposed[unit]}"
        assert node.host.service(unit).systemd_properties["LimitCORE"] == "0"


TOLD = """
cluster_state_folder = "/run/zeta-cluster-state"
metrics_file = "/run/zeta-self-register/zeta_self_register.prom"
"""


def assert_told_to_others(node, number):
    """From inside the sandbox, for any user to read; and it is there between the runs."""
    configure(node, TOLD)
    node.tick()
    folder = f"/run/zeta-cluster-state/nodes/{node.name}"
    as_anybody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    marker = node.machine.run(f"{as_anybody} cat {folder}/self-registered.marker").text
    assert "state=pr-opened" in marker.splitlines()
    metrics = node.machine.run(f"{as_anybody} cat /run/zeta-self-register/zeta_self_register.prom").text
    assert f"zeta_self_register_pull_request {number}" in metrics.splitlines()
    lock = node.machine.run(f"{as_anybody} cat {folder}/register-pr-in-flight.lock").text
    assert "ttl=3600" in lock.splitlines()
    for path, mode in ((folder, 0o755), (f"{folder}/last-seen.iso", 0o644)):
        shown = node.host.file(path)
        assert (shown.user, shown.mode) == ("zeta-self-register", mode)


def assert_signs_in_the_sandbox(node):
    """A GitHub App's key comes as a credential and signs; GitHub has not heard of the App, and says so."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    node.machine.put_file("/etc/zeta-self-register/github-app-key.pem", key, 0o600)
    configure(node, "app_id = 7\napp_installation_id = 21\n")
    assert node.tick() == 77
    assert "GitHub gives the App no token" in node.journal(agent.STEWARD_UNIT)
