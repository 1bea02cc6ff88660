"""Which of the scenarios run, and in which order."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

LONGEST_FIRST = ("test_install_failure", "test_reboot", "test_pr_in_flight", "test_fresh_install")
"""So that no worker is left with a long one at the end."""


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --planted only bad agents', with --agent those for any; and the longest first, where they stand among the
    other tests."""
    if config.getoption("--planted", False):
        bad = [item for item in items if is_bad(getattr(getattr(item, "callspec", None), "params", {}))]
        config.hook.pytest_deselected(items=[item for item in items if item not in bad])
        items[:] = bad
    if config.getoption("--agent", None) is not None:
        for item in items:
            if item.get_closest_marker("any_agent") is None:
                item.add_marker(pytest.mark.skip(reason="it asks for more than any agent has to offer"))
    places = [n for n, item in enumerate(items) if item.name in LONGEST_FIRST]
    ordered = sorted((items[n] for n in places), key=lambda item: LONGEST_FIRST.index(item.name))
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


def all_or_one(metafunc: pytest.Metafunc, name: str, every: Mapping[str, object], shows: str) -> None:
    """This parameter has all these values, by their names; with a bad agent only the one that shows it."""
    if metafunc.config.getoption("--planted"):
        metafunc.parametrize(name, [every[shows]], ids=[pytest.HIDDEN_PARAM])
    else:
        metafunc.parametrize(name, every.values(), ids=every)


def is_bad(parameters: Mapping[str, object]) -> bool:
    """Whether these are a bad agent's."""
    return bool({"planted", "spoilt"} & parameters.keys()) or bool(parameters.get("bug"))
