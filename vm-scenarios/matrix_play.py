"""What happens in a row of the installer matrix: the installation ends before its time; then a person comes.

A person boots the disk. If nothing of use is there, or it says that the installation is not complete, he boots the
stick again, and this time it works.
"""

from __future__ import annotations

import enum
import re
from pathlib import Path

import agent
import stepwise
from bootproof import disk, installation
from bootproof.firmware import FOUND_NOTHING
from bootproof.guest import GuestFolder
from bootproof.installation import STEPS
from bootproof.timeline import MachineKind
from bootproof.verdict import Landing, Loses
from cluster import only_pull
from matrix_rows import Ending, Row
from mock_github.server import MockServer
from stage import REGISTRATION_SECONDS, Node, pull_in
from stepwise import Order, Stepwise

BROKEN = ["Kernel panic", "disk has a file system labelled", "Press Enter for maintenance"]
BOOT_LIMIT = 25
"""Seconds on hardware until a disk that boots shows its login, or what is wrong with it."""
SMALL = 2 << 30
_TRIES = {Ending.TWO_TRIES_FAIL: '[ "$TRY" -gt 2 ]', Ending.THREE_TRIES_FAIL: "exit 1"}
_SOMEBODYS = "mkswap --quiet /dev/vda"
_SETTINGS = {
    Ending.NO_DISK: "blockdev --setro /dev/vda",
    Ending.NO_CONSENT: f"{_SOMEBODYS} && echo CONSENT=no >>{installation.SETTINGS}/settings",
    Ending.NOT_AMONG_THEM: f"echo DISK=/dev/sdz >>{installation.SETTINGS}/settings",
}
_REASONS = {
    Ending.NO_DISK: "no fixed, writable disk",
    Ending.NO_CONSENT: "no consent to wipe",
    Ending.NOT_AMONG_THEM: "/dev/sdz is not one of",
    Ending.THREE_TRIES_FAIL: "in 3 tries",
}
"""What the installer says of it, where it is not told to fail."""


class Booted(enum.Enum):
    """What booting the disk did."""

    NOTHING = "nothing to boot"
    NOT_UP = "does not come up"
    NO_AGENT = "boots without a working agent"
    HELD = "boots, and is held: not complete"
    REGISTERED = "boots and registers"


# --- the installation ends before its time


def stopped(node: Node, whole: Stepwise, row: Row, stick: GuestFolder, payload: bytes) -> str:
    """The disk is in the machine, which is off; what part of the step's writes is on it, in words."""
    if row.ending is Ending.POWER_GOES:
        return _cut(node, whole, row)
    if row.ending is Ending.TOO_SMALL:
        node.machine.disks = (disk.blank(node.site.disks / "small.raw", SMALL),)
        assert not node.install(payload), "it installed on a disk that is too small"
        assert "is smaller than 4 GB" in node.machine.console.text
        return ""
    with node.site.phase("installs"):
        node.site.timeline.record(MachineKind.INSTALL_STARTED)
        node.recorder.installing = True
        node.machine.insert_stick(stick)
        _fail(node, whole, row)
        _stick_out(node)
    return ""


def _stick_out(node: Node) -> None:
    node.machine.power_off()
    node.machine.remove_stick()
    node.recorder.installing = False


def _cut(node: Node, whole: Stepwise, row: Row) -> str:
    stop = whole.before(row.step)
    entries = stepwise.entries(stop)
    written = stepwise.so_far(entries, row.part)
    said = f"{len(written)} of {len(entries)}"
    node.site.timeline.record(MachineKind.INSTALL_STARTED)
    aimed = (
        Landing.LANDED if entries else None
    )  # one in a step that writes nothing is no other than the one before
    node.site.timeline.cut(
        f"the installer in step {row.step}, after {said} writes", aimed, Loses.NEWEST_WRITES
    )
    node.machine.disks = (stepwise.cut(stop, written, node.site.disks / "cut.raw"),)
    return said


def _fail(node: Node, whole: Stepwise, row: Row) -> None:
    machine = node.machine
    if row.ending in _SETTINGS:
        machine.resume(whole.ready)
        machine.run(f"rm {stepwise.PIPE} && {_SETTINGS[row.ending]}")
        machine.run("systemctl start --no-block installer")
    else:
        machine.resume(whole.before(row.step).saved)
        if row.ending in _TRIES:
            machine.put_file(f"{installation.SETTINGS}/try/{row.step}", _TRIES[row.ending].encode())
        at_once = row.ending is Ending.FAILS_AT_ONCE
        after = row.ending is Ending.FAILS_AFTER_ITS_WORK
        order = Order.FAIL_AT_ONCE if at_once else Order.FAIL_AFTER_ITS_WORK if after else Order.WORK
        stepwise.give(machine, order)
    if row.ending is Ending.TWO_TRIES_FAIL:
        for step in STEPS[STEPS.index(row.step) + 1 :]:
            machine.console.expect(re.escape(stepwise.waiting_before(step)), timeout=stepwise.LONG)
            stepwise.give(machine, Order.WORK)
        machine.console.expect("banner: done", timeout=stepwise.LONG)
    else:
        why = re.escape(_REASONS.get(row.ending, ""))
        machine.console.expect(f"installer: step [0-9.]+ {row.step}: FAILED: {why}", timeout=stepwise.LONG)
    if row.ending is Ending.NO_CONSENT:
        found = machine.run("blkid --probe --output value --match-tag TYPE /dev/vda", check=False)
        assert found.text == "swap", "what was on the disk is gone, and nobody had consented"


# --- a person comes


def boot_the_disk(node: Node) -> tuple[Booted, str]:
    """Boots what is there, up to a forced tick of the steward if it comes so far; and a word on it."""
    with node.site.phase("boots the disk"):
        node.machine.power_on()
        # One that shows none of this in time is a harness error: a slow machine must not pass for a broken disk.
        shown = node.machine.console.expect([*FOUND_NOTHING, *BROKEN, "login: "], timeout=BOOT_LIMIT)
        if shown < len(FOUND_NOTHING):
            node.cut("a machine that found nothing to boot")
            return Booted.NOTHING, ""
        if shown < len(FOUND_NOTHING) + len(BROKEN):
            return _not_up(node)
        node.boots.append(node.machine.wait_for_shell())
        node.machine.run("systemctl start multi-user.target", timeout=REGISTRATION_SECONDS, check=False)
        node.site.timeline.record(MachineKind.MULTI_USER)
        found = _ticked(node)
        node.off()
        return found


def _not_up(node: Node) -> tuple[Booted, str]:
    last = node.machine.console.last_lines(1).strip(" |")
    if node.machine.is_on:
        node.cut("a machine that does not come up")
    return Booted.NOT_UP, last[-80:]


def _ticked(node: Node) -> tuple[Booted, str]:
    if node.property(agent.STEWARD_UNIT, "LoadState") != "loaded":
        return Booted.NO_AGENT, "no unit"
    status = node.tick()
    if status == agent.HELD:
        assert "the installation is not complete" in node.journal(agent.STEWARD_UNIT)
        assert node.marker() == {}
        return Booted.HELD, ""
    if status not in (0, agent.NOT_NOW):
        return Booted.NO_AGENT, f"exit status {status}"
    assert node.registered(), f"no marker after exit status {status}"
    return Booted.REGISTERED, ""


def install_again(node: Node, whole: Stepwise, stick: GuestFolder) -> None:
    """The stick again, which works this time."""
    with node.site.phase("installs again"):
        node.site.timeline.record(MachineKind.INSTALL_STARTED)
        node.recorder.installing = True
        assert stepwise.whole_again(node.machine, stick, whole.ready), "the stick did not install"
        node.site.timeline.record(MachineKind.INSTALL_FINISHED)
        _stick_out(node)


def register(node: Node, server: MockServer) -> str:
    """The first boot of what the stick has installed."""
    node.boot()
    marker = node.registered()
    assert pull_in(marker) == only_pull(server)
    node.off()
    return f"registers: #{only_pull(server)}"


def raw_copy(node: Node, path: Path) -> Path:
    """The disk that is in the machine, as a raw image that is its own."""
    node.machine.disks = (node.machine.disks[0].copy(path),)
    return path
