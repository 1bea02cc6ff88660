"""A scenario of vm-scenarios, played on a machine of the NixOS test driver.

Three parties. The *driver* runs this and a mock GitHub, on its own loopback. The machine `github` has the mock's names
and passes on what comes to port 443 of it: the driver is 10.0.2.2 there. The machine under test knows nothing of this.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme
from bootproof.evidence import Site
from bootproof.guest import Guest, GuestFolder, Stage
from bootproof.report import explain
from bootproof.verdict import Verdict
from mock_github.server import MockServer
from mock_github.world import World

from nixos_driver.machine import Driven, DriversMachine

PORT = 8443
"""Where the mock listens; the relay on the machine `github` leads there."""
NODE = "node-a"


def play(machine: Driven, scenario: str, *, scenarios: str, authority: str, out: str) -> None:
    """Plays `test_SCENARIO` of the folder `scenarios`, and fails unless all of it was judged and holds.

    `authority` is a PEM file with the key and the certificate that the machine trusts; the evidence goes to `out`.
    """
    sys.path.insert(0, scenarios)
    function = f"test_{scenario.replace('-', '_')}"
    modules = ("stage", "cluster", "agent", function)
    stage, cluster, agent, story = (importlib.import_module(name) for name in modules)

    site = Site(Path(out).absolute() / scenario, scenario)
    site.machine = "nixos-driver"
    recorder = stage.Recorder(site)
    described = GuestFolder(Path("/"), Guest(name=site.machine, stage=Stage.INSTALLED, disks=("-",)))
    node = stage.Node(DriversMachine(machine, recorder), recorder, described, name=NODE)
    site.registration = stage.registration(NODE)
    stage.installed_before(site)

    mocks: list[MockServer] = []
    try:
        getattr(story, function)(node, _github(site, agent, cluster, Path(authority), mocks))
    finally:
        for mock in mocks:
            mock.stop()
    row = site.judged(finished=True)
    sys.stdout.write("\n".join([f"{scenario}: {row.verdict.value}", *explain(row), ""]))
    if row.verdict is not Verdict.HOLDS:
        raise AssertionError(f"{scenario}: {row.verdict.value}; the evidence is in {site.folder}")


def _github(
    site: Site, agent: Any, cluster: Any, authority: Path, mocks: list[MockServer]
) -> Callable[..., MockServer]:
    """What vm-scenarios' fixture of that name is, but at a port that the relay knows."""
    pem = authority.read_bytes()
    key, mark, certificate = pem.partition(b"-----BEGIN CERTIFICATE")

    def start(world: World | None = None) -> MockServer:
        signer = trustme.CA.from_pem(mark + certificate, key)
        begun = world or cluster.a_cluster(time.time())
        mock = MockServer(begun, event_log=site.event_log, authority=signer, port=PORT)
        mock.start()
        mocks.append(mock)
        site.follow(mock)
        site.secret(agent.TOKEN)
        return mock

    return start
