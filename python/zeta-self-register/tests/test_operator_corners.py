"""Corners of what operators and other people do: each was got wrong once, and found by reading."""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from urllib.parse import urlsplit

import pytest
from mock_github import wire
from mock_github.step import step
from stories import BRANCH, MARKER, OLD_RECORD, RECORD, marker, new_branch, open_pull, put
from test_operator import (
    NEW_RECORD,
    SETTINGS,
    STATE,
    WISHES,
    adopt,
    call_it,
    close,
    deregister,
    held,
    merge,
    registered,
    rename,
    reset,
    sure,
)
from zeta_self_register import doctor, settings, watching, wishing
from zeta_self_register.commands.common import confirmed
from zeta_self_register.effects import NotReachable
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.production import Production


def loses_the_creation(when):
    """A fate: the creation of a pull request is lost."""
    return lambda _number, request: when if request.url.endswith("/pulls") else None


def in_order(_number, _request):
    """Nothing goes wrong."""


def by_a_person(machine, title):
    """A person opens a pull request of the node's branch, under the title that GitHub's form suggests."""
    body = {"title": title, "base": "main", "body": "", "head": BRANCH}
    return machine.person("POST", "/repos/acme/cluster/pulls", body, status=201)["number"]


# --- rename ---------------------------------------------------------------------------------------------------


def test_a_move_that_is_merged_before_it_was_read_back_ends_under_the_new_name(machine):
    registered(machine)
    call_it(machine, "node-b")
    machine.fate = loses_the_creation("lost after")
    rename(machine)
    machine.fate = in_order
    machine.wait(60)
    machine.reboot()
    merge(machine, 2)
    for _ in range(4):
        machine.wait(3600)
        machine.tick("steward")
    assert machine.tick("steward").last.status is Exit.DONE
    assert marker(machine)["node"] == "node-b"


def test_a_record_that_a_person_moved_is_taken_over_by_rename(machine):
    registered(machine)
    there = machine.person("GET", f"/repos/acme/cluster/contents/{RECORD}")
    put(machine, NEW_RECORD, base64.b64decode(there["content"]).decode().replace("node-a", "node-b"))
    gone = {"message": "moved", "sha": there["sha"]}
    machine.person("DELETE", f"/repos/acme/cluster/contents/{RECORD}", gone)
    call_it(machine, "node-b")
    machine.tick("steward")
    rename(machine)
    assert machine.tick("steward").last.status is Exit.DONE


# --- a person's pull request ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["reopen-once", "hold"])
def test_a_person_may_open_it_anew_under_our_title(machine, policy):
    """No request of ours was lost, so it is no stray."""
    machine.files[SETTINGS] += f'on_closed = "{policy}"\n'.encode()
    machine.tick()
    title = machine.pulls()[0]["title"]
    for _ in range(2 if policy == "reopen-once" else 1):
        close(machine, 1)
        machine.tick("steward")
    machine.wait(3600)
    number = by_a_person(machine, title)
    for _ in range(3):
        machine.tick("steward")
    assert machine.person("GET", f"/repos/acme/cluster/pulls/{number}")["merged"]


# --- adopt ----------------------------------------------------------------------------------------------------


def test_while_a_creation_may_still_land_nothing_is_adopted(machine):
    by_hand = open_pull(machine, "by-hand", "docs/x.md", "x")
    machine.fate = loses_the_creation("lost before")
    machine.tick()
    machine.fate = in_order
    (creation,) = [r for r in machine.requests if r.method == "POST" and r.url.endswith("/pulls")]
    put(machine, RECORD, OLD_RECORD, "by-hand")
    assert adopt(machine, by_hand).decisions[-1].status is Exit.NOT_NOW
    sent = wire.Request(
        "POST", urlsplit(creation.url).path, "", tuple(creation.headers.items()), creation.body
    )
    machine.world, _, _ = step(machine.world, sent)
    last = machine.tick("register").last
    assert (last.row, last.status) == ("adopt", Exit.HELD)
    assert "close one of the two first" in last.reason


def test_no_second_one_is_adopted_beside_the_markers_own(machine):
    held(machine)
    adopt(machine, open_pull(machine, "by-hand"))
    with pytest.raises(Refused, match="by its marker"):
        adopt(machine, open_pull(machine, "by-hand-2"))


def test_a_pull_request_that_is_not_there_is_no_reason_to_remove_the_marker(machine):
    machine.tick()
    with pytest.raises(Refused, match="acme/cluster has no pull request #99"):
        adopt(machine, 99)


# --- deregister, reset, resume --------------------------------------------------------------------------------


def test_a_registration_that_was_opened_and_not_seen_is_not_overlooked(machine):
    machine.fate = loses_the_creation("lost after")
    machine.tick()
    machine.fate = in_order
    with pytest.raises(Refused, match="#1 still registers this node"):
        wishing.deregister(machine.node("deregister"), sure)


def test_reset_does_not_say_that_nothing_is_in_the_way_of_another_machines_pull_request(machine):
    other = OLD_RECORD + "  hardware: {network: {mac: '52:54:00:00:00:99'}}\n"
    open_pull(machine, BRANCH, RECORD, other)
    with pytest.raises(Refused, match="not this machine's"):
        reset(machine)


def test_a_deregistered_node_whose_wishes_are_lost_stays_away(machine):
    registered(machine)
    deregister(machine)
    for _ in range(2):
        machine.tick("steward")
    machine.wait(90_000)
    machine.files[WISHES] = b"{"
    with pytest.raises(Refused, match="cannot be understood"):
        wishing.pause(machine, settings.load(machine, SETTINGS, {}, must_exist=True))
    done = wishing.resume(machine.node("resume"))
    assert "stays deregistered until `zeta-self-register reset`" in done.said
    assert done.decisions == ()
    assert machine.tick("steward").last.status is Exit.DONE
    assert len(machine.pulls()) == 2


# --- watch and doctor -----------------------------------------------------------------------------------------


def test_watch_goes_on_while_github_is_to_be_left_alone(machine):
    noted = {"boot_id": "boot-1", "monotonic": 90.0, "server_time": 0.0}
    pause = {"noted": noted, "seconds": 60.0, "attempts": 0}
    machine.files[STATE] = json.dumps({"schema": 1, "pause": pause}).encode()
    assert watching.look(machine.node("watch")).end is None


def test_watch_goes_on_although_nobody_says_who_the_operator_is(machine):
    machine.files[SETTINGS] = b'repository = "acme/cluster"\n'
    machine.fate = lambda _number, _request: "not sent"
    assert watching.look(machine.node("watch")).end is None


def test_watch_ends_where_a_person_has_to_act_although_one_is_open(machine):
    machine.tick()
    new_branch(machine, "release")
    machine.person("PATCH", "/repos/acme/cluster/pulls/1", {"base": "release"})
    assert watching.look(machine.node("watch")).end is Exit.HELD


def test_doctor_names_a_marker_of_another_machine(machine):
    machine.tick()
    copied = marker(machine)
    copied["identity"]["uuid"]["digest"] = "v1:" + "0" * 32
    copied["identity"]["macs"]["digest"] = "v1:" + "1" * 32
    machine.files[MARKER] = json.dumps(copied).encode()
    load = settings.load(machine, SETTINGS, {}, must_exist=True)
    checks = doctor.examine(machine, lambda: load, lambda _: machine.node("doctor"))
    (found,) = [check for check in checks if check.name == "marker"]
    assert found.status is Exit.HELD


# --- the machine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["kube..example", "x" * 70 + ".example"])
@pytest.mark.parametrize("form", ["{}:6443", "https://{}/healthz"])
def test_a_name_that_is_none_is_not_reached(host, form):
    with pytest.raises(NotReachable):
        Production().reachable(form.format(host), 1)


def test_a_closed_standard_input_is_nobody_to_be_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Refused, match="say --yes"):
        confirmed(argparse.Namespace(yes=False, command="reset"), "x")("y")


def test_the_lock_that_root_made_can_be_taken_by_the_service(tmp_path):
    before = os.umask(0o077)
    try:
        with Production().lock(str(tmp_path / "lock")):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o644
