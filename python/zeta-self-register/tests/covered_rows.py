"""Which bad agent each row of the decision table has, and why some need none."""

from __future__ import annotations

from collections.abc import Mapping

from bugs import BUGS, HARMLESS, Planted

BESIDE: Mapping[str, str] = {
    "glance": "404-is-nothing-new",
    "unchanged": "retired-is-unchanged",
    "unknown": "unknown-is-absent",
    "adopt": "adopts-anything",
    "pull-found": "hidden-pull",
    "comment-owed": "always-comments",
    "not-surveyed": "hidden-twin",
    "twin-found": "hidden-twin",
    "branch-left": "branch-is-done",
    "nothing-there": "dated-branch",
}
"""Rows whose bug is in what the row looks at or leads to, not in its rule."""

NEED_NONE: Mapping[str, str] = {
    "paused": "how long GitHub asked for is no part of a state: test_decide, and "
    "test_hard_cases::test_a_pause_never_grows_beyond_an_hour",
    "not-asked": "without it there is nothing to decide from: a traceback in each stage",
    "clock": "only says why nobody is reached: "
    "test_preconditions::test_a_clock_that_is_wrong_hinders_nobody_where_github_is_reached",
    "reset-needless": "to the oracle a reset allows another one, needed or not: test_decide, test_operator",
    "registered-lately": "people here make no record without a pull request, which an old look could hide: "
    "test_hard_cases::test_a_record_that_was_seen_a_moment_ago_is_not_believed_gone",
}
"""Rows without a bad agent, and what holds them instead."""


def rows_of(bug: Planted) -> list[str]:
    """The rows that a bad agent has otherwise than the real one, or not at all."""
    return [plant.row for plant in bug.plants if hasattr(plant, "row")]


def covered() -> dict[str, list[str]]:
    """Of each row that has one: its bad agents, or those that make no difference there."""
    found: dict[str, list[str]] = {row: [bug] for row, bug in BESIDE.items()}
    for bug in (*BUGS, *HARMLESS):
        for row in rows_of(bug):
            found.setdefault(row, []).append(bug.name)
    return found
