"""The machines of the NixOS tests, evaluated: nothing is booted here.  And the adapter to NixOS's test driver, on a
shell of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import agent
import pytest
import stage
from bootproof.machine import EventKind
from nixos_driver import NODE, PORT
from nixos_driver.machine import DriversMachine
from zeta_self_register.settings import from_table

HERE = Path(__file__).parent
ROOT = HERE.parent


NAMES = ["api.github.test", "github.test"]


def test_what_the_scenarios_take_for_granted_is_so_on_nixos(machines):
    """Address, repository, authority and credentials: said in vm-scenarios in Python, and here in Nix."""
    target = machines["target"]
    assert target["hosts"][stage.MOCK_ADDRESS] == NAMES
    settings = from_table({k: v for k, v in target["settings"].items() if v is not None}, "target")
    assert (settings.api_url, settings.ca_file, settings.repository) == (
        agent.API,
        agent.CA_FILE,
        agent.REPOSITORY,
    )
    assert target["hostname"] == "", "the installer names it"
    assert target["disks"] == {"/": "/dev/disk/by-label/nixos", "/boot": "/dev/disk/by-label/boot"}
    assert target["loader"] is True
    assert target["variant"] is None
    assert "ConditionPathExists=/var/lib/creds-blob" in target["units"]["zeta-creds-restore.service"]
    assert agent.HOSTS_FILE in (HERE / "credentials.nix").read_text()
    assert (HERE / "driver/hosts.yml").read_bytes() == agent.hosts_yml()


def test_the_console_is_the_platforms_serial_port(machines):
    assert machines["consoles"] == {
        "aarch64-linux": [["console=ttyAMA0"]] * 2,
        "x86_64-linux": [["console=ttyS0"]] * 2,
    }


def test_the_stick_is_an_installer_that_starts_by_hand_and_gets_nothing_from_elsewhere(machines):
    stick = machines["stick"]
    assert stick["variant"] == "installer"
    assert stick["registers"] is False
    assert stick["installer"] == []
    assert stick["substituters"] == []
    assert stick["root"][0].startswith("root=LABEL=nixos-")


# --- under NixOS's test driver ----------------------------------------------------------------------------------


def test_the_drivers_machines(machines):
    for name, test in machines["driven"].items():
        assert test["nodes"] == ["github", "machine"]
        assert NAMES in test["hosts"].values()
        assert test["relay"].endswith(f"/bin/socat TCP-LISTEN:443,fork,reuseaddr TCP:10.0.2.2:{PORT}")
        assert test["ports"] == [443]
        settings = from_table({k: v for k, v in test["settings"].items() if v is not None}, name)
        assert (settings.node_name, settings.operator) == (NODE, agent.OPERATOR)
        assert settings.require_install_stamp is False
        function = f"test_{name.replace('-', '_')}"
        assert f"def {function}(" in (ROOT / "vm-scenarios" / f"{function}.py").read_text()


def test_the_scripts_type_check(machines, nixpkgs, tmp_path):
    """As the driver's own build does it: its hints, the machines, the script."""
    hints = (nixpkgs / "nixos/lib/test-script-prepend.py").read_text()
    kind = "QemuMachine" if "QemuMachine" in hints else "Machine"
    (typed,) = (nixpkgs / "nixos/lib/test-driver").rglob("test_driver/py.typed")
    driver = typed.parents[1]
    for name, test in machines["driven"].items():
        script = tmp_path / f"{name.replace('-', '_')}.py"
        nodes = "".join(f"{node}: {kind};\n" for node in test["nodes"])
        script.write_text(f"{hints}\n{nodes}{test['testScriptString']}")
        assert mypy(script, driver) == ""
        script.write_text(script.read_text().replace('authority="', 'authorty="'))
        assert 'Unexpected keyword argument "authorty"' in mypy(script, driver)


def mypy(script, driver):
    """What it says of the script; of the driver's own code it says nothing."""
    ours = [ROOT / "python/bootproof/src", ROOT / "python/mock-github/src", HERE / "driver/src"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--no-implicit-optional",
            "--no-error-summary",
            "--config-file=",
            str(script),
        ],
        env=os.environ | {"MYPYPATH": ":".join(map(str, [driver, *ours]))},
        cwd=script.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return "".join(line for line in done.stdout.splitlines(keepends=True) if line.startswith(script.name))


class Driven:
    """The driver's machine, with a shell of this machine in its place."""

    name = "machine"

    def __init__(self, folder):
        self.folder, self.booted, self.connected, self.asked = folder, False, False, []

    def start(self, allow_reboot=False):
        self.asked.append(f"start {allow_reboot}")
        self.booted = True

    def connect(self):
        self.connected = True

    def crash(self):
        self.asked.append("crash")
        self.booted = False

    def reboot(self):
        self.asked.append("reboot")
        self.connected = False

    def send_monitor_command(self, command):
        self.asked.append(command)
        return ""

    def execute(self, command, check_return=True, check_output=True, timeout=900):
        own = command.replace("/run/by-driver", str(self.folder))
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail; {own}"], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout


@pytest.fixture
def driven(tmp_path):
    events = []
    machine = Driven(tmp_path / "run")
    adapter = DriversMachine(machine, lambda event: events.append((event.kind, event.detail)))
    return adapter, machine, events


def test_a_command_of_the_adapter_keeps_its_status_and_both_outputs_apart(driven):
    adapter, _, _ = driven
    done = adapter.run("cat; echo ü >&2; exit 3", check=False, stdin=b"\0bytes\n")
    assert (done.exit_status, done.stdout, done.stderr) == (3, b"\0bytes\n", "ü\n".encode())
    assert adapter.run("false | true; unset x; echo \"'$x'\"").text == "''"
    assert adapter.run("sleep 60", timeout=1, check=False).exit_status == 124
    with pytest.raises(Exception, match="exit status 4 of: echo no >&2; exit 4\nno"):
        adapter.run("echo no >&2; exit 4")


def test_files_go_there_and_come_back(driven, tmp_path):
    adapter, _, _ = driven
    path = tmp_path / "a folder/file"
    adapter.put_file(str(path), b"\xff\n", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    assert adapter.get_file(str(path)) == b"\xff\n"


def test_what_happens_is_told_and_a_boot_is_another_one(driven):
    adapter, machine, events = driven
    adapter.power_on()
    boot = adapter.wait_for_shell()
    adapter.reset()
    assert machine.connected is False
    with pytest.raises(Exception, match="has not been started again"):
        adapter.wait_for_shell()
    adapter.cut()
    assert machine.asked == ["start True", "system_reset", "crash"]
    assert events == [
        (EventKind.POWER_ON, ""),
        (EventKind.BOOT, boot),
        (EventKind.RESET, "host"),
        (EventKind.CUT, ""),
    ]


# --- what a node gets ------------------------------------------------------------------------------------------


def closure(tmp_path, *paths):
    (tmp_path / "paths").write_text("".join(f"/nix/store/{'0' * 32}-{path}\n" for path in paths))
    (tmp_path / "size").write_text(f"{95 * 1024 * 1024}\n")
    command = [
        sys.executable,
        HERE / "closure.py",
        HERE / "closure-names",
        tmp_path / "paths",
        tmp_path / "size",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_closure_is_what_is_listed(tmp_path):
    fine = (
        "python3.13-zeta-self-register-0.1.0",
        "python3-3.13.5",
        "python3.13-httpx-0.28.1",
        "glibc-2.42-61",
    )
    assert closure(tmp_path, *fine) == (0, "95 MiB: glibc, httpx, python3, zeta-self-register\n")
    status, said = closure(tmp_path, *fine, "python3.13-pytest-9.0.0", "git-2.51.0")
    assert status == 1
    assert "not in closure-names: git, pytest; " in said


def test_the_closure_list_names_what_the_lock_of_a_node_names():
    lock = (ROOT / "python/zeta-self-register/requirements.lock").read_text()
    listed = set((HERE / "closure-names").read_text().split())
    assert {name.lower() for name in re.findall(r"^([A-Za-z0-9-]+)==", lock, re.M)} <= listed
    assert not {"pytest", "git", "gcc-wrapper", "mock-github", "bootproof"} & listed


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_shellcheck_has_nothing_against_the_steps():
    subprocess.run(["shellcheck", HERE / "installer/steps.sh"], check=True)
