"""The machine of all scenarios, and how the agent comes onto its disk: from the stick, or onto an installed system."""

from __future__ import annotations

from pathlib import Path

from bootproof import disk, installation, qemu
from bootproof.disk import Disk
from bootproof.guest import GuestFolder
from bootproof.machine import Record
from bootproof.verdict import HarnessError
from stage import an_installation, name_in, provisioning
from under_test import AgentUnderTest

MACHINE = "node-a"
"""Which hardware: the same name gives the same UUID, MAC address and serial numbers, so the same node name."""


def a_machine(
    described: GuestFolder, folder: Path, record: Record, forks: Path | None = None
) -> qemu.QemuMachine:
    """The machine of all scenarios; only its disks differ. The token is on them, so a site keeps them apart."""
    size = described.guest
    hardware = qemu.Hardware.named(MACHINE, memory=size.memory, cpus=size.cpus)
    return qemu.QemuMachine(MACHINE, folder, hardware=hardware, record=record, forks=forks)


def on_its_own(described: GuestFolder, folder: Path) -> qemu.QemuMachine:
    """The same machine for what is made once: no scenario's, and judged by none."""
    return a_machine(described, folder / MACHINE, lambda _: None)


def install(
    machine: qemu.QemuMachine, stick: GuestFolder, payload: bytes, folder: Path, of: AgentUnderTest
) -> tuple[tuple[Disk, ...], str]:
    """From the stick onto a blank disk."""
    machine.disks = (disk.blank(folder / "disk.raw"),)
    machine.insert_stick(stick)
    machine.power_on()
    machine.wait_for_shell()
    if not installation.install(machine, an_installation(payload, of=of), unit=stick.guest.installer or ""):
        raise HarnessError(f"the installation failed:\n{machine.console.last_lines()}")
    name = of.node or name_in(machine.console.text)
    machine.power_off()
    return tuple(machine.disks), name


def provision(
    machine: qemu.QemuMachine, described: GuestFolder, payload: bytes, of: AgentUnderTest
) -> tuple[tuple[Disk, ...], str]:
    """Onto a guest that is installed already: the agent is put there over the command port."""
    machine.load(described, name="provisioned")
    machine.power_on()
    machine.wait_for_shell()
    machine.wait_until("multi-user.target")
    machine.put_file("/root/payload.tar", payload)
    unpack = "tar -C / -x --keep-directory-symlink -f /root/payload.tar && rm /root/payload.tar"
    said = machine.run(f"{unpack} && {provisioning(of)}", timeout=120)
    machine.power_off()
    return tuple(machine.disks), of.node or name_in(said.text)
