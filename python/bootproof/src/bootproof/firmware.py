"""UEFI firmware, found the way QEMU's own tools find it: by the descriptors that distributions install beside QEMU."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from bootproof.errors import MachineError

# In the order in which they override each other; XDG_CONFIG_HOME's is the user's own.
DESCRIPTOR_FOLDERS = (
    "/etc/qemu/firmware",
    "/usr/share/qemu/firmware",
    "/run/current-system/sw/share/qemu/firmware",
)
FOUND_NOTHING = ("Shell> ", "No bootable option or device was found", 'starting Boot[0-9A-F]{4} "UiApp"')
"""What UEFI firmware ends with on the console when no disk boots (as regular expressions): its shell, this sentence, or
its own menu, after a boot loader that has found no entry."""


class Firmware(msgspec.Struct, frozen=True):
    """Code is shared and read-only; every machine gets its own copy of the variables (its NVRAM)."""

    code: Path
    variables: Path


def find(architecture: str = "x86_64", machine: str = "q35") -> Firmware:
    """The host's UEFI firmware without Secure Boot. Raises MachineError, with the remedy, if there is none."""
    home = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "qemu" / "firmware"
    for folder in (home, *map(Path, DESCRIPTOR_FOLDERS)):
        for path in sorted(folder.glob("*.json")):
            firmware = from_descriptor(json.loads(path.read_text()), architecture, machine)
            if firmware is not None and firmware.code.is_file() and firmware.variables.is_file():
                return firmware
    raise MachineError("no UEFI firmware for QEMU on this host: apt install ovmf")


def from_descriptor(descriptor: dict[str, Any], architecture: str, machine: str) -> Firmware | None:
    """The firmware that a descriptor names, or None if it does not fit: other target, Secure Boot, or not on flash."""
    mapping = descriptor["mapping"]
    if "uefi" not in descriptor["interface-types"] or mapping["device"] != "flash":
        return None
    if {"requires-smm", "secure-boot"} & set(descriptor["features"]) or "nvram-template" not in mapping:
        return None
    if not any(_fits(target, architecture, machine) for target in descriptor["targets"]):
        return None
    return Firmware(Path(mapping["executable"]["filename"]), Path(mapping["nvram-template"]["filename"]))


def _fits(target: dict[str, Any], architecture: str, machine: str) -> bool:
    names: Iterable[str] = target["machines"]
    return bool(target["architecture"] == architecture and any(machine in name for name in names))
