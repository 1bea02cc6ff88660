"""QEMU as a Machine: hardware that stays the same, one process for each boot, and nothing left behind.

While the machine is on, a thread watches over it: when a process ends by the guest's reset (or the reset button), the
thread starts the next one on the same disks and firmware variables; when it ends by power-off, the machine is off.
What QEMU says over QMP decides which it was.
"""

import enum
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

import msgspec

from bootproof import disk, firmware
from bootproof.accelerator import Accelerator, probe
from bootproof.command_port import CommandPort
from bootproof.console import Console
from bootproof.disk import Disk, Format
from bootproof.errors import MachineError, MachineTimeoutError
from bootproof.firmware import Firmware
from bootproof.guest import Console as ConsoleDevice
from bootproof.guest import GuestFolder, Stage
from bootproof.machine import CommandResult, EventKind, MachineEvent, Record
from bootproof.network import Forward
from bootproof.qemu_command import Boot, DirectKernel, Hardware, Wiring, WriteLog, command_line, direct_kernel
from bootproof.qemu_process import CRASHED, QemuProcess
from bootproof.saved import SAVED, Saved
from bootproof.verdict import Loses

__all__ = ["Hardware", "QemuMachine", "WriteLog"]

VARIABLES = "uefi-variables.fd"
_SAVE_LIMIT = 30.0  # seconds; a gibibyte of which a quarter is in use takes less than one


class Ending(enum.Enum):
    """Who is to end the running process."""

    GUEST = "guest"
    RESET_BUTTON = "reset button"
    CUT = "cut"


class QemuMachine:
    """A Machine (see machine.py). Use it as a context manager: leaving it cuts the power and cleans up.

    `folder` keeps what outlives a power-on: the firmware's variables and the logs (console.log, qemu.log), and unless
    `forks` is given as another folder, the forks of disks that the machine makes itself (`load`, `resume`).

    While the machine is off these may be changed: `disks`, `forwards`, `credentials` (systemd's, which come with each
    boot beside the command port's), `kernel`, which is booted without firmware, and `write_log`, which gets every write
    to one disk from the next power-on to the next reset or power-off. Every time limit is stretched by the
    accelerator's factor.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        hardware: Hardware | None = None,
        disks: Sequence[Disk] = (),
        forwards: tuple[Forward, ...] = (),
        record: Record = lambda event: None,
        accelerator: Accelerator | None = None,
        forks: Path | None = None,
    ) -> None:
        self.name = name
        self.folder = folder
        self.forks = forks or folder
        self.hardware = hardware or Hardware.named(name)
        self.disks: Sequence[Disk] = tuple(disks)
        self.forwards = forwards
        self.credentials: Mapping[str, bytes] = {}
        self.write_log: WriteLog | None = None
        self.accelerator = accelerator or probe()
        self._record = record
        self._stick: GuestFolder | None = None
        self.kernel: DirectKernel | None = None
        self._firmware_template: Firmware | None = None
        self._console_device = ConsoleDevice.SERIAL
        # Guards what follows; held while one process takes over from another, so that a cut never falls between them.
        self._changed = threading.Condition(threading.RLock())
        self._process: QemuProcess | None = None
        self._ending = Ending.GUEST
        self._resets = 0
        self._resumed = 0
        self._failure = ""
        self.is_plugged_in = True
        self._watcher: threading.Thread | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.console = Console(folder / "console.log", self.accelerator.factor, self._on_panic)
        self._port = CommandPort(self._on_boot, self.console.last_lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.cut()

    # -- what is in the machine

    def insert_stick(self, guest: GuestFolder) -> None:
        """Boot the guest's stick from the next power-on on; its disks come after the machine's own, read-only."""
        self._stick = guest

    def remove_stick(self) -> None:
        self._stick = None

    def load(self, guest: GuestFolder, name: str = "system") -> None:
        """Put an installed guest into the machine: forks of its disks, and its kernel, if it is booted directly."""
        if guest.guest.stage is not Stage.INSTALLED:
            raise MachineError(
                f"{guest.folder} is an installer's stick: insert_stick, install, then boot the disk"
            )
        forked = []
        for number, path in enumerate(guest.disks):
            forked.append(disk.existing(path).fork(self.forks / f"{name}-{number}.qcow2"))
        self.disks = tuple(forked)
        self.kernel = direct_kernel(guest)
        self._console_device = guest.guest.console
        if guest.guest.firmware is not None:
            files = guest.guest.firmware
            self._firmware_template = Firmware(guest.path(files.code), guest.path(files.variables))

    # -- power

    @property
    def is_on(self) -> bool:
        with self._changed:
            return self._process is not None

    @property
    def factor(self) -> float:
        """By which every time limit is stretched."""
        return self.accelerator.factor

    @property
    def failure(self) -> str:
        """Why it is off, if that is nobody's will; otherwise empty."""
        return self._failure

    def power_on(self) -> None:
        """Switch on. Raises MachineError if it is on, or if QEMU does not start."""
        with self._changed:
            self._must_be_off()
            self._begin(None)

    def save(self, folder: Path) -> Saved:
        """Stop it in the middle of what it does, put it into `folder`, and switch it off. Raises MachineError."""
        boot_id, process = self._port.boot_id, self._running()
        folder.mkdir(parents=True, exist_ok=True)
        saved = Saved(folder / "memory", tuple(self.disks), boot_id, None, dict(self.credentials))
        process.save(saved.memory, _SAVE_LIMIT * self.accelerator.factor)
        process.quit()
        self.wait_for_power_off()
        own = self.folder / VARIABLES
        if own.exists():
            saved = msgspec.structs.replace(saved, variables=Path(shutil.copy(own, folder)))
        return saved

    def resume(self, saved: Saved) -> None:
        """Go on from there, on forks of the saved disks; this machine has to be built as the saved one was."""
        self._must_be_off()
        self._resumed += 1
        self.disks = tuple(
            one.fork(self.forks / f"resumed-{self._resumed}-{number}.qcow2")
            for number, one in enumerate(saved.disks)
        )
        self.wake(saved)
        if saved.boot_id is not None:
            self._on_boot(saved.boot_id)
            self.run(f"date --set=@{time.time():.3f}")

    def wake(self, saved: Saved) -> None:
        """Go on from there on this machine's own disks; for one that was saved before it had looked at them."""
        with self._changed:
            self._must_be_off()
            if saved.variables is not None:
                shutil.copyfile(saved.variables, self.folder / VARIABLES)
            self._begin(saved)

    def _must_be_off(self) -> None:
        if self._process is not None:
            raise MachineError(f"{self.name} is on already")

    def _begin(self, saved: Saved | None) -> None:
        self._ending = Ending.GUEST
        self._failure = ""
        self.is_plugged_in = True
        self._start(saved)
        self._watcher = threading.Thread(target=self._watch, name=f"watches {self.name}", daemon=True)
        self._watcher.start()

    def _start(self, saved: Saved | None = None) -> None:
        """One process; told as a power-on or, by `_watch`, as a reset before it runs."""
        if self.write_log is not None:
            self.write_log.path.write_bytes(b"")
        process = QemuProcess(lambda wiring: self._command_line(wiring, saved), self.folder / "qemu.log")
        self.console.attach(process.console)
        self._port.attach(process.command_port, saved.boot_id if saved else None)
        self._tell_of_start(saved)
        self._process = process
        try:
            process.run()
        except MachineError:
            process.kill()  # nobody could reach it any more
            self._process = None
            raise

    def _tell_of_start(self, saved: Saved | None) -> None:
        if self._process is None:
            self._tell(EventKind.POWER_ON, SAVED if saved else "stick" if self._stick else "disk")

    def _command_line(self, wiring: Wiring, saved: Saved | None) -> list[str]:
        disks = [*self.disks]
        if self._stick is not None:
            disks += [disk.existing(path, read_only=True) for path in self._stick.disks]
        kernel = direct_kernel(self._stick) if self._stick else self.kernel
        boot = Boot(kernel=kernel) if kernel is not None else Boot(firmware=self._own_firmware())
        device = self._stick.guest.console if self._stick else self._console_device
        return command_line(
            self.name,
            self.hardware,
            self.accelerator,
            boot,
            disks,
            self.forwards,
            wiring,
            device,
            saved.credentials if saved else self.credentials,
            saved.memory if saved else None,
            self.write_log,
        )

    def _own_firmware(self) -> Firmware:
        template = self._firmware_template or firmware.find()
        variables = self.folder / VARIABLES
        if not variables.exists():
            shutil.copyfile(template.variables, variables)
        return Firmware(template.code, variables)

    def _watch(self) -> None:
        while (process := self._process) is not None:
            reason = process.wait()
            with self._changed:
                self._port.detach()
                self.console.detach()
                self._after(reason)
                self._changed.notify_all()

    def _after(self, reason: str) -> None:
        """What follows the end of a process."""
        by_button = self._ending is Ending.RESET_BUTTON
        if self._ending is not Ending.CUT and (by_button or reason == "guest-reset"):
            self._tell(EventKind.RESET, "host" if by_button else "guest")
            self._ending = Ending.GUEST
            try:
                self._start()
            except MachineError as error:
                self._failure = str(error)
            else:
                self._resets += 1
                return
        elif self._ending is Ending.CUT:
            self._tell(EventKind.CUT)
        elif reason == CRASHED:
            self._failure = f"QEMU ended by itself; its log is {self.folder / 'qemu.log'}"
            self._tell(EventKind.CUT, CRASHED)
        else:
            self._tell(EventKind.POWER_OFF, "guest" if reason.startswith("guest") else "host")
        self._process = None
        self.console.end()
        self._port.end()

    def power_off(self, timeout: float = 30) -> None:
        """Shut down in an orderly way: through the shell if there is one, otherwise by the power button."""
        with self._changed:
            process = self._process
        if process is None:
            return
        if self._port.boot_id is not None:
            self._order("systemctl poweroff --no-block")
        else:
            process.execute("system_powerdown")
        self.wait_for_power_off(timeout)

    def wait_for_power_off(self, timeout: float = 30) -> None:
        """Wait until the guest has switched the machine off."""
        self._wait_for(lambda: self._process is None, timeout, "did not go off")

    @property
    def cut_loses(self) -> Loses:
        """See disk.py: on an overlay, QEMU itself holds something back."""
        grows = any(one.format is Format.QCOW2 and not one.read_only for one in self.disks)
        return Loses.NEW_CLUSTERS if grows else Loses.PAGE_CACHE

    def cut(self) -> None:
        """Cut the power: QEMU is killed between two instructions of the guest (see disk.py for what is lost)."""
        with self._changed:
            if self._process is not None:
                self._ending = Ending.CUT
                self._process.kill()
        if self._watcher is not None:
            self._watcher.join()

    def reset(self) -> None:
        """Press the reset button; returns once the next boot has begun."""
        with self._changed:
            process, before = self._running(), self._resets
            self._ending = Ending.RESET_BUTTON
        process.quit()
        self._wait_for(lambda: self._resets != before, 30, "was not reset")

    def reboot(self, timeout: float = 30) -> None:
        """Reboot in an orderly way; returns once the guest has reset the machine and the next boot has begun."""
        with self._changed:
            before = self._resets
        self._order("systemctl reboot --no-block")
        self._wait_for(lambda: self._resets != before, timeout, "was not rebooted by its guest")

    def _running(self) -> QemuProcess:
        with self._changed:
            if self._process is None:
                raise MachineError(f"{self.name} is off{': ' + self._failure if self._failure else ''}")
            return self._process

    def _order(self, command: str) -> None:
        # The answer may come or not: the shell is one of the things that the command ends.
        boot_id = self._port.boot_id
        try:
            self.run(command)
        except MachineError:
            if self._port.boot_id == boot_id:
                raise

    def _wait_for(self, happened: Callable[[], bool], timeout: float, what: str) -> None:
        with self._changed:
            in_time = self._changed.wait_for(
                lambda: happened() or self._process is None, timeout * self.accelerator.factor
            )
            if not happened():
                why = self._failure or (
                    "it is off" if in_time else f"in {timeout * self.accelerator.factor:.0f} s"
                )
                raise MachineTimeoutError(
                    f"{self.name} {what}: {why}; the console's last lines:\n{self.console.last_lines()}"
                )

    # -- talking to the guest

    @property
    def boot_id(self) -> str:
        """The running boot's id. Raises MachineError while no shell has announced itself."""
        boot_id = self._port.boot_id
        if boot_id is None:
            raise MachineError(f"{self.name} has no shell yet: wait_for_shell first")
        return boot_id

    def wait_for_shell(self, timeout: float = 30) -> str:
        """Wait until this boot's shell is there (early, before most services); returns the boot id."""
        return self._port.wait_for_shell(timeout * self.accelerator.factor)

    def wait_until(self, unit: str, timeout: float = 30) -> None:
        """Wait until a unit that this boot is to start anyway, say multi-user.target, has been started."""
        self.wait_for_shell(timeout)
        self.run(f"systemctl start {unit}", timeout=timeout)

    def run(self, command: str, timeout: float = 15, check: bool = True, stdin: bytes = b"") -> CommandResult:
        """Run a shell script as root. Raises MachineError if it fails and `check` is set, or if the boot ends first."""
        factor = self.accelerator.factor
        result = self._port.run(command, limit=timeout * factor, grace=5 * factor, stdin=stdin)
        if check and result.exit_status != 0:
            said = (result.stderr or result.stdout).decode(errors="replace").strip()
            raise MachineError(f"{command!r} ended with status {result.exit_status}: {said[-2000:]}")
        return result

    def put_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Write a file in the guest, and the folders above it."""
        where, folder = shlex.quote(path), shlex.quote(str(PurePosixPath(path).parent))
        self.run(f"mkdir -p {folder} && cat >{where} && chmod {mode:o} {where}", stdin=content)

    def get_file(self, path: str) -> bytes:
        return self.run(f"cat {shlex.quote(path)}").stdout

    def set_link(self, up: bool) -> None:
        """Plug the network cable in or out; each power-on begins with it plugged in."""
        self._running().execute("set_link", name="nic0", up=up)
        self.is_plugged_in = up
        self._tell(EventKind.LINK_UP if up else EventKind.LINK_DOWN)

    def _on_panic(self) -> None:
        self._port.give_up("the guest's kernel died")

    def _on_boot(self, boot_id: str) -> None:
        self._tell(EventKind.BOOT, boot_id)

    def _tell(self, kind: EventKind, detail: str = "") -> None:
        self._record(MachineEvent(self.name, kind, time.time(), detail))
