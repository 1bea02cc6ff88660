"""Stories of one node and its pull request, told through the whole program but for the process."""

from __future__ import annotations

import base64

import pytest
import yaml
from stories import ATTEMPT, BRANCH, MARKER, RECORD, marker, new_branch, open_pull, put
from zeta_self_register.exits import Exit, Refused


def test_a_fresh_node_opens_one_pull_request_in_six_requests(machine):
    run = machine.tick()
    assert run.last.status is Exit.DONE
    assert machine.sent() == [
        "POST /graphql",
        "POST /graphql",
        "POST /repos/acme/cluster/git/refs",
        "POST /graphql",
        "POST /repos/acme/cluster/pulls",
        "POST /graphql",
    ]
    [pull] = machine.pulls()
    assert pull["title"] == "feat(node-register): node-a self-registers"
    assert pull["head"]["ref"] == BRANCH
    files = machine.person("GET", f"/repos/acme/cluster/pulls/{pull['number']}/files")
    assert [(f["filename"], f["status"]) for f in files] == [(RECORD, "added")]
    assert marker(machine)["state"] == "pr-open"
    assert marker(machine)["pull_request"]["number"] == pull["number"]
    assert marker(machine)["boot_id"] == "boot-1"
    assert machine.comments(pull["number"]) == []
    agents = {r.headers["user-agent"] for r in machine.requests}
    assert agents == {"zeta-self-register/0.1.0 (register)"}


def test_the_second_run_looks_and_does_nothing(machine):
    machine.tick()
    before = machine.files[MARKER]
    machine.reboot()
    machine.requests.clear()
    assert machine.tick().last.status is Exit.DONE
    assert machine.sent() == ["POST /graphql"]
    assert machine.files[MARKER] == before
    assert len(machine.pulls()) == 1


def test_an_open_pull_request_is_joined_in_at_most_three_requests(machine):
    machine.tick()
    number = machine.pulls()[0]["number"]
    for file in (MARKER, ATTEMPT):
        del machine.files[file]
    machine.requests.clear()
    assert machine.tick().last.status is Exit.DONE
    assert len(machine.sent()) <= 3
    assert len(machine.pulls()) == 1
    assert len(machine.comments(number)) == 1
    assert marker(machine)["joined"] is True
    machine.tick("steward")
    del machine.files[MARKER]
    machine.tick()
    assert len(machine.comments(number)) == 1, "one comment, however often it is joined"


def test_the_steward_follows_it_to_the_end(machine):
    machine.world = machine.world.with_protection("acme/cluster", required_checks=["ci"])
    machine.tick()
    [pull] = machine.pulls()
    machine.person("GET", f"/repos/acme/cluster/pulls/{pull['number']}")
    assert machine.tick("steward").last.status is Exit.NOT_NOW
    machine.tick("steward")
    assert machine.person("GET", f"/repos/acme/cluster/pulls/{pull['number']}")["auto_merge"] is not None
    status = {"state": "success", "context": "ci"}
    machine.person("POST", f"/repos/acme/cluster/statuses/{pull['head']['sha']}", status, status=201)
    assert machine.pulls()[0]["merged_at"] is not None
    assert machine.tick("steward").last.status is Exit.DONE
    assert marker(machine)["state"] == "registered"
    machine.requests.clear()
    assert machine.tick("steward").last.row == "unchanged"
    assert len(machine.requests) == 1


def test_without_protection_the_steward_merges_by_itself(machine):
    machine.tick()
    machine.tick("steward")
    machine.tick("steward")
    assert machine.pulls()[0]["merged_at"] is not None
    machine.tick("steward")
    assert marker(machine)["state"] == "registered"
    document = machine.person("GET", f"/repos/acme/cluster/contents/{RECORD}")
    assert yaml.safe_load(base64.b64decode(document["content"]))["metadata"]["name"] == "node-a"


@pytest.mark.parametrize("fate", ["lost before", "lost after", "502 after", "not sent"])
@pytest.mark.parametrize("number", range(1, 7))
def test_any_one_answer_may_be_lost(machine, number, fate):
    machine.fate = lambda n, _request: fate if n == number else None
    machine.tick()
    for _ in range(4):
        machine.wait(200)
        machine.reboot()
        machine.tick()
    [pull] = machine.pulls()
    assert pull["state"] == "open"
    assert marker(machine)["pull_request"]["number"] == pull["number"]
    assert machine.comments(pull["number"]) == []


def test_a_lost_answer_is_waited_for_not_repeated(machine):
    machine.fate = lambda n, _request: "lost before" if n == 5 else None
    machine.tick()
    machine.requests.clear()
    machine.fate = lambda _n, _request: None
    for _ in range(3):
        machine.wait(60)
        assert machine.tick("steward").last.row == "answer-outstanding"
    assert machine.sent() == ["POST /graphql"] * 3
    machine.wait(200)
    machine.tick("steward")
    assert len(machine.pulls()) == 1


def test_an_orphan_of_the_old_installer_is_joined(machine):
    number = open_pull(machine, "register-node-a-20260101T000000Z")
    assert machine.tick().last.status is Exit.DONE
    assert [p["number"] for p in machine.pulls()] == [number]
    assert marker(machine)["pull_request"]["branch"] == "register-node-a-20260101T000000Z"
    machine.reboot()
    machine.tick("steward")
    machine.tick("steward")
    assert machine.pulls()[0]["merged_at"] is not None
    assert marker(machine)["state"] == "registered"
    assert len(machine.comments(number)) == 1


def test_a_pull_request_of_a_longer_name_is_not_ours(machine):
    """Field bug 11: a prefix match made `node-a` stand down for the pull request of `node-a-b`."""
    other = open_pull(machine, "register-node-node-a-b", "maintainers/alice/cluster-nodes/node-a-b/node.yaml")
    machine.tick()
    assert sorted(p["number"] for p in machine.pulls()) == [other, other + 1]
    assert machine.comments(other) == []


def test_more_than_two_hundred_open_pull_requests_hide_nothing(machine):
    """Field bug 13."""
    mine = open_pull(machine, "register-node-a-20260101T000000Z")
    for n in range(205):
        open_pull(machine, f"topic-{n}", f"docs/{n}.md")
    machine.tick()
    assert marker(machine)["pull_request"]["number"] == mine
    assert len(machine.pulls("open")) == 100


@pytest.mark.parametrize("with_file", [False, True])
def test_a_branch_without_a_pull_request_is_not_done(machine, with_file):
    new_branch(machine, BRANCH)
    if with_file:
        put(machine, RECORD, machine.node().record(0).decode(), BRANCH)
    put(machine, "later.md", "main has moved on")
    machine.tick()
    [pull] = machine.pulls()
    files = machine.person("GET", f"/repos/acme/cluster/pulls/{pull['number']}/files")
    assert [f["filename"] for f in files] == [RECORD]


def test_a_branch_with_foreign_commits_is_held(machine):
    new_branch(machine, BRANCH)
    put(machine, "flake.nix", "{}", BRANCH)
    assert machine.tick().last.status is Exit.HELD
    assert machine.pulls() == []


def test_closed_by_a_person_it_is_reopened_once_and_then_left(machine):
    machine.tick()
    number = machine.pulls()[0]["number"]
    machine.person("PATCH", f"/repos/acme/cluster/pulls/{number}", {"state": "closed"})
    machine.tick("steward")
    assert machine.pulls()[0]["state"] == "open"
    assert len(machine.comments(number)) == 1
    machine.person("PATCH", f"/repos/acme/cluster/pulls/{number}", {"state": "closed"})
    for _ in range(3):
        assert machine.tick("steward").last.status is Exit.HELD
    assert machine.pulls()[0]["state"] == "closed"
    assert len(machine.pulls()) == 1
    assert len(machine.comments(number)) == 2
    assert marker(machine)["state"] == "held"


def test_the_record_on_main_is_enough(machine):
    put(machine, RECORD, machine.node().record(0).decode())
    assert machine.tick().last.status is Exit.DONE
    assert machine.pulls() == []
    assert marker(machine)["state"] == "registered"


def test_another_machines_record_is_left_alone(machine):
    theirs = machine.node().record(0).decode()
    put(machine, RECORD, theirs)
    machine.files["/sys/class/dmi/id/product_uuid"] = b"11111111-2222-4333-8444-555555555556\n"
    machine.files["/sys/class/net/eth0/address"] = b"52:54:00:00:00:99\n"
    run = machine.tick()
    assert run.last.row == "record-of-another"
    assert run.last.status is Exit.HELD
    assert MARKER not in machine.files


def test_the_same_machine_under_another_name_is_held(machine):
    """Field bugs 7 and 8."""
    machine.tick()
    machine.person("PUT", f"/repos/acme/cluster/pulls/{machine.pulls()[0]['number']}/merge", {})
    machine.files["/proc/sys/kernel/hostname"] = b"node-b\n"
    for file in (MARKER, ATTEMPT):
        del machine.files[file]
    assert machine.tick().last.row == "other-name"
    assert len(machine.pulls()) == 1


def test_a_retired_node_is_left_in_peace(machine):
    put(machine, "maintainers/alice/cluster-nodes/node-a/retired", "yes\n")
    assert machine.tick().last.status is Exit.DONE
    assert marker(machine)["state"] == "retired"
    assert machine.pulls() == []


def test_drift_is_repaired_once_in_a_new_epoch(machine):
    """Field bug 15."""
    machine.tick()
    number = machine.pulls()[0]["number"]
    machine.person("PUT", f"/repos/acme/cluster/pulls/{number}/merge", {})
    machine.tick("steward")
    sha = machine.person("GET", f"/repos/acme/cluster/contents/{RECORD}")["sha"]
    machine.person("DELETE", f"/repos/acme/cluster/contents/{RECORD}", {"message": "wipe", "sha": sha})
    machine.wait(600)
    assert machine.tick("steward").last.row == "throttled"
    machine.wait(86_400)
    machine.tick("steward")
    machine.tick("steward")
    assert len(machine.pulls()) == 2
    files = machine.person("GET", f"/repos/acme/cluster/pulls/{machine.pulls()[0]['number']}/files")
    assert [f["filename"] for f in files] == [RECORD]


def test_a_plan_writes_nothing(machine):
    before = dict(machine.files)
    assert machine.plan().last.row == "nothing-there"
    assert machine.pulls() == []
    assert machine.files == before


def test_the_journal_has_one_short_line_for_each_decision(machine):
    machine.tick()
    assert [line.split(":")[0] for line in machine.lines] == [
        "nothing-there",
        "pull-opened-by-us",
        "pull-open",
    ]
    assert all(len(line) < 120 for line in machine.lines)


def test_two_at_once(machine):
    machine.locked = True
    with pytest.raises(Refused, match="another run of this program is at work") as refused:
        machine.tick()
    assert refused.value.status is Exit.NOT_NOW
    assert machine.requests == []


def test_a_dry_run_writes_nothing_and_says_what_it_would_do(machine):
    """Field bug 12: the two modes are told apart by what is written, and a dry run leaves no marker."""
    machine.files["/etc/zeta-self-register/settings.toml"] += b'mode = "dry-run"\n'
    before = dict(machine.files)
    last = machine.tick().last
    assert last.reason == "dry run: would register"
    assert machine.pulls() == []
    assert machine.files == before
