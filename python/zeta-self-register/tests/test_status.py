"""`status` is one screen for a tired person: its first line says how it stands, its last one what comes next."""

from __future__ import annotations

import json

import pytest
from stories import RECORD
from test_operator import WISHES, call_it
from zeta_self_register import output
from zeta_self_register.tick import plan


def screen(machine):
    """The screen, as the command prints it."""
    node = machine.node("status")
    done = plan(node)
    return output.status_lines(node, node.files(), node.last_look, done.last)


def close(machine):
    """A person closes the pull request, and the steward sees it."""
    machine.person("PATCH", "/repos/acme/cluster/pulls/1", {"state": "closed"})
    machine.tick("steward")


def nothing_yet(_machine):
    """The first boot."""


def in_flight(machine):
    """The pull request is open."""
    machine.tick()


def registered(machine):
    """It was merged."""
    machine.tick()
    machine.person("PUT", "/repos/acme/cluster/pulls/1/merge", {})
    machine.tick("steward")


def held(machine):
    """A person closed it twice."""
    machine.tick()
    close(machine)
    close(machine)


def drifted(machine):
    """A person removed the record."""
    registered(machine)
    sha = machine.person("GET", f"/repos/acme/cluster/contents/{RECORD}")["sha"]
    machine.person("DELETE", f"/repos/acme/cluster/contents/{RECORD}", {"message": "wipe", "sha": sha})
    machine.wait(900)


def unreachable(machine):
    """Registered, and GitHub does not answer."""
    registered(machine)
    machine.fate = lambda _number, _request: "not sent"


def moving(machine):
    """It was registered under another name, and the record is to get the present one."""
    registered(machine)
    call_it(machine, "node-b")
    machine.files[WISHES] = json.dumps({"schema": 1, "move_from": RECORD}).encode()


@pytest.mark.parametrize(
    ("story", "first", "last"),
    [
        (nothing_yet, "NOT REGISTERED YET: nothing has to be done", "would register"),
        (in_flight, "IN FLIGHT: #1 is open", "the steward follows it"),
        (registered, "REGISTERED", "(exit 0)"),
        (held, "HELD: it goes on when a person", "`zeta-self-register reset` allows a new registration"),
        (drifted, "DRIFTED: it was registered, and its record is gone", "the next pull request not before"),
        (moving, "MOVING: its record gets the present name", "would "),
        (unreachable, "UNKNOWN: GitHub could not be asked (it was registered)", "waits for the network"),
    ],
)
def test_the_first_line_says_how_it_stands_and_the_last_one_what_comes_next(machine, story, first, last):
    story(machine)
    lines = screen(machine).splitlines()
    assert len(lines) <= 8
    assert lines[0].startswith(f"State     {first}")
    assert lines[-1].startswith("Next run  would ")
    assert last in lines[-1]
