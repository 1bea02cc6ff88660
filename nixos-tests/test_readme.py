"""The README's part on NixOS: what it tells people to do is what the rows of evaluation/table.nix are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from zeta_self_register.settings import Settings, from_table

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text()
NIXOS = README.partition("\n## NixOS\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="session")
def rows(evaluated):
    return evaluated["rows"]


def part(heading: str) -> str:
    """A paragraph with its list, on one line."""
    (found,) = re.findall(rf"\n\*\*{heading}\*\*(.*?)(?=\n\*\*|\n`nix flake check`)", NIXOS, re.S)
    return " ".join(found.split())


def item(name: str) -> str:
    """One of those that it goes together with."""
    (found,) = re.findall(rf"\n- \*{name}\*(.*?)(?=\n- |\n\n)", NIXOS, re.S)
    return " ".join(found.split())


def settings(row) -> Settings:
    return from_table({key: value for key, value in row["settings"].items() if value is not None}, "row")


def in_this_order(text: str, *words: str) -> bool:
    """Whether each is there, and each for the first time after the one before."""
    places = [text.find(word) for word in words]
    return -1 not in places and places == sorted(places)


# --- the example ------------------------------------------------------------------------------------------------


def test_the_example_is_a_whole_flake(nix_instantiate, nixpkgs):
    """It is evaluated as it stands there, beside a hardware-configuration.nix."""
    (example,) = re.findall(r"```nix\n(.*?)```", NIXOS, re.S)
    expression = f"{{ nixpkgs }}: import ./readme.nix {{ inherit nixpkgs; flake = {example}; }}"
    options = ("--eval", "--json", "--strict", "--readonly-mode", "--arg", "nixpkgs", str(nixpkgs))
    done = subprocess.run(
        [*nix_instantiate, *options, "--expr", expression],
        cwd=HERE / "evaluation",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout)
    flake = re.search(r'nixpkgs\.url = "(.*?)"', (HERE.parent / "flake.nix").read_text())
    assert found["inputs"].keys() == {"nixpkgs", "registered-once"}
    assert flake
    assert found["inputs"]["nixpkgs"] == flake[1]
    assert found["hosts"] == ["node-a"]
    assert found["package"] == "zeta-self-register"
    assert found["timer"] == ["timers.target"]
    assert (found["root"], found["bootloader"]) == ("/dev/disk/by-label/nixos", True)
    chosen = settings(found)
    assert (chosen.operator, chosen.repository) == ("alice", "acme/cluster")
    assert chosen.token_file == "/run/secrets/github-token"


# --- from the shell version and back ----------------------------------------------------------------------------


def test_a_node_of_the_old_installer_gets_its_stamp_before_the_switch():
    """Without one the first tick ends with 77, and the unit has failed."""
    steps = part("From the shell version's module")
    assert in_this_order(steps, "1. Merge", "settings.repository", "installStamp = null", "Switch.")


def test_on_the_way_back_what_is_open_is_merged_first():
    """The old agent does not know a branch without a time, and would open a pull request beside it."""
    steps = part("And back")
    assert in_this_order(steps, "Merge", "pause", "old import", "chown", "resume")


# --- with others ------------------------------------------------------------------------------------------------


def test_what_is_persisted_hides_nothing_that_the_system_put_there(rows):
    """A folder is mounted after /etc was made; a file is brought before."""
    persisted, chosen = rows["impermanence"]["persisted"]["/persist"], settings(rows["impermanence"])
    folders = [one if isinstance(one, str) else one["directory"] for one in persisted["directories"]]
    made = ["/etc/zeta-self-register/settings.toml"]
    assert [(path, folder) for path in made for folder in folders if path.startswith(f"{folder}/")] == []
    assert chosen.intent_file in persisted["files"]
    assert Path(chosen.install_stamp).parent.as_posix() in folders
    assert chosen.state_folder in folders
    said = item("impermanence")
    assert all(f"`{path}`" in said for path in [*persisted["files"], *folders])
    assert said.count("--root /mnt/persist`") == 2


def test_what_nixos_anywhere_leaves_behind_names_the_node_as_its_configuration_does(rows):
    """An intent without a name would name it after its hardware, and an intent goes before the hostname."""
    words = re.search(
        r"intent --node (\S+) --operator (\S+) --repository (\S+)", item("nixos-anywhere, disko")
    )
    assert words
    chosen = settings(rows["nixos-anywhere"])
    assert words.groups() == (chosen.node_name, chosen.operator, chosen.repository)
