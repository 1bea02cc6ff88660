"""The initial RAM disk of a lean boot.  That one boots from it is shown by vm-scenarios/test_cuts.py."""

from __future__ import annotations

import pytest
from bootproof import lean
from bootproof.guest import Guest, GuestFolder, Kernel, Stage


def unpacked(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """The files of an archive as the kernel reads it: mode and content."""
    files, at = {}, 0
    while True:
        assert archive[at : at + 6] == b"070701"
        numbers = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, length = numbers[1], numbers[6], numbers[11]
        name = archive[at + 110 : at + 110 + length - 1].decode()
        at += 110 + length + -(110 + length) % 4
        if name == "TRAILER!!!":
            return files
        files[name] = (mode, archive[at : at + size])
        at += size + -size % 4


@pytest.mark.parametrize("content", [b"", b"x", b"four", b"a longer one"])
def test_an_archive_is_read_back(content):
    files = {"init": (content, 0o755), "further": (b"abc", 0o644)}
    assert unpacked(lean.archive(files)) == {"init": (0o100755, content), "further": (0o100644, b"abc")}


def test_ours_comes_after_the_guests_own_and_begins_at_a_multiple_of_four(tmp_path):
    (tmp_path / "initrd").write_bytes(b"12345")
    (tmp_path / "vmlinuz").write_bytes(b"")
    described = GuestFolder(
        tmp_path,
        Guest(
            name="g",
            stage=Stage.INSTALLER,
            disks=("d",),
            installer="i",
            kernel=Kernel(image="vmlinuz", initrd="initrd", command_line="quiet"),
        ),
    )
    kernel = lean.kernel(described, tmp_path)
    assert kernel is not None
    assert kernel.command_line == "quiet"
    content = kernel.initrd.read_bytes()
    assert content[:8] == b"12345\0\0\0"
    files = unpacked(content[8:])
    mode, init = files["init"]
    assert mode == 0o100755
    assert init.startswith(b"#!/bin/busybox sh\nport=command-port label=nixos options=rw,noatime\n")
    assert lean.WAITS.encode() in init
    assert "command_port.sh" in files


def test_a_guest_that_shows_no_kernel_cannot_boot_lean(tmp_path):
    described = GuestFolder(tmp_path, Guest(name="g", stage=Stage.INSTALLED, disks=("d",)))
    assert lean.kernel(described, tmp_path) is None
