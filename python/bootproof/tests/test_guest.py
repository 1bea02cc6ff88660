"""guest.toml: what is written is read back, and every wrong file is one line that says what to do."""

from pathlib import Path

import pytest
from bootproof import debian, guest
from bootproof.errors import MachineError

GOOD = """
name = "nixos"
stage = "installed"
disks = ["disk.qcow2"]
memory = 2048

[kernel]
image = "vmlinuz"
command_line = "root=LABEL=nixos"

[notes]
agent = "/bin/agent"
"""


def folder_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "guest.toml").write_text(text)
    for name in ("disk.qcow2", "vmlinuz"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_guest_that_is_already_installed_is_read(tmp_path: Path) -> None:
    read = guest.load(folder_with(tmp_path, GOOD))
    assert read.guest.stage is guest.Stage.INSTALLED
    assert read.guest.kernel == guest.Kernel("vmlinuz", None, "root=LABEL=nixos")
    assert read.guest.notes == {"agent": "/bin/agent"}
    assert read.disks == (tmp_path.resolve() / "disk.qcow2",)


def test_what_the_builder_writes_is_read_back(tmp_path: Path) -> None:
    written = debian.guest_description()
    for name in ("system.img", "vmlinuz", "initrd"):
        (tmp_path / name).touch()
    written.save(tmp_path)
    assert guest.load(tmp_path).guest == written


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("memory", "memroy"), "unknown key memroy; did you mean memory?"),
        (
            ('image = "vmlinuz"', 'image = "vmlinuz"\ninitrs = "x"'),
            r"unknown key kernel\.initrs; did you mean kernel\.initrd\?",
        ),
        (('"installed"', '"live"'), "stage"),
        (('"installed"', '"installer"'), "needs installer"),
        (('["disk.qcow2"]', "[]"), "disks is empty"),
        (('["disk.qcow2"]', '["other.img"]'), "names other.img, which is not in"),
        (("2048", '"much"'), "memory"),
        (("[kernel]", "[kernel"), "is not TOML"),
    ],
)
def test_a_wrong_description_is_one_clear_line(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(MachineError, match=message) as raised:
        guest.load(folder_with(tmp_path, GOOD.replace(*change)))
    assert "\n" not in str(raised.value).strip()


def test_a_folder_without_a_description_is_not_a_guest(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"is not a guest: it has no guest\.toml"):
        guest.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match=r"file/guest\.toml cannot be read: Not a directory$"):
        guest.load(tmp_path / "file")
