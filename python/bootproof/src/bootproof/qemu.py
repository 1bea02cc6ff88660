"""QEMU as a Machine: one process per power-on, hardware that stays the same, and nothing left behind.

A power-on starts QEMU stopped, with the console and the monitor already connected (their sockets are handed down to it),
opens the command port, and only then lets it run: no byte and no event is missed. QEMU dies with this program, whatever
it dies of (`setpriv --pdeathsig`), and leaving the machine's context ends it and removes its folder of sockets.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import msgspec

from bootproof import command_port, disk, firmware, network
from bootproof.accelerator import QEMU, Accelerator, probe
from bootproof.command_port import CommandPort
from bootproof.console import Console
from bootproof.disk import Disk
from bootproof.errors import MachineError, MachineTimeoutError
from bootproof.firmware import Firmware
from bootproof.guest import Console as ConsoleDevice
from bootproof.guest import GuestFolder, Stage
from bootproof.machine import CommandResult, EventKind, MachineEvent, Record
from bootproof.network import Forward
from bootproof.qmp import Monitor

# The parent-death signal is sent when the *thread* that started QEMU ends, so one thread that lives as long as the
# program starts them all.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starts QEMU")


class Hardware(msgspec.Struct, frozen=True):
    """What a reinstall finds unchanged and a twin has otherwise. `memory` in MiB."""

    uuid: str
    mac: str
    serial: str
    memory: int = 1024
    cpus: int = 2

    @classmethod
    def named(cls, name: str, memory: int = 1024, cpus: int = 2) -> "Hardware":
        """Hardware identity made from a name: the same name is the same machine."""
        digest = hashlib.sha256(name.encode()).hexdigest()
        uuid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
        mac = "52:54:00:" + ":".join(digest[i : i + 2] for i in (32, 34, 36))
        return cls(uuid, mac, f"SN{digest[38:46].upper()}", memory, cpus)


class DirectKernel(msgspec.Struct, frozen=True):
    """A kernel that QEMU loads itself, without firmware."""

    image: Path
    initrd: Path | None
    command_line: str


class Wiring(msgspec.Struct, frozen=True):
    """What one QEMU process is connected to: two inherited sockets and the place of a third."""

    console: int
    monitor: int
    command_port: Path
    console_device: ConsoleDevice = ConsoleDevice.SERIAL


class Boot(msgspec.Struct, frozen=True):
    """What a machine starts from: a kernel given to it, or its firmware, which then finds the first disk."""

    kernel: DirectKernel | None = None
    firmware: Firmware | None = None


def command_line(
    name: str,
    hardware: Hardware,
    accelerator: Accelerator,
    boot: Boot,
    disks: Sequence[Disk],
    forwards: tuple[Forward, ...],
    wiring: Wiring,
) -> list[str]:
    """QEMU's whole command line. Nothing by default: each device is one more that firmware and kernel look at."""
    return [
        *(QEMU, "-name", name, "-nodefaults", "-no-user-config", "-display", "none", "-S"),
        *("-machine", "q35,smm=off,vmport=off,i8042=off,hpet=off", *accelerator.arguments),
        *("-smp", str(hardware.cpus), "-m", str(hardware.memory)),
        *("-uuid", hardware.uuid, "-smbios", f"type=1,serial={hardware.serial},product=bootproof"),
        *_boot(boot),
        *_disks(disks),
        *("-netdev", network.netdev(forwards)),
        # no boot ROM: the firmware would try to boot from the network
        *("-device", f"virtio-net-pci,id=nic0,netdev=net0,mac={hardware.mac},romfile="),
        *("-device", "virtio-serial-pci,id=ports"),
        *_ports(wiring),
        *_smbios(),
    ]


def _boot(boot: Boot) -> list[str]:
    if boot.kernel is not None:
        initrd = ["-initrd", str(boot.kernel.initrd)] if boot.kernel.initrd is not None else []
        return ["-kernel", str(boot.kernel.image), *initrd, "-append", boot.kernel.command_line]
    if boot.firmware is None:
        raise MachineError("a machine needs a kernel or a firmware to start from")
    return [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={_escaped(boot.firmware.code)}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file={_escaped(boot.firmware.variables)}"),
    ]


def _disks(disks: Sequence[Disk]) -> list[str]:
    arguments = []
    for number, one in enumerate(disks):
        read_only = "on" if one.read_only else "off"
        file = f"driver=file,filename={_escaped(one.path)},cache.no-flush=on,read-only={read_only},node-name=file{number}"
        arguments += ["-blockdev", file]
        arguments += [
            "-blockdev",
            f"driver={one.format.value},file=file{number},node-name=disk{number},read-only={read_only}",
        ]
        serial = f",serial={one.serial}" if one.serial else ""
        # a boot index on the disks alone: the firmware connects nothing else before it boots
        arguments += ["-device", f"virtio-blk-pci,drive=disk{number},bootindex={number + 1}{serial}"]
    return arguments


def _ports(wiring: Wiring) -> list[str]:
    console = {
        ConsoleDevice.SERIAL: "isa-serial,chardev=console",
        ConsoleDevice.VIRTIO: "virtconsole,chardev=console",
    }[wiring.console_device]
    return [
        *("-chardev", f"socket,id=console,fd={wiring.console}", "-device", console),
        *("-chardev", f"socket,id=monitor,fd={wiring.monitor}", "-mon", "chardev=monitor,mode=control"),
        *("-chardev", f"socket,id=command,path={_escaped(wiring.command_port)},server=on,wait=off"),
        *("-device", f"virtserialport,chardev=command,name={command_port.PORT_NAME}"),
    ]


def _smbios() -> list[str]:
    strings = command_port.smbios_strings(command_port.credentials())
    return [word for string in strings for word in ("-smbios", f"type=11,value={_escaped(string)}")]


def _escaped(value: object) -> str:
    """A value inside one of QEMU's comma-separated options."""
    return str(value).replace(",", ",,")


class QemuMachine:
    """A Machine (see machine.py). Use it as a context manager: leaving it cuts the power and cleans up.

    `folder` keeps what outlives a power-on: the firmware's variables and the logs (console.log, qemu.log). `disks` and
    `forwards` may be changed while the machine is off. Every time limit is stretched by the accelerator's factor.
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
    ) -> None:
        self.name = name
        self.folder = folder
        self.hardware = hardware or Hardware.named(name)
        self.disks: Sequence[Disk] = tuple(disks)
        self.forwards = forwards
        self.accelerator = accelerator or probe()
        self._record = record
        self._stick: GuestFolder | None = None
        self._kernel: DirectKernel | None = None
        self._firmware_template: Firmware | None = None
        self._console_device = ConsoleDevice.SERIAL
        self._process: subprocess.Popen[bytes] | None = None
        self._open = contextlib.ExitStack()
        self._ending = ""  # who ends this power-on: "cut", or empty for the guest
        self._resets = 0
        self._changed = threading.Condition()
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None:
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
            forked.append(disk.existing(path).fork(self.folder / f"{name}-{number}.qcow2"))
        self.disks = tuple(forked)
        self._kernel = direct_kernel(guest)
        self._console_device = guest.guest.console
        if guest.guest.firmware is not None:
            files = guest.guest.firmware
            self._firmware_template = Firmware(guest.path(files.code), guest.path(files.variables))

    # -- power

    @property
    def is_on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def power_on(self) -> None:
        """Switch on. Raises MachineError if it is on, or if QEMU does not start."""
        if self.is_on:
            raise MachineError(f"{self.name} is on already")
        self._tidy()
        self._ending = ""
        self._resets = 0
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._open = stack.pop_all()
        self._tell(EventKind.POWER_ON, "stick" if self._stick else "disk")
        self._monitor.execute("cont")

    def _start(self, stack: contextlib.ExitStack) -> None:
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bootproof-")))
        console, console_of_qemu = socket.socketpair()
        monitor, monitor_of_qemu = socket.socketpair()
        device = self._stick.guest.console if self._stick else self._console_device
        with console_of_qemu, monitor_of_qemu:
            wiring = Wiring(console_of_qemu.fileno(), monitor_of_qemu.fileno(), sockets / "command", device)
            self._process = self._spawn(wiring)
        stack.callback(self._end_process)
        self.console = Console(console, self.folder / "console.log", self.accelerator.factor)
        stack.callback(self.console.close)
        try:
            self._monitor = Monitor(monitor, self._on_qmp_event)
        except Exception as error:
            self._process.kill()
            self._process.wait()
            said = (self.folder / "qemu.log").read_text(errors="replace").strip().splitlines()[-5:]
            raise MachineError(f"QEMU did not start: {' / '.join(said) or error}") from None
        stack.callback(self._monitor.close)
        self._port = CommandPort(sockets / "command", self._on_boot, self.console.last_lines)
        stack.callback(self._port.close)
        self._port.connect()

    def _spawn(self, wiring: Wiring) -> "subprocess.Popen[bytes]":
        disks = [*self.disks]
        if self._stick is not None:
            disks += [disk.existing(path, read_only=True) for path in self._stick.disks]
        boot = Boot(kernel=direct_kernel(self._stick) if self._stick else self._kernel)
        if boot.kernel is None:
            boot = Boot(firmware=self._own_firmware())
        arguments = command_line(
            self.name, self.hardware, self.accelerator, boot, disks, self.forwards, wiring
        )
        with (self.folder / "qemu.log").open("ab") as log:
            start = _starter.submit(
                subprocess.Popen,
                ["setpriv", "--pdeathsig", "KILL", "--", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(wiring.console, wiring.monitor),
                start_new_session=True,  # Ctrl-C is this program's business; the guest must not see it as a power-off
            )
            return start.result()

    def _own_firmware(self) -> Firmware:
        template = self._firmware_template or firmware.find()
        variables = self.folder / "uefi-variables.fd"
        if not variables.exists():
            shutil.copyfile(template.variables, variables)
        return Firmware(template.code, variables)

    def power_off(self, timeout: float = 30) -> None:
        """Shut down in an orderly way: through the shell if there is one, otherwise by the power button."""
        if not self.is_on:
            return
        if self._port.boot_id is not None:
            self._order("systemctl poweroff --no-block")
        else:
            self._monitor.execute("system_powerdown")
        self.wait_for_power_off(timeout)

    def wait_for_power_off(self, timeout: float = 30) -> None:
        """Wait until the guest has switched the machine off."""
        assert self._process is not None
        try:
            self._process.wait(timeout * self.accelerator.factor)
        except subprocess.TimeoutExpired:
            raise MachineTimeoutError(
                f"{self.name} did not go off; the console's last lines:\n{self.console.last_lines()}"
            ) from None
        self._tidy()

    def cut(self) -> None:
        """Cut the power: QEMU is killed between two instructions of the guest (see disk.py for what is lost)."""
        if self._process is None:
            return
        if self.is_on:
            self._ending = "cut"
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._tell(EventKind.CUT)
        self._tidy()

    def reset(self) -> None:
        """Press the reset button; returns once the machine has been reset."""
        self._and_wait_for_reset(lambda: self._monitor.execute("system_reset"), 30)

    def reboot(self, timeout: float = 30) -> None:
        """Reboot in an orderly way; returns once the machine has been reset by its guest."""
        self._and_wait_for_reset(lambda: self._order("systemctl reboot --no-block"), timeout)

    def _order(self, command: str) -> None:
        # The answer may come or not: the shell is one of the things that the command ends.
        with contextlib.suppress(MachineError):
            self.run(command, check=False)

    def _and_wait_for_reset(self, act: Any, timeout: float) -> None:
        before = self._resets
        act()
        deadline = time.monotonic() + timeout * self.accelerator.factor
        with self._changed:
            while self._resets == before:
                left = deadline - time.monotonic()
                if left <= 0 or not self.is_on:
                    raise MachineTimeoutError(
                        f"{self.name} was not reset; the console's last lines:\n{self.console.last_lines()}"
                    )
                self._changed.wait(min(left, 5))

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
        self.run(
            f"mkdir -p '{os.path.dirname(path)}' && cat >'{path}' && chmod {mode:o} '{path}'", stdin=content
        )  # noqa: PTH120

    def get_file(self, path: str) -> bytes:
        return self.run(f"cat '{path}'").stdout

    def set_link(self, up: bool) -> None:
        """Plug the network cable in or out."""
        self._monitor.execute("set_link", name="nic0", up=up)
        self._tell(EventKind.LINK_UP if up else EventKind.LINK_DOWN)

    # -- what QEMU and the guest report

    def _on_boot(self, boot_id: str) -> None:
        self._tell(EventKind.BOOT, boot_id)

    def _on_qmp_event(self, name: str, data: dict[str, Any]) -> None:
        who = "guest" if data.get("guest") else "host"
        if name == "RESET":
            self._port.connect()
            self._tell(EventKind.RESET, who)
            with self._changed:
                self._resets += 1
                self._changed.notify_all()
        elif name == "SHUTDOWN" and self._ending != "cut":
            self._tell(EventKind.POWER_OFF, who)

    def _tell(self, kind: EventKind, detail: str = "") -> None:
        self._record(MachineEvent(self.name, kind, time.time(), detail))

    # -- the end of a power-on

    def _tidy(self) -> None:
        self._open.close()
        self._open = contextlib.ExitStack()
        self._process = None

    def _end_process(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def direct_kernel(guest: GuestFolder) -> DirectKernel | None:
    """The kernel that the guest's description says to boot directly, with absolute paths."""
    kernel = guest.guest.kernel
    if kernel is None:
        return None
    initrd = guest.path(kernel.initrd) if kernel.initrd is not None else None
    return DirectKernel(guest.path(kernel.image), initrd, kernel.command_line)
