"""Whether KVM works here, found out by using it: /dev/kvm can exist while QEMU aborts or the guest hangs."""

import enum
import functools
import os
import select
import shutil
import subprocess
import time

import msgspec

from bootproof import firmware
from bootproof.errors import MachineError

QEMU = "qemu-system-x86_64"

_PROBE_LIMIT = 8.0  # seconds; where KVM works the firmware speaks within two
_GAVE_UP = b"KVM internal error"  # said by QEMU, which then waits for ever with the guest paused


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
    if firmware_speaks(ARGUMENTS[Kind.KVM]):
        return Accelerator(Kind.KVM, 1.0, "KVM works")
    return Accelerator(
        Kind.TCG,
        TCG_FACTOR,
        "/dev/kvm exists but no guest runs under it, so QEMU emulates the processor: slower, same results",
    )


def firmware_speaks(arguments: list[str], limit: float = _PROBE_LIMIT) -> bool:
    """Whether UEFI firmware gets as far as its console within `limit` seconds.

    A smaller guest proves too little: there are hosts whose KVM runs a BIOS and a boot sector, and gives up at the
    first floating-point instruction. `arguments` are those that every machine gets: KVM can run its default processor
    and abort on the host's own. Raises MachineError if there is no firmware.
    """
    found = firmware.find()
    command = [
        *(QEMU, "-machine", "q35", *arguments, "-nodefaults", "-no-user-config", "-display", "none"),
        *("-m", "128", "-serial", "stdio"),
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={found.code}"),
        *("-drive", f"if=pflash,unit=1,format=raw,snapshot=on,file={found.variables}"),
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None  # both are pipes
    assert process.stderr is not None
    console, complaints = process.stdout, process.stderr
    deadline = time.monotonic() + limit
    with process, console, complaints:
        try:
            while left := max(0.0, deadline - time.monotonic()):
                ready, _, _ = select.select([console, complaints], [], [], left)
                if console in ready:
                    return bool(os.read(console.fileno(), 1))
                if complaints in ready:
                    said = os.read(complaints.fileno(), 4096)
                    if not said or _GAVE_UP in said:
                        return False
            return False
        finally:
            process.kill()
