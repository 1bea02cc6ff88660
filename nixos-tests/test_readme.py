"""The README's part on NixOS: what it tells people to do is what the rows of evaluation/table.nix are."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()
NIXOS = README.partition("\n## NixOS\n")[2].partition("\n## ")[0]


def part(heading: str) -> str:
    """A paragraph with its list, on one line."""
    (found,) = re.findall(rf"\n\*\*{heading}\*\*(.*?)(?=\n\*\*|\n`nix flake check`)", NIXOS, re.S)
    return " ".join(found.split())


def in_this_order(text: str, *words: str) -> bool:
    """Whether each is there, and each for the first time after the one before."""
    places = [text.find(word) for word in words]
    return -1 not in places and places == sorted(places)


# --- from the shell version and back ----------------------------------------------------------------------------


def test_a_node_of_the_old_installer_gets_its_stamp_before_the_switch():
    """Without one the first tick ends with 77, and the unit has failed."""
    steps = part("From the shell version's module")
    assert in_this_order(steps, "1. Merge", "settings.repository", "installStamp = null", "Switch.")


def test_on_the_way_back_what_is_open_is_merged_first():
    """The old agent does not know a branch without a time, and would open a pull request beside it."""
    steps = part("And back")
    assert in_this_order(steps, "Merge", "pause", "old import", "chown", "resume")
