"""The check `modules`, as a build plays it: its own script, on the files of its source alone, with few programs."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from sources import ROOT, STORED, copy_source

HERE = Path(__file__).parent
LONGEST = 600

TOOLS = (
    *("awk", "base64", "bash", "cat", "chmod", "cmp", "cp", "cut", "dirname"),
    *("env", "false", "find", "grep", "head", "install", "ls", "mkdir", "mktemp"),
    *("mv", "realpath", "rm", "sed", "sh", "sleep", "sort", "systemd-analyze", "tail"),
    *("tar", "timeout", "touch", "tr", "true", "uname"),
)
"""What the standard environment and the check's inputs offer, as far as somebody here asks for it."""


@pytest.fixture
def near():
    """A folder inside of the repository, for a Nix that runs in a container and sees no other."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.skipif("NIX_BUILD_TOP" in os.environ, reason="this is the build")
def test_the_check_of_the_modules_passes_with_what_a_build_has(flake, nix_instantiate, nixpkgs, near):
    """What a sandbox hides beside that, it does not hide here: /usr, /bin, the user's own name."""
    script = flake["modulesScript"]
    store = near / "store"
    copy_source(HERE / "checks.nix", store / "source")
    script = STORED.sub(str(store / "source"), script)
    script = script.replace("NIXPKGS=/nixpkgs", f"NIXPKGS={shlex.quote(str(nixpkgs))}")
    assert str(nixpkgs) in script
    assert str(store) in script

    programs = near / "bin"
    programs.mkdir()
    for name in TOOLS:
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    # These two look for their surroundings by the name that they are called by.
    for name, found in (("python", sys.executable), ("nix-instantiate", nix_instantiate[0])):
        path = shlex.quote(os.environ["PATH"])
        wrapped = f"exec {found}" if name == "python" else f"PATH={path} exec {found}"
        (programs / name).write_text(f'#!/bin/sh\n{wrapped} "$@"\n')
        (programs / name).chmod(0o755)

    top = near / "build"
    top.mkdir()
    surroundings = {
        "HOME": "/homeless-shelter",
        "NIX_BUILD_TOP": str(top),
        "NIX_STORE": "/nix/store",
        "PATH": str(programs),
        "TMPDIR": str(top),
        "out": str(near / "out"),
    }
    done = subprocess.run(
        ["bash", "-euc", f"patchShebangs() {{ :; }}\n{script}"],
        cwd=top,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert (near / "out").exists()
    for reason in ("needs nix-instantiate", "NIXPKGS is not set"):
        assert reason not in done.stdout
