"""Where the agent keeps its state while it is recorded: on the system's own disk, or on one that is for that alone.

ext4 is what the system is on, so a machine that was saved when it was up can go on from there. Another file system is
on a small disk of its own, which is put in before a boot and mounted where the state belongs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

import agent
from bootproof import disk
from bootproof.diskstates.found import set_up_on
from bootproof.diskstates.image import Partition, partition
from bootproof.diskstates.recording import Recorded
from bootproof.diskstates.recovery import FileSystem
from bootproof.qemu import WriteLog
from bootproof.saved import Saved
from bootproof.verdict import HarnessError
from stage import Node

BOOT, SYSTEM = 0, 1
"""The numbers of the partitions that the firmware reads, and that hold the system."""
SERIAL = "state"
SIZE = 512 << 20
SECTOR = 4096
"""Both count on it that 4 KiB are written at once or not at all: btrfs has only one superblock that it looks at."""
MAKE = {FileSystem.BTRFS: ("mkfs.btrfs", "-q"), FileSystem.XFS: ("mkfs.xfs", "-q", "-s", f"size={SECTOR}")}


class RecordedDisk(Protocol):
    """One of the two."""

    def begin(self, node: Node, log: Path) -> int:
        """The system is up, and all that is written to this disk is recorded; how long the log is when the agent has
        still to be started."""

    def recorded(self, node: Node) -> Recorded:
        """What became of it, when the machine is off again."""


class SystemDisk:
    """A RecordedDisk."""

    def __init__(self, saved: Saved) -> None:
        self._saved = saved

    def begin(self, node: Node, log: Path) -> int:
        """The machine goes on from where it was saved."""
        node.emulator.write_log = WriteLog(log)
        node.resume(self._saved)
        return 0

    def recorded(self, node: Node) -> Recorded:
        """The disk as it was saved, and as it is."""
        begun = self._saved.disks[0].copy(node.site.disks / "begun.raw").path
        ended = node.machine.disks[0].copy(node.site.disks / "ended.raw").path
        where = partition(begun, SYSTEM)
        set_up = set_up_on(begun, where, agent.SET_UP_IN)
        return Recorded(FileSystem.EXT4, begun, ended, where, agent.KEPT_IN, agent.SET_UP_IN, set_up)


class OwnDisk:
    """A RecordedDisk with another file system, which the host makes."""

    def __init__(self, kind: FileSystem) -> None:
        self._kind = kind

    def begin(self, node: Node, log: Path) -> int:
        """The machine boots with that disk in it."""
        state = disk.blank(node.site.disks / "state.raw", SIZE, SERIAL, SECTOR)
        make(self._kind, state.path)
        state.copy(node.site.disks / "begun.raw")
        node.machine.disks = (*node.machine.disks, state)
        node.emulator.write_log = WriteLog(log, len(node.machine.disks) - 1)
        node.boot()
        device = f"/dev/disk/by-id/virtio-{SERIAL}"
        # A disk that is never told what is free has nothing to make up there.
        mount = f"mount -t {self._kind.value} -o nodiscard {device} {agent.KEPT_IN}"
        node.machine.run(
            f"udevadm settle && mkdir -p {agent.KEPT_IN} && {mount} && sync {device}", timeout=60
        )
        return log.stat().st_size

    def recorded(self, node: Node) -> Recorded:
        """The disk as it was made, and as it is."""
        system = node.machine.disks[0].copy(node.site.disks / "system.raw").path
        set_up = set_up_on(system, partition(system, SYSTEM), agent.SET_UP_IN)
        whole, (begun, ended) = Partition(0, SIZE), (node.site.disks / f for f in ("begun.raw", "state.raw"))
        return Recorded(self._kind, begun, ended, whole, agent.KEPT_IN, (), set_up)


def make(kind: FileSystem, path: Path) -> None:
    """A file system on an image that is all zeros."""
    command, *words = MAKE[kind]
    program = shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise HarnessError(
            f"{command} is not installed: ./prove disk-states --file-system {kind.value} does that"
        )
    done = subprocess.run([program, *words, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"{command} ends with {done.returncode}: {done.stderr.strip()}")
