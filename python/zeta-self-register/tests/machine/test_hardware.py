from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from zeta_self_register.hardware import Disk, Gpu, Hardware, Network, NoNetwork, Tpm2, hardware
from zeta_self_register.readings import (
    IP_ADDRESSES,
    IP_ROUTES_4,
    Readings,
)

Recorded = Callable[[str], Any]  # a `RecordedMachine` of conftest.py

ADDRESSES = " ".join(IP_ADDRESSES)

ROUTES = " ".join(IP_ROUTES_4)

MACHINES = ["laptop", "server", "qemu", "arm-board", "container"]


def look(machine: Any) -> Hardware:
    return hardware(machine.look())


def test_laptop(recorded: Recorded) -> None:
    assert look(recorded("laptop")) == Hardware(
        cpu="Intel(R) Core(TM) Ultra 9 185H",
        cores=16,
        threads=22,
        memory_bytes=64850716 * 1024,
        gpus=(Gpu("8086", "7d55"),),
        kernel="6.12.90",
        tpm2=Tpm2.PRESENT,
        storage=(Disk("nvme0n1", 1024209543168, "Samsung SSD 990 PRO 1TB", False, "nvme"),),
        network=Network("wlp0s20f3", ("192.168.4.36", "2001:db8:4::36"), "c4:75:ab:00:12:34"),
        product="LENOVO 21KV0012MX",
        virtual=False,
    )


def test_server_with_two_sockets_and_a_bond(recorded: Recorded) -> None:
    known = look(recorded("server"))
    assert (known.cores, known.threads) == (8, 16)
    assert known.network == Network("bond0", ("10.20.0.15",), "e4:43:4b:aa:00:10")
    assert known.gpus == (Gpu("102b", "0536"), Gpu("10de", "1eb8"))
    assert known.storage == (
        Disk("sda", 600127266816, "ST600MM0069", True, "sas"),
        Disk("sdb", 480103981056, "MZ7KM480HMHQ0D3", False, "ata"),
    )


def test_qemu_guest(recorded: Recorded) -> None:
    known = look(recorded("qemu"))
    assert known.virtual is True
    assert known.product == "QEMU Standard PC (Q35 + ICH9, 2009)"
    assert known.storage == (Disk("vda", 20 * 1024**3, None, None, "virtio"),)
    assert known.tpm2 is Tpm2.ABSENT
    assert (known.cores, known.threads) == (2, 2)
    assert known.network == Network("enp0s2", ("10.0.2.15",), "52:54:00:12:34:56")


def test_arm_board(recorded: Recorded) -> None:
    known = look(recorded("arm-board"))
    assert known.cpu == "arm,cortex-a72"
    assert known.product == "Raspberry Pi 4 Model B Rev 1.4"
    assert known.gpus == (Gpu("brcm", "2711-v3d"),)
    assert known.storage == (Disk("mmcblk0", 31914983424, "SD32G", False, "mmc"),)
    assert known.network == Network("end0", ("2001:db8:9::3",), "dc:a6:32:01:02:03")
    assert known.virtual is False


def test_container_knows_what_proc_says_and_no_more(recorded: Recorded) -> None:
    assert look(recorded("container")) == Hardware(
        threads=2, memory_bytes=4028048 * 1024, tpm2=Tpm2.UNREADABLE
    )


def test_nothing_read_is_nothing_known() -> None:
    assert hardware(Readings()) == Hardware(tpm2=Tpm2.UNREADABLE)


def test_cores_are_not_threads_and_memory_is_not_rounded(recorded: Recorded) -> None:
    """Field bug 9: `cores: 22`, `memory: "66G"` on this very model."""
    known = look(recorded("laptop"))
    assert (known.cores, known.threads) == (16, 22)
    assert known.memory_bytes == 66407133184


def test_without_topology_cores_come_from_cpuinfo(recorded: Recorded) -> None:
    machine = recorded("server")
    machine.remove("/sys/devices/system/cpu")
    blocks = [f"processor : {n}\nphysical id : {n % 2}\ncore id : {n // 2 % 4}\n" for n in range(16)]
    machine.files["/proc/cpuinfo"] = "\n".join(blocks).encode()
    known = look(machine)
    assert (known.cores, known.threads) == (8, 16)


TPM = "/sys/class/tpm"

VERSION = f"{TPM}/tpm0/tpm_version_major"

REFUSED = PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    ("files", "folders", "state"),
    [
        ({VERSION: b"2\n"}, {}, Tpm2.PRESENT),
        ({VERSION: b"1\n"}, {}, Tpm2.ABSENT),
        ({VERSION: b"1\n", f"{TPM}/tpm1/tpm_version_major": b"2\n"}, {}, Tpm2.PRESENT),
        ({VERSION: b"nonsense"}, {}, Tpm2.INDETERMINATE),
        ({VERSION: b"1\n", f"{TPM}/tpm1/tpm_version_major": b"\n"}, {}, Tpm2.INDETERMINATE),
        ({VERSION: REFUSED}, {}, Tpm2.UNREADABLE),
        ({}, {f"{TPM}/tpm0": None}, Tpm2.INDETERMINATE),
        ({}, {TPM: None}, Tpm2.ABSENT),
        ({}, {TPM: REFUSED}, Tpm2.UNREADABLE),
        ({}, {TPM: None, "/sys/firmware/acpi/tables/TPM2": None}, Tpm2.UNAVAILABLE),
        ({}, {"/sys/firmware/acpi/tables/TPM2": None}, Tpm2.UNAVAILABLE),
        ({}, {}, Tpm2.ABSENT),
        ({}, {"/sys/firmware/acpi/tables": REFUSED}, Tpm2.INDETERMINATE),
        ({}, {TPM: None, "/sys/firmware/acpi/tables": REFUSED}, Tpm2.INDETERMINATE),
        ({}, {"/sys/class": REFUSED}, Tpm2.UNREADABLE),
    ],
)
def test_could_not_look_for_a_tpm_is_not_absent(
    recorded: Recorded, files: dict[str, Any], folders: dict[str, Any], state: Tpm2
) -> None:
    machine = recorded("qemu")
    machine.files |= files
    machine.folders |= folders
    assert look(machine).tpm2 is state


def test_a_board_where_nobody_can_be_asked_for_a_tpm(recorded: Recorded) -> None:
    assert look(recorded("arm-board")).tpm2 is Tpm2.INDETERMINATE


@pytest.mark.parametrize(
    ("change", "gpus"),
    [
        ({}, (Gpu("1234", "1111"),)),
        ({"class": b"0x020000\n"}, ()),
        ({"class": REFUSED}, None),
        ({"vendor": REFUSED}, None),
        ({"vendor": b"nonsense"}, None),
    ],
)
def test_no_display_controller_is_not_the_same_as_unreadable(
    recorded: Recorded, change: dict[str, Any], gpus: tuple[Gpu, ...] | None
) -> None:
    machine = recorded("qemu")
    for attribute, content in change.items():
        machine.files[f"/sys/bus/pci/devices/0000:00:01.0/{attribute}"] = content
    assert look(machine).gpus == gpus


def test_no_pci_bus_is_no_display_controller(recorded: Recorded) -> None:
    machine = recorded("arm-board")
    machine.remove("/sys/bus/pci")
    machine.remove("/sys/class/drm")
    assert look(machine).gpus is None, "there is not even a /sys/bus to say so"
    machine.folders["/sys/bus/platform"] = None
    assert look(machine).gpus == ()


RENDERS = "/sys/class/drm/renderD128/device/uevent"


@pytest.mark.parametrize(
    ("uevent", "gpus"),
    [
        (b"DRIVER=panfrost\nOF_COMPATIBLE_0=arm,mali-t860\n", (Gpu("arm", "mali-t860"),)),
        (b"DRIVER=amdgpu\nPCI_ID=1002:73BF\nOF_COMPATIBLE_0=pci1002,73bf\n", ()),
        (b"DRIVER=vgem\n", ()),
        (b"OF_COMPATIBLE_0=a\nb: c,d\n", ()),
        (REFUSED, None),
    ],
)
def test_a_gpu_in_the_boards_chip_is_what_renders(
    recorded: Recorded, uevent: Any, gpus: tuple[Gpu, ...] | None
) -> None:
    machine = recorded("arm-board")
    machine.files[RENDERS] = uevent
    assert look(machine).gpus == gpus
    machine.folders["/sys/class/drm"] = REFUSED
    assert look(machine).gpus is None


def test_cores_of_which_one_could_not_be_read_are_not_counted(recorded: Recorded) -> None:
    machine = recorded("server")
    machine.files["/sys/devices/system/cpu/cpu5/topology/core_cpus_list"] = REFUSED
    assert (look(machine).cores, look(machine).threads) == (None, 16)


def test_a_processor_that_is_off_line_has_no_siblings_and_is_no_core(recorded: Recorded) -> None:
    machine = recorded("server")
    for number in (5, 13):
        machine.remove(f"/sys/devices/system/cpu/cpu{number}/topology")
        machine.folders[f"/sys/devices/system/cpu/cpu{number}"] = None
    assert look(machine).cores == 7


def test_no_disk_is_not_the_same_as_unreadable(recorded: Recorded) -> None:
    machine = recorded("qemu")
    machine.files["/sys/block/vda/size"] = REFUSED
    assert look(machine).storage is None
    machine.files["/sys/block/vda/size"] = b"nonsense\n"
    assert look(machine).storage is None
    machine.files["/sys/block/vda/size"] = b"0\n"
    assert look(machine).storage == ()
    machine.folders["/sys/block"] = REFUSED
    assert look(machine).storage is None


def test_a_stick_is_no_disk_and_what_may_be_one_is_unclear(recorded: Recorded) -> None:
    machine = recorded("laptop")
    machine.files["/sys/block/sda/removable"] = REFUSED
    assert look(machine).storage is None
    machine.remove("/sys/block/sda")
    assert look(machine).storage == look(recorded("laptop")).storage


@pytest.mark.parametrize(
    "name", ["loop0", "ram0", "zram0", "dm-0", "md127", "sr0", "nbd0", "mmcblk0boot0", "nvme0c0n1"]
)
def test_what_software_makes_is_no_disk(recorded: Recorded, name: str) -> None:
    machine = recorded("qemu")
    machine.files[f"/sys/block/{name}/size"] = b"1000\n"
    machine.folders[f"/sys/block/{name}/device"] = None
    storage = look(machine).storage
    assert storage is not None
    assert [disk.name for disk in storage] == ["vda"]


def test_a_block_device_without_hardware_is_no_disk_and_no_doubt(recorded: Recorded) -> None:
    machine = recorded("qemu")
    machine.files["/sys/block/bcache0/size"] = b"1000\n"
    assert look(machine).storage == look(recorded("qemu")).storage


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/sys/hypervisor/type", b"xen\n"),
        ("/proc/cpuinfo", b"processor : 0\nflags : fpu hypervisor\n"),
        ("/sys/class/dmi/id/sys_vendor", b"VMware, Inc.\n"),
    ],
)
def test_each_sign_of_a_virtual_machine_is_enough(recorded: Recorded, path: str, content: bytes) -> None:
    machine = recorded("laptop")
    assert look(machine).virtual is False
    machine.files[path] = content
    assert look(machine).virtual is True


@pytest.mark.parametrize(
    ("vendor", "name", "product"),
    [
        (b"LENOVO\n", b"21KV\n", "LENOVO 21KV"),
        (b"To Be Filled By O.E.M.\n", b"B650M\n", "B650M"),
        (b"System manufacturer\n", b"System Product Name\n", None),
        (b"Default string\n", b"Default string\n", None),
        (b"Not Specified\n", b"\n", None),
    ],
)
def test_a_placeholder_is_no_product(
    recorded: Recorded, vendor: bytes, name: str, product: str | None
) -> None:
    machine = recorded("laptop")
    machine.files["/sys/class/dmi/id/sys_vendor"] = vendor
    machine.files["/sys/class/dmi/id/product_name"] = name
    assert look(machine).product == product


HOSTILE = [
    b"",
    b"\0" * 100,
    b"\xff" * 300,
    b"9" * 5000,
    b"0x03" + b"9" * 5000,
    "MemTotal: ٣ kB".encode(),
    b"{}",
    b"-1\n",
]


@pytest.mark.parametrize("content", [*HOSTILE, REFUSED, OSError(5, "Input/output error")])
@pytest.mark.parametrize("machine", MACHINES)
def test_whatever_a_file_holds_there_is_no_traceback(recorded: Recorded, machine: Any, content: Any) -> None:
    whole = recorded(machine)
    for path in whole.files:
        broken = recorded(machine)
        broken.files[path] = content
        look(broken)
    for path in whole.files:
        whole.files[path] = content
    whole.commands = dict.fromkeys(whole.commands, content)
    look(whole)


def sizes(known: Hardware) -> list[tuple[str, int]]:
    return [(disk.name, disk.size_bytes) for disk in known.storage or ()]


@pytest.mark.parametrize("machine", MACHINES)
def test_unreadable_is_never_taken_for_none(recorded: Recorded, machine: Any) -> None:
    """Each answer either stays or becomes unknown when something cannot be read; no other answer appears."""
    known = look(recorded(machine))
    for path in recorded(machine).files:
        broken = recorded(machine)
        broken.files[path] = REFUSED
        less = look(broken)
        for field in ("memory_bytes", "kernel", "gpus", "cores", "threads"):
            assert getattr(less, field) in (None, getattr(known, field)), (path, field)
        assert less.tpm2 in (known.tpm2, Tpm2.UNREADABLE)
        assert less.storage is None or sizes(less) == sizes(known), path
        assert less.network is None or known.network == NoNetwork() or less.network != NoNetwork(), path


@pytest.mark.parametrize("machine", MACHINES)
def test_a_folder_that_cannot_be_listed_is_never_taken_for_an_empty_one(
    recorded: Recorded, machine: Any
) -> None:
    known = look(recorded(machine))
    for folder in (
        "/sys/class/net",
        "/sys/class/drm",
        "/sys/bus/pci/devices",
        "/sys/block",
        "/sys/class/tpm",
    ):
        broken = recorded(machine)
        broken.folders[folder] = REFUSED
        less = look(broken)
        for field in ("gpus", "storage", "network"):
            assert getattr(less, field) in (None, getattr(known, field)), (folder, field)
        assert less.tpm2 in (known.tpm2, Tpm2.UNREADABLE, Tpm2.INDETERMINATE)
