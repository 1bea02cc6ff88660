"""The pages of options are what the modules say, and every option says what it is for."""

from __future__ import annotations

import pytest
from options_page import PAGES, written


@pytest.mark.parametrize("path", sorted(PAGES), ids=lambda path: path.parent.name)
def test_the_page_is_the_modules(evaluated, path):
    assert path.read_text() == written(evaluated["options"])[path], "run nixos-tests/options_page.py"


def test_every_option_is_described_and_has_a_default_or_must_be_set(evaluated):
    assert len(evaluated["options"]) > 30
    must_be_set = {"services.mock-github.seed"}
    for option in evaluated["options"]:
        assert option["description"], option["name"]
        assert (option["default"] is None) == (option["name"] in must_be_set), option["name"]


def test_the_clusters_names_are_all_there(evaluated):
    """What the shell version's module had; see the README's part on coming from it."""
    names = {option["name"].removeprefix("zeta.selfRegister.") for option in evaluated["options"]}
    assert names >= {
        *("enable", "user", "group", "home", "repoRoot", "scriptPath", "markerPath"),
        *("reconcileInterval", "reconcileJitter", "minPrIntervalSec"),
    }
