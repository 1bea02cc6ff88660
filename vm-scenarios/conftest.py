"""The machines and the mock GitHub that the scenarios ask for; the same for every kind of machine."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import agent
import pytest
import trustme
from bootproof import disk, guest, installation, qemu
from bootproof.disk import Disk
from bootproof.evidence import Site
from bootproof.guest import GuestFolder
from mock_github.server import MockServer
from mock_github.world import World
from stage import (
    Node,
    Recorder,
    a_cluster,
    an_installation,
    installed_before,
    name_in,
    registration,
)

MACHINE = "node-a"
"""Which hardware: the same name gives the same UUID, MAC address and serial numbers, so the same node name."""


def cache_folder() -> Path:
    """Where what is built once is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bootproof"


@pytest.fixture(scope="session")
def stick(guest_folder: Path) -> GuestFolder:
    """The guest that installs."""
    loaded = guest.load(guest_folder)
    if loaded.guest.stage is not guest.Stage.INSTALLER:
        pytest.skip(f"{loaded.guest.name} is installed already: it has no installer to be watched")
    return loaded


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Signs every mock of this run, so that a disk that was installed once trusts the next one too."""
    return trustme.CA()


@pytest.fixture(scope="session")
def payload(stick: GuestFolder, authority: trustme.CA) -> bytes:
    """The agent with its settings, as a tar archive that the installer unpacks over the new system."""
    python = agent.Python(stick.guest.python or "3.13", stick.guest.architecture)
    return pack(agent.build(cache_folder(), python), authority.cert_pem.bytes())


def pack(files: Path, ca_pem: bytes) -> bytes:
    """The archive; all of it belongs to root."""

    def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        return member

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry in sorted(files.iterdir()):
            archive.add(entry, arcname=entry.name, filter=as_root)
        for name, content, mode in (
            ("etc/zeta-self-register/settings.toml", agent.settings().encode(), 0o644),
            (agent.CA_FILE.lstrip("/"), ca_pem, 0o644),
            ("var/lib/creds-blob", agent.hosts_yml(), 0o600),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def github(site: Site, authority: trustme.CA) -> Iterator[Callable[[World | None], MockServer]]:
    """Starts the mock with a world (by default an empty cluster's); everything it sees is in the site's event log."""
    running: list[MockServer] = []

    def start(world: World | None = None) -> MockServer:
        server = MockServer(world or a_cluster(time.time()), event_log=site.event_log, authority=authority)
        server.start()
        running.append(server)
        site.follow(server)
        site.secret(agent.TOKEN)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def node(site: Site, stick: GuestFolder) -> Iterator[Node]:
    """A machine with nothing in it: no disk, no network."""
    site.machine = stick.guest.name
    hardware = qemu.Hardware.named(MACHINE, memory=stick.guest.memory, cpus=stick.guest.cpus)
    recorder = Recorder(site)
    with qemu.QemuMachine(MACHINE, site.consoles / MACHINE, hardware=hardware, record=recorder) as machine:
        yield Node(machine, recorder, stick)


@pytest.fixture
def blank_node(node: Node) -> Node:
    """A machine with a blank disk."""
    node.machine.disks = (disk.blank(node.site.disks / "disk.raw"),)
    return node


@pytest.fixture
def installed_node(node: Node, installed: tuple[Disk, str]) -> Node:
    """A machine whose disk was installed completely and has never been booted."""
    base, name = installed
    node.machine.disks = (base.fork(node.site.disks / "disk.qcow2"),)
    node.name = name
    node.site.registration = registration(name)
    installed_before(node.site)
    return node


@pytest.fixture(scope="session")
def installed(
    stick: GuestFolder, payload: bytes, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Disk, str]:
    """A disk that was installed once in this worker, without any network, and the name of its node."""
    folder = tmp_path_factory.mktemp("installed")
    return _install(stick, payload, folder)


def _install(stick: GuestFolder, payload: bytes, folder: Path) -> tuple[Disk, str]:
    target = disk.blank(folder / "disk.raw")
    with qemu.QemuMachine(MACHINE, folder / MACHINE, hardware=qemu.Hardware.named(MACHINE)) as machine:
        machine.disks = (target,)
        machine.insert_stick(stick)
        machine.power_on()
        machine.wait_for_shell()
        if not installation.install(machine, an_installation(payload), unit=stick.guest.installer or ""):
            raise RuntimeError(f"the installation failed:\n{machine.console.last_lines()}")
        name = name_in(machine.console.text)
        machine.power_off()
    return target, name
