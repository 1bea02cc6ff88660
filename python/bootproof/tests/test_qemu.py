"""QEMU's command line, the probe, disks, firmware and network: what can be seen without booting a guest."""

import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from bootproof import accelerator, disk, firmware, network
from bootproof.accelerator import Accelerator, Kind
from bootproof.disk import Disk, Format
from bootproof.errors import MachineError
from bootproof.guest import Console as ConsoleDevice
from bootproof.network import Forward
from bootproof.qemu_command import Boot, DirectKernel, Hardware, Wiring, WriteLog, command_line

TCG = Accelerator(Kind.TCG, 8.0, "for the test")
UEFI = Boot(firmware=firmware.Firmware(Path("/code.fd"), Path("/variables.fd")))
WIRING = Wiring(console=10, monitor=11, command_port=12)


def line(boot: Boot = UEFI, disks: tuple[Disk, ...] = (), forwards: tuple[Forward, ...] = ()) -> str:
    return " ".join(command_line("node", Hardware.named("node"), TCG, boot, disks, forwards, WIRING))


def test_further_credentials_come_with_each_boot_beside_the_command_ports() -> None:
    further = {"systemd.unit-dropin.x.timer": b"[Unit]\n"}
    console = ConsoleDevice.SERIAL
    arguments = command_line("n", Hardware.named("n"), TCG, UEFI, (), (), WIRING, console, further)
    given = [one for one in arguments if one.startswith("type=11,value=io.systemd.credential.binary:")]
    names = [one.split(":", 1)[1].partition("=")[0] for one in given]
    assert "systemd.extra-unit.command-port.service" in names
    assert names[-1] == "systemd.unit-dropin.x.timer"
    assert "systemd.unit-dropin.x.timer" not in line()


def test_hardware_is_the_same_for_the_same_name_and_differs_for_a_twin() -> None:
    one, again, twin = Hardware.named("a"), Hardware.named("a"), Hardware.named("b")
    assert one == again
    assert not {one.uuid, one.mac, one.serial} & {twin.uuid, twin.mac, twin.serial}
    assert re.fullmatch(r"52:54:00(:[0-9a-f]{2}){3}", one.mac)


def test_the_command_line_carries_identity_and_nothing_by_default() -> None:
    hardware = Hardware.named("node")
    text = line()
    assert f"-uuid {hardware.uuid}" in text
    assert f"mac={hardware.mac}" in text
    assert "-nodefaults" in text
    assert "reboot=shutdown" in text


def test_a_direct_kernel_leaves_the_firmware_out() -> None:
    text = line(Boot(kernel=DirectKernel(Path("/k"), Path("/i"), "root=x")))
    assert "-kernel /k -initrd /i -append root=x" in text
    assert "pflash" not in text
    with pytest.raises(MachineError, match="needs a kernel or a firmware"):
        line(Boot())


def test_disks_keep_their_order_format_and_flushes() -> None:
    text = line(
        disks=(Disk(Path("/a,b.raw")), Disk(Path("/c.qcow2"), Format.QCOW2, read_only=True, serial="S1"))
    )
    assert "filename=/a,,b.raw,cache.no-flush=on,node-name=file0,read-only=off" in text
    assert (
        "driver=qcow2,file=file1,node-name=disk1,read-only=on" in text
    )  # no no-flush: qcow2's tables must reach its file
    assert text.index("bootindex=1") < text.index("bootindex=2,serial=S1")


def test_a_recorded_disk_sees_each_write_and_flush_of_the_guest() -> None:
    disks = (Disk(Path("/a.raw")), Disk(Path("/b.raw")))
    hardware = Hardware.named("node")
    for number, other in ((0, 1), (1, 0)):
        log = WriteLog(Path("/writes.log"), number)
        text = " ".join(command_line("node", hardware, TCG, UEFI, disks, (), WIRING, write_log=log))
        layer = f"driver=blklogwrites,file=disk{number},log=log,log-sector-size=512,node-name=recorded"
        assert layer in text
        assert f"drive=recorded,bootindex={number + 1},request-merging=off" in text
        assert f"drive=disk{other},bootindex={other + 1}" in text


def test_a_disk_that_writes_4_kib_at_once_says_so_to_the_guest_and_to_the_log() -> None:
    disks = (Disk(Path("/a.raw")), Disk(Path("/b.raw"), serial="S", sector=4096))
    text = " ".join(
        command_line(
            "n", Hardware.named("n"), TCG, UEFI, disks, (), WIRING, write_log=WriteLog(Path("/l"), 1)
        )
    )
    assert "log=log,log-sector-size=4096" in text
    assert "serial=S,logical_block_size=4096,physical_block_size=4096" in text
    assert text.count("block_size") == 2


def test_the_network_is_closed_but_for_the_forwards() -> None:
    text = network.netdev((Forward("10.0.2.100", 443, 4711),))
    assert "restrict=on" in text
    assert text.count("guestfwd") == 1
    assert "guestfwd=tcp:10.0.2.100:443-cmd:" in text
    assert text.endswith("relay.py 4711")


def test_the_consoles_device_is_the_guests() -> None:
    arguments = command_line("n", Hardware.named("n"), TCG, UEFI, (), (), WIRING, ConsoleDevice.VIRTIO)
    assert "virtconsole,chardev=console" in arguments
    assert "isa-serial,chardev=console" not in arguments


def test_an_empty_battery_is_a_clock_that_begins_there_and_any_other_is_the_hosts() -> None:
    empty = msgspec.structs.replace(Hardware.named("n"), clock="1970-01-02T00:00:00")
    arguments = command_line("n", empty, TCG, UEFI, (), (), WIRING)
    assert arguments[arguments.index("-rtc") + 1] == "base=1970-01-02T00:00:00"
    assert "-rtc" not in command_line("n", Hardware.named("n"), TCG, UEFI, (), (), WIRING)


def test_the_relay_passes_both_directions_and_the_end_of_each() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                received = b""
                while data := connection.recv(65536):  # ends with the guest's direction
                    received += data
                connection.sendall(received[::-1])

        threading.Thread(target=serve, daemon=True).start()
        near, far = socket.socketpair()
        with near, far:
            relay = [sys.executable, "-I", "-S", str(network.RELAY), str(server.getsockname()[1])]
            process = subprocess.Popen(relay, stdin=far.fileno(), stdout=far.fileno())
            far.close()
            near.settimeout(20)
            near.sendall(b"ab" * 200_000)
            near.shutdown(socket.SHUT_WR)
            with near.makefile("rb") as answer:
                assert answer.read() == b"ba" * 200_000
            assert process.wait(10) == 0


def test_the_relay_closes_when_the_server_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    near, far = socket.socketpair()
    with near, far:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(network.RELAY), str(port)],
            stdin=far.fileno(),
            stdout=far.fileno(),
        )
        far.close()
        near.settimeout(20)
        assert near.recv(1) == b""
        process.wait(10)


def descriptor(*features: str, machine: str = "pc-q35-*") -> dict[str, object]:
    return {
        "interface-types": ["uefi"],
        "mapping": {
            "device": "flash",
            "executable": {"filename": "/code"},
            "nvram-template": {"filename": "/variables"},
        },
        "targets": [{"architecture": "x86_64", "machines": [machine]}],
        "features": list(features),
    }


def test_firmware_is_chosen_by_its_descriptor() -> None:
    assert firmware.from_descriptor(descriptor("acpi-s3"), "x86_64", "q35") is not None
    assert firmware.from_descriptor(descriptor("secure-boot", "requires-smm"), "x86_64", "q35") is None
    assert firmware.from_descriptor(descriptor(machine="virt-*"), "x86_64", "q35") is None


def test_a_missing_qemu_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    accelerator.probe.cache_clear()
    with pytest.raises(MachineError, match="apt install qemu-system-x86"):
        accelerator.probe()


@pytest.mark.machine
def test_the_probes_firmware_speaks_under_emulation() -> None:
    tcg = accelerator.ARGUMENTS[accelerator.Kind.TCG]
    assert accelerator.firmware_speaks(tcg, limit=60)
    assert not accelerator.firmware_speaks(["-accel", "no-such-accelerator"])
    assert not accelerator.firmware_speaks([*tcg, "-S"], limit=1), "a guest that never runs says nothing"


def test_a_guest_that_kvm_gives_up_on_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    qemu = tmp_path / "qemu"
    qemu.write_text(
        "#!/bin/sh\necho 'warning: no such feature' >&2\nsleep 0.2\n"
        "echo 'KVM internal error. Suberror: 1' >&2\nexec sleep 60\n"
    )
    qemu.chmod(0o755)
    monkeypatch.setattr(accelerator, "QEMU", str(qemu))
    started = time.monotonic()
    assert not accelerator.firmware_speaks([], limit=50)
    assert time.monotonic() - started < 20


@pytest.mark.machine
def test_a_fork_begins_as_its_base_and_leaves_it_alone(tmp_path: Path) -> None:
    base = disk.blank(tmp_path / "base.raw", 1 << 20)
    base.path.write_bytes(b"base".ljust(1 << 20, b"\0"))
    fork = base.fork(tmp_path / "fork.qcow2")
    copied = fork.copy(tmp_path / "copy.raw")
    assert copied.path.read_bytes()[:4] == b"base"
    assert disk.existing(fork.path).format is Format.QCOW2
    with pytest.raises(FileExistsError):
        disk.blank(base.path)
