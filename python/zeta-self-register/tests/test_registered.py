"""A registered node is looked at again at no cost; what was lost, changed or retired is noticed all the same."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace
from stories import MARKER, RECORD, marker, put
from zeta_self_register.effects import Response
from zeta_self_register.exits import Exit
from zeta_self_register.simulated import SETTINGS

FOLDER = RECORD.removesuffix("/node.yaml")
GLANCE = f"GET /repos/acme/cluster/contents/{FOLDER}"
DAY = 86_400


@pytest.fixture
def registered(machine):
    """A node that has been registered for two days and was looked at a minute ago, with an ETag."""
    machine.tick()
    machine.person("PUT", "/repos/acme/cluster/pulls/1/merge", {})
    for seconds in (60, 2 * DAY, 60):
        machine.wait(seconds)
        machine.tick("steward")
    machine.wait(60)
    machine.requests.clear()
    machine.lines.clear()
    return machine


def content(machine):
    """The record on the base branch."""
    return machine.person("GET", f"/repos/acme/cluster/contents/{RECORD}")


def remove(machine):
    """A person removes the record."""
    body = {"message": "wipe", "sha": content(machine)["sha"]}
    machine.person("DELETE", f"/repos/acme/cluster/contents/{RECORD}", body)


def edit(machine, text):
    """A person changes the record."""
    body = {"message": "edit", "sha": content(machine)["sha"], "content": base64.b64encode(text).decode()}
    machine.person("PUT", f"/repos/acme/cluster/contents/{RECORD}", body)


def used(machine):
    """Requests that count against the hourly limit."""
    usage = machine.world.usage.get("alice")
    return 0 if usage is None else usage.core + usage.graphql


def test_a_look_is_one_conditional_request_that_does_not_count_and_writes_nothing(registered):
    files, before = dict(registered.files), used(registered)
    for _ in range(5):
        registered.wait(3600)
        assert registered.tick("steward").last.status is Exit.DONE
    assert registered.sent() == [GLANCE] * 5
    assert all("if-none-match" in r.headers for r in registered.requests)
    assert used(registered) <= before
    assert registered.files == files
    assert set(registered.lines) == {"unchanged: registered: nothing has changed"}


def test_what_others_merge_costs_nothing_either(registered):
    put(registered, "maintainers/alice/cluster-nodes/node-z/node.yaml", "x")
    registered.tick("steward")
    assert registered.sent() == [GLANCE]


def test_a_removed_record_is_seen_by_the_next_look(registered):
    remove(registered)
    last = registered.tick("steward").last
    assert registered.sent()[:2] == [GLANCE, "POST /graphql"]
    assert len(registered.pulls()) == 2
    assert last.reason == "#2 is open: GitHub has not found out yet whether it can be merged"
    assert any("node.yaml is gone" in line for line in registered.lines)


def test_by_policy_drift_is_reported_and_nothing_else(registered):
    registered.files[SETTINGS] += b'on_drift = "hold"'
    remove(registered)
    for _ in range(2):
        last = registered.tick("steward").last
        assert last.status is Exit.HELD
        assert "`zeta-self-register reset` allows a new registration" in last.reason
    assert len(registered.pulls()) == 1


def test_a_record_that_vanishes_again_and_again_gets_one_pull_request_a_day(machine):
    machine.tick()
    for _ in range(30):
        for pull in machine.pulls("open"):
            machine.person("PUT", f"/repos/acme/cluster/pulls/{pull['number']}/merge", {})
            machine.wait(600)
            machine.tick("steward")
            remove(machine)
        machine.wait(3 * 3600)
        machine.tick("steward")
    made = sorted(datetime.fromisoformat(pull["created_at"]) for pull in machine.pulls())
    assert len(made) >= 4
    assert all(later - earlier >= timedelta(days=1) for earlier, later in pairwise(made))


@pytest.mark.parametrize("clock", [0.0, 1.0, 4_000_000_000.0])
def test_no_clock_of_the_machines_own_counts_for_the_bounds(machine, clock):
    """It stood in 1970 or far ahead when things were noted, and was set later."""
    machine.tick()
    machine.person("PUT", "/repos/acme/cluster/pulls/1/merge", {})
    machine.tick("steward")
    remove(machine)
    machine.wait(600)
    for stands_at in (clock, machine.clock):
        machine.clock = stands_at
        assert machine.tick("steward").last.status is Exit.NOT_NOW
        machine.reboot()
    assert len(machine.pulls()) == 1, "not within a day"


def test_somebodys_changes_are_theirs(registered):
    edit(registered, b"roles: [mine]\n")
    last = registered.tick("steward").last
    assert last.status is Exit.DONE
    assert "record-changed: somebody changed node.yaml: left as it is" in registered.lines
    assert base64.b64decode(content(registered)["content"]) == b"roles: [mine]\n"
    registered.requests.clear()
    registered.lines.clear()
    for _ in range(2):
        registered.wait(60)
        registered.tick("steward")
    assert registered.sent() == [GLANCE] * 2
    assert not any("changed node.yaml" in line for line in registered.lines), "said once"
    assert len(registered.pulls()) == 1


def test_retired_ends_it_for_good(registered):
    put(registered, f"{FOLDER}/retired", "")
    assert registered.tick("steward").last.status is Exit.DONE
    assert marker(registered)["state"] == "retired"
    remove(registered)
    for _ in range(3):
        registered.wait(DAY)
        assert registered.tick("steward").last.status is Exit.DONE
    assert len(registered.pulls()) == 1


@pytest.mark.parametrize("blind", ["repository", "token"])
def test_a_404_of_a_repository_that_is_not_shown_means_nothing(registered, blind):
    """GitHub says 404 for what the token may not see; only a repository that is shown can lack a file."""
    if blind == "repository":
        home = registered.world.repository("acme/cluster")
        hidden = replace(home, collaborators=home.collaborators.without("alice"))
        registered.world = registered.world.with_stored(hidden)
    else:
        registered.world = registered.world.with_token("github_pat_test", login="alice", repositories=[])
    files = dict(registered.files)
    last = registered.tick("steward").last
    assert last.status is Exit.HELD
    assert "may not see it" in last.reason
    assert registered.files == files


@pytest.mark.parametrize("fate", ["not sent", "lost before", "502 after"])
def test_a_look_that_fails_says_nothing(registered, fate):
    registered.fate = lambda _n, _r: fate
    files = dict(registered.files)
    assert registered.tick("steward").last.status is Exit.NOT_NOW
    assert len(registered.requests) == 1
    assert registered.files == files


def test_a_marker_without_an_etag_costs_one_request_that_counts(registered):
    registered.files[MARKER] = json.dumps(marker(registered) | {"etag": None}).encode()
    for _ in range(3):
        registered.tick("steward")
    assert registered.sent() == [GLANCE] * 3
    assert ["if-none-match" in r.headers for r in registered.requests] == [False, True, True]
    assert marker(registered)["state"] == "registered"


def test_while_a_lost_request_could_still_make_a_pull_request_every_look_is_a_whole_one(machine):
    """It comes days later, beside the record: only a whole look shows it, and it is closed."""
    sent = []

    def fate(_number, request):
        if request.url.endswith("/pulls") and not sent:
            sent.append(request)
            return "lost before"
        return None

    machine.fate = fate
    machine.world = machine.world.with_stored(
        replace(machine.world.repository("acme/cluster"), merge_commit_allowed=False)
    )
    for seconds in (60, 400, 60, 60):
        machine.wait(seconds)
        machine.tick("steward")
    assert marker(machine)["state"] == "registered"
    machine.requests.clear()
    machine.wait(3 * DAY)
    machine.tick("steward")
    assert machine.sent() == ["POST /graphql"]
    machine.github(sent[0])
    assert len(machine.pulls("open")) == 1
    machine.tick("steward")
    machine.tick("steward")
    assert machine.pulls("open") == []


def test_a_change_between_a_whole_look_and_the_first_glance_is_seen(machine):
    """The ETag is taken only of a folder that holds what the whole look showed."""
    machine.tick()
    machine.person("PUT", "/repos/acme/cluster/pulls/1/merge", {})
    machine.tick("steward")
    machine.tick("steward")
    machine.wait(600)
    edit(machine, b"roles: [mine]\n")
    machine.requests.clear()
    machine.tick("steward")
    assert any("somebody changed node.yaml" in line for line in machine.lines)


@pytest.mark.parametrize("body", [b'{"name": "node.yaml"}', b'["node.yaml"]', b"[{}]", b"[]", b"null"])
def test_a_folder_of_an_unexpected_form_is_looked_at_as_a_whole(registered, body):
    real = registered.github

    def github(request):
        if request.method != "GET":
            return real(request)
        registered.requests.append(request)
        return Response(200, {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}, body)

    registered.github = github
    assert registered.tick("steward").last.status is Exit.DONE
    assert registered.sent() == [GLANCE, "POST /graphql"]


def test_the_operators_commands_look_at_everything(registered):
    registered.plan()
    assert registered.sent() == ["POST /graphql"]
    assert MARKER in registered.files
