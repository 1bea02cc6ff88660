"""What was read of this machine, raw: which files, folders and commands, and what each answered.

Everything that is said of the hardware is a pure function of one `Readings` value. "Not there" (`Missing`)
and "could not look" (`Unreadable`) are two answers everywhere: only the first one ever means "none".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from zeta_self_register.effects import CommandFailed

# Bytes of one file or output: /proc/cpuinfo exceeds it beyond some 5000 processors.
READ_LIMIT = 8 * 1024 * 1024
# Entries of one folder: a node full of pods has some hundred network interfaces.
ENTRY_LIMIT = 4096

DMI = "/sys/class/dmi/id"
DMI_UUID = f"{DMI}/product_uuid"
DEVICE_TREE = "/proc/device-tree"
DEVICE_TREE_SERIAL = f"{DEVICE_TREE}/serial-number"
NET = "/sys/class/net"
BLOCK = "/sys/block"
PCI = "/sys/bus/pci/devices"
TPM = "/sys/class/tpm"
DRM = "/sys/class/drm"
ACPI_TABLES = "/sys/firmware/acpi/tables"
CPUS = "/sys/devices/system/cpu"
IP_ADDRESSES = ("ip", "-json", "-details", "address", "show")
IP_ROUTES_4 = ("ip", "-json", "-4", "route", "show", "default")
IP_ROUTES_6 = ("ip", "-json", "-6", "route", "show", "default")

# What LoadCredential= leaves in place of a file that it could not load (SetCredential= beside it).
CREDENTIAL_SENTINEL = b"absent"

_FILES = (
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/sys/kernel/osrelease", "/proc/net/route"),
    *(DMI_UUID, f"{DMI}/sys_vendor", f"{DMI}/product_name"),
    *(f"{DEVICE_TREE}/model", DEVICE_TREE_SERIAL, "/sys/hypervisor/type"),
)
_FOLDERS = (
    "/sys/class",
    DMI,
    TPM,
    DRM,
    ACPI_TABLES,
    NET,
    BLOCK,
    "/sys/bus",
    PCI,
    CPUS,
    f"{DEVICE_TREE}/cpus",
)
_COMMANDS: tuple[tuple[str, ...], ...] = (IP_ADDRESSES, IP_ROUTES_4, IP_ROUTES_6)


@dataclass(frozen=True, slots=True)
class Missing:
    """Looked, and it is not there."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Could not look, so nothing is known; `reason` is one line."""

    reason: str


Content = bytes | Missing | Unreadable
Listing = tuple[str, ...] | Missing | Unreadable
NOT_LOOKED_AT = Unreadable("not looked at")


class ReadingSource(Protocol):
    """The part of the effects port that only looks."""

    def read(self, path: str) -> bytes:
        """The whole file. Raises OSError (FileNotFoundError when it is not there)."""

    def listdir(self, path: str) -> list[str]:
        """The folder's entries. Raises OSError."""

    def run(self, argv: Sequence[str]) -> bytes:
        """The standard output of a command. Raises OSError or CommandFailed."""


@dataclass(frozen=True)
class Readings:
    """One look at the machine. What was not looked at is unreadable, never missing."""

    files: Mapping[str, Content] = field(default_factory=dict)
    folders: Mapping[str, Listing] = field(default_factory=dict)
    commands: Mapping[tuple[str, ...], Content] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("files", "folders", "commands"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def file(self, path: str) -> Content:
        """The bytes of a file."""
        return self.files.get(path, NOT_LOOKED_AT)

    def folder(self, path: str) -> Listing:
        """The sorted entries of a folder."""
        return self.folders.get(path, NOT_LOOKED_AT)

    def command(self, argv: tuple[str, ...]) -> Content:
        """The standard output of a command; Missing when the program is not installed."""
        return self.commands.get(argv, NOT_LOOKED_AT)

    def entries(self, path: str) -> tuple[str, ...]:
        """The sorted entries of a folder, none if it is missing or could not be read."""
        listing = self.folder(path)
        return listing if isinstance(listing, tuple) else ()

    def text(self, path: str, limit: int = 200) -> str | None:
        """A file's text made fit for one line (see `one_line`), None if there is none."""
        content = self.file(path)
        return one_line(content, limit) if isinstance(content, bytes) else None

    def number(self, path: str) -> int | None:
        """A file that holds one decimal number, None if it does not."""
        text = self.text(path)
        return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None


def one_line(raw: bytes | str, limit: int = 200) -> str | None:
    """Text of unknown origin made fit for one line: printable, single spaces, at most `limit` characters.

    Control characters, bidirectional overrides, unpaired surrogates and bytes that are not UTF-8 become
    spaces or U+FFFD. None when nothing is left.
    """
    # A character is at most four bytes; ten times as much leaves room for what is dropped.
    text = raw[: limit * 40].decode("utf-8", "replace") if isinstance(raw, bytes) else raw[: limit * 10]
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:limit].strip() or None


def collect(source: ReadingSource, override: Mapping[str, Content] | None = None) -> Readings:
    """Reads everything that `hardware`, `identity` and `derived_node_name` ask for.

    `override` replaces files that this user may not read. The text `absent` in it is what a credential
    holds that could not be loaded: the file is then missing if its folder does not list it, and unreadable
    if it does.
    """
    return _Collector(source, override or {}).everything()


class _Collector:
    def __init__(self, source: ReadingSource, override: Mapping[str, Content]) -> None:
        self.source = source
        self.override = override
        self.files: dict[str, Content] = {}
        self.folders: dict[str, Listing] = {}

    def everything(self) -> Readings:
        for folder in _FOLDERS:
            self.list(folder)
        for path in _FILES:
            self.read(path)
        for name in self.list(TPM):
            self.read(f"{TPM}/{name}/tpm_version_major")
        for name in self.list(DRM):
            if name.startswith("renderD"):
                self.read(f"{DRM}/{name}/device/uevent")
        for name in self.list(f"{DEVICE_TREE}/cpus"):
            if name.startswith("cpu@"):
                self.read(f"{DEVICE_TREE}/cpus/{name}/compatible")
        for name in self.list(CPUS):
            if name.startswith("cpu") and name[3:].isdigit():
                self.read(f"{CPUS}/{name}/topology/core_cpus_list")
        self.interfaces()
        self.disks()
        self.pci_devices()
        commands = {argv: self.run(argv) for argv in _COMMANDS}
        return Readings(self.files, self.folders, commands)

    def interfaces(self) -> None:
        for name in self.list(NET):
            self.read(f"{NET}/{name}/address")
            if self.list(f"{NET}/{name}/device") or not isinstance(
                self.folders[f"{NET}/{name}/device"], Missing
            ):
                for attribute in ("addr_assign_type", "type", "bonding_slave/perm_hwaddr"):
                    self.read(f"{NET}/{name}/{attribute}")
                self.read(f"{NET}/{name}/device/uevent")
                self.read(f"{NET}/{name}/device/removable")

    def disks(self) -> None:
        for name in self.list(BLOCK):
            if "device" in self.list(f"{BLOCK}/{name}"):
                for attribute in ("size", "removable", "queue/rotational"):
                    self.read(f"{BLOCK}/{name}/{attribute}")
                for attribute in ("model", "name", "vendor", "sas_address"):
                    self.read(f"{BLOCK}/{name}/device/{attribute}")

    def pci_devices(self) -> None:
        for name in self.list(PCI):
            content = self.read(f"{PCI}/{name}/class")
            if isinstance(content, bytes) and content.startswith(b"0x03"):
                self.read(f"{PCI}/{name}/vendor")
                self.read(f"{PCI}/{name}/device")

    def read(self, path: str) -> Content:
        if path not in self.files:
            replaced = self.override.get(path)
            self.files[path] = self.look(path) if replaced is None else self.replaced(path, replaced)
        return self.files[path]

    def replaced(self, path: str, content: Content) -> Content:
        if not isinstance(content, bytes) or content.strip() != CREDENTIAL_SENTINEL:
            return content
        folder, _, name = path.rpartition("/")
        if name in self.list(folder):
            return Unreadable(f"{path} is there, but its credential was not loaded")
        return Missing() if isinstance(self.folders[folder], tuple | Missing) else Unreadable("not loaded")

    def look(self, path: str) -> Content:
        try:
            content = self.source.read(path)
        except (FileNotFoundError, NotADirectoryError):
            return Missing()
        except OSError as error:
            return Unreadable(_reason(error))
        return content if len(content) <= READ_LIMIT else Unreadable(f"more than {READ_LIMIT} bytes")

    def list(self, path: str) -> tuple[str, ...]:
        if path not in self.folders:
            self.folders[path] = self.look_into(path)
        listing = self.folders[path]
        return listing if isinstance(listing, tuple) else ()

    def look_into(self, path: str) -> Listing:
        try:
            names = self.source.listdir(path)
        except (FileNotFoundError, NotADirectoryError):
            return Missing()
        except OSError as error:
            return Unreadable(_reason(error))
        return tuple(sorted(names)) if len(names) <= ENTRY_LIMIT else Unreadable(f"more than {ENTRY_LIMIT}")

    def run(self, argv: tuple[str, ...]) -> Content:
        try:
            output = self.source.run(argv)
        except FileNotFoundError:
            return Missing()
        except OSError as error:
            return Unreadable(_reason(error))
        except CommandFailed as error:
            return Unreadable(one_line(str(error)) or "failed")
        return output if len(output) <= READ_LIMIT else Unreadable(f"more than {READ_LIMIT} bytes")


def _reason(error: OSError) -> str:
    return one_line(error.strerror or type(error).__name__) or "failed"
