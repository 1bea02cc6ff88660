"""A guest: a folder with a `guest.toml` that says how its files are booted, whoever built it.

A stick that installs onto a blank disk (what `bootproof.debian` builds):

    name = "debian-trixie"
    stage = "installer"
    architecture = "x86_64"
    python = "3.13"                    # so that a scenario can bring wheels for it
    disks = ["system.img"]             # the stick, attached read-only
    installer = "installer.service"    # the unit on the stick that installs

    [kernel]                           # booted directly; without this table the firmware boots the first disk
    image = "vmlinuz"
    initrd = "initrd"
    command_line = "root=LABEL=stick console=ttyS0"

A system that is already on its disk (a NixOS image built elsewhere, say); its disks are forked, never written:

    name = "nixos"
    stage = "installed"
    disks = ["disk.qcow2"]             # raw, unless the name ends in .qcow2
    memory = 2048                      # MiB

    [firmware]                         # only if the host's own UEFI firmware is not to be used
    code = "OVMF_CODE.fd"
    variables = "OVMF_VARS.fd"

    [notes]                            # strings for the scenarios; nothing here reads them
    agent = "/run/current-system/sw/bin/agent"

Whatever the guest, its systemd must be 256 or later: that is how the command port gets in (see command_port.py).
"""

import difflib
import enum
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from bootproof.errors import MachineError

DESCRIPTION = "guest.toml"


class Stage(enum.Enum):
    """What is on the guest's disks."""

    INSTALLER = "installer"
    INSTALLED = "installed"


class Console(enum.Enum):
    """The device that the guest's kernel has as its console."""

    SERIAL = "ttyS0"
    VIRTIO = "hvc0"


class Kernel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kernel that is booted directly, without firmware; paths are relative to the guest's folder."""

    image: str
    initrd: str | None = None
    command_line: str = ""


class FirmwareFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A UEFI firmware of the guest's own; paths are relative to the guest's folder."""

    code: str
    variables: str


class Guest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of `guest.toml`. `memory` in MiB."""

    name: str
    stage: Stage
    disks: tuple[str, ...]
    architecture: str = "x86_64"
    kernel: Kernel | None = None
    firmware: FirmwareFiles | None = None
    console: Console = Console.SERIAL
    memory: int = 1024
    cpus: int = 1
    python: str | None = None
    installer: str | None = None
    notes: dict[str, str] = {}

    def save(self, folder: Path) -> None:
        """Write `guest.toml` into the folder."""
        (folder / DESCRIPTION).write_text(to_toml(msgspec.to_builtins(self)))


class GuestFolder(msgspec.Struct, frozen=True):
    """A guest and where it lies; the paths here are absolute."""

    folder: Path
    guest: Guest

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def disks(self) -> tuple[Path, ...]:
        return tuple(self.path(name) for name in self.guest.disks)


def load(folder: Path) -> GuestFolder:
    """Read a guest's folder.

    Raises MachineError, in one line, if the description or a file that it names is missing or it does not fit.
    """
    folder = folder.resolve()
    description = folder / DESCRIPTION
    try:
        content = tomllib.loads(description.read_text())
    except FileNotFoundError:
        raise MachineError(f"{folder} is not a guest: it has no {DESCRIPTION}") from None
    except OSError as error:
        raise MachineError(f"{description} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MachineError(f"{description} is not TOML: {error}") from None
    guest = parse(content, description)
    for name in _files(guest):
        if not (folder / name).is_file():
            raise MachineError(f"{description} names {name}, which is not in {folder}")
    return GuestFolder(folder, guest)


def parse(content: dict[str, Any], source: Path) -> Guest:
    """The guest that a parsed `guest.toml` describes; `source` is only for the messages of MachineError."""
    _refuse_unknown_keys(content, Guest, source, "")
    for table, struct in (("kernel", Kernel), ("firmware", FirmwareFiles)):
        if isinstance(content.get(table), dict):
            _refuse_unknown_keys(content[table], struct, source, f"{table}.")
    try:
        guest = msgspec.convert(content, Guest)
    except msgspec.ValidationError as error:
        raise MachineError(f"{source}: {error}") from None
    if not guest.disks:
        raise MachineError(f"{source}: disks is empty; name the guest's disk images")
    if guest.stage is Stage.INSTALLER and guest.installer is None:
        raise MachineError(
            f'{source}: stage "installer" needs installer, the unit on the stick that installs'
        )
    return guest


def _refuse_unknown_keys(
    table: dict[str, Any], struct: type[msgspec.Struct], source: Path, prefix: str
) -> None:
    known = struct.__struct_fields__
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise MachineError(f"{source}: unknown key {prefix}{key}; did you mean {prefix}{near}?")


def _files(guest: Guest) -> Iterable[str]:
    yield from guest.disks
    if guest.kernel is not None:
        yield guest.kernel.image
        if guest.kernel.initrd is not None:
            yield guest.kernel.initrd
    if guest.firmware is not None:
        yield guest.firmware.code
        yield guest.firmware.variables


def to_toml(table: dict[str, Any]) -> str:
    """The table as TOML: strings, integers, lists of strings, and tables of strings, which is all a guest has."""
    plain = [f"{key} = {_value(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for name, inner in table.items():
        if isinstance(inner, dict):
            plain += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in inner.items())]
    return "\n".join(plain) + "\n"


def _value(value: str | int | Iterable[str]) -> str:
    # A JSON string is a TOML basic string, and a JSON list of strings a TOML array.
    return msgspec.json.encode(value).decode()
