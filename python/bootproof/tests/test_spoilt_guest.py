"""Scenarios on guests that are spoilt, as whole runs of pytest: the verdict, what is shown of it, and what is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bootproof import debian
from bootproof.report import read_json
from bootproof.verdict import Verdict

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]

CACHE = Path(__file__).parents[3] / ".cache" / "guests"
SCENARIOS = """
import time
from pathlib import Path

import pytest
from bootproof import guest, health
from bootproof.qemu import QemuMachine

@pytest.fixture
def machine(site, guest_folder):
    site.without_oracle("a test of the harness")
    with QemuMachine("node-a", site.consoles / "node-a") as machine:
        site.trouble = lambda: health.trouble(machine)
        machine.insert_stick(guest.load(guest_folder))
        machine.power_on()
        machine.wait_until("network-online.target")
        yield machine

def test_kernel_dies(machine):
    machine.run("(sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &")
    machine.console.expect("Kernel panic - not syncing[^\\\\n]*\\\\n", timeout=60)
    raise TimeoutError("nobody registered")

def test_disk_is_full(machine):
    machine.run("fallocate -l $(df -kP / | awk 'NR > 1 { print $4 }')K /full")
    raise TimeoutError("nobody registered")

def test_in_order(machine):
    raise TimeoutError("nobody registered")

def test_goes_on_for_ever(machine):
    Path("booted").touch()
    time.sleep(600)
"""
WITHIN = 5
"""Seconds from Ctrl-C until everything is put away."""


def begin(folder: Path, *options: str) -> subprocess.Popen[str]:
    """A run of the scenarios above, in a session of its own."""
    (folder / "test_spoilt.py").write_text(SCENARIOS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "test_spoilt.py", *options]
    command += ["--guest", str(debian.build(CACHE)), "--bootproof-json", "rows.json"]
    command += ["--keep", str(folder / "kept")]
    return subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def left_behind(folder: Path) -> list[str]:
    """The command lines of what runs in this folder: a run of pytest, and all that it has started."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == folder:
                lines.append((process / "cmdline").read_text(errors="replace").replace("\0", " "))
    return lines


def test_a_spoilt_guest_is_no_word_about_the_program(tmp_path: Path) -> None:
    run = begin(tmp_path, "-k", "not for_ever")
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 1, output
    dies, full, in_order = read_json(tmp_path / "rows.json").runs
    assert (dies.verdict, full.verdict) == (Verdict.HARNESS_ERROR, Verdict.HARNESS_ERROR)
    assert "; HarnessError: the guest's kernel died: sysrq triggered crash" in dies.reason
    assert "; HarnessError: the guest's disk is full" in full.reason
    assert in_order.verdict is Verdict.VIOLATED
    assert in_order.reason.endswith("; TimeoutError: nobody registered")
    assert "node-a's console: " in output
    shown = " ".join(output.split())  # the lines are broken at the width of the terminal
    assert "Kernel panic - not syncing: sysrq triggered crash" in shown
    for row in (dies, full, in_order):
        assert row.evidence is not None
        assert (Path(row.evidence) / "consoles" / "node-a" / "console.log").exists()
    assert left_behind(tmp_path) == []


def test_ctrl_c_puts_everything_away(tmp_path: Path) -> None:
    run = begin(tmp_path, "-k", "for_ever")
    try:
        until = time.monotonic() + 300
        while not (tmp_path / "booted").exists():
            assert run.poll() is None, run.stdout.read() if run.stdout else ""
            assert time.monotonic() < until, "the guest did not boot"
            time.sleep(0.1)
        assert any("qemu-system" in line for line in left_behind(tmp_path))
        begun = time.monotonic()
        os.killpg(run.pid, signal.SIGINT)
        run.communicate(timeout=60)
        assert time.monotonic() - begun < WITHIN
        assert run.returncode == pytest.ExitCode.INTERRUPTED
        assert left_behind(tmp_path) == []
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
