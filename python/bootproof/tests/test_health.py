"""Whether a machine was in order, asked of a real one that is spoilt in one way after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bootproof import debian, guest, health
from bootproof.accelerator import Accelerator, Kind, probe
from bootproof.errors import MachineError
from bootproof.qemu import QemuMachine

CACHE = Path(__file__).parents[3] / ".cache" / "guests"
IMPATIENT = Accelerator(Kind.TCG, 2.0, "a hang is to be told soon")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[QemuMachine]:
    with QemuMachine("node-a", tmp_path) as machine:
        machine.insert_stick(guest.load(debian.build(CACHE)))
        machine.power_on()
        machine.wait_for_shell()
        machine.wait_until("network-online.target")
        yield machine


@pytest.mark.machine
@pytest.mark.timeout(600)
def test_each_trouble_is_told_by_its_name(machine: QemuMachine) -> None:
    assert health.trouble(machine) == ""

    machine.run("ip address flush scope global")
    assert health.trouble(machine).startswith("the guest has lost its network")
    machine.set_link(False)
    assert health.trouble(machine) == "", "its cable was pulled out: that is the scenario's will"

    machine.run("fallocate -l $(df -kP / | awk 'NR > 1 { print $4 }')K /full")
    assert health.trouble(machine) == "the guest's disk is full: nothing is left on /"
    machine.run("rm /full")
    machine.run("mkdir /own && fallocate -l $(df -kP / | awk 'NR > 1 { print $4 - 8 }')K /own/full")
    assert health.trouble(machine, ["/own"]) == "", "the program's own doing excuses it not"
    assert health.trouble(machine, ["/none"]).startswith("the guest's disk is full")
    machine.run("rm -r /own")

    usual, machine.accelerator = machine.accelerator, IMPATIENT
    machine._running().execute("stop")
    assert health.trouble(machine).startswith("the guest hangs: no answer to")
    machine._running().execute("cont")
    machine.accelerator = usual

    begun = time.monotonic()
    with pytest.raises(MachineError, match=r"the guest's kernel died(.|\n)*sysrq"):
        machine.run("echo c >/proc/sysrq-trigger", timeout=60)
    assert time.monotonic() - begun < 5 * probe().factor, "it was told at its time limit, not at once"
    assert health.trouble(machine) == "the guest's kernel died: sysrq triggered crash"

    machine.reset()
    machine.wait_until("network-online.target")
    assert health.trouble(machine) == "", "what an earlier boot died of is over"
