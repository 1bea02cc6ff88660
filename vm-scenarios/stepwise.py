"""One installation, saved before each of its steps, from which every failure in it goes on.

The actors: the *installer* on the stick, a *hook* that it runs before each step, and the *host*.

1. Before a step the hook says so on the console, and reads an order from a pipe. Nobody has one yet, so it waits.
2. The host sees the line, saves the machine, and lets it go on from there: that is one more step done.
3. Somebody who wants this step to fail resumes the same machine as often as he likes, and gives another order: to fail
   at once, or when the work is done. The hook keeps the order for the one that runs at the end of the step.
4. Who wants no stops goes on from before all of this, and removes the pipe.
5. Who wants the power to go needs no machine: each step was recorded, write by write, upon the disk as it was before.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

import msgspec
from bootproof import disk, installation
from bootproof.disk import SECTOR, Disk
from bootproof.diskstates import write_log
from bootproof.diskstates.write_log import Entry, Kind
from bootproof.guest import GuestFolder
from bootproof.installation import STEPS, Installation
from bootproof.machine import Machine
from bootproof.qemu import QemuMachine
from bootproof.qemu_command import WriteLog
from bootproof.saved import Saved
from bootproof.verdict import HarnessError

PIPE = f"{installation.SETTINGS}/order"
TAKEN = f"{installation.SETTINGS}/order-taken"
INSIDE = STEPS.index("install")
"""From this step on the last thing of a step is the script that runs in the new system, until that is unmounted."""
LONG = 60
"""Seconds on hardware, for the longest step."""


class Order(enum.Enum):
    """What the installer is to do in the step that it waits before."""

    WORK = "work"
    FAIL_AT_ONCE = "fail-at-once"
    FAIL_AFTER_ITS_WORK = "fail-after-its-work"


class Stop(msgspec.Struct, frozen=True):
    """The installer waits before `step`. `log` is what this step then wrote to the disk."""

    step: str
    saved: Saved
    log: Path


class Stepwise(msgspec.Struct, frozen=True):
    """The whole installation. `node` is the name that it gave the machine; `ready` is before it began."""

    ready: Saved
    stops: tuple[Stop, ...]
    node: str

    def before(self, step: str) -> Stop:
        """Where the installer waits before this step."""
        return self.stops[STEPS.index(step)]


def waiting_before(step: str) -> str:
    """What the console says then."""
    return f"waits before {step} for an order"


def stopping(wanted: Installation) -> Installation:
    """The same installation, with a hook before and at the end of each step."""
    ends = {step: _end(step) for step in STEPS}
    return msgspec.structs.replace(
        wanted,
        before=_joined({step: _begin(step) for step in STEPS}, wanted.before),
        after=_joined(wanted.after, {step: ends[step] for step in (*STEPS[:INSIDE], STEPS[-1])}),
        inside=_joined(wanted.inside, {step: ends[step] for step in STEPS[INSIDE:-1]}),
    )


def _begin(step: str) -> str:
    ordered = f'[ "$order" != {Order.FAIL_AT_ONCE.value} ]'
    wait = f"echo '{waiting_before(step)}'; read -r order <{PIPE}; echo $order >{TAKEN}; {ordered}"
    return f"if [ -p {PIPE} ]; then {wait}; fi"


def _end(step: str) -> str:
    return f'[ "$(cat {TAKEN})" != {Order.FAIL_AFTER_ITS_WORK.value} ] || {{ echo "fails after {step}"; exit 1; }}'


def _joined(first: Mapping[str, str], then: Mapping[str, str]) -> dict[str, str]:
    both = {step: [one[step] for one in (first, then) if step in one] for step in STEPS}
    return {step: "\n".join(scripts) + "\n" for step, scripts in both.items() if scripts}


def give(machine: Machine, order: Order) -> None:
    """To the installer that waits."""
    machine.run(f"echo {order.value} >{PIPE}")


def whole_again(machine: Machine, stick: GuestFolder, ready: Saved) -> bool:
    """Installs on the disks that are in the machine, which is off, without a stop; whether it succeeded.

    The stick's boot is shared too. It was saved with a blank disk, so the kernel is told to look at it anew.
    """
    machine.insert_stick(stick)
    machine.resume(msgspec.structs.replace(ready, disks=tuple(machine.disks)))
    anew = "for disk in /dev/vd?; do blockdev --flushbufs $disk; blockdev --rereadpt $disk || :; done; udevadm settle"
    machine.run(f"rm {PIPE}; {anew}")
    done = machine.run(f"systemctl start {stick.guest.installer}", timeout=LONG, check=False)
    return done.exit_status == 0


def record(
    machine: QemuMachine, stick: GuestFolder, wanted: Installation, folder: Path
) -> tuple[Saved, tuple[Stop, ...]]:
    """Installs on a blank disk, step by step: before it began, and before each step. Raises MachineError."""
    machine.disks = (disk.blank(folder / "disk.raw"),)
    machine.insert_stick(stick)
    machine.power_on()
    machine.wait_for_shell()
    machine.run(f"mkdir -p {installation.SETTINGS} && mkfifo {PIPE}")
    installation.prepare(machine, stopping(wanted))
    ready = machine.save(folder / "ready")
    machine.resume(ready)
    machine.run(f"systemctl start --no-block {stick.guest.installer}")
    stops: list[Stop] = []
    for step in STEPS:
        machine.console.expect(re.escape(waiting_before(step)), timeout=LONG)
        saved = machine.save(folder / step)
        stops.append(Stop(step, saved, folder / f"{step}.log"))
        machine.write_log = WriteLog(stops[-1].log)
        machine.resume(saved)
        give(machine, Order.WORK)
    machine.console.expect("step 7 banner: done", timeout=LONG)
    machine.power_off()
    return ready, tuple(stops)


# --- the power goes


def entries(stop: Stop) -> tuple[Entry, ...]:
    """What the step wrote, without the flushes: each of these changes the disk."""
    if not stop.log.stat().st_size:  # QEMU writes none of it before the first of these
        return ()
    return tuple(entry for entry in write_log.read(stop.log).entries if entry.kind is not Kind.FLUSH)


def so_far(written: Iterable[Entry], part: float) -> tuple[Entry, ...]:
    """The first of these writes, until `part` (0 to 1) of all their bytes was written."""
    written = tuple(written)
    sums = [0, *accumulate(len(entry.data) for entry in written)]
    done = [begins for begins, ends in pairwise(sums) if ends <= part * sums[-1] or part == 1]
    return written[: len(done)]


def cut(stop: Stop, written: Iterable[Entry], path: Path) -> Disk:
    """The disk as a power cut leaves it after the first of the step's writes."""
    left = stop.saved.disks[0].copy(path)
    with path.open("r+b") as file:
        for entry in written:
            file.seek(entry.offset)
            file.write(entry.data)
    return left


def joined(stops: Sequence[Stop]) -> tuple[write_log.WriteLog, list[int]]:
    """What these steps wrote, one after the other, as one log; and where in it each of them begins.

    Raises HarnessError when nothing was flushed in the first: then it does not show all that was not safe by its end.
    """
    entries: list[Entry] = []
    begins: list[int] = []
    at = 0
    for stop in stops:
        begins.append(at)
        if size := stop.log.stat().st_size:
            log = write_log.read(stop.log)
            entries += [replace(one, begins=one.begins + at, ends=one.ends + at) for one in log.entries]
            at += size
    if not any(one.kind is Kind.FLUSH for one in entries if one.begins < begins[1]):
        raise HarnessError(f"the step {stops[0].step} has flushed nothing")
    return write_log.WriteLog(SECTOR, tuple(entries)), begins


def at_risk(log: write_log.WriteLog, begins: int, ends: int) -> list[Entry]:
    """What a cut between these two places in the log may take: all that was written since the last flush before."""
    safe = max((one.ends for one in log.entries if one.kind is Kind.FLUSH and one.begins < begins), default=0)
    return [one for one in log.entries if one.kind is not Kind.FLUSH and safe <= one.begins < ends]
