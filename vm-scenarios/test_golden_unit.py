"""Golden unit: the words that NixOS puts beside the shipped units have run under a real systemd, and register once.

`nixos-tests/golden` holds what the module yields for the default configuration, word by word. On a guest that is no
NixOS only one thing in it has no meaning: where a package lies in the Nix store. There, all packages lie in /usr.
"""

from __future__ import annotations

import re
from pathlib import Path

import agent
import pytest
from bootproof.guest import Stage
from bootproof.oracle import Final
from cluster import only_pull
from stage import pull_in

GOLDEN = Path(__file__).parent.parent / "nixos-tests/golden"
IN_STORE = re.compile(r"@[a-zA-Z0-9-]+@")
"""A package, as the golden texts name it; on a node it is the package's folder in the store."""
UNITS = (agent.REGISTER_UNIT, agent.STEWARD_UNIT, *agent.TIMERS)


def on_this_guest(text: str) -> str:
    """The same words, with every package in /usr."""
    return IN_STORE.sub("/usr", text)


def test_every_golden_text_is_a_units_and_only_packages_are_replaced():
    assert {path.name for path in GOLDEN.iterdir()} == {f"{unit}.d" for unit in UNITS}
    assert on_this_guest('Environment="PATH=@iproute2@/bin:@a-b@/sbin"\nX=/a@b') == (
        'Environment="PATH=/usr/bin:/usr/sbin"\nX=/a@b'
    )


def test_golden_unit(installed_node, waiting, github):
    described = installed_node.guest.guest
    if described.stage is not Stage.INSTALLER or "brings" in described.notes:
        pytest.skip("this guest's units are what its own system has made of them")
    node, server = installed_node, github()
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)
    node.connect(server)
    node.machine.credentials = agent.BY_HAND
    node.resume(waiting)
    put(node)
    assert verified(node) == []
    node.off()

    node.machine.credentials = {}
    node.boot()
    marker = node.registered()
    assert marker.get("state") == "pr-open"
    assert pull_in(marker) == only_pull(server)
    for unit in UNITS:
        assert f"/etc/systemd/system/{unit}.d/overrides.conf" in node.property(unit, "DropInPaths").split()
    for unit in (agent.REGISTER_UNIT, agent.STEWARD_UNIT):
        assert "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" in node.property(unit, "Environment")
        assert node.started(unit)
    node.off()


def put(node):
    """Where NixOS puts them; what is said here stays with the evidence."""
    shown = []
    for unit in UNITS:
        path = f"{unit}.d/overrides.conf"
        text = on_this_guest((GOLDEN / path).read_text())
        node.machine.put_file(f"/etc/systemd/system/{path}", text.encode())
        shown.append(f"# /etc/systemd/system/{path}\n{text}")
    (node.site.consoles / "golden-units.txt").write_text("\n".join(shown))
    node.machine.run("systemctl daemon-reload")


def verified(node) -> list[str]:
    """What the guest's systemd has to say against the units and what was put beside them."""
    done = node.machine.run(f"systemd-analyze verify --man=no {' '.join(UNITS)}", timeout=60, check=False)
    said = (done.stdout + done.stderr).decode().splitlines()
    (node.site.consoles / "verified.txt").write_text("\n".join([*said, f"exit status {done.exit_status}"]))
    return said if said or done.exit_status == 0 else [f"exit status {done.exit_status}"]
