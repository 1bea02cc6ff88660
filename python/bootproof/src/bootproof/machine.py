"""A machine that a scenario can switch on, cut off and talk to: an emulator, or a box on a power switch.

States: off → (power_on) → on → (power_off, cut, or the guest itself) → off. A reset stays in on. What happened is told
through `record`, in order, as it happens: the oracle judges by these events, not by what a scenario believes it did.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from bootproof.disk import Disk
from bootproof.guest import GuestFolder
from bootproof.network import Forward
from bootproof.saved import Saved
from bootproof.verdict import Loses


class EventKind(enum.Enum):
    POWER_ON = "power-on"
    BOOT = "boot"  # the guest's kernel runs and systemd has started the shell; detail: the boot id
    RESET = "reset"  # detail: by whom, "guest" or "host"
    POWER_OFF = "power-off"  # detail: by whom, "guest" or "host"
    CUT = "cut"  # power loss
    LINK_DOWN = "link-down"
    LINK_UP = "link-up"


class MachineEvent(msgspec.Struct, frozen=True):
    """`at` is the host's clock, in seconds since the epoch."""

    machine: str
    kind: EventKind
    at: float
    detail: str = ""


Record = Callable[[MachineEvent], None]


class CommandResult(msgspec.Struct, frozen=True):
    """What a command in the guest came to. Exit status 124 is a command that was stopped at its time limit."""

    exit_status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text without the last newline."""
        return self.stdout.decode(errors="replace").rstrip("\n")


class ConsolePort(Protocol):
    """The serial console: always read, whether anybody waits for it or not."""

    @property
    def text(self) -> str:
        """Everything since the machine was made."""
        ...

    @property
    def this_boot(self) -> str:
        """Everything since the machine was switched on or reset last."""
        ...

    def expect(self, pattern: str | list[str], timeout: float = 30) -> int: ...
    def last_lines(self, count: int = 20) -> str: ...


class Machine(Protocol):
    """Every time limit is in seconds on hardware or KVM; slower machines stretch it by their own factor."""

    name: str
    disks: Sequence[Disk]
    forwards: tuple[Forward, ...]
    credentials: Mapping[str, bytes]

    @property
    def factor(self) -> float:
        """By which it stretches them; for who waits for something of it elsewhere."""
        ...

    @property
    def cut_loses(self) -> Loses:
        """What `cut` takes with it."""
        ...

    @property
    def console(self) -> ConsolePort: ...
    @property
    def boot_id(self) -> str: ...
    @property
    def is_on(self) -> bool: ...
    @property
    def is_plugged_in(self) -> bool: ...
    @property
    def failure(self) -> str: ...

    def power_on(self) -> None: ...
    def save(self, folder: Path) -> Saved: ...
    def resume(self, saved: Saved) -> None: ...
    def power_off(self, timeout: float = 30) -> None: ...
    def cut(self) -> None: ...
    def reset(self) -> None: ...
    def reboot(self, timeout: float = 30) -> None: ...
    def wait_for_shell(self, timeout: float = 30) -> str: ...
    def wait_for_power_off(self, timeout: float = 30) -> None: ...
    def wait_until(self, unit: str, timeout: float = 30) -> None: ...
    def run(
        self, command: str, timeout: float = 15, check: bool = True, stdin: bytes = b""
    ) -> CommandResult: ...
    def put_file(self, path: str, content: bytes, mode: int = 0o644) -> None: ...
    def get_file(self, path: str) -> bytes: ...
    def set_link(self, up: bool) -> None: ...
    def insert_stick(self, guest: GuestFolder) -> None: ...
    def remove_stick(self) -> None: ...
