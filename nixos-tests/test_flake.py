"""The flake: its outputs over a stand-in for nixpkgs, its lock, and the packages beside their pyproject.toml."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = ("zeta-self-register", "mock-github", "bootproof")
SYSTEMS = ("aarch64-linux", "x86_64-linux")
SCENARIOS = ("fresh-install", "install-failure", "pr-in-flight", "reboot")
"""The stories that every guest has to tell; the other files are many trials each, or about the Debian guest alone."""
EVERYWHERE = [*PACKAGES, "closure", "exploration", "linters", "modules", "tests"]
MACHINES = [*(f"scenario-{name}" for name in SCENARIOS), "driver-pr-in-flight", "driver-reboot"]

NIXPKGS_NAMES = {"pyjwt[crypto]": "pyjwt", "qemu.qmp": "qemu-qmp"}
"""What nixpkgs calls otherwise than PyPI."""


def test_the_outputs_have_their_names(flake):
    assert flake["outputs"] == [
        *(
            "apps",
            "checks",
            "devShells",
            "formatter",
            "legacyPackages",
            "nixosModules",
            "overlays",
            "packages",
        )
    ]
    names = flake["names"]
    for system in SYSTEMS:
        assert names["packages"][system] == sorted(["default", *PACKAGES])
        assert names["apps"][system] == ["default", "mock-github", "prove"]
        assert names["devShells"][system] == ["default"]
    assert flake["modules"] == {"default": True, "mock-github": True, "zeta-self-register": True}
    assert flake["overlays"] == ["default"]
    assert set(flake["formatter"]) == set(SYSTEMS)


def test_machines_are_in_the_checks_of_x86_and_beside_them_elsewhere(flake):
    checks, beside = flake["checks"], flake["names"]["legacyPackages"]
    assert list(checks["x86_64-linux"]) == sorted([*EVERYWHERE, *MACHINES])
    assert list(checks["aarch64-linux"]) == sorted(EVERYWHERE)
    assert beside == {"aarch64-linux": ["machineTests"], "x86_64-linux": []}
    assert all(whole for system in checks.values() for whole in system.values())


def test_each_story_is_a_file():
    for name in SCENARIOS:
        assert (ROOT / "vm-scenarios" / f"test_{name.replace('-', '_')}.py").is_file(), name


def test_there_is_one_input_and_it_is_locked(flake):
    lock = json.loads((ROOT / "flake.lock").read_bytes())
    assert lock["version"] == 7
    assert lock["nodes"][lock["root"]]["inputs"] == {"nixpkgs": "nixpkgs"}
    assert set(lock["nodes"]) == {"root", "nixpkgs"}
    node = lock["nodes"]["nixpkgs"]
    original, locked = node["original"], node["locked"]
    assert (
        f"{original['type']}:{original['owner']}/{original['repo']}/{original['ref']}"
        == (flake["inputs"]["nixpkgs"]["url"])
    )
    assert all(locked[key] == original[key] for key in ("type", "owner", "repo"))
    assert re.fullmatch(r"[0-9a-f]{40}", locked["rev"])
    assert re.fullmatch(r"sha256-[A-Za-z0-9+/]{43}=", locked["narHash"])


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_what_its_pyproject_says(flake, name):
    project = tomllib.loads((ROOT / "python" / name / "pyproject.toml").read_text())
    package = flake["packages"][name]
    wanted = {re.split(r"[<>=]", line.lower())[0] for line in project["project"]["dependencies"]}
    wanted = {NIXPKGS_NAMES.get(one, one) for one in wanted}
    if name == "mock-github":
        wanted.add("cryptography")  # pyjwt[crypto]
    assert set(package["dependencies"]) == wanted
    assert package["buildSystem"] == ["setuptools"]
    assert package["pyproject"] is True
    assert package["version"] == project["project"]["version"]
    assert package["description"] == project["project"]["description"]
    assert package["license"] == project["project"]["license"]
    assert package["mainProgram"] in project["project"]["scripts"]
    assert "pytestCheckHook" in package["checkInputs"]


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_build_leaves_out_is_there_to_be_left_out(flake, name):
    """nixpkgs' hook does not mind a path that is gone; a reader does."""
    for path in flake["packages"][name]["notTested"]:
        assert (ROOT / "python" / name / path).is_file(), path


def test_the_default_program_is_the_agent(flake):
    assert Path(flake["programs"]["default"]).name == "zeta-self-register"
    assert Path(flake["programs"]["mock-github"]).name == "mock-github"


def test_the_workflow_builds_every_check(flake):
    """Those without machines by name, the machines by a list that it asks the flake for."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())
    jobs = workflow["jobs"]
    script = jobs["build"]["steps"][-1]["run"]
    named = re.search(r"for check in (.*); do", script)
    assert named
    assert sorted(named[1].split()) == sorted(EVERYWHERE)
    assert {one["system"] for one in jobs["build"]["strategy"]["matrix"]["include"]} == set(SYSTEMS)
    listed = next(step["run"] for step in jobs["evaluate"]["steps"] if step.get("id") == "list")
    asked = re.search(r'builtins\.match "(.*?)"', listed)
    assert asked
    found = [name for name in flake["names"]["checks"]["x86_64-linux"] if re.fullmatch(asked[1], name)]
    assert found == sorted(MACHINES)


def test_the_workflow_makes_the_documentation():
    workflow = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())
    steps = workflow["jobs"]["documentation"]["steps"]
    (made,) = (step["run"] for step in steps if ".ci/" in step.get("run", ""))
    assert os.access(ROOT / ".ci/documentation", os.X_OK)
    (kept,) = (step["with"]["path"] for step in steps if "upload-artifact" in step.get("uses", ""))
    assert made.splitlines()[-1] == f".ci/documentation {kept}"
