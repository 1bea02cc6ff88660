"""The command that makes a guest of NixOS's modules on Debian's programs: what it refuses.  What it makes is booted by
hand (see README.md), since that takes root and a nixpkgs tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

MAKE_GUEST = Path(__file__).parent / "rig/make-guest"


def make_guest(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(MAKE_GUEST), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_without_its_arguments_it_says_what_they_are():
    done = make_guest()
    assert done.returncode == 64
    assert done.stderr.startswith("make-guest RIG ROOT TREE DEBIAN OUT: ")
    assert "#" not in done.stderr


@pytest.mark.parametrize("kernel", ["vmlinuz-6.13", None])
def test_a_root_whose_modules_would_not_fit_the_kernel_is_refused(kernel, tmp_path):
    for folder in ("root/boot", "debian", "tree"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "debian/vmlinuz").write_text("6.12")
    if kernel is not None:
        (tmp_path / "root/boot" / kernel).write_text("6.13")
    done = make_guest(
        "/bin/false", tmp_path / "root", tmp_path / "tree", tmp_path / "debian", tmp_path / "out"
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "have different kernels" in done.stderr
    assert not (tmp_path / "out").exists()
