"""testinfra over a machine's command port: what it asks, and what it makes of the answers; no machine is needed.

The stand-in runs every script by this host's shell, as the guest's end of the port does by its own.
"""

import subprocess
from pathlib import Path

import pytest
from bootproof.errors import MachineError
from bootproof.machine import CommandResult
from bootproof.testinfra_host import host_of

SHOWN = "LimitCORE=0\nExecStart={ path=/bin/true ; argv[]=/bin/true a=b ; }\n"


class ThisHost:
    """A machine that is this host. `answers` are given instead of running a script."""

    name = "node-a"

    def __init__(self, answers: dict[str, str] | None = None) -> None:
        self.answers = answers or {}
        self.scripts: list[str] = []

    def run(self, command: str, *, check: bool = True) -> CommandResult:
        self.scripts.append(command)
        if command in self.answers:
            return CommandResult(0, self.answers[command].encode(), b"")
        done = subprocess.run(["sh", "-c", command], capture_output=True, check=check)
        return CommandResult(done.returncode, done.stdout, done.stderr)


class Off:
    """A machine without a shell."""

    name = "node-a"

    def run(self, command: str, *, check: bool = True) -> CommandResult:
        raise MachineError("node-a has no shell yet")


def test_owner_mode_and_content_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "it's a file"
    path.write_text("für alle\n")
    path.chmod(0o640)
    file = host_of(ThisHost()).file(str(path))
    assert file.exists
    assert file.mode == 0o640
    assert file.user == path.owner()
    assert file.content == "für alle\n".encode()
    assert file.content_string == "für alle\n"
    assert not file.is_directory


def test_what_is_not_there_is_said_and_not_taken_for_anything() -> None:
    gone = host_of(ThisHost()).file("/nowhere/at/all")
    assert not gone.exists
    with pytest.raises(AssertionError, match="/nowhere/at/all"):
        _ = gone.mode


def test_a_user() -> None:
    host = host_of(ThisHost())
    assert host.user("root").uid == 0
    assert not host.user("nobody-of-that-name").exists


def test_the_properties_of_a_unit() -> None:
    machine = ThisHost({"test -d /run/systemd/system/": "", "systemctl show a.service": SHOWN})
    properties = host_of(machine).service("a.service").systemd_properties
    assert properties["LimitCORE"] == "0"
    assert properties["ExecStart"].endswith("argv[]=/bin/true a=b ; }")


def test_a_question_is_one_round_trip_once_the_system_is_known(tmp_path: Path) -> None:
    machine = ThisHost()
    host = host_of(machine)
    _ = host.file(str(tmp_path)).mode
    before = len(machine.scripts)
    _ = host.file(str(tmp_path)).mode
    assert len(machine.scripts) == before + 1


def test_a_machine_that_does_not_answer_is_no_answer() -> None:
    with pytest.raises(MachineError, match="no shell"):
        _ = host_of(Off()).file("/etc/passwd").exists
