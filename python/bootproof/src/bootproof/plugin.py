"""The pytest plugin: a test that asks for `site` is a scenario, and each scenario is a row of the table.

The row is made when the last fixture of the test is torn down, travels on its report (so that it comes out
of a worker of pytest-xdist too), and is printed with all others at the end of the run. What a scenario came
to:

  an assertion failed, or what was waited for never came    violated; a harness error if the machine
                                                            was not in order (health.py)
  any other exception                                       harness error
  neither                                                   what the oracle says of the evidence
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bootproof import guest
from bootproof.errors import MachineError
from bootproof.evidence import Site
from bootproof.page.folder import write_report
from bootproof.page.place import objection
from bootproof.progress import Display, Receiver, Sender, display_for, showing
from bootproof.report import explain, render, write_json
from bootproof.verdict import HarnessError, Row, Verdict, worst

ROW = "bootproof-row"
SCENARIO = "bootproof-scenario"
_failure: pytest.StashKey[BaseException | None] = pytest.StashKey()
_row: pytest.StashKey[Row] = pytest.StashKey()
_told: pytest.StashKey[BaseException] = pytest.StashKey()
_trouble: pytest.StashKey[str] = pytest.StashKey()
_site: pytest.StashKey[Site] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bootproof", "scenarios on machines")
    group.addoption("--guest", type=Path, metavar="DIR", help="folder of the guest to boot (has guest.toml)")
    group.addoption("--keep", type=Path, metavar="DIR", help="keep consoles, disks and logs of each run here")
    group.addoption("--bootproof-json", type=Path, metavar="FILE", help="write the table as JSON too")
    group.addoption(
        "--bootproof-report", type=Path, metavar="DIR", help="write a page with a timeline of each run here"
    )
    group.addoption(
        "--bootproof-progress",
        choices=("auto", "live", "plain", "off"),
        default="auto",
        help="how to show what is going on; auto: live on a terminal (with -q), plain lines elsewhere",
    )


class _Run:
    """What a process of the run has: a display, and in the one that prints the table its rows."""

    def __init__(self, config: pytest.Config, display: Display) -> None:
        self._config = config
        self._rows: list[Row] = []
        self._display = display
        self._receiver: Receiver | None = None
        self._told: list[str] = []
        self._open = contextlib.ExitStack()
        self._open.enter_context(showing(display))

    def close(self) -> None:
        self._open.close()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """pytest-xdist starts a worker: it is told where to send its progress to."""
        if self._receiver is None:
            self._receiver = Receiver(self._display)
            self._open.callback(self._receiver.close)
        node.workerinput["bootproof_progress"] = self._receiver.address

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            rows = [str(value) for name, value in report.user_properties if name == ROW]
            self._rows += [msgspec.json.decode(row, type=Row) for row in rows]
        elif report.when not in ("setup", "call"):
            # So pytest-xdist reports a worker that died; no teardown will follow.
            name, reason = scenario_name(report.nodeid), "its worker process died"
            self._rows.append(Row(scenario=name, machine="-", verdict=Verdict.HARNESS_ERROR, reason=reason))

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        # A second Ctrl-C would interrupt what switches the machines off.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        # Before anything is printed for good, so that the live line does not get into it.
        self.close()
        if hasattr(self._config, "workerinput"):
            return
        path: Path | None = self._config.getoption("--bootproof-json")
        folder: Path | None = self._config.getoption("--bootproof-report")
        try:
            if path is not None:
                write_json(self._rows, path)
            if folder is not None:
                self._told.append(f"the report: {write_report(self._rows, folder)}")
        except (HarnessError, OSError) as error:
            self._told.append(
                f"the report could not be written: {error}"
            )  # the table is printed all the same
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._rows:
            writer = terminalreporter._tw
            terminalreporter.section("scenarios", sep="=")
            text = render(self._rows, colour=writer.hasmarkup, width=writer.fullwidth)
            terminalreporter.write(text)
        for line in self._told:
            terminalreporter.line(line)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    folder: Path | None = config.getoption("--guest")
    if folder is not None:
        try:
            guest.load(folder)
        except MachineError as error:
            raise pytest.UsageError(f"--guest: {error}") from None
    keep: Path | None = config.getoption("--keep")
    if keep is not None:
        try:
            keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise pytest.UsageError(f"--keep: {keep}: {error.strerror}") from None
    report: Path | None = config.getoption("--bootproof-report")
    if report is not None and (why := objection(report)):
        raise pytest.UsageError(f"--bootproof-report: {why}")
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    if worker is not None:
        display: Display = Sender(worker["bootproof_progress"])
    else:
        # Tests run with their output captured; now it is not, so this is the real standard error.
        file = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
        config.add_cleanup(file.close)
        mode = config.getoption("--bootproof-progress")
        quiet = config.get_verbosity() < 0
        display = display_for(file, "plain" if mode == "auto" and not quiet else mode)
    run = _Run(config, display)
    config.pluginmanager.register(run, "bootproof-run")
    config.add_cleanup(run.close)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A worker of pytest-xdist gets the Ctrl-C, too, and has put its machines away by now. Nobody reads what other
    plugins would now gather in it, for which pytest-xdist would wait up to ten seconds."""
    if exitstatus == pytest.ExitCode.INTERRUPTED and hasattr(session.config, "workerinput"):
        os._exit(exitstatus)


def scenario_name(nodeid: str) -> str:
    """`test_reboot.py::test_reboot[x]` is `reboot[x]`; a test named otherwise than its file is
    `reboot/other`."""
    path, bracket, parameters = nodeid.partition("[")
    path, _, test = path.partition("::")
    file = _words(Path(path).stem)
    name = _words(test.rpartition("::")[2])
    return f"{file if name in ('', file) else f'{file}/{name}'}{bracket}{parameters}"


def _words(identifier: str) -> str:
    return identifier.removeprefix("test_").replace("_", "-")


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The scenario's place for its evidence; judges it when all fixtures that use it are torn down."""
    name = scenario_name(request.node.nodeid)
    keep: Path | None = request.config.getoption("--keep")
    folder = new_folder(keep if keep is not None else tmp_path_factory.getbasetemp(), name)
    # Not in `funcargs` while a fixture that uses it is set up.
    this = request.node.stash[_site] = Site(folder, name)
    described: Path | None = request.config.getoption("--guest")
    this.machine = described.name if described is not None else "-"
    with this.phase(name) as shown:
        yield this
        if _failure not in request.node.stash:
            shown.result = "interrupted"
            return  # Ctrl-C: neither passed nor failed, so there is nothing to judge
        failure = request.node.stash[_failure]
        row = this.judged(finished=failure is None)
        request.node.stash[_row] = row
        shown.result = worst([row.verdict, verdict_on(in_order_or(request.node, failure))]).value
    if keep is None and shown.result == Verdict.HOLDS.value:
        shutil.rmtree(this.disks, ignore_errors=True)
    error = _as_exception(row)
    if failure is None and error is not None:
        request.node.stash[_told] = error
        raise error


@pytest.fixture(scope="session")
def guest_folder(request: pytest.FixtureRequest) -> Path:
    """The folder given by --guest; a scenario that needs one is skipped without."""
    folder: Path | None = request.config.getoption("--guest")
    if folder is None:
        pytest.skip("no guest to boot: give --guest DIR (`bootproof guest build` prints one)")
    return folder


def new_folder(parent: Path, name: str) -> Path:
    """A folder that was not there before: evidence of two runs is evidence of neither."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        folder = parent / (plain if number == 1 else f"{plain}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder.resolve()
    raise HarnessError(f"{parent} is full of folders of {plain}; remove some")


def _as_exception(row: Row) -> BaseException | None:
    """What makes pytest see what the oracle saw."""
    text = "\n".join(explain(row))
    if row.verdict is Verdict.VIOLATED:
        return pytest.fail.Exception(text, pytrace=False)
    return HarnessError(text) if row.verdict is Verdict.HARNESS_ERROR else None


def verdict_on(failure: BaseException | None) -> Verdict:
    """What an exception that ended a scenario says of it. In vain is waited for what the program should
    have done."""
    if failure is None:
        return Verdict.HOLDS
    if isinstance(failure, pytest.skip.Exception):
        return Verdict.SKIPPED
    if isinstance(failure, AssertionError | pytest.fail.Exception | TimeoutError):
        return Verdict.VIOLATED
    return Verdict.HARNESS_ERROR


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if "site" not in getattr(item, "fixturenames", ()):
        return report
    report.user_properties.append((SCENARIO, scenario_name(item.nodeid)))
    if call.when == "call" or call.excinfo is not None:
        failure = call.excinfo.value if call.excinfo is not None else None
        item.stash[_failure] = item.stash.get(_failure, None) or failure
        site = item.stash.get(_site, None)
        if call.when != "teardown" and verdict_on(failure) is Verdict.VIOLATED and site is not None:
            item.stash[_trouble] = site.trouble()
    if call.when == "teardown":
        row = _final_row(item, in_order_or(item, item.stash.get(_failure, None)), call.duration)
        report.user_properties.append((ROW, msgspec.json.encode(row).decode()))
    return report


def in_order_or(item: pytest.Item, failure: BaseException | None) -> BaseException | None:
    """The failure; but where the machine was not in order, it is no word about the program."""
    why = item.stash.get(_trouble, "")
    return blamed(why, failure) if failure is not None and why else failure


def blamed(why: str, failure: BaseException) -> HarnessError:
    """A failure on a machine that was not in order, as `why` says."""
    return HarnessError(f"{why} (and then: {type(failure).__name__}: {_first_line(failure)})")


def _final_row(item: pytest.Item, failure: BaseException | None, seconds: float) -> Row:
    """The oracle's row, and what the exceptions say; without a site (its set-up failed) the exceptions
    alone."""
    row = item.stash.get(_row, None)
    if row is None:
        name = scenario_name(item.nodeid)
        row = Row(scenario=name, machine="-", verdict=Verdict.HOLDS, seconds=round(seconds, 3))
        failure = failure if failure is not None else HarnessError("the scenario left no verdict")
    return row if failure is item.stash.get(_told, None) else with_failure(row, failure)


def with_failure(row: Row, failure: BaseException | None) -> Row:
    """The row of a scenario that this exception ended, if one did."""
    if failure is None:
        return row
    reason = f"{type(failure).__name__}: {_first_line(failure)}"
    reason = f"{row.reason}; {reason}" if row.reason else reason
    return msgspec.structs.replace(row, verdict=worst([row.verdict, verdict_on(failure)]), reason=reason)


def _first_line(failure: BaseException) -> str:
    return next((line for line in str(failure).splitlines() if line.strip()), "no message")


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: Any, config: pytest.Config) -> tuple[str, str, str] | None:
    """The progress line has said it already; a dot would be written into it."""
    shown = config.getoption("--bootproof-progress") != "off" and config.get_verbosity() < 0
    properties = dict(getattr(report, "user_properties", ()))
    if shown and report.passed and report.when == "call" and SCENARIO in properties:
        return "passed", "", ""
    return None
