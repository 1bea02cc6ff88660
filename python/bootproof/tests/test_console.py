"""The console: read whether anybody waits or not, searched later, and quoted when something goes wrong."""

import socket
from pathlib import Path

import pytest
from bootproof.console import Console
from bootproof.errors import MachineTimeoutError


def attached(tmp_path: Path) -> tuple[Console, socket.socket]:
    console = Console(tmp_path / "console.log")
    near, far = socket.socketpair()
    console.attach(near)
    return console, far


def test_a_console_that_nobody_waits_for_does_not_stall_the_machine(tmp_path: Path) -> None:
    console, far = attached(tmp_path)
    far.settimeout(10)
    far.sendall(b"x" * 4_000_000 + b"\r\nlogin: ")  # many times what a socket holds
    console.expect("login:", timeout=10)
    console.detach()
    assert (tmp_path / "console.log").stat().st_size == 4_000_009


def test_expect_goes_on_after_what_it_matched_and_over_a_reboot(tmp_path: Path) -> None:
    console, far = attached(tmp_path)
    far.sendall("Grüße\nboot one\n".encode())
    assert console.expect(["never", "boot (one)"], timeout=5) == 1
    assert console.match.group(1) == "one"
    near, far = socket.socketpair()
    console.attach(near)
    far.sendall(b"boot one again\n")
    console.expect("boot one again", timeout=5)
    assert "Grüße" in console.text
    console.detach()


def test_what_did_not_come_is_told_with_the_last_lines(tmp_path: Path) -> None:
    console, far = attached(tmp_path)
    far.sendall(b"\n".join(b"line %d" % number for number in range(100)))
    console.expect("line 99", timeout=5)
    with pytest.raises(
        MachineTimeoutError, match=r"did not show 'login:'(.|\n)*line 80\n(.|\n)*line 99"
    ) as raised:
        console.expect("login:", timeout=0.05)
    assert "line 79" not in str(raised.value)
    console.detach()


def test_a_machine_that_goes_off_ends_the_wait(tmp_path: Path) -> None:
    console, far = attached(tmp_path)
    far.sendall(b"Kernel panic\n")
    far.close()
    console.detach()
    console.end()
    with pytest.raises(MachineTimeoutError, match=r"went off(.|\n)*Kernel panic"):
        console.expect("login:", timeout=600)


def test_a_panic_is_told_when_its_whole_line_is_there(tmp_path: Path) -> None:
    told: list[str] = []
    console = Console(tmp_path / "console.log", on_panic=lambda: told.append(console.last_lines(1)))
    near, far = socket.socketpair()
    console.attach(near)
    far.sendall(b"up\n[ 1.0] Kernel panic - not")
    console.expect("panic", timeout=5)
    far.sendall(b" syncing: ")
    console.expect("syncing", timeout=5)
    assert told == [], "told with half of its reason"
    far.sendall(b"sysrq triggered crash\r\n")
    console.expect("crash\r\n", timeout=5)
    far.close()
    console.detach()
    assert "sysrq triggered crash" in told[0]


def test_what_an_earlier_boot_said_is_not_of_this_one(tmp_path: Path) -> None:
    console, far = attached(tmp_path)
    far.sendall(b"Kernel panic - not syncing: init died\n")
    console.expect("died", timeout=5)
    near, far = socket.socketpair()
    console.attach(near)
    far.sendall(b"boots again\n")
    console.expect("boots again", timeout=5)
    assert console.this_boot == "boots again\n"
    console.detach()
