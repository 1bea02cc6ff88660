"""QEMU's command line as a pure function of what the machine is made of."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from bootproof import command_port, network
from bootproof.accelerator import QEMU, Accelerator
from bootproof.disk import SECTOR, Disk
from bootproof.errors import MachineError
from bootproof.firmware import Firmware
from bootproof.guest import Console as ConsoleDevice
from bootproof.guest import GuestFolder
from bootproof.network import Forward


class Hardware(msgspec.Struct, frozen=True):
    """What a reinstall finds unchanged and a twin has otherwise. `memory` in MiB. With a `clock`, such as
    `1970-01-02T00:00:00`, the battery is empty: it stands there whenever the machine is switched on."""

    uuid: str
    mac: str
    serial: str
    memory: int = 1024
    # One: with two, emulation lets a processor run code while the other one patches it, and kernels
    # die of that now and then ("Oops: int3"). Two machines beside each other are no slower for it.
    cpus: int = 1
    clock: str = ""

    @classmethod
    def named(cls, name: str, memory: int = 1024, cpus: int = 1) -> "Hardware":
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
    """What one QEMU process is connected to: inherited sockets, by file descriptor."""

    console: int
    monitor: int
    command_port: int


class Boot(msgspec.Struct, frozen=True):
    """What a machine starts from: a kernel given to it, or its firmware, which then finds the first disk."""

    kernel: DirectKernel | None = None
    firmware: Firmware | None = None


class WriteLog(msgspec.Struct, frozen=True):
    """A file that gets every write to one of the disks, which is given by its number; see diskstates."""

    path: Path
    disk: int = 0


def command_line(
    name: str,
    hardware: Hardware,
    accelerator: Accelerator,
    boot: Boot,
    disks: Sequence[Disk],
    forwards: tuple[Forward, ...],
    wiring: Wiring,
    console: ConsoleDevice = ConsoleDevice.SERIAL,
    credentials: Mapping[str, bytes] = MappingProxyType({}),
    memory: Path | None = None,
    write_log: WriteLog | None = None,
) -> list[str]:
    """QEMU's whole command line. Nothing by default: each device is one more that firmware and kernel look at.

    `memory` is what a machine that is like this one in everything was saved to; this one goes on from there.
    The file of `write_log` is empty.
    """
    return [
        *(QEMU, "-name", name, "-nodefaults", "-no-user-config", "-display", "none", "-S"),
        # A reset ends QEMU too, and the next boot is a new process: QEMU's emulation gets slower with every boot that
        # one process goes through (two to four times, measured), and nothing of a boot can leak into the next one.
        *("-action", "reboot=shutdown"),
        *("-machine", "q35,smm=off,vmport=off,i8042=off,hpet=off", *accelerator.arguments),
        *("-smp", str(hardware.cpus), "-m", str(hardware.memory)),
        *(("-rtc", f"base={hardware.clock}") if hardware.clock else ()),
        *("-uuid", hardware.uuid, "-smbios", f"type=1,serial={hardware.serial},product=bootproof"),
        *_boot(boot),
        *_disks(disks, write_log),
        *("-netdev", network.netdev(forwards)),
        # no boot ROM: the firmware would try to boot from the network
        *("-device", f"virtio-net-pci,id=nic0,netdev=net0,mac={hardware.mac},romfile="),
        *("-device", "virtio-serial-pci,id=ports"),
        *_ports(wiring, console),
        *_smbios(credentials),
        *(() if memory is None else ("-incoming", f"exec:cat {shlex.quote(str(memory))}")),
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


def _disks(disks: Sequence[Disk], write_log: WriteLog | None) -> list[str]:
    arguments = []
    for number, one in enumerate(disks):
        read_only = "on" if one.read_only else "off"
        file = f"driver=file,filename={_escaped(one.path)},cache.no-flush=on"
        image = f"driver={one.format.value},file=file{number}"
        top, further = f"disk{number}", f",serial={one.serial}" if one.serial else ""
        if one.sector != SECTOR:
            further += f",logical_block_size={one.sector},physical_block_size={one.sector}"
        arguments += ["-blockdev", f"{file},node-name=file{number},read-only={read_only}"]
        arguments += ["-blockdev", f"{image},node-name={top},read-only={read_only}"]
        if write_log is not None and write_log.disk == number:
            arguments += _recorded(top, write_log.path, one.sector)
            # Each of the guest's requests is to be an entry of its own: the disk may do one without the other.
            top, further = "recorded", f"{further},request-merging=off"
        # a boot index on the disks alone: the firmware connects nothing else before it boots
        arguments += ["-device", f"virtio-blk-pci,drive={top},bootindex={number + 1}{further}"]
    return arguments


def _recorded(node: str, log: Path, sector: int) -> list[str]:
    """A layer above the image, so that it sees the guest's flushes, which the file below skips."""
    file = f"driver=file,filename={_escaped(log)},cache.no-flush=on,node-name=log"
    layer = f"driver=blklogwrites,file={node},log=log,log-sector-size={sector},node-name=recorded"
    return ["-blockdev", file, "-blockdev", layer]


def _ports(wiring: Wiring, device: ConsoleDevice) -> list[str]:
    console = {
        ConsoleDevice.SERIAL: "isa-serial,chardev=console",
        ConsoleDevice.VIRTIO: "virtconsole,chardev=console",
    }[device]
    return [
        *("-chardev", f"socket,id=console,fd={wiring.console}", "-device", console),
        *("-chardev", f"socket,id=monitor,fd={wiring.monitor}", "-mon", "chardev=monitor,mode=control"),
        *("-chardev", f"socket,id=command,fd={wiring.command_port}"),
        *("-device", f"virtserialport,chardev=command,name={command_port.PORT_NAME}"),
    ]


def _smbios(credentials: Mapping[str, bytes]) -> list[str]:
    strings = command_port.smbios_strings({**command_port.credentials(), **credentials})
    return [word for string in strings for word in ("-smbios", f"type=11,value={_escaped(string)}")]


def _escaped(value: object) -> str:
    """A value inside one of QEMU's comma-separated options."""
    return str(value).replace(",", ",,")


def direct_kernel(guest: GuestFolder) -> DirectKernel | None:
    """The kernel that the guest's description says to boot directly, with absolute paths."""
    kernel = guest.guest.kernel
    if kernel is None:
        return None
    initrd = guest.path(kernel.initrd) if kernel.initrd is not None else None
    return DirectKernel(guest.path(kernel.image), initrd, kernel.command_line)
