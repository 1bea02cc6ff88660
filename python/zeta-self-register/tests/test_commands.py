"""The operator's commands as processes: what they ask, what they print, how they end."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess

import pytest
from mock_github.server import MockServer
from test_program import Program

WISHES = "wishes.json"


@pytest.fixture
def program(tmp_path, machine):
    """A node's folder and a mock; calling it runs a command."""
    with MockServer(machine.world, tls=True) as server:
        yield Program(tmp_path, server)


def close(program, number=1):
    """A person closes the pull request, and policy leaves it so."""
    program.server.as_user("maria").close("acme/cluster", number)


@pytest.fixture
def held(program):
    """A node whose pull request was closed by a person."""
    with program.settings.open("a") as file:
        file.write('on_closed = "hold"\n')
    assert program("register").returncode == 0
    close(program)
    assert program("steward").returncode == 77
    return program


def at_terminal(program, answer, *arguments):
    """Runs a command at a terminal at which a person says this."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        program.command(*arguments), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    out, err = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, out, err


def test_reset_for_scripts(held):
    done = held("reset", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "noted: a new registration is allowed: pull requests up to #1 count no more",
        "now: #2 is open; the steward follows it",
    ]
    assert done.stderr == ""


def test_reset_asks_a_person_and_takes_only_yes_for_yes(held):
    status, out, err = at_terminal(held, "n\n", "reset")
    assert (status, out) == (77, "")
    assert "pull requests up to #1 count no more" in err
    assert "Go on? [y/N]" in err
    assert "nothing was changed" in err
    assert not (held.state / WISHES).exists()
    status, out, err = at_terminal(held, "y\n", "reset")
    assert status == 0
    assert "now: #2 is open" in out


def test_where_nobody_can_be_asked_it_refuses_in_one_line(held):
    done = subprocess.run(
        held.command("reset"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 77
    assert done.stderr.count("\n") == 1
    assert "nobody can be asked here, so say --yes" in done.stderr
    assert not (held.state / WISHES).exists()


def test_for_programs(held):
    done = held("reset", "--yes", "--json")
    said = json.loads(done.stdout)
    assert (said["command"], said["status"], said["tick"]["row"]) == ("reset", 0, "pull-open")
    refused = held("adopt", "1", "--yes", "--json")
    assert refused.returncode == 77
    assert json.loads(refused.stdout)["reason"].startswith("#1 is closed: adopt one that is open")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("adopt", "x"), "'x' is not the number of a pull request, such as 17"),
        (("adopt", "0"), "is not the number of a pull request"),
        (("adopt",), "the following arguments are required: PR"),
        (("watch", "--every", "1"), "is not a number of seconds from 5 to 86400"),
        (("resset",), "invalid choice: 'resset'"),
    ],
)
def test_wrong_words_are_told_and_nothing_is_done(program, arguments, said):
    done = program(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert program.server.events() == []


def test_pause_and_resume(program):
    assert program("pause").returncode == 0
    assert program("register").returncode == 77
    assert program.server.events() == []
    status = program("status")
    assert status.stdout.startswith("State     HELD")
    assert "Wanted    pause" in status.stdout
    done = program("resume")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "now: #1 is open; the steward follows it"


def test_deregister_and_fleet(program):
    for command in ("register", "steward", "steward"):
        program(command)
    assert "node-a  alice  registered  #1" in program("fleet").stdout
    assert json.loads(program("fleet", "--json").stdout)["nodes"][0]["standing"] == "registered"
    done = program("deregister", "--yes")
    assert done.returncode == 0
    assert "1 nodes: 1 registered" in program("fleet").stdout


def test_an_empty_fleet(program):
    assert program("fleet").stdout == "0 nodes: none (1 requests)\n"


def test_doctor_without_systemd_and_with_an_unmet_precondition(program):
    (program.folder / "token").unlink()
    done = program("doctor", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == said["status"] == 75
    assert next(c["name"] for c in said["checks"] if c["state"] == "unmet") == "token"


@contextlib.contextmanager
def watching(program, *arguments):
    """`watch` as a process."""
    process = subprocess.Popen(
        program.command("watch", "--every", "5", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_watch_tells_each_change_once_and_ends_when_it_is_merged(program):
    program("register")
    with watching(program) as process:
        assert process.stdout.readline().startswith("#1 is open: GitHub")
        program.server.as_user("maria").merge("acme/cluster", 1)
        last = process.communicate(timeout=60)[0].splitlines()[-1]
    assert last.startswith("registered: maintainers/alice/cluster-nodes/node-a/node.yaml is on main")
    assert process.returncode == 0


def test_watch_ends_when_a_person_has_to_act(held):
    done = held("watch")
    assert done.returncode == 77
    assert "`zeta-self-register reset`" in done.stdout


def test_ctrl_c_ends_watching_and_nothing_else(program):
    program("register")
    with watching(program, "--json") as process:
        assert json.loads(process.stdout.readline())["pull_request"] == 1
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err == "no longer watched; the steward follows it all the same\n"
