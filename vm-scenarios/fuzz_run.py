"""How pytest runs a fuzz campaign: a place for each schedule that there could be time for.

Nobody knows beforehand for how many there is, so there are more places than that. Each worker begins one while its
budget has room, and passes over the others without a word. The process that prints the table counts what comes in.
"""

from __future__ import annotations

import math

import msgspec
import planted
import pytest
from bootproof.plugin import ROW
from bootproof.progress import note
from bootproof.verdict import Row
from fuzzing import Budget, Tally

MOST_IN_A_MINUTE = 30
"""More schedules than that nothing plays."""
TEST = "test_schedule"
BUDGET: pytest.StashKey[Budget] = pytest.StashKey()
"""The time of this worker."""


def add_options(parser: pytest.Parser) -> None:
    """`./prove --fuzz` gives them; `--fuzz-bug` is for the proof that it can fail."""
    parser.addoption("--fuzz", type=float, metavar="MINUTES", help="play random schedules for so long")
    parser.addoption("--seed", type=int, default=0, metavar="N", help="of the schedules (%(default)s)")
    parser.addoption("--fuzz-bug", choices=sorted(planted.BUGS), default="", help="plant this in the agent")


def configure(config: pytest.Config) -> None:
    """Takes part where there is something to fuzz."""
    if config.getoption("--fuzz") is not None:
        config.pluginmanager.register(FuzzRun(config), "fuzz-run")


class FuzzRun:
    """One process of a campaign: a worker, the one that prints, or both."""

    def __init__(self, config: pytest.Config) -> None:
        minutes: float = config.getoption("--fuzz")
        self._config, self._slots = config, math.ceil(minutes * MOST_IN_A_MINUTE)
        self._prints = not hasattr(config, "workerinput")
        self._budget = config.stash[BUDGET] = Budget(minutes * 60)
        self._tally = Tally(config.getoption("--seed"), minutes)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if metafunc.function.__name__ != TEST:
            return
        metafunc.parametrize("schedule", range(1, self._slots + 1))
        if bug := self._config.getoption("--fuzz-bug"):
            metafunc.parametrize("planted", [bug], indirect=True, scope="session")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """True is that somebody has run it: nobody does when there is no time."""
        return None if getattr(item, "originalname", None) != TEST or self._budget.room else True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "setup" and report.failed:
            self._budget.over = True  # no machine is there, and none will be
        if report.when == "teardown" and self._prints:
            rows = [str(value) for name, value in report.user_properties if name == ROW]
            self._tally.add([msgspec.json.decode(row, type=Row) for row in rows])
            note(f"fuzz: {self._tally}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.line(f"fuzz: {self._tally}")
