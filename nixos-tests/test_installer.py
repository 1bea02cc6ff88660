"""The installer of NixOS is the reference installer with some of its words said again: what is said again does what the
others' does, hooks and tries included.  Nothing is installed: programs are stand-ins."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from bootproof import debian
from bootproof.installation import SETTINGS

INSTALLER = Path(__file__).parent / "installer"
REFERENCE = (debian.DATA / "tree/usr/sbin/installer").read_text()
STEPS = (INSTALLER / "steps.sh").read_text()
FIRST_STEP = "\nstep 1 enumerate enumerate_disks\n"
REPLACED = [
    line.replace("\\n", "\n")
    for line in re.findall(r'"((?:\\n)?(?:OPTIONS|step 1).*?\\n)"', (INSTALLER / "iso.nix").read_text())
]
(OPTIONS,) = (line for line in REPLACED if line != FIRST_STEP)
NIXOS_INSTALL = """#!/bin/sh
case $* in *--no-bootloader*) what=system ;; *) what=bootloader ;; esac
echo "$what" >>"$TARGET/done"
[ "$what" != "$FAILING" ]
"""


def functions(text: str) -> dict[str, str]:
    """Each by its name, with its words."""
    found = re.findall(r"^(\w+)\(\) (\{.*?\}\n|\{\n.*?^\}\n)", text, re.M | re.S)
    return dict(found)


def hooks(name: str, known: dict[str, str]) -> set[str]:
    """The folders of scripts that a function calls, by itself or through another one."""
    reached, left = {name}, [name]
    while left:
        text = known[left.pop()]
        called = {other for other in known if re.search(rf"(^ +|[;&|(] ){other}\b", text, re.M)} - reached
        called |= {other for other in known if f"({other})" in text} - reached
        reached |= called
        left += called
    return set(re.findall(r"\$SETTINGS/(\w+)/\$", "".join(known[one] for one in reached)))


def test_what_is_said_again_of_the_reference_installer_is_there():
    """iso.nix replaces two lines of it, and steps.sh five functions."""
    assert len(REPLACED) == 2
    assert FIRST_STEP in REPLACED
    assert [REFERENCE.count(line) for line in REPLACED] == [1, 1]
    own = set(functions(STEPS)) - {"with_nixos_install"}
    assert sorted(own) == ["configure", "copy_system", "inside", "install_system", "set_hostname"]
    assert own <= set(functions(REFERENCE))
    subprocess.run(["sh", "-n", INSTALLER / "steps.sh"], check=True)


def test_what_is_said_again_calls_the_same_hooks():
    theirs = functions(REFERENCE)
    ours = theirs | functions(STEPS)
    assert hooks("step", theirs) | hooks("install_system", theirs) == {"before", "after", "inside", "try"}
    for name in theirs:
        assert hooks(name, ours) == hooks(name, theirs), name


def test_a_hook_finds_a_shell(machines):
    """`sh -eu before/STEP`: a service of NixOS has in its PATH what is put there."""
    unit = machines["stick"]["units"]["installer.service"]
    assert re.search(r"/nix/store/[a-z0-9]{32}-bash/bin[:\"]", unit)


@pytest.mark.parametrize(
    ("hook", "failing", "said", "done"),
    [
        ("true", "", "", ["system", "bootloader"]),
        ('[ "$TRY" -gt 2 ]', "", "try 3", [*["system"] * 3, "bootloader"]),
        ("exit 1", "", "FAILED: in 3 tries", ["system"] * 3),
        ("true", "system", "FAILED: in 3 tries", ["system"] * 3),
        ("true", "bootloader", "FAILED: in 3 tries", ["system", "bootloader"] * 3),
    ],
)
def test_the_system_is_tried_three_times_with_a_hook_before_the_bootloader(
    hook, failing, said, done, tmp_path
):
    for folder in ("settings/try", "target", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "settings/try/install").write_text(hook)
    (tmp_path / "bin/nixos-install").write_text(NIXOS_INSTALL)
    (tmp_path / "bin/nixos-install").chmod(0o755)
    script = REFERENCE.partition(FIRST_STEP)[0].replace(OPTIONS, "")
    for path, here in ((SETTINGS, "settings"), ("/mnt", "target")):
        script = script.replace(f"={path}\n", f"={shlex.quote(str(tmp_path / here))}\n")
    script += f"\nSYSTEM=/nix/store/system\nexport FAILING={failing}\nPATH={tmp_path}/bin:$PATH\n{STEPS}"
    script += "\nnumber=6.92 name=install\ninstall_system\necho reached\n"
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (tmp_path / "target/done").exists(), ran
    assert (tmp_path / "target/done").read_text().split() == done
    assert said in ran.stdout
    assert (ran.returncode == 0) == ("reached" in ran.stdout) == ("FAILED: in" not in ran.stdout), ran
