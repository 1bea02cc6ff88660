"""Whether KVM works here, found out by using it: /dev/kvm can exist while QEMU aborts or the guest hangs."""

import enum
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

from bootproof.errors import MachineError

QEMU = "qemu-system-x86_64"

# A boot sector: mov al, 0x10; out 0xf4, al; hlt. The isa-debug-exit device makes that QEMU's exit status, 2 * al + 1.
_BOOT_SECTOR = bytes.fromhex("b010e6f4f4").ljust(510, b"\0") + b"\x55\xaa"
_RAN = 0x10 * 2 + 1
_PROBE_LIMIT = 5.0  # seconds; where KVM works it takes half a second


class Kind(enum.Enum):
    KVM = "kvm"
    TCG = "tcg"


class Accelerator(msgspec.Struct, frozen=True):
    """`factor` stretches every time limit; `reason` says in one line why it was chosen."""

    kind: Kind
    factor: float
    reason: str

    @property
    def arguments(self) -> list[str]:
        return ARGUMENTS[self.kind]


ARGUMENTS = {
    Kind.KVM: ["-accel", "kvm", "-cpu", "host"],
    # without la57, page tables have four levels instead of five: each miss of the TLB is emulated
    Kind.TCG: ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"],
}

TCG_FACTOR = 8.0  # measured on two cores; more room than the slowest step needed


@functools.cache
def probe() -> Accelerator:
    """KVM if a guest runs under it, otherwise TCG. Raises MachineError if QEMU is missing. Asks once per process."""
    if shutil.which(QEMU) is None:
        raise MachineError(f"{QEMU} is not installed: apt install qemu-system-x86 qemu-utils ovmf")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Accelerator(
            Kind.TCG,
            TCG_FACTOR,
            "no access to /dev/kvm, so QEMU emulates the processor: slower, same results",
        )
    if tiny_guest_runs(ARGUMENTS[Kind.KVM]):
        return Accelerator(Kind.KVM, 1.0, "KVM works")
    return Accelerator(
        Kind.TCG,
        TCG_FACTOR,
        "/dev/kvm exists but no guest runs under it, so QEMU emulates the processor: slower, same results",
    )


def tiny_guest_runs(arguments: list[str], limit: float = _PROBE_LIMIT) -> bool:
    """Whether a guest that ends QEMU at once does so within `limit` seconds.

    `arguments` are those that every machine gets: KVM can run its default processor and abort on the host's own.
    """
    with tempfile.TemporaryDirectory(prefix="bootproof-") as folder:
        sector = Path(folder) / "sector"
        sector.write_bytes(_BOOT_SECTOR)
        command = [
            *(QEMU, *arguments, "-nodefaults", "-display", "none", "-no-reboot", "-m", "16"),
            *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"),
            *("-drive", f"file={sector},format=raw,if=floppy,readonly=on"),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=limit, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == _RAN
