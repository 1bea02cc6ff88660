"""`nix run .#prove`: its own script, on the files of its source alone, called from somewhere else."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sources import STORED, copy_source

HERE = Path(__file__).parent
GUEST = 'name = "none"\nstage = "installed"\ndisks = ["guest.toml"]\n'
"""Nothing is booted."""


@pytest.mark.skipif("NIX_BUILD_TOP" in os.environ, reason="a build has no repository to take a source from")
def test_a_folder_is_the_callers_and_every_scenario_finds_its_files(flake, tmp_path):
    source, guest, here, programs = (tmp_path / name for name in ("source", "guest", "here", "bin"))
    copy_source(HERE / "default.nix", source)
    for folder in (guest, here, programs):
        folder.mkdir()
    (guest / "guest.toml").write_text(GUEST)
    (programs / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (programs / "python").chmod(0o755)
    script = STORED.sub(str(source), flake["proveScript"])
    script = re.sub(r"/nix/store/[a-z0-9]{32}-nixos-guest", str(guest), script)
    assert str(source) in script
    assert str(guest) in script

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script, "prove", "-k", "every_golden_text", "--keep", "evidence"],
        cwd=here,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b1 passed\b", done.stdout)
    assert (here / "evidence").is_dir()
