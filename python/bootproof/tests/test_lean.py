"""The initial RAM disk of a lean boot.  That one boots from it is shown by vm-scenarios/test_cuts.py."""

from __future__ import annotations

import gzip

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


GUESTS_OWN = lean.archive(dict.fromkeys(lean.NEEDS, (b"", 420)))


def a_guest(folder, initrd):
    (folder / "initrd").write_bytes(initrd)
    (folder / "vmlinuz").write_bytes(b"")
    kernel = Kernel(image="vmlinuz", initrd="initrd", command_line="quiet")
    return GuestFolder(folder, Guest(name="g", stage=Stage.INSTALLED, disks=("d",), kernel=kernel))


def test_ours_comes_after_the_guests_own_and_begins_at_a_multiple_of_four(tmp_path):
    own = GUESTS_OWN + b"\0"
    described = a_guest(tmp_path, own)
    kernel = lean.kernel(described, tmp_path)
    assert kernel is not None
    assert kernel.command_line == "quiet"
    content = kernel.initrd.read_bytes()
    assert content[: len(own) + 3] == own + b"\0\0\0"
    files = unpacked(content[len(own) + 3 :])
    mode, init = files["init"]
    assert mode == 0o100755
    assert init.startswith(b"#!/bin/busybox sh\nport=command-port label=nixos options=rw,noatime\n")
    assert lean.WAITS.encode() in init
    assert "command_port.sh" in files


def test_a_guest_that_shows_no_kernel_cannot_boot_lean(tmp_path):
    described = GuestFolder(tmp_path, Guest(name="g", stage=Stage.INSTALLED, disks=("d",)))
    assert lean.kernel(described, tmp_path) is None


@pytest.mark.parametrize("missing", lean.NEEDS)
def test_a_guest_whose_initial_ram_disk_is_of_another_kind_cannot_boot_lean(missing, tmp_path):
    others = lean.archive({name: (b"", 0o644) for name in lean.NEEDS if name != missing})
    assert lean.kernel(a_guest(tmp_path, others), tmp_path) is None
    assert lean.kernel(a_guest(tmp_path, gzip.compress(GUESTS_OWN)), tmp_path) is None
