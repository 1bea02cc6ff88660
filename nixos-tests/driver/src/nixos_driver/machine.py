"""bootproof's Machine over a machine of the NixOS test driver.

What the driver calls `crash` tells QEMU to quit, which writes its own caches out in order: the guest loses what it had
in memory, and nothing that it had given to its disk. It is a power cut in the sense of bootproof's weakest one.
"""

from __future__ import annotations

import base64
import posixpath
import shlex
import time
from collections.abc import Sequence
from typing import Protocol

from bootproof.disk import Disk
from bootproof.errors import MachineError
from bootproof.guest import GuestFolder
from bootproof.machine import CommandResult, ConsolePort, EventKind, MachineEvent, Record
from bootproof.network import Forward
from bootproof.verdict import Loses


class Driven(Protocol):
    """The part of the driver's machine that is used."""

    name: str
    booted: bool
    connected: bool

    def start(self, allow_reboot: bool = ...) -> None: ...
    def connect(self) -> None: ...
    def shutdown(self) -> None: ...
    def crash(self) -> None: ...
    def reboot(self) -> None: ...
    def block(self) -> None: ...
    def unblock(self) -> None: ...
    def send_monitor_command(self, command: str) -> str: ...
    def wait_for_unit(self, unit: str, user: str | None = ..., timeout: int = ...) -> None: ...
    def wait_for_console_text(self, regex: str, timeout: int | None = ...) -> None: ...
    def execute(
        self, command: str, check_return: bool = ..., check_output: bool = ..., timeout: int | None = ...
    ) -> tuple[int, str]: ...


class DriversConsole:
    """The serial console, which the driver reads."""

    def __init__(self, machine: Driven) -> None:
        self._machine = machine

    @property
    def text(self) -> str:
        raise MachineError("the driver's log has the console")

    @property
    def this_boot(self) -> str:
        raise MachineError("the driver's log has the console")

    def expect(self, pattern: str | list[str], timeout: float = 30) -> int:
        """Waits for the first of these; its number."""
        patterns = [pattern] if isinstance(pattern, str) else pattern
        self._machine.wait_for_console_text("|".join(f"(?:{one})" for one in patterns), timeout=int(timeout))
        return 0

    def last_lines(self, count: int = 20) -> str:
        return "(the driver's log has the console)"


FOLDER = "/run/by-driver"
_RUN = """\
mkdir -p -m 700 {folder}; cd {folder}
echo {script} | base64 -d >script; echo {stdin} | base64 -d >in
status=0; timeout -k 5 {seconds} sh script <in >out 2>err || status=$?
echo $status; base64 -w 0 out; echo; base64 -w 0 err; echo"""


class DriversMachine:
    """States and events as in bootproof.machine; time limits are as they are, for the driver knows none but KVM."""

    def __init__(self, machine: Driven, record: Record) -> None:
        self.name = machine.name
        self.factor = 1.0  # the driver has its own limits
        self.disks: Sequence[Disk] = ()
        self.forwards: tuple[Forward, ...] = ()
        self._machine = machine
        self._record = record
        self._boot_id = ""

    @property
    def console(self) -> ConsolePort:
        return DriversConsole(self._machine)

    @property
    def boot_id(self) -> str:
        return self._boot_id

    @property
    def is_on(self) -> bool:
        return self._machine.booted

    def power_on(self) -> None:
        self._tell(EventKind.POWER_ON)
        self._machine.start(allow_reboot=True)

    def power_off(self, timeout: float = 30) -> None:
        self._machine.connect()
        self._machine.shutdown()
        self._tell(EventKind.POWER_OFF, "guest")

    @property
    def cut_loses(self) -> Loses:
        return Loses.PAGE_CACHE

    def cut(self) -> None:
        """Ends QEMU; see the module's text for what that loses."""
        self._machine.crash()
        self._tell(EventKind.CUT)

    def reset(self) -> None:
        self._tell(EventKind.RESET, "host")
        self._machine.send_monitor_command("system_reset")
        self._machine.connected = False

    def reboot(self, timeout: float = 30) -> None:
        self._tell(EventKind.RESET, "guest")
        self._machine.reboot()

    def wait_for_shell(self, timeout: float = 30) -> str:
        """The id of the boot that is under way, which is another one than the last that was seen."""
        self._machine.connect()
        seen = self.run("cat /proc/sys/kernel/random/boot_id").text
        if seen == self._boot_id:
            raise MachineError(f"{self.name} has not been started again: it is still boot {seen}")
        self._boot_id = seen
        self._tell(EventKind.BOOT, seen)
        return seen

    def wait_for_power_off(self, timeout: float = 30) -> None:
        raise MachineError("the driver does not wait for a machine that goes off by itself")

    def wait_until(self, unit: str, timeout: float = 30) -> None:
        self._machine.wait_for_unit(unit)

    def run(self, command: str, timeout: float = 15, check: bool = True, stdin: bytes = b"") -> CommandResult:
        """The driver has no standard error and one shell for all; so the command is a script of its own."""
        seconds = max(1, int(timeout))
        words = {
            "folder": FOLDER,
            "script": _coded(command.encode()),
            "stdin": _coded(stdin),
            "seconds": seconds,
        }
        _, said = self._machine.execute(_RUN.format(**words), timeout=seconds + 30)
        lines = said.splitlines()
        if len(lines) != 3:
            raise MachineError(f"{self.name} did not answer to: {command}")
        status, out, err = int(lines[0]), base64.b64decode(lines[1]), base64.b64decode(lines[2])
        if check and status:
            told = err.decode(errors="replace").strip()
            raise MachineError(f"{self.name}: exit status {status} of: {command}\n{told}")
        return CommandResult(status, out, err)

    def put_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        folder, where = shlex.quote(posixpath.dirname(path)), shlex.quote(path)
        self.run(f"mkdir -p {folder} && cat >{where} && chmod {mode:o} {where}", stdin=content)

    def get_file(self, path: str) -> bytes:
        return self.run(f"cat {shlex.quote(path)}").stdout

    def set_link(self, up: bool) -> None:
        """The driver's own network card, by which commands come, stays as it is."""
        if up:
            self._machine.unblock()
        else:
            self._machine.block()
        self._tell(EventKind.LINK_UP if up else EventKind.LINK_DOWN)

    def insert_stick(self, guest: GuestFolder) -> None:
        raise MachineError("a machine of the driver is installed already")

    def remove_stick(self) -> None:
        raise MachineError("a machine of the driver is installed already")

    def _tell(self, kind: EventKind, detail: str = "") -> None:
        self._record(MachineEvent(self.name, kind, time.time(), detail))


def _coded(content: bytes) -> str:
    return base64.b64encode(content).decode() or "''"
