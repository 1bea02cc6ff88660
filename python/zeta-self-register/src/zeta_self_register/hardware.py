"""What the readings say of the hardware, in exact figures.

None always means "could not tell"; an empty tuple, and `NoNetwork`, mean "looked, and there is none". What is
counted or listed is None as a whole when one part of it could not be read: half of the disks would read as all.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from zeta_self_register.network_interfaces import (
    Interface,
    Kind,
    default_interfaces,
    interfaces,
    routes_known,
)
from zeta_self_register.readings import (
    ACPI_TABLES,
    BLOCK,
    CPUS,
    DEVICE_TREE,
    DMI,
    DRM,
    PCI,
    TPM,
    Content,
    Missing,
    Readings,
    Unreadable,
    one_line,
)

SECTOR = 512  # bytes; the kernel's unit in /sys/block/*/size whatever the disk's own is

# Not disks of the machine: made by software, optical, floppy, boot areas of eMMC, paths of one NVMe disk.
_NOT_A_DISK = re.compile(
    r"(loop|ram|zram|dm-|md|sr|fd|nbd|rbd|drbd|zd|mtd)[0-9]|mmcblk[0-9]+(boot|rpmb)|nvme[0-9]+c[0-9]+n"
)
_NO_PRODUCT = re.compile(
    r"to be filled|default string|o\.e\.m|^(system (manufacturer|product name)|not [a-z]+|unknown|none)$",
    re.IGNORECASE,
)
_HYPERVISORS = re.compile(
    r"qemu|kvm|vmware|innotek|virtualbox|xen|bochs|parallels|bhyve|amazon ec2|google compute|openstack|"
    r"microsoft corporation virtual machine",
    re.IGNORECASE,
)


class Tpm2(Enum):
    """Whether there is a TPM 2.0. "Could not look" is not "absent"."""

    PRESENT = "present"
    ABSENT = "absent"
    UNREADABLE = "unreadable"  # the kernel's answer could not be read
    UNAVAILABLE = "unavailable"  # firmware has one, but the kernel offers no device
    INDETERMINATE = "indeterminate"  # a TPM of unknown version, or nobody who could know was there to ask


class Gpu(msgspec.Struct, frozen=True):
    """A display controller by its PCI ids, four lower-case hex digits each; one that is a part of a board's chip by
    the device tree's words (`brcm`, `2711-v3d`)."""

    vendor: str
    device: str


class Disk(msgspec.Struct, frozen=True):
    """A disk of the machine: `size_bytes` as the kernel counts it, not the label's figure."""

    name: str
    size_bytes: int
    model: str | None = None
    rotational: bool | None = None
    transport: str | None = None  # nvme, mmc, virtio, ata, sas


class Network(msgspec.Struct, frozen=True):
    """The interface that the default route leaves by; `addresses` that others can reach, IPv4 first."""

    interface: str
    addresses: tuple[str, ...] | None
    mac: str | None


class NoNetwork(msgspec.Struct, frozen=True):
    """Looked: there is no default route, and not just one card with an address that could stand for it."""


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the machine."""

    cpu: str | None = None
    cores: int | None = None  # physical cores that are on line
    threads: int | None = None  # logical processors that are on line
    memory_bytes: int | None = None  # MemTotal: what the kernel can use, less than what is plugged in
    gpus: tuple[Gpu, ...] | None = None
    kernel: str | None = None
    tpm2: Tpm2 = Tpm2.INDETERMINATE
    storage: tuple[Disk, ...] | None = None
    network: Network | NoNetwork | None = None
    product: str | None = None  # what the vendor calls the machine or board
    virtual: bool | None = None


def hardware(readings: Readings) -> Hardware:
    """Everything that the readings say."""
    product = _product(readings)
    return Hardware(
        cpu=_cpu_model(readings),
        cores=_cores(readings),
        threads=_threads(readings),
        memory_bytes=_memory(readings),
        gpus=_gpus(readings),
        kernel=readings.text("/proc/sys/kernel/osrelease", 64),
        tpm2=_tpm2(readings),
        storage=_storage(readings),
        network=_network(readings),
        product=product,
        virtual=_virtual(readings),
    )


def _cpuinfo(readings: Readings) -> list[dict[str, str]]:
    """One dictionary a block of /proc/cpuinfo; keys are lower-cased."""
    content = readings.file("/proc/cpuinfo")
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    blocks = []
    for block in re.split(r"\n\s*\n", text):
        pairs = (line.partition(":") for line in block.splitlines())
        fields = {key.strip().lower(): value.strip() for key, _, value in pairs if key.strip()}
        if fields:
            blocks.append(fields)
    return blocks


def _cpu_model(readings: Readings) -> str | None:
    for fields in _cpuinfo(readings):
        for key in ("model name", "cpu model", "cpu", "uarch"):
            if fields.get(key):
                return one_line(fields[key])
    # ARM says nothing readable in cpuinfo, but the device tree names each core's design.
    names = [name for name in readings.entries(f"{DEVICE_TREE}/cpus") if name.startswith("cpu@")]
    designs = {_design(readings.file(f"{DEVICE_TREE}/cpus/{name}/compatible")) for name in names}
    return one_line(" + ".join(sorted(design for design in designs if design)))


def _design(compatible: Content) -> str | None:
    return one_line(compatible.split(b"\0")[0]) if isinstance(compatible, bytes) else None


def _threads(readings: Readings) -> int | None:
    return sum("processor" in fields for fields in _cpuinfo(readings)) or None


def _cores(readings: Readings) -> int | None:
    """Distinct sets of sibling threads; each core is one set, on every architecture and with any socket
    count."""
    cpus = [name for name in readings.entries(CPUS) if re.fullmatch(r"cpu[0-9]+", name)]
    lists = {readings.file(f"{CPUS}/{name}/topology/core_cpus_list") for name in cpus}
    if any(isinstance(siblings, Unreadable) for siblings in lists):
        return None
    siblings = lists - {Missing()}  # of a processor that is off line
    if siblings:
        return len(siblings)
    blocks = [fields for fields in _cpuinfo(readings) if "processor" in fields]
    pairs = {(fields.get("physical id"), fields.get("core id")) for fields in blocks}
    return len(pairs) if pairs and all(core is not None for _, core in pairs) else None


def _memory(readings: Readings) -> int | None:
    content = readings.file("/proc/meminfo")
    if not isinstance(content, bytes):
        return None
    found = re.search(rb"^MemTotal:\s+([0-9]{1,15}) kB$", content, re.MULTILINE)
    return int(found[1]) * 1024 or None if found else None


def _gpus(readings: Readings) -> tuple[Gpu, ...] | None:
    cards, built_in = _pci_gpus(readings), _chip_gpus(readings)
    return None if cards is None or built_in is None else (*cards, *built_in)


def _pci_gpus(readings: Readings) -> tuple[Gpu, ...] | None:
    listing = readings.folder(PCI)
    if isinstance(listing, Missing):
        return () if isinstance(readings.folder("/sys/bus"), tuple) else None  # a board without PCI
    if isinstance(listing, Unreadable):
        return None
    gpus, unsure = [], False
    for name in listing:
        kind = readings.file(f"{PCI}/{name}/class")
        unsure = unsure or isinstance(kind, Unreadable)
        if isinstance(kind, bytes) and re.fullmatch(rb"0x03[0-9a-f]{4}\s*", kind):
            vendor, device = _pci_id(readings, name, "vendor"), _pci_id(readings, name, "device")
            if vendor and device:
                gpus.append(Gpu(vendor, device))
            unsure = unsure or not (vendor and device)
    return None if unsure else tuple(gpus)


def _chip_gpus(readings: Readings) -> tuple[Gpu, ...] | None:
    """What renders (it has a render node) and is in the device tree; a simple frame buffer does not."""
    if isinstance(readings.folder(DRM), Unreadable):
        return None
    events = [
        readings.file(f"{DRM}/{name}/device/uevent")
        for name in readings.entries(DRM)
        if re.fullmatch(r"renderD[0-9]+", name)
    ]
    if any(isinstance(event, Unreadable) for event in events):
        return None
    found = [
        re.search(rb"^OF_COMPATIBLE_0=([a-z0-9-]{1,32}),([a-zA-Z0-9._-]{1,32})$", event, re.MULTILINE)
        for event in events
        if isinstance(event, bytes) and b"PCI_ID=" not in event
    ]
    return tuple(Gpu(one[1].decode(), one[2].decode()) for one in found if one)


def _pci_id(readings: Readings, name: str, attribute: str) -> str | None:
    text = readings.text(f"{PCI}/{name}/{attribute}") or ""
    return text[2:].lower() if re.fullmatch(r"0x[0-9a-fA-F]{4}", text) else None


def _tpm2(readings: Readings) -> Tpm2:
    devices = readings.folder(TPM)
    if isinstance(devices, Unreadable) or not isinstance(readings.folder("/sys/class"), tuple):
        return Tpm2.UNREADABLE
    names = [name for name in readings.entries(TPM) if re.fullmatch(r"tpm[0-9]+", name)]
    versions = [readings.file(f"{TPM}/{name}/tpm_version_major") for name in names]
    if any(isinstance(version, bytes) and version.strip() == b"2" for version in versions):
        return Tpm2.PRESENT
    if any(isinstance(version, Unreadable) for version in versions):
        return Tpm2.UNREADABLE
    if any(not isinstance(version, bytes) or version.strip() != b"1" for version in versions):
        return Tpm2.INDETERMINATE  # kernels before 5.6 do not say which version it is
    tables = readings.folder(ACPI_TABLES)
    if not names and isinstance(tables, tuple) and "TPM2" in tables:
        return Tpm2.UNAVAILABLE
    if not names and (
        isinstance(tables, Unreadable) or (isinstance(devices, Missing) and tables == Missing())
    ):
        return Tpm2.INDETERMINATE  # firmware's tables are not there to ask, or cannot be asked
    return Tpm2.ABSENT


def _storage(readings: Readings) -> tuple[Disk, ...] | None:
    listing = readings.folder(BLOCK)
    if not isinstance(listing, tuple):
        return None
    disks, unsure = [], False
    for name in listing:
        parts = readings.folder(f"{BLOCK}/{name}")
        if _NOT_A_DISK.match(name) or isinstance(parts, Missing):
            continue
        if isinstance(parts, tuple) and "device" not in parts:
            continue  # another one that software makes
        disk = _disk(readings, name)
        unsure = unsure or any(
            _is_unclear(readings, f"{BLOCK}/{name}/{one}") for one in ("size", "removable")
        )
        if disk:
            disks.append(disk)
    return None if unsure else tuple(disks)


def _is_unclear(readings: Readings, path: str) -> bool:
    """Whether a number is there that could not be read."""
    return not isinstance(readings.file(path), Missing) and readings.number(path) is None


def _disk(readings: Readings, name: str) -> Disk | None:
    """A disk with a medium that stays; card readers, sticks and empty slots are none."""
    sectors = readings.number(f"{BLOCK}/{name}/size")
    if not sectors or readings.number(f"{BLOCK}/{name}/removable") == 1:
        return None
    transport = _transport(readings, name)
    spins = readings.number(f"{BLOCK}/{name}/queue/rotational")
    return Disk(
        name=one_line(name, 64) or "disk",
        size_bytes=sectors * SECTOR,
        model=readings.text(f"{BLOCK}/{name}/device/model", 64)
        or readings.text(f"{BLOCK}/{name}/device/name", 64),
        # A hypervisor's disk says "rotational" for want of knowledge.
        rotational=None if transport == "virtio" or spins is None else bool(spins),
        transport=transport,
    )


def _transport(readings: Readings, name: str) -> str | None:
    for prefix, transport in (("nvme", "nvme"), ("mmcblk", "mmc"), ("vd", "virtio")):
        if name.startswith(prefix):
            return transport
    if isinstance(readings.file(f"{BLOCK}/{name}/device/sas_address"), bytes):
        return "sas"
    return "ata" if readings.text(f"{BLOCK}/{name}/device/vendor") == "ATA" else None


def _network(readings: Readings) -> Network | NoNetwork | None:
    """The default route's interface; where that is a tunnel without a MAC, the one card with an address."""
    looked = interfaces(readings)
    if looked is None:
        return None
    found = {one.name: one for one in looked}
    routed = [found[name] for name in default_interfaces(readings) if name in found]
    cards = [one for one in looked if one.kind is not Kind.VIRTUAL and one.addresses]
    chosen = next((one for one in routed if _mac(one)), None)
    if chosen is None:
        chosen = cards[0] if len(cards) == 1 else next(iter(routed), None)
    if chosen is not None:
        return Network(chosen.name, chosen.addresses, _mac(chosen))
    return (
        NoNetwork() if routes_known(readings) and all(one.addresses is not None for one in looked) else None
    )


def _mac(interface: Interface) -> str | None:
    """The burnt-in address, since Wi-Fi may show another one every day; a bond has only the present one."""
    return interface.permanent or interface.address


def _product(readings: Readings) -> str | None:
    vendor, name = readings.text(f"{DMI}/sys_vendor", 80), readings.text(f"{DMI}/product_name", 80)
    words = [text for text in (vendor, name) if text and not _NO_PRODUCT.search(text)]
    return " ".join(words) or readings.text(f"{DEVICE_TREE}/model", 160)


def _virtual(readings: Readings) -> bool | None:
    if readings.text("/sys/hypervisor/type"):
        return True
    blocks = _cpuinfo(readings)
    if any("hypervisor" in fields.get("flags", "").split() for fields in blocks):
        return True
    product = _product(readings)
    if product:
        return bool(_HYPERVISORS.search(product))
    return False if any("flags" in fields for fields in blocks) else None
