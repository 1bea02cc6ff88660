"""The builder around mmdebstrap, which is played by a small script here; test_machines.py has the real one.

And what an installation puts onto the stick.
"""

import io
import os
import pwd
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest
from bootproof import debian, guest, installation
from bootproof.accelerator import Accelerator, Kind
from bootproof.errors import MachineError
from bootproof.installation import Installation
from bootproof.machine import CommandResult, Machine
from bootproof.qemu import QemuMachine

# Carries out what its hooks ask for, as mmdebstrap would, and notes that it was run.
GOOD = """#!/bin/sh
echo run >>"$NOTES"
sleep 0.2
for word in "$@"; do
    case $word in
        *"download /guest/"*) touch "${word##* }" ;;
    esac
done
"""
BAD = '#!/bin/sh\necho "I: downloading"\necho "E: no network" >&2\nexit 25\n'


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ids = tmp_path / "ids"
    ids.write_text(f"{pwd.getpwuid(os.geteuid()).pw_name}:100000:65536\n")
    monkeypatch.setattr(debian, "SUBORDINATE_USERS", ids)
    monkeypatch.setattr(debian, "SUBORDINATE_GROUPS", ids)
    for tool in ("mke2fs", "newuidmap"):
        play(tmp_path, tool, "#!/bin/sh\n")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "notes"


def play(tmp_path: Path, tool: str, script: str) -> None:
    (tmp_path / "bin").mkdir(exist_ok=True)
    path = tmp_path / "bin" / tool
    path.write_text(script)
    path.chmod(0o755)


def test_two_at_once_build_once_and_then_it_is_there(tmp_path: Path, notes: Path) -> None:
    play(tmp_path, "mmdebstrap", GOOD)
    folders: list[Path] = []
    both = [
        threading.Thread(target=lambda: folders.append(debian.build(tmp_path / "cache"))) for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert folders[0] == folders[1] == debian.build(tmp_path / "cache")
    assert notes.read_text() == "run\n"
    assert guest.load(folders[0]).guest == debian.guest_description()


def test_a_build_that_fails_says_why_and_leaves_nothing(tmp_path: Path, notes: Path) -> None:
    play(tmp_path, "mmdebstrap", BAD)
    with pytest.raises(MachineError, match="E: no network"):
        debian.build(tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_ctrl_c_pressed_twice_waits_until_what_was_unpacked_is_gone(tmp_path: Path, notes: Path) -> None:
    unpacked = tmp_path / "unpacked"
    cleans_up = f"trap 'trap \"exit 2\" INT; sleep 1; rm {unpacked}; exit 1' INT"
    play(tmp_path, "mmdebstrap", f"#!/bin/sh\n{cleans_up}\ntouch {unpacked}\nwhile :; do sleep 0.1; done\n")
    cache = tmp_path / "cache"
    left_behind = cache / ".building-killed"
    left_behind.mkdir(parents=True)
    command = [sys.executable, "-m", "bootproof.cli", "guest", "build", "--cache", str(cache)]
    with subprocess.Popen(command, start_new_session=True) as process:
        while not unpacked.exists():
            time.sleep(0.05)
        assert not left_behind.exists(), "what a build that was killed left is still there"
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.3)
    assert process.returncode == 130
    assert not unpacked.exists()
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_without_root_and_without_user_ids_it_is_one_line_with_the_remedy(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(tmp_path, "mmdebstrap", GOOD)
    monkeypatch.setattr(os, "geteuid", lambda: 1)  # daemon, in any Debian
    monkeypatch.setattr(debian, "SUBORDINATE_USERS", tmp_path / "none")
    with pytest.raises(MachineError, match=r"^[^\n]*: sudo usermod --add-subuids \S+ --add-subgids \S+ \w+$"):
        debian.build(tmp_path / "cache")


def test_a_missing_tool_is_one_line_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=r"^mmdebstrap is not installed: apt install mmdebstrap"):
        debian.build(tmp_path / "cache")


def test_another_script_is_another_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = debian.inputs_hash()
    assert debian.inputs_hash() == before
    subprocess.run(["cp", "-r", str(debian.DATA), str(tmp_path / "data")], check=True)
    monkeypatch.setattr(debian, "DATA", tmp_path / "data")
    assert debian.inputs_hash() == before
    init = tmp_path / "data" / "init"
    init.write_text(init.read_text().replace("busybox", "busyBox"))
    assert debian.inputs_hash() != before


def test_lists_are_words_without_comments() -> None:
    assert "systemd-boot-efi" in debian.listed("packages")
    assert not [
        word
        for name in ("packages", "modules", "masked-units")
        for word in debian.listed(name)
        if "#" in word
    ]


class Stick:
    """Takes files and commands, and does nothing with them."""

    def __init__(self, status: int) -> None:
        self.files: dict[str, bytes] = {}
        self.commands: list[str] = []
        self.status = status

    def put_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self.files[path] = content

    def run(self, command: str, timeout: float = 15, check: bool = True) -> CommandResult:
        self.commands.append(command)
        return CommandResult(self.status, b"", b"")


def test_an_installation_puts_its_scripts_where_the_installer_looks() -> None:
    stick = Stick(status=0)
    wanted = Installation(
        node="it's", fail_after="6.9", payloads=(b"tar",), inside={"stamp": "date >/etc/stamp"}
    )
    assert installation.install(stick, wanted)
    assert stick.files["/run/installer/payload/0.tar"] == b"tar"
    with tarfile.open(fileobj=io.BytesIO(stick.files["/run/installer/scripts.tar"])) as scripts:
        stamp = scripts.extractfile("inside/stamp")
        assert stamp is not None
        assert stamp.read() == b"date >/etc/stamp"
    settings = stick.files["/run/installer/settings"].decode()
    read = subprocess.run(
        ["sh", "-c", settings + 'echo "$NODE $CONSENT $DISK $FAIL_AFTER"'], capture_output=True, text=True
    )
    assert read.stdout == "it's WIPE auto 6.9\n"
    unpacked = "tar -C /run/installer -xf /run/installer/scripts.tar"
    assert stick.commands == [unpacked, "systemctl start installer.service"]
    assert not installation.install(Stick(status=1), wanted)


@pytest.mark.parametrize(("consent", "wiped"), [("WIPE", "wipefs /dev/vda\n"), ("wipe", ""), ("", "")])
def test_no_disk_is_wiped_without_consent(consent: str, wiped: str) -> None:
    installer = (debian.DATA / "tree/usr/sbin/installer").read_text()
    step = installer[installer.index("\nwipe() {") :].partition("\n}\n")[0] + "\n}\n"
    stand_ins = 'wipefs() { echo "wipefs $4"; }\nfail() { exit 1; }\n'
    run = f"{stand_ins}{step}CONSENT={consent} disk=/dev/vda\nwipe\n"
    done = subprocess.run(["sh", "-eu", "-c", run], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == (wiped, 0 if wiped else 1)


def test_qemu_is_a_machine(tmp_path: Path) -> None:
    def off(machine: Machine) -> bool:  # the type checker reads this one
        return not machine.is_on

    assert off(QemuMachine("node", tmp_path, accelerator=Accelerator(Kind.TCG, 8, "for the test")))
