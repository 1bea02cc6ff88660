"""Where Nix and a nixpkgs tree are, and what the module comes to: evaluated once for all tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
LONGEST = 300
"""Seconds for the whole table; 15 of one core are enough."""


@pytest.fixture(scope="session")
def nix_instantiate() -> list[str]:
    """Nix's evaluator, without a store: in a build there is none that it could open."""
    found = shutil.which("nix-instantiate")
    if found is None:
        pytest.skip("needs nix-instantiate (apt install nix-bin, on Debian 13 or later)")
    return [found, "--store", "dummy://"]


@pytest.fixture(scope="session")
def nixpkgs() -> Path:
    """A nixpkgs tree, or as much of one as evaluation needs: lib/ and nixos/."""
    folder = os.environ.get("NIXPKGS")
    if not folder:
        pytest.skip("NIXPKGS is not set: a folder with nixpkgs' lib/ and nixos/")
    tree = Path(folder).absolute()
    for needed in ("lib/default.nix", "nixos/lib/eval-config.nix"):
        assert (tree / needed).is_file(), f"NIXPKGS={folder} has no {needed}"
    return tree


@pytest.fixture(scope="session")
def evaluate(nix_instantiate, nixpkgs):
    """Evaluates one of the files beside this one, which takes `nixpkgs`, to plain data."""

    def run(file: Path, *arguments: str) -> Any:
        command = [*nix_instantiate, "--eval", "--json", "--strict", "--readonly-mode", str(file)]
        command += ["--arg", "nixpkgs", str(nixpkgs), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def evaluated(evaluate, tmp_path_factory):
    """The table of configurations (evaluation/table.nix) in NixOS's own module system."""
    return evaluate(HERE / "evaluation/evaluate.nix")


@pytest.fixture(scope="session")
def flake(evaluate):
    """The flake's outputs over a stand-in for nixpkgs (evaluation/outputs.nix)."""
    return evaluate(HERE / "evaluation/outputs.nix")


@pytest.fixture(scope="session")
def machines(evaluate):
    """The machines of the NixOS tests (evaluation/machines.nix)."""
    return evaluate(HERE / "evaluation/machines.nix")
