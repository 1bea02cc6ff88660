"""The command port: both ends of it, the guest's one run by this host's shell; no machine is needed.

The guest's end speaks to a file; here that is a pseudo-terminal in raw mode, which is a stream of bytes as the port is.
"""

import base64
import os
import pty
import shutil
import socket
import subprocess
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from bootproof import command_port
from bootproof.command_port import CommandPort
from bootproof.errors import MachineError, MachineTimeoutError

OTHER_BOOT = "00000000-0000-4000-8000-000000000000"


def lines() -> str:
    return "  | the last line"


class Port:
    """A CommandPort and the far end of its socket, for a test that plays the guest."""

    def __init__(self) -> None:
        self.boots: list[str] = []
        self.port = CommandPort(self.boots.append, lines)
        self.far = self.new_boot()

    def new_boot(self) -> socket.socket:
        near, far = socket.socketpair()
        self.port.attach(near)
        self.far = far
        return far

    def hello(self, boot_id: str) -> None:
        self.far.sendall(f"hello {boot_id}\n".encode())
        assert self.port.wait_for_shell(5) == boot_id


@pytest.fixture
def played() -> Iterator[Port]:
    played = Port()
    yield played
    played.port.detach()


def test_a_boot_announces_itself(played: Port) -> None:
    assert played.port.boot_id is None
    played.hello("boot-1")
    assert played.boots == ["boot-1"]


def test_an_answer_is_matched_by_its_nonce_and_its_lengths(played: Port) -> None:
    played.hello("boot-1")

    def answer() -> None:
        _, boot_id, nonce, _, _, _ = played.far.recv(4096).split(b"\n")[0].split()
        assert boot_id == b"boot-1"
        played.far.sendall(b"answer stale 0 0 0\nanswer " + nonce + b" 3 13 2\nhello boot-9\nno")

    guest = threading.Thread(target=answer)
    guest.start()
    result = played.port.run("anything", limit=5, grace=5)
    guest.join()
    assert (result.exit_status, result.stdout, result.stderr) == (3, b"hello boot-9\n", b"no")
    assert played.port.boot_id == "boot-1"


def test_a_reset_under_a_command_is_told_to_who_waits(played: Port) -> None:
    played.hello("boot-1")

    def reset() -> None:
        played.far.recv(4096)
        played.far.sendall(b"answer half-an-ans")
        played.new_boot()

    resetting = threading.Thread(target=reset)
    resetting.start()
    with pytest.raises(MachineError, match="the boot ended before it answered 'sleep 9'"):
        played.port.run("sleep 9", limit=5, grace=5)
    resetting.join()
    assert played.port.boot_id is None
    played.hello("boot-2")


def test_half_an_answer_is_none(played: Port) -> None:
    played.hello("boot-1")

    def half() -> None:
        nonce = played.far.recv(4096).split()[2]
        played.far.sendall(b"answer " + nonce + b" 0 1000 0\nonly this")
        played.port.detach()

    threading.Thread(target=half).start()
    with pytest.raises(MachineError, match="the boot ended"):
        played.port.run("cat big", limit=5, grace=5)


def test_a_guest_that_does_not_boot_is_told_with_the_console(played: Port) -> None:
    with pytest.raises(MachineTimeoutError, match=r"did not boot: no shell within 0 s(.|\n)*the last line"):
        played.port.wait_for_shell(0.05)
    played.port.end()
    with pytest.raises(MachineTimeoutError, match="before the machine went off"):
        played.port.wait_for_shell(600)


def test_whoever_waits_is_told_at_once_that_nothing_more_will_come(played: Port) -> None:
    def dies() -> None:
        played.far.recv(4096)
        played.port.give_up("the guest's kernel died")

    played.hello("boot-1")
    thread = threading.Thread(target=dies)
    thread.start()
    with pytest.raises(MachineError, match=r"kernel died(.|\n)*the last line"):
        played.port.run("true", limit=600, grace=0)
    thread.join()
    played.new_boot()
    played.hello("boot-2")


def test_the_credentials_bring_the_script_and_start_it_early() -> None:
    prefix = "io.systemd.credential.binary:"
    read = {}
    for string in command_port.smbios_strings(command_port.credentials()):
        name, _, value = string.removeprefix(prefix).partition("=")
        read[name] = base64.b64decode(value).decode()
    assert read["command-port.script"] == command_port.SCRIPT.read_text()
    unit = read["systemd.extra-unit.command-port.service"]
    assert "/run/credentials/@system/command-port.script command-port\n" in unit
    assert "DefaultDependencies=no" in unit
    assert "Wants=command-port.service" in read["systemd.unit-dropin.sysinit.target"]


@pytest.fixture
def real(tmp_path: Path) -> Iterator[CommandPort]:
    """The guest's own script, behind a pseudo-terminal, with its work folder moved into the test's."""
    if shutil.which("timeout") is None:
        pytest.skip("needs coreutils")
    script = tmp_path / "script"
    master, slave = pty.openpty()
    text = command_port.SCRIPT.read_text().replace("/run/command-port", str(tmp_path / "run"))
    text = text.replace('udevadm wait --timeout=600 "$device"', "true").replace(
        '"$device"', os.ttyname(slave)
    )
    script.write_text(text)
    tty.setraw(slave)
    near, far = socket.socketpair()
    port = CommandPort(lambda boot_id: None, lines)
    port.attach(near)
    pumps = [
        threading.Thread(target=pump_in, args=(far, master), daemon=True),
        threading.Thread(target=pump_out, args=(master, far), daemon=True),
    ]
    for thread in pumps:
        thread.start()
    shell = subprocess.Popen(["sh", str(script), "command-port"], start_new_session=True)
    yield port
    shell.kill()
    shell.wait()
    port.detach()
    far.close()
    os.close(slave)


def pump_in(source: socket.socket, target: int) -> None:
    while data := source.recv(4096):
        while data:
            data = data[os.write(target, data) :]


def pump_out(source: int, target: socket.socket) -> None:
    try:
        while data := os.read(source, 4096):
            target.sendall(data)
    except OSError:
        pass


def test_the_guests_script_answers_in_bytes(real: CommandPort) -> None:
    assert real.wait_for_shell(10) == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    every_byte = bytes(range(256)) * 64
    result = real.run("cat; echo no >&2; exit 7", limit=10, grace=10, stdin=every_byte)
    assert (result.exit_status, result.stdout, result.stderr) == (7, every_byte, b"no\n")


def test_the_guests_script_stops_a_command_at_its_limit_and_goes_on(real: CommandPort) -> None:
    real.wait_for_shell(10)
    assert real.run("sleep 60", limit=1, grace=20).exit_status == 124
    assert real.run("echo still here", limit=10, grace=10).text == "still here"


def test_the_guests_script_runs_nothing_that_was_meant_for_another_boot(
    real: CommandPort, tmp_path: Path
) -> None:
    boot_id = real.wait_for_shell(10)
    real._boot_id = OTHER_BOOT
    with pytest.raises(MachineTimeoutError):
        real.run(f"touch {tmp_path}/ran\n", limit=1, grace=0)
    real._boot_id = boot_id
    assert real.run("echo in step again", limit=10, grace=10).text == "in step again"
    assert not (tmp_path / "ran").exists()
