"""Real machines: the Debian guest is built, booted from its stick, installed, and then booted by its firmware.

One installation is shared; each test that writes boots a fork of it.
"""

import os
import re
import select
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from bootproof import debian, disk, guest, installation
from bootproof.disk import Disk
from bootproof.errors import MachineError, MachineTimeoutError
from bootproof.guest import GuestFolder
from bootproof.installation import Installation
from bootproof.machine import EventKind, MachineEvent
from bootproof.network import Forward
from bootproof.qemu import Hardware, QemuMachine
from bootproof.verdict import Loses

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1200)]

CACHE = Path(__file__).parents[3] / ".cache" / "guests"
NODE = Hardware.named("node-a")


@pytest.fixture(scope="module")
def stick() -> GuestFolder:
    return guest.load(debian.build(CACHE))


@pytest.fixture(scope="module")
def installed(stick: GuestFolder, tmp_path_factory: pytest.TempPathFactory) -> Disk:
    """A disk onto which the stick has installed; not booted yet."""
    folder = tmp_path_factory.mktemp("installed")
    with QemuMachine("node-a", folder, NODE, disks=[disk.blank(folder / "disk.raw")]) as machine:
        machine.insert_stick(stick)
        machine.power_on()
        machine.wait_for_shell()
        assert "VARIANT_ID=installer" in machine.run("cat /etc/os-release").text
        wanted = Installation(
            node="node-a",
            after={"hostname": 'echo "10.0.2.100 github.test" >>$TARGET/etc/hosts'},
            inside={"install": "cat /etc/hostname >/etc/was-inside", "stamp": "echo stamped >/etc/stamp"},
        )
        assert installation.install(machine, wanted), machine.console.last_lines()
        assert re.findall(r"step [\d.]+ (\S+): done", machine.console.text)[-2:] == ["stamp", "banner"]
        machine.power_off()
        assert not machine.is_on
        return machine.disks[0]


@pytest.fixture
def events() -> list[MachineEvent]:
    return []


@pytest.fixture
def machine(installed: Disk, tmp_path: Path, events: list[MachineEvent]) -> Iterator[QemuMachine]:
    fork = installed.fork(tmp_path / "fork.qcow2")
    with QemuMachine("node-a", tmp_path / "machine", NODE, [fork], record=events.append) as machine:
        yield machine


def kinds(events: list[MachineEvent]) -> list[tuple[EventKind, str]]:
    return [(event.kind, "" if event.kind is EventKind.BOOT else event.detail) for event in events]


def test_boots_reboots_resets_cuts_and_what_each_leaves(
    machine: QemuMachine, events: list[MachineEvent]
) -> None:
    machine.power_on()
    boots = [machine.wait_for_shell()]
    machine.wait_until("multi-user.target")
    assert machine.run("cat /etc/stamp /etc/was-inside; hostname").text.split() == [
        "stamped",
        "node-a",
        "node-a",
    ]
    assert "VARIANT_ID" not in machine.run("cat /etc/os-release").text
    assert machine.run(
        "udevadm settle; cat /sys/class/dmi/id/product_uuid /sys/class/net/e*/address"
    ).text.split() == [
        NODE.uuid,
        NODE.mac,
    ]
    assert machine.run("test -d /sys/firmware/efi; ls /boot/EFI/BOOT").text == "BOOTX64.EFI"
    assert machine.run("systemctl --failed --no-legend").text == ""
    machine_id = machine.run("cat /etc/machine-id").text

    machine.reboot()
    boots.append(machine.wait_for_shell())
    machine.wait_until("multi-user.target")
    machine.run("echo synced >/root/synced; sync; echo lost >/root/lost")
    machine.reset()
    boots.append(machine.wait_for_shell())
    machine.run("echo again >/root/again; sync -f /root/again; echo lost >/root/lost-again")
    assert machine.cut_loses is Loses.NEW_CLUSTERS
    machine.cut()
    assert not machine.is_on
    with pytest.raises(MachineError, match="no shell"):
        machine.run("true")

    machine.power_on()
    boots.append(machine.wait_for_shell())
    assert machine.run("cat /root/synced /root/again; ls /root").text.split() == [
        "synced",
        "again",
        "again",
        "synced",
    ]
    assert machine.run("cat /etc/machine-id").text == machine_id
    assert len(set(boots)) == 4
    assert [event.detail for event in events if event.kind is EventKind.BOOT] == boots
    machine.power_off()
    boot = (EventKind.BOOT, "")
    assert kinds(events) == [
        *(
            (EventKind.POWER_ON, "disk"),
            boot,
            (EventKind.RESET, "guest"),
            boot,
            (EventKind.RESET, "host"),
            boot,
        ),
        *((EventKind.CUT, ""), (EventKind.POWER_ON, "disk"), boot, (EventKind.POWER_OFF, "guest")),
    ]


def test_the_network_reaches_the_forward_alone_with_many_connections_at_once(machine: QemuMachine) -> None:
    others = threading.Barrier(5)  # no answer is given before all five requests are there

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            others.wait(300)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("github.test").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    machine.forwards = (Forward("10.0.2.100", 443, server.server_port),)
    machine.power_on()
    machine.wait_for_shell()
    machine.wait_until("network-online.target")
    machine.put_file("/root/ca.pem", authority.cert_pem.bytes())
    get = (
        "import ssl,sys,urllib.request as u; c=ssl.create_default_context(cafile='/root/ca.pem');"
        "print(u.urlopen('https://github.test'+sys.argv[1],context=c,timeout=300).read().decode())"
    )
    script = f'for n in 1 2 3 4 5; do python3 -c "{get}" /$n & done; wait'
    assert sorted(machine.run(script, timeout=40).text.split()) == ["/1", "/2", "/3", "/4", "/5"]
    machine.set_link(False)
    down = "import socket; socket.create_connection(('10.0.2.100', 443), 1)"
    assert machine.run(f'python3 -c "{down}"', check=False).exit_status == 1
    machine.set_link(True)
    for address in ("10.0.2.2", "10.0.2.3"):  # the host, and QEMU's name server
        down = f"import socket; socket.create_connection(('{address}', {server.server_port}), 1)"
        assert machine.run(f'python3 -c "{down}"', check=False).exit_status == 1
    server.shutdown()


def test_an_installation_fails_at_the_step_it_is_told_to(stick: GuestFolder, tmp_path: Path) -> None:
    with QemuMachine("node-b", tmp_path, disks=[disk.blank(tmp_path / "disk.raw")]) as machine:
        machine.insert_stick(stick)
        machine.power_on()
        machine.wait_for_shell()
        assert not installation.install(machine, Installation(fail_before="6.92"))
        assert "step 6.92 install: FAILED: as asked" in machine.console.text
        assert "step 6.95" not in machine.console.text
        assert machine.cut_loses is Loses.PAGE_CACHE
        machine.cut()
        machine.remove_stick()
        machine.power_on()  # no system on the disk: the firmware finds nothing to start
        with pytest.raises(MachineTimeoutError, match=r"did not boot(.|\n)*BdsDxe"):
            machine.wait_for_shell(timeout=2)


def test_nothing_is_left_when_the_program_is_killed(stick: GuestFolder, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from bootproof import guest\n"
        "from bootproof.qemu import QemuMachine\n"
        f"m = QemuMachine('n', Path({str(tmp_path)!r})); m.insert_stick(guest.load(Path({str(stick.folder)!r})))\n"
        "m.power_on(); print(m._process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        qemu = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
    gone, _, _ = select.select([qemu], [], [], 10)  # readable once the process is dead
    os.close(qemu)
    assert gone
