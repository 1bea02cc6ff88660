"""Cases in which an agent of this kind goes wrong although each of its steps looks right.

Crashes between any two effects, looks that are stale, answers that come late, notes of an earlier epoch, pull
requests of other machines and of branches with a time in their name.
"""

from __future__ import annotations

import base64
import json
from urllib.parse import urlsplit

import pytest
from mock_github import wire
from mock_github.step import step
from stories import ATTEMPT, BRANCH, MARKER, OLD_RECORD, RECORD, marker, new_branch, open_pull, put
from zeta_self_register.effects import Response
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.simulated import SETTINGS

OLD_BRANCH = "register-node-a-20260101T000000Z"
DAY = 86_400


def close(machine, number):
    """A person closes a pull request."""
    machine.person("PATCH", f"/repos/acme/cluster/pulls/{number}", {"state": "closed"})


def merge(machine, number):
    """A person merges a pull request."""
    machine.person("PUT", f"/repos/acme/cluster/pulls/{number}/merge", {"merge_method": "squash"})


def remove(machine, path=RECORD):
    """A person removes a file from main."""
    sha = machine.person("GET", f"/repos/acme/cluster/contents/{path}")["sha"]
    machine.person("DELETE", f"/repos/acme/cluster/contents/{path}", {"message": "wipe", "sha": sha})


def to_other_hardware(machine):
    """The same disk and name in another machine."""
    machine.files["/sys/class/dmi/id/product_uuid"] = b"11111111-2222-4333-8444-555555555556\n"
    machine.files["/sys/class/net/eth0/address"] = b"52:54:00:00:00:99\n"
    machine.files.pop(MARKER, None)
    machine.files.pop(ATTEMPT, None)


def later(machine, times=3, seconds=400, command="steward"):
    """Some ticks, whatever they come to."""
    for _ in range(times):
        machine.wait(seconds)
        try:
            machine.tick(command)
        except Refused:
            continue


# --- slow connections ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 10, 40])
def test_a_look_that_takes_long_does_not_hide_what_became_of_the_attempt(machine, seconds):
    """Found on a machine: GitHub's clock is counted from before the question, so the note was later than the pull
    request that came of it, and one that a person had closed was waited for, as if nothing had come of it."""
    machine.fate = lambda number, request: machine.wait(seconds) if number == 1 else None
    machine.tick()
    close(machine, 1)
    assert "closed-once" in [decision.row for decision in machine.tick("steward").decisions]


# --- crashes ------------------------------------------------------------------------------------------------


class Died(BaseException):
    """The machine lost power; not an Exception, so that nothing can swallow it."""


EFFECTS = ("write", "sync", "rename", "github")


def dies(machine, number, edge):
    """The machine dies before or after its effect of this number; how many effects there were is counted."""
    count = 0
    originals = {name: getattr(machine, name) for name in EFFECTS}

    def wrapped(name):
        def effect(*arguments):
            nonlocal count
            count += 1
            if count == number and edge == "before":
                raise Died
            result = originals[name](*arguments)
            if count == number:
                raise Died
            return result

        return effect

    for name in EFFECTS:
        setattr(machine, name, wrapped(name))
    return originals, lambda: count


def fresh(_machine):
    """Nothing is there."""


def in_flight(machine):
    """A pull request is open that the disk knows nothing of."""
    machine.tick()
    for file in (MARKER, ATTEMPT):
        del machine.files[file]


def orphan(machine):
    """The old installer left one behind."""
    open_pull(machine, OLD_BRANCH)


def closed_once(machine):
    """A person closed it."""
    machine.tick()
    close(machine, 1)


@pytest.mark.parametrize("edge", ["before", "after"])
@pytest.mark.parametrize("story", [fresh, in_flight, orphan, closed_once])
@pytest.mark.parametrize("pause", [1, 400])
def test_it_may_die_at_every_effect(machine, story, edge, pause):
    story(machine)
    machine.wait(60)
    start = (machine.world, dict(machine.files))
    number, deaths = 0, 0
    while True:
        number += 1
        machine.world, machine.files = start[0], dict(start[1])
        machine.boot, machine.uptime = "boot-1", 100.0
        originals, counted = dies(machine, number, edge)
        try:
            machine.tick("steward")
        except Died:
            deaths += 1
        for name, effect in originals.items():
            setattr(machine, name, effect)
        if counted() < number:
            break
        machine.reboot()
        machine.wait(pause)
        later(machine, times=4)
        opened = machine.pulls()
        assert len(opened) == 1, f"died {edge} effect {number}"
        kinds = [k for c in machine.comments(1) for k in ("joined", "reopened", "held") if f": {k} -->" in c]
        assert len(kinds) == len(set(kinds)), f"died {edge} effect {number}: {kinds}"
        assert story is not closed_once or "reopened" in kinds, f"died {edge} effect {number}: not said"
        assert marker(machine)["pull_request"]["number"] == 1
    assert deaths >= 5, "a sweep that never struck shows nothing"


# --- closed by a person ---------------------------------------------------------------------------------------


def test_that_it_was_reopened_is_said_by_the_next_run_if_this_one_died(machine):
    machine.tick()
    close(machine, 1)
    machine.fate = lambda _n, request: "not sent" if request.url.endswith("/comments") else None
    machine.tick("steward")
    assert machine.pulls()[0]["state"] == "open"
    assert machine.comments(1) == []
    machine.fate = lambda _n, _request: None
    later(machine)
    assert len(machine.comments(1)) == 1
    assert "reopened once" in machine.comments(1)[0]


def test_what_a_person_reopened_is_not_said_to_be_ours(machine):
    machine.tick()
    close(machine, 1)
    machine.fate = lambda _n, request: "not sent" if request.method == "PATCH" else None
    machine.tick("steward")
    machine.person("PATCH", "/repos/acme/cluster/pulls/1", {"state": "open"})
    machine.fate = lambda _n, _request: None
    later(machine)
    assert machine.comments(1) == []


def test_a_reopening_that_github_refuses_is_asked_for_once_and_then_held(machine):
    machine.tick()
    close(machine, 1)
    refused = b'{"message": "Validation Failed", "errors": [{"message": "state cannot be changed."}]}'
    answered(machine, lambda r: r.method == "PATCH", 422, refused)
    last = machine.tick("steward").last
    later(machine)
    assert [r.method for r in machine.requests].count("PATCH") == 1
    assert last.status is Exit.HELD
    assert "`zeta-self-register reset` allows a new registration" in last.reason
    assert marker(machine)["state"] == "held"
    assert len(machine.comments(1)) == 1


def branch_deleted(machine):
    """Which closes the pull request."""
    machine.person("DELETE", f"/repos/acme/cluster/git/refs/heads/{BRANCH}", status=204)


def branch_recreated(machine):
    """By hand, at the base."""
    branch_deleted(machine)
    new_branch(machine, BRANCH)


def force_pushed(machine):
    """And then closed."""
    close(machine, 1)
    sha = machine.person("GET", "/repos/acme/cluster/git/ref/heads/main")["object"]["sha"]
    machine.person("PATCH", f"/repos/acme/cluster/git/refs/heads/{BRANCH}", {"sha": sha, "force": True})


@pytest.mark.parametrize(
    ("story", "policy", "state", "said"),
    [
        (lambda m: close(m, 1), "", "open", "reopened once"),
        (branch_deleted, "", "open", "reopened once"),
        (branch_recreated, "", "closed", "its branch has other commits now"),
        (force_pushed, "", "closed", "its branch has other commits now"),
        (lambda m: close(m, 1), 'on_closed = "hold"', "closed", "was closed by a person"),
        (branch_deleted, 'on_closed = "hold"', "closed", "was closed by a person"),
    ],
)
def test_closed_in_every_way(machine, story, policy, state, said):
    """Once reopened where that can be, otherwise held; the comment and the line name the way out."""
    machine.files[SETTINGS] += policy.encode()
    machine.tick()
    story(machine)
    machine.tick("steward")
    [pull] = machine.pulls()
    [comment] = machine.comments(1)
    assert pull["state"] == state
    if state == "open":
        assert said in comment
        return
    for _ in range(2):
        last = machine.tick("steward").last
        assert last.status is Exit.HELD
        assert said in last.reason
    assert "`zeta-self-register reset`" in last.reason
    assert "`zeta-self-register reset`" in comment
    assert len(machine.comments(1)) == 1
    assert "DELETE" not in {r.method for r in machine.requests}


# --- looks that are stale -------------------------------------------------------------------------------------


def test_one_stale_look_after_the_merge_opens_nothing(machine):
    number = open_pull(machine, OLD_BRANCH)
    before = machine.world
    machine.tick()
    merge(machine, number)
    machine.tick("steward")
    assert marker(machine)["state"] == "registered"
    machine.reboot()
    machine.stale = before
    assert machine.tick("steward").last.status is Exit.NOT_NOW
    assert len(machine.pulls()) == 1


def test_a_look_that_does_not_know_the_markers_pull_request_is_unknown(machine):
    before = machine.world
    machine.tick()
    del machine.files[ATTEMPT]
    machine.stale = before
    last = machine.tick("steward").last
    assert last.status is Exit.NOT_NOW
    assert "does not show the pull request that the marker names" in last.reason
    assert len(machine.pulls()) == 1


def test_a_record_that_was_seen_a_moment_ago_is_not_believed_gone(machine):
    before = machine.world
    put(machine, RECORD, machine.node().record(0).decode())
    machine.tick()
    machine.wait(2)
    machine.stale = before
    assert machine.tick("steward").last.row == "registered-lately"
    assert machine.pulls() == []


def test_stale_looks_after_reopening_repeat_nothing(machine):
    machine.tick()
    close(machine, 1)
    machine.stale = machine.world
    for _ in range(3):
        machine.tick("steward")
        machine.wait(20)
    machine.stale = None
    machine.tick("steward")
    assert len(machine.comments(1)) == 1


def test_a_second_close_is_not_undone_by_a_stale_look(machine):
    machine.tick()
    close(machine, 1)
    before = machine.world
    machine.tick("steward")
    close(machine, 1)
    machine.wait(20)
    machine.stale = before
    machine.tick("steward")
    assert machine.pulls()[0]["state"] == "closed"


def test_a_merge_between_the_two_looks_is_seen(machine):
    number = open_pull(machine, OLD_BRANCH)

    def fate(count, _request):
        if count == 2:
            merge(machine, number)

    machine.fate = fate
    machine.tick()
    assert len(machine.pulls()) == 1
    assert marker(machine)["state"] == "registered"


# --- epochs and notes -----------------------------------------------------------------------------------------


def test_closed_twice_on_an_old_branch_it_stays_closed(machine):
    open_pull(machine, OLD_BRANCH)
    machine.tick()
    for _ in range(2):
        close(machine, 1)
        machine.wait(600)
        machine.tick("steward")
    later(machine)
    assert [(p["number"], p["state"]) for p in machine.pulls()] == [(1, "closed")]
    assert marker(machine)["state"] == "held"


def test_a_record_that_the_operator_moved_to_another_name_is_not_registered_again(machine):
    machine.tick()
    merge(machine, 1)
    machine.tick("steward")
    content = base64.b64decode(
        machine.person("GET", f"/repos/acme/cluster/contents/{RECORD}")["content"]
    ).decode()
    remove(machine)
    put(machine, RECORD.replace("node-a", "node-z"), content.replace("node-a", "node-z"))
    machine.wait(DAY + 60)
    assert machine.tick("steward").last.row == "other-name"
    assert len(machine.pulls()) == 1


def test_a_twin_that_came_after_a_request_that_was_never_sent_is_joined(machine):
    machine.fate = lambda count, _request: "not sent" if count == 3 else None
    machine.tick()
    machine.fate = lambda _count, _request: None
    number = open_pull(machine, OLD_BRANCH)
    machine.wait(400)
    machine.tick()
    assert [p["number"] for p in machine.pulls()] == [number]


def test_after_a_merged_orphan_the_next_epoch_has_its_bound_and_its_own_branch(machine):
    open_pull(machine, OLD_BRANCH)
    machine.tick()
    merge(machine, 1)
    machine.tick("steward")
    remove(machine)
    later(machine, times=2)
    assert len(machine.pulls()) == 1, "at most one new pull request a day"
    machine.wait(DAY)
    later(machine)
    assert [p["head"]["ref"] for p in machine.pulls()] == [BRANCH, OLD_BRANCH]
    assert marker(machine)["joined"] is False
    assert machine.comments(machine.pulls()[0]["number"]) == []


@pytest.mark.parametrize("torn", [b"", b'{"schema": 1, "phase": "pull-re'])
def test_a_torn_note_is_waited_for(machine, torn):
    machine.files[ATTEMPT] = torn
    assert machine.tick().last.row == "note-from-future"
    assert machine.pulls() == []
    later(machine, times=1)
    assert len(machine.pulls()) == 1


# --- other machines ---------------------------------------------------------------------------------------------


def test_another_machines_closed_pull_request_is_left_alone(machine):
    machine.tick()
    close(machine, 1)
    before = machine.world.repository("acme/cluster")
    to_other_hardware(machine)
    assert machine.tick().last.row == "closed-of-another"
    assert machine.world.repository("acme/cluster") == before


@pytest.mark.parametrize(
    "files",
    [
        {"maintainers/alice/cluster-nodes/aaa/node.yaml": OLD_RECORD},
        dict.fromkeys((f"docs/{n}.md" for n in range(30)), "x"),
    ],
)
def test_a_twin_with_other_files_beside_the_record_is_seen(machine, files):
    new_branch(machine, OLD_BRANCH)
    for path, content in {**files, RECORD: OLD_RECORD}.items():
        machine.wait(60)
        put(machine, path, content, OLD_BRANCH)
    pull = {"title": "t", "base": "main", "body": "", "head": OLD_BRANCH}
    machine.person("POST", "/repos/acme/cluster/pulls", pull, status=201)
    machine.tick()
    assert len(machine.pulls()) == 1
    assert marker(machine)["pull_request"]["number"] == 1


# --- answers ------------------------------------------------------------------------------------------------------


def answered(machine, when, status, body):
    """Requests of this kind get this answer, without having any effect."""
    real = machine.github

    def github(request):
        if not when(request):
            return real(request)
        machine.requests.append(request)
        return Response(status, {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}, body)

    machine.github = github


@pytest.mark.parametrize(
    ("status", "body"), [(408, b'{"message": "Request Timeout"}'), (403, b"<html>"), (400, b"{}")]
)
def test_an_answer_that_is_not_githubs_is_waited_for(machine, status, body):
    answered(machine, lambda r: r.url.endswith("/pulls"), status, body)
    assert machine.tick().last.status is Exit.NOT_NOW
    machine.wait(10)
    count = len(machine.requests)
    assert machine.tick("steward").last.row == "answer-outstanding"
    assert len(machine.requests) == count + 1


def test_a_locked_pull_request_is_followed_all_the_same(machine):
    open_pull(machine, OLD_BRANCH)
    answered(
        machine,
        lambda r: r.url.endswith("/comments"),
        403,
        b'{"message": "Unable to create comment: locked."}',
    )
    machine.tick()
    later(machine)
    assert machine.pulls()[0]["merged_at"] is not None


def test_what_github_refuses_twice_ends_the_tick(machine):
    new_branch(machine, f"{BRANCH}/x")
    last = machine.tick().last
    assert last.status is Exit.HELD
    assert "Reference update failed" in last.reason
    assert len(machine.requests) <= 6


def test_a_pause_never_grows_beyond_an_hour(machine):
    message = b'{"message": "You have exceeded a secondary rate limit."}'
    answered(machine, lambda r: r.url.endswith("/graphql"), 403, message)
    for _ in range(12):
        machine.tick()
        pause = json.loads(machine.files["/var/lib/zeta-self-register/state.json"])["pause"]["seconds"]
        assert 60 <= pause <= 3600
        machine.wait(pause + 1)
    assert pause == 3600


def test_a_login_that_is_no_operator(machine):
    machine.files["/etc/zeta-self-register/settings.toml"] = b'repository = "acme/cluster"\n'
    machine.world = machine.world.with_token(
        "github_pat_bot", login="ci-bot[bot]", repositories=["acme/cluster"]
    )
    machine.files["/etc/zeta-self-register/github-token"] = b"github_pat_bot"
    with pytest.raises(Refused, match="set `operator` in the settings") as refused:
        machine.tick()
    assert refused.value.status is Exit.MISCONFIGURED


def test_a_reopening_whose_answer_was_lost_is_not_asked_for_again(machine):
    """It may come late, and undo a second closing."""
    machine.tick()
    close(machine, 1)
    lost = []

    def fate(_count, request):
        if request.method == "PATCH":
            lost.append(request)
            return "lost before"
        return None

    machine.fate = fate
    machine.tick("steward")
    for _ in range(3):
        machine.wait(60)
        machine.tick("steward")
    assert len(lost) == 1
    split = urlsplit(lost[0].url)
    late = wire.Request("PATCH", split.path, "", tuple(lost[0].headers.items()), lost[0].body)
    machine.world, _, _ = step(machine.world, late)
    machine.tick("steward")
    assert machine.pulls()[0]["state"] == "open"
    assert len(machine.comments(1)) <= 1
