"""A lean boot: an installed disk, its own kernel and programs, and nothing that starts by itself.

A trial that is a run, a power cut and a run spends most of its time in firmware, loader and service manager. A lean
machine leaves these out, and pays for its kernel once:

1. *Once*: the guest's kernel starts with an initial RAM disk of ours (data/lean/init). Before it has loaded the disk's
   driver it says on the console that it waits, and is saved (`asleep`).
2. *Each boot* (`wake`) goes on from there on whatever the disk is now. The host writes a new boot id and the time to
   the console; the guest loads the driver and mounts the root file system, which replays its journal, starts the
   network with a fixed address, and hands itself over to the command port.
3. *A power cut* ends QEMU, as for every machine. What the disk lost is the same as on a machine that boots in full.

What it cannot show: firmware, loader, units, timers and their order. The boot id is the host's, because the kernel's
own would be that of the saved moment.
"""

import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from bootproof import command_port
from bootproof.guest import GuestFolder
from bootproof.qemu import QemuMachine
from bootproof.qemu_command import DirectKernel, direct_kernel
from bootproof.saved import Saved

INIT = Path(__file__).parent / "data" / "lean" / "init"
NEEDS = ("bin/busybox", "virtio_blk.ko")
"""What data/lean/init finds beside itself, in the guest's initial RAM disk."""
WAITS = "lean: waits for its disk"
ROOT_LABEL = "nixos"
ROOT_OPTIONS = "rw,noatime"


def kernel(guest: GuestFolder, folder: Path) -> DirectKernel | None:
    """The guest's kernel with the initial RAM disk of lean boots, written into `folder`; None for a guest that does
    not show its kernel, or whose own initial RAM disk is of another kind (see NEEDS)."""
    own = direct_kernel(guest)
    if own is None or own.initrd is None:
        return None
    content = own.initrd.read_bytes()
    if not all(
        f"{name}\0".encode() in content for name in NEEDS
    ):  # names end so; a compressed one shows none
        return None
    variables = f"port={command_port.PORT_NAME} label={ROOT_LABEL} options={ROOT_OPTIONS}\n"
    head, _, rest = INIT.read_text().partition("\n")
    files = {
        "init": (f"{head}\n{variables}{rest}".encode(), 0o755),
        command_port.SCRIPT.name: (command_port.SCRIPT.read_bytes(), 0o644),
    }
    # The kernel unpacks one archive after the other; a later file takes the place of an earlier one.
    initrd = folder / "lean-initrd"
    initrd.write_bytes(content + bytes(-len(content) % 4) + archive(files))
    return DirectKernel(own.image, initrd, own.command_line)


def asleep(machine: QemuMachine, folder: Path) -> Saved:
    """Starts it, and puts it away in front of its disk. Raises MachineError."""
    machine.power_on()
    machine.console.expect(WAITS)
    return machine.save(folder)


def wake(machine: QemuMachine, saved: Saved) -> str:
    """The next boot, on the machine's own disks as they are now; the boot id. Raises MachineError."""
    machine.wake(saved)
    machine.console.send(f"\nwake {uuid.uuid4()} {time.time():.0f}\n")
    return machine.wait_for_shell()


def archive(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """A cpio archive in the kernel's format ("newc", Documentation/driver-api/early-userspace/buffer-format.rst)."""
    entries = [_entry(name, 0o100000 | mode, content) for name, (content, mode) in files.items()]
    return b"".join((*entries, _entry("TRAILER!!!", 0, b"")))


def _entry(name: str, mode: int, content: bytes) -> bytes:
    path = name.encode() + b"\0"
    numbers = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0]
    header = b"070701" + b"".join(b"%08X" % number for number in numbers) + path
    return header + bytes(-len(header) % 4) + content + bytes(-len(content) % 4)
