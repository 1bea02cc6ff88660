"""The words of the scenarios, with answers in the place of a machine: what is the program's fault, and what is not."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import agent
import pytest
import runs
from bootproof.errors import MachineError
from bootproof.evidence import Site
from bootproof.machine import CommandResult
from bootproof.timeline import MachineKind
from bootproof.verdict import HarnessError, Loses
from cluster import a_cluster, every_fault_came
from mock_github.faults import Fault, FaultKind
from mock_github.server import MockServer
from replaying import all_landed
from runs import OfPrograms, OfUnits
from stage import Node, Recorder, landing


class Machine:
    """Answers a command by the first of these words that it has."""

    boot_id = "boot-1"
    factor = 1.0

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        self.answers = answers

    def run(self, command: str, **_: object) -> CommandResult:
        status, text = next((answer for words, answer in self.answers.items() if words in command), (0, ""))
        return CommandResult(status, text.encode(), b"")


def node(tmp_path: Path, answers: dict[str, tuple[int, str]]) -> Node:
    return Node(Machine(answers), Recorder(Site(tmp_path, "scenario")), None)


@pytest.mark.parametrize("torn", ["", '{"state": "pr-op', "[]", '{"state": "registered"}', "null"])
def test_a_torn_marker_is_recorded_and_the_programs_fault(torn, tmp_path):
    torn_one = node(tmp_path, {"registered.json": (0, f"{torn}\n100.5\n100.0\n")})
    with pytest.raises(AssertionError, match="the marker is torn"):
        torn_one.marker()
    (seen,) = [e for e in torn_one.site.timeline.events if e.kind is MachineKind.MARKER_SEEN]
    assert (seen.text, seen.claim) == (torn, None)


@pytest.mark.parametrize("kind", [OfUnits, OfPrograms])
def test_a_run_that_does_not_end_is_the_programs_fault(kind):
    running = kind(Machine({"read over": (124, "")}))
    running.begin("register")
    with pytest.raises(AssertionError, match="does not end"):
        running.await_end()


def test_the_status_of_the_run_before_is_no_answer():
    before = Machine(
        {"-p InvocationID": (0, "InvocationID=one\nExecMainStatus=0"), "InvocationID": (0, "one")}
    )
    running = OfUnits(before)
    running.begin("register")
    with pytest.raises(HarnessError, match="was not started"):
        running.await_end()
    before.answers["-p InvocationID"] = (0, "ExecMainStatus=75\nInvocationID=two")
    assert running.await_end() == 75


def test_a_fault_that_never_came_shows_nothing(tmp_path):
    server = MockServer(a_cluster(1.8e9), tls=False)
    server.start()
    server.add_fault(Fault(kind=FaultKind.DROP_BEFORE))
    server.stop()
    with pytest.raises(HarnessError, match=r"never did: .*drop-before"):
        every_fault_came(server)


def test_a_cut_that_came_too_late_shows_nothing_and_one_that_was_not_aimed_is_no_matter(tmp_path):
    site = Site(tmp_path, "scenario")
    site.timeline.cut("the running system", None, Loses.PAGE_CACHE)
    site.timeline.cut("a request", landing(True), Loses.PAGE_CACHE)
    all_landed(site.timeline.events)
    site.timeline.cut("an answer", landing(False), Loses.PAGE_CACHE)
    with pytest.raises(HarnessError, match="too late; it was aimed at an answer"):
        all_landed(site.timeline.events)


class Here:
    """Runs commands on this machine, and waits for nothing that they leave in the background."""

    def run(self, command: str, **_: object) -> CommandResult:
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(["sh", "-c", command], check=False, stdout=output, stderr=output)
            output.seek(0)
            return CommandResult(done.returncode, output.read(), b"")


def test_what_tells_of_the_end_is_there_once_a_run_has_begun(tmp_path, monkeypatch):
    over, status = tmp_path / "over", tmp_path / "status"
    monkeypatch.setattr(runs, "_READY", f"sleep 0.3 && mkfifo {over}")
    for name in ("over", "status", "output", "process"):
        monkeypatch.setattr(runs, f"_{name.upper()}", str(tmp_path / name))
    monkeypatch.setattr(agent, "as_the_unit_does", lambda command: "sh -c 'exit 75'")
    running = OfPrograms(Here())
    running.begin("register")
    assert over.is_fifo()
    assert running.await_end() == 75
    assert status.read_text() == "75\n"


def test_a_tick_that_does_not_end_is_the_programs_fault(tmp_path):
    hangs = node(tmp_path, {"systemctl start": (124, ""), "ExecMainStatus": (0, "0")})
    with pytest.raises(AssertionError, match="does not end"):
        hangs.tick()


class DoesNotComeUp(Machine):
    """Its shell is there, and multi-user.target is not reached in time."""

    def power_on(self) -> None: ...
    def wait_for_shell(self) -> str:
        return self.boot_id

    def wait_until(self, unit: str) -> None:
        raise MachineError(f"{unit} was not reached")


@pytest.mark.parametrize("state", ["running", "waiting"])
def test_a_boot_that_waits_for_the_program_is_the_programs_fault_and_any_other_is_not(state, tmp_path):
    jobs = f"98 zeta-self-register.service start {state}\n2 multi-user.target start waiting\n"
    stuck = node(tmp_path, {})
    stuck.machine = DoesNotComeUp({"list-jobs": (0, jobs)})
    fault, said = (
        (AssertionError, "the boot waits for") if state == "running" else (HarnessError, "was not reached")
    )
    with pytest.raises(fault, match=said):
        stuck.boot()
    assert stuck.boots == []


SYSTEMCTL = """#!/bin/sh
# The run that was asked for is over, and a timer has begun the next one, which ends while we look again.
echo "$*" >>"$0.calls"
case $(grep -c show "$0.calls") in
    0) ;;
    1) printf 'ExecMainStatus=0\\nSubState=start\\n' ;;
    *) printf 'ExecMainStatus=77\\nSubState=failed\\n' ;;
esac
"""


def test_the_status_of_a_tick_is_of_one_that_has_ended(tmp_path, monkeypatch):
    """A repetition of fresh-install met it: the tick had ended with 77, and 0 was what the next one had so far."""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    ticks = node(tmp_path / "node", {})
    ticks.machine.run = Here().run
    assert ticks.join_tick() == 77
    asked = (tmp_path / "systemctl.calls").read_text().splitlines()
    assert asked[0].startswith("start ")
    assert len(asked) == 3
