"""The plugin in runs of pytest of its own: what a scenario does, and the row that comes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pexpect
import pytest
from bootproof.plugin import scenario_name
from bootproof.report import Report, read_json
from bootproof.verdict import Landing, Verdict

PRELUDE = '''
import json, pytest
from bootproof.oracle import Final, Registration
from bootproof.timeline import MachineKind
from bootproof.verdict import HarnessError, Landing, Loses

REGISTRATION = Registration(repository="acme/cluster", record="node.yaml", branch="register-node-a",
                            user_agent="^agent/", logins=("alice",))

def log(site, *events):
    """Writes what the mock would have logged, each given as (type, fields)."""
    with site.event_log.open("a") as file:
        for seq, (kind, fields) in enumerate(events, 1):
            at = f"2026-01-02T03:04:05.{seq:03}Z"
            file.write(json.dumps({"seq": seq, "at": at, "type": kind, "by": "alice", **fields}) + "\\n")

def request(name):
    return "request", {"request": name, "method": "POST", "path": "/x", "user_agent": "agent/1"}

def opened(name, number):
    return "pull-request-opened", {"request": name, "repository": "acme/cluster", "number": number,
                                   "head": "acme:register-node-a", "base": "main", "paths": ["node.yaml"]}

@pytest.fixture
def installed(site):
    site.registration = REGISTRATION
    site.secret("ghp_0123456789")
    site.timeline.record(MachineKind.INSTALL_FINISHED, after_seq=0)
    site.timeline.record(MachineKind.POWER_ON, after_seq=0)
    site.timeline.record(MachineKind.BOOT, boot_id="b1", after_seq=0)
    return site
'''

ONE_PULL_REQUEST = """
def test_reboot(installed):
    log(installed, request("r1"), opened("r1", 1))
    installed.expect(final=Final.EXACTLY_ONE_OPEN)
"""


def run(folder: Path, scenario: str, *options: str, name: str = "test_reboot.py") -> tuple[int, str, Report]:
    """Runs pytest on one file as another process; its exit status, its output, and the JSON report."""
    (folder / name).write_text(PRELUDE + textwrap.dedent(scenario))
    command = [*PYTEST, name, "--bootproof-json", "report.json", f"--basetemp={folder / 'tmp'}", *options]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, read_json(folder / "report.json")


PYTEST = [sys.executable, "-m", "pytest", "-p", "bootproof.plugin", "-p", "no:cacheprovider", "-q"]
# Only the plugins named: these runs are about this one, whatever else is installed.
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": "/usr/bin:/bin"}


def test_a_report_cannot_be_written_there(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").touch()
    command = [*PYTEST, "--bootproof-report", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "something else than an earlier report" in done.stderr


def test_the_table_is_printed_although_the_json_cannot_be_written(tmp_path: Path) -> None:
    taken = """
def test_reboot(site):
    site.without_oracle("a test of the report")
"""
    (tmp_path / "test_x.py").write_text(taken)
    command = [*PYTEST, "--bootproof-json", "/proc/report.json", f"--basetemp={tmp_path / 'tmp'}"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.INTERNAL_ERROR
    assert "1 holds" in done.stdout
    assert "the report could not be written: " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_report_that_cannot_be_written_in_the_end_is_no_success(tmp_path: Path) -> None:
    taken = f"""
import shutil, pathlib
def test_reboot(site):
    site.without_oracle("a test of the report")
    shutil.rmtree({str(tmp_path / "report")!r})
    pathlib.Path({str(tmp_path / "report")!r}).touch()
"""
    status, output, _ = run(tmp_path, taken, "--bootproof-report", str(tmp_path / "report"))
    assert status == pytest.ExitCode.INTERNAL_ERROR
    assert "the report could not be written: " in output
    assert "1 holds" in output


def test_a_scenario_that_holds(tmp_path: Path) -> None:
    status, output, report = run(tmp_path, ONE_PULL_REQUEST)
    (row,) = report.runs
    assert (status, row.verdict, report.exit_status) == (0, Verdict.HOLDS, 0)
    assert (row.scenario, row.pull_requests_opened, row.boots, row.requests) == ("reboot", 1, 1, 1)
    assert {"at-most-one-open", "final-state", "no-leak"} <= {result.rule for result in row.rules}
    assert "reboot" in output
    assert "1 holds" in output
    assert "had nothing to look at" in output


def test_what_the_oracle_finds_fails_the_test(tmp_path: Path) -> None:
    twin = """
    def test_reboot(installed):
        log(installed, request("r1"), opened("r1", 1), request("r2"), opened("r2", 2))
        installed.timeline.cut("the PR", Landing.TOO_LATE, Loses.PAGE_CACHE)
        installed.expect(final=Final.EXACTLY_ONE_OPEN)
    """
    status, output, report = run(tmp_path, twin)
    (row,) = report.runs
    assert (status, row.verdict, report.exit_status) == (1, Verdict.VIOLATED, 1)
    assert "at-most-one-open: #2 was opened while #1 was [2, 4]" in output
    assert row.interruptions[0].landing is Landing.TOO_LATE
    assert row.reason == ""


ENDINGS = {
    "assert 1 == 2": (Verdict.VIOLATED, "AssertionError: assert 1 == 2"),
    "pytest.fail('no PR')": (Verdict.VIOLATED, "Failed: no PR"),
    "raise TimeoutError('no PR came')": (Verdict.VIOLATED, "TimeoutError: no PR came"),
    "raise HarnessError('QEMU died')": (Verdict.HARNESS_ERROR, "HarnessError: QEMU died"),
    "{}['x']": (Verdict.HARNESS_ERROR, "KeyError: 'x'"),
    "pytest.skip('no guest')": (Verdict.SKIPPED, "Skipped: no guest"),
}


def test_how_a_scenario_ends(tmp_path: Path) -> None:
    # Its end was never reached, so what was expected of it (one open PR) is not held against it.
    tests = [
        f"""
def test_{number}(installed):
    log(installed)
    installed.expect(final=Final.EXACTLY_ONE_OPEN)
    {ending}
"""
        for number, ending in enumerate(ENDINGS)
    ]
    _, output, report = run(tmp_path, "".join(tests))
    assert [(row.verdict, row.reason) for row in report.runs] == list(ENDINGS.values())
    assert all(reason in output for _, reason in ENDINGS.values())


def test_what_a_scenario_had_no_time_to_say_is_not_held_against_it(tmp_path: Path) -> None:
    scenario = """
    def test_at_once(site):
        pytest.skip("no guest")

    def test_before_the_token(installed):
        log(installed)
        installed._secrets.clear()
        pytest.skip("no guest")
    """
    _, _, report = run(tmp_path, scenario)
    assert [row.verdict for row in report.runs] == [Verdict.SKIPPED] * 2


def test_a_violation_outweighs_the_error_that_ended_the_run(tmp_path: Path) -> None:
    scenario = """
    def test_reboot(installed):
        log(installed, request("r1"), opened("r1", 1), request("r2"), opened("r2", 2))
        raise HarnessError("QEMU died")
    """
    _, _, report = run(tmp_path, scenario)
    assert [row.verdict for row in report.runs] == [Verdict.VIOLATED]


def test_what_came_in_vain_from_a_machine_that_was_not_in_order_is_no_word_about_the_program(
    tmp_path: Path,
) -> None:
    scenario = """
    def test_in_order(installed):
        log(installed)
        installed.trouble = lambda: ""
        assert False, "nothing was registered"

    def test_full(installed):
        log(installed)
        installed.trouble = lambda: "the guest's disk is full"
        assert False, "nothing was registered"

    def test_full_and_two(installed):
        log(installed, request("r1"), opened("r1", 1), request("r2"), opened("r2", 2))
        installed.trouble = lambda: "the guest's disk is full"
        assert False, "two were registered"
    """
    status, _, report = run(tmp_path, scenario)
    assert status == 1
    in_order, full, two = report.runs
    assert in_order.verdict is Verdict.VIOLATED
    assert full.verdict is Verdict.HARNESS_ERROR
    assert full.reason.startswith(
        "HarnessError: the guest's disk is full (and then: AssertionError: nothing was registered"
    ), full.reason
    assert two.verdict is Verdict.VIOLATED, "what the record shows does not depend on the machine"


MISSING = {
    "pass": "cannot read",
    "log(installed)": "does not say what there must be in the end",
    "log(installed); installed.registration = None": "does not say what is judged",
    "log(installed); installed._secrets.clear()": "does not say which token",
}


def test_a_scenario_that_gives_no_evidence_is_no_proof(tmp_path: Path) -> None:
    tests = [f"def test_{number}(installed):\n    {body}\n" for number, body in enumerate(MISSING)]
    status, output, report = run(tmp_path, "".join(tests))
    assert (status, report.exit_status) == (1, 2)
    assert [row.verdict for row in report.runs] == [Verdict.HARNESS_ERROR] * len(MISSING)
    assert all(text in output for text in MISSING.values())


def test_what_fails_before_or_after_the_scenario_has_a_row_too(tmp_path: Path) -> None:
    scenario = """
    @pytest.fixture
    def broken(request):
        raise HarnessError("no QEMU")

    @pytest.fixture
    def machine(site):
        yield
        raise HarnessError("it would not stop")

    def test_before(broken, site):
        pass

    def test_after(site, machine):
        site.without_oracle("this is a test of the plugin")

    @pytest.mark.skip(reason="not here")
    def test_skipped(site):
        pass
    """
    _, output, report = run(tmp_path, scenario)
    assert [(row.scenario, row.verdict, row.reason.split(": ")[-1]) for row in report.runs] == [
        ("reboot/before", Verdict.HARNESS_ERROR, "no QEMU"),
        ("reboot/after", Verdict.HARNESS_ERROR, "it would not stop"),
        ("reboot/skipped", Verdict.SKIPPED, "not here"),
    ]
    assert "judged by its own assertions alone" in output


def test_the_token_in_a_console_is_found(tmp_path: Path) -> None:
    scenario = """
    def test_reboot(installed):
        log(installed)
        installed.expect(final=Final.NONE)
        (installed.consoles / "boot-1.log").write_text("token: ghp_0123456789")
        (installed.disks / "disk.raw").write_text("token: ghp_0123456789")
    """
    *_, report = run(tmp_path, scenario)
    found = next(result for result in report.runs[0].rules if result.rule == "no-leak")
    assert "boot-1.log at byte 7, as it is" in found.findings[0].text
    assert len(found.findings) == 1
    assert "ghp_0123456789" not in (tmp_path / "report.json").read_text()


def test_workers_send_their_rows_and_their_progress(tmp_path: Path) -> None:
    scenario = (
        ONE_PULL_REQUEST.replace("expect", "phase('second boot').__enter__()\n    installed.expect")
        + """
def test_dies(installed):
    import os
    os._exit(3)
"""
    )
    _, output, report = run(tmp_path, scenario, "-p", "xdist.plugin", "-n", "1", "--max-worker-restart=1")
    rows = {row.scenario: row for row in report.runs}
    assert rows["reboot"].verdict is Verdict.HOLDS
    assert rows["reboot/dies"].verdict is Verdict.HARNESS_ERROR
    assert rows["reboot/dies"].reason == "its worker process died"
    assert "reboot › second boot\n" in output
    assert "reboot: holds, 0." in output


def test_evidence_is_kept_and_never_mixed(tmp_path: Path) -> None:
    for _ in range(2):
        run(tmp_path, ONE_PULL_REQUEST, "--keep", "kept")
    folders = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert folders == ["reboot", "reboot-2"]
    names = sorted(path.name for path in (tmp_path / "kept" / "reboot").iterdir())
    assert names == ["case.json", "consoles", "disks", "events.jsonl", "timeline.jsonl"]
    *_, report = run(tmp_path, ONE_PULL_REQUEST)
    assert not Path(report.runs[0].evidence or "", "disks").exists()


def test_on_a_terminal_one_line_is_live_and_the_cursor_comes_back(tmp_path: Path) -> None:
    scenario = """
    import time
    def test_reboot(installed):
        with installed.phase("waits"):
            print("now")
            time.sleep(60)
    """
    (tmp_path / "test_reboot.py").write_text(PRELUDE + textwrap.dedent(scenario))
    environment = {**ENVIRONMENT, "TERM": "xterm"}
    command = [*PYTEST, "test_reboot.py", f"--basetemp={tmp_path / 'tmp'}"]
    child = pexpect.spawn(
        command[0], command[1:], cwd=str(tmp_path), env=environment, encoding="utf-8", timeout=30
    )
    child.expect("\x1b\\[\\?25l")
    child.expect("reboot › waits  1 s")
    child.sendintr()
    child.expect("\x1b\\[\\?25h")
    child.expect("KeyboardInterrupt")
    child.expect(pexpect.EOF)
    assert "\x1b[?25l" not in str(child.before)
    child.close()
    assert child.exitstatus == pytest.ExitCode.INTERRUPTED


def test_a_second_ctrl_c_does_not_interrupt_what_switches_off(tmp_path: Path) -> None:
    scenario = """
    import pathlib, time
    @pytest.fixture
    def machine(site):
        yield
        pathlib.Path("switching-off").touch()
        time.sleep(2)
        pathlib.Path("off").touch()

    def test_reboot(machine):
        pathlib.Path("on").touch()
        time.sleep(60)
    """
    (tmp_path / "test_reboot.py").write_text(PRELUDE + textwrap.dedent(scenario))
    command = [*PYTEST, "test_reboot.py", f"--basetemp={tmp_path / 'tmp'}"]
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE) as process:
        for seen in ("on", "switching-off"):
            while not (tmp_path / seen).exists():
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert (tmp_path / "off").exists()
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert b"Traceback" not in said
    assert b"reboot: interrupted, " in said


def test_a_worker_ends_by_itself_when_it_has_put_its_machines_away(tmp_path: Path) -> None:
    """Otherwise whatever plugins gather at the end of a run is waited for, in a worker that nobody reads."""
    (tmp_path / "conftest.py").write_text(
        "import pathlib\n"
        "def pytest_terminal_summary(config):\n"
        "    where = 'worker' if hasattr(config, 'workerinput') else 'controller'\n"
        "    pathlib.Path(f'summed-up-by-{where}').touch()\n"
    )
    scenario = """
    import pathlib, time
    @pytest.fixture
    def machine(site):
        yield
        pathlib.Path("off").touch()

    def test_reboot(machine):
        pathlib.Path("on").touch()
        time.sleep(60)
    """
    (tmp_path / "test_reboot.py").write_text(PRELUDE + textwrap.dedent(scenario))
    command = [*PYTEST, "test_reboot.py", f"--basetemp={tmp_path / 'tmp'}", "-p", "xdist.plugin", "-n", "1"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while not (tmp_path / "on").exists():
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
    assert (tmp_path / "off").exists()
    assert (tmp_path / "summed-up-by-controller").exists()
    assert not (tmp_path / "summed-up-by-worker").exists()


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("vm-scenarios/test_fresh_install.py::test_fresh_install", "fresh-install"),
        ("vm-scenarios/test_install_failure.py::test_install_failure[step-4]", "install-failure[step-4]"),
        ("a/test_reboot.py::TestX::test_twice[a::b]", "reboot/twice[a::b]"),
        ("test_reboot.py", "reboot"),
    ],
)
def test_names_of_scenarios(nodeid: str, name: str) -> None:
    assert scenario_name(nodeid) == name


def test_a_set_up_that_fails_on_a_machine_that_was_not_in_order_is_no_word_about_the_program(
    tmp_path: Path,
) -> None:
    scenario = """
    @pytest.fixture
    def named(installed):
        installed.trouble = lambda: "the guest's disk is full"
        assert False, "the installer did not say which node it installed"

    def test_full(named):
        pass
    """
    _, _, report = run(tmp_path, scenario)
    (row,) = report.runs
    assert row.verdict is Verdict.HARNESS_ERROR, row.reason
    assert "the guest's disk is full" in row.reason
