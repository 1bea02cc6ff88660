"""A node on a machine that boots lean: its disk, its kernel and the agent's program, in two seconds instead of twenty.

For trials that are a run, a power cut and a run: what is lost and what is found again is on the disk and at GitHub.
Units, timers and their order are not there; the scenarios that boot in full are for these.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import agent
from bootproof import lean
from bootproof.errors import MachineError
from bootproof.saved import Saved
from bootproof.timeline import MachineKind
from bootproof.verdict import HarnessError
from runs import OfPrograms
from stage import Node

# By the kernel itself: not every guest has a program for it that asks no service manager.
_HALT = "sync && mount -o remount,ro / && echo o >/proc/sysrq-trigger"


@dataclass
class LeanNode(Node):
    """The words of Node, as far as they make sense without a service manager."""

    asleep: Saved = field(kw_only=True)

    def __post_init__(self) -> None:
        self.runs = OfPrograms(self.machine)

    def boot(self, *, network: bool = True) -> str:
        """Goes on in front of the disk; the boot id."""
        with self.site.phase("boots (lean)"):
            boot_id = lean.wake(self.emulator, self.asleep)
            if not network:
                self.machine.set_link(False)
            self.machine.run(agent.AS_SYSTEMD_DOES)
            self.site.timeline.record(MachineKind.MULTI_USER)
            self.boots.append(boot_id)
            return boot_id

    def start_again(self, way: str) -> str:
        """Orderly or by a power cut; whatever is running ends with it."""
        if way == "orderly":
            self.off()
        elif way == "power cut":
            self.cut(f"the running system ({way})")
        else:
            raise HarnessError(f"a lean machine does not restart in this way: {way}")
        return self.boot()

    def keep_journal(self) -> None:
        """There is none; what a run said last is told where it matters (runs.py)."""

    def off(self) -> None:
        """Everything is on the disk, and the power goes."""
        with contextlib.suppress(MachineError):  # the shell goes with it
            self.machine.run(_HALT)
        self.machine.wait_for_power_off()
