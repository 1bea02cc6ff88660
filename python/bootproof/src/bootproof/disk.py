"""Disk images, and what killing QEMU means for them.

The host never loses power in a test, so nothing is ever synced to the host's disk (`no-flush` on the file below): that
makes the guest's own syncs free. What a cut loses is still what DESIGN says. On a raw image each write of the guest is
in the host's cache when QEMU completes it, so a cut loses only what the guest itself had not written yet. On a qcow2
overlay QEMU holds back the tables of newly allocated clusters until the guest syncs; that sync does reach the qcow2
layer (only the file below skips its flush), so a cut loses the same, and newly allocated clusters that were not synced.
`cache=unsafe` would drop the guest's syncs on the qcow2 layer too, and lose what the guest was told is safe.
"""

import enum
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import msgspec

from bootproof.errors import MachineError

GIGABYTE = 1 << 30
SECTOR = 512


class Format(enum.Enum):
    RAW = "raw"
    QCOW2 = "qcow2"


class Disk(msgspec.Struct, frozen=True):
    """An image file. `serial` is what the guest sees, and `sector` how many bytes it is told that this disk writes at
    once; both stay with the image and with its forks."""

    path: Path
    format: Format = Format.RAW
    read_only: bool = False
    serial: str = ""
    sector: int = SECTOR

    def fork(self, path: Path) -> "Disk":
        """A qcow2 overlay at `path` that begins as this disk is now. This disk must not be written to any more."""
        base = str(self.path.resolve())
        _qemu_img("create", "-q", "-f", "qcow2", "-b", base, "-F", self.format.value, str(path))
        return Disk(path, Format.QCOW2, serial=self.serial, sector=self.sector)

    def copy(self, path: Path) -> "Disk":
        """A raw image at `path` with the same content and no backing file."""
        if self.format is Format.RAW:
            # cp keeps holes and shares blocks where the file system can
            subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(self.path), str(path)], check=True)
        else:
            _qemu_img("convert", "-q", "-O", "raw", str(self.path), str(path))
        return Disk(path, Format.RAW, serial=self.serial, sector=self.sector)


def existing(path: Path, read_only: bool = False) -> Disk:
    """The image at `path`: qcow2 if its name says so, otherwise raw."""
    return Disk(path, Format.QCOW2 if path.suffix == ".qcow2" else Format.RAW, read_only)


def blank(path: Path, size: int = 4 * GIGABYTE, serial: str = "", sector: int = SECTOR) -> Disk:
    """A raw image of `size` bytes that takes no room until it is written to."""
    with path.open("xb") as file:
        file.truncate(size)
    return Disk(path, Format.RAW, serial=serial, sector=sector)


def from_folder(folder: Path, path: Path) -> Disk:
    """A read-only disk that holds a tar archive of the folder from its first byte on (`tar -xf /dev/vdX`)."""
    with tarfile.open(path, "w") as archive:
        archive.add(folder, arcname=".")
    size = path.stat().st_size
    os.truncate(path, -(-size // 512) * 512)
    return Disk(path, Format.RAW, read_only=True)


def _qemu_img(*arguments: str) -> None:
    if shutil.which("qemu-img") is None:
        raise MachineError("qemu-img is not installed: apt install qemu-utils")
    done = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise MachineError(f"qemu-img {arguments[0]}: {done.stderr.strip()}")
