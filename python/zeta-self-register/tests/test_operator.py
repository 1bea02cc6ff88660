"""What an operator wants of one node: noted first, carried out by ticks, and refused where it cannot be done."""

from __future__ import annotations

import errno
import json

import pytest
from mock_github import wire
from mock_github.step import step
from stories import ATTEMPT, BRANCH, MARKER, OLD_RECORD, RECORD, marker, new_branch, open_pull, put
from zeta_self_register import settings, wishing
from zeta_self_register.exits import Exit, Refused

PERSON = "github_pat_person"
SETTINGS = "/etc/zeta-self-register/settings.toml"
WISHES = "/var/lib/zeta-self-register/wishes.json"
STATE = "/var/lib/zeta-self-register/state.json"


def wishes(machine):
    """What is noted."""
    return json.loads(machine.files[WISHES])


def sure(_what):
    """A person who says yes."""


def reset(machine):
    """`reset --yes`."""
    return wishing.reset(machine.node("reset"), sure)


def pause(machine):
    """`pause`."""
    return wishing.pause(machine, settings.load(machine, SETTINGS, {}, must_exist=True))


def close(machine, number):
    """A person closes a pull request."""
    machine.person("PATCH", f"/repos/acme/cluster/pulls/{number}", {"state": "closed"})


def merge(machine, number):
    """A person merges it."""
    machine.person("PUT", f"/repos/acme/cluster/pulls/{number}/merge", {})


def held(machine):
    """The node's pull request was closed twice."""
    machine.tick()
    for _ in range(2):
        close(machine, 1)
        machine.tick("steward")
    assert machine.tick("steward").last.row == "closed"


def remove_record(machine):
    """A person removes the record, and a quarter of an hour passes."""
    sha = machine.person("GET", f"/repos/acme/cluster/contents/{RECORD}")["sha"]
    machine.person("DELETE", f"/repos/acme/cluster/contents/{RECORD}", {"message": "wipe", "sha": sha})
    machine.wait(900)


# --- reset ----------------------------------------------------------------------------------------------------


def test_reset_opens_another_pull_request_at_once_and_only_one(machine):
    held(machine)
    machine.wait(400)
    done = reset(machine)
    assert done.said == "noted: a new registration is allowed: pull requests up to #1 count no more"
    assert [d.row for d in done.decisions if d.row != "not-asked"][-1] == "pull-open"
    assert [(p["number"], p["state"]) for p in machine.pulls()] == [(2, "open"), (1, "closed")]
    assert wishes(machine)["reset"] is False
    assert json.loads(machine.files[STATE])["ignore_prs_up_to"] == 1
    assert marker(machine)["pull_request"]["number"] == 2
    assert machine.tick("steward").last.row == "registered"


def test_after_a_reset_a_closed_one_is_reopened_once_and_held_again(machine):
    held(machine)
    machine.wait(400)
    reset(machine)
    close(machine, 2)
    machine.tick("steward")
    close(machine, 2)
    assert machine.tick("steward").last.row == "closed"
    assert len(machine.pulls()) == 2


def test_reset_allows_what_the_policy_holds_after_the_record_is_gone(machine):
    machine.files[SETTINGS] += b'on_drift = "hold"\n'
    machine.tick()
    merge(machine, 1)
    machine.tick("steward")
    remove_record(machine)
    assert machine.tick("steward").last.row == "drift-held"
    reset(machine)
    assert [(p["number"], p["state"]) for p in machine.pulls()] == [(2, "open"), (1, "closed")]


def test_reset_waits_for_a_request_that_may_still_land(machine):
    machine.fate = lambda n, _request: "lost before" if n == 5 else None
    machine.tick()
    machine.fate = lambda _n, _request: None
    done = reset(machine)
    assert done.decisions[-1].row == "answer-outstanding"
    assert machine.pulls() == []
    assert wishes(machine)["reset"] is True, "the wish stays until it is carried out"
    machine.wait(400)
    machine.tick("steward")
    assert len(machine.pulls()) == 1
    assert wishes(machine)["reset"] is False


def test_reset_while_github_is_not_reached_is_noted_and_carried_out_later(machine):
    held(machine)
    machine.wait(400)
    machine.fate = lambda _n, _request: "not sent"
    done = reset(machine)
    assert done.decisions[-1].row == "unknown"
    machine.fate = lambda _n, _request: None
    machine.tick("steward")
    assert len(machine.pulls()) == 2


def test_reset_has_nothing_to_do_beside_an_open_pull_request(machine):
    machine.tick()
    assert reset(machine).said == "nothing is in the way of a registration: #1 is there"
    assert WISHES not in machine.files


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (WISHES, b'{"schema": 1, "paused": true}', "paused by the operator"),
        (WISHES, b"{", "`zeta-self-register resume` writes it anew"),
        ("/etc/os-release", b"VARIANT_ID=installer\n", "this is the installer's system"),
    ],
)
def test_reset_where_it_would_not_help_is_refused_and_not_noted(machine, file, content, said):
    machine.files[file] = content
    before = dict(machine.files)
    with pytest.raises(Refused, match=said) as refused:
        reset(machine)
    assert refused.value.status in (Exit.HELD, Exit.MISCONFIGURED)
    assert machine.files == before


def test_a_wish_that_cannot_be_noted_is_refused(machine):
    held(machine)
    machine.locked = True
    with pytest.raises(Refused, match="another run of this program is at work"):
        reset(machine)
    machine.locked, machine.write_error = False, errno.ENOSPC
    with pytest.raises(Refused, match="no space left"):
        reset(machine)
    machine.write_error = None
    assert WISHES not in machine.files


def test_wishes_of_a_newer_version_stop_everything(machine):
    machine.files[WISHES] = b'{"schema": 2}'
    with pytest.raises(Refused, match="written by a newer version") as refused:
        machine.tick()
    assert refused.value.status is Exit.MISCONFIGURED
    assert machine.requests == []


# --- pause and resume -----------------------------------------------------------------------------------------


def test_a_pause_lasts_over_reboots_and_sends_no_request(machine):
    assert "until `zeta-self-register resume`" in pause(machine).said
    for command in ("register", "steward"):
        machine.reboot()
        last = machine.tick(command).last
        assert (last.row, last.status) == ("paused-by-operator", Exit.HELD)
    assert machine.requests == []
    done = wishing.resume(machine.node("resume"))
    assert done.decisions[-1].row == "pull-open"
    assert len(machine.pulls()) == 1


def test_resume_writes_wishes_anew_that_cannot_be_read(machine):
    machine.files[WISHES] = b"{"
    assert machine.tick().last.row == "wishes-broken"
    wishing.resume(machine.node("resume"))
    assert wishes(machine) == {
        "schema": 1,
        "paused": False,
        "reset": False,
        "adopt": None,
        "move_from": None,
        "removal": None,
    }
    assert machine.pulls() == [], "what was wished for is said first"
    machine.tick()
    assert len(machine.pulls()) == 1


# --- adopt ----------------------------------------------------------------------------------------------------


def adopt(machine, number):
    """`adopt NUMBER --yes`."""
    return wishing.adopt(machine.node("adopt"), number, sure)


def test_a_pull_request_by_hand_is_adopted_and_followed(machine):
    held(machine)
    number = open_pull(machine, "by-hand")
    done = adopt(machine, number)
    assert done.said == f"noted: #{number} is open already: joined, no other one is opened"
    assert marker(machine)["pull_request"]["number"] == number
    assert wishes(machine)["adopt"] is None
    assert len(machine.comments(number)) == 1
    for _ in range(2):
        machine.tick("steward")
    assert marker(machine)["state"] == "registered"
    assert len(machine.pulls()) == 2
    assert len(machine.comments(number)) == 1


@pytest.mark.parametrize(
    ("branch", "path", "content", "further", "said"),
    [
        ("by-hand", "docs/x.md", "x", {}, "does not add maintainers/alice"),
        (
            "by-hand",
            RECORD,
            OLD_RECORD + "  hardware: {network: {mac: '52:54:00:00:00:99'}}\n",
            {},
            "another machine",
        ),
        ("by-hand", RECORD, OLD_RECORD, {"state": "closed"}, "is closed: adopt one that is open"),
        ("by-hand", RECORD, OLD_RECORD, {"base": "release"}, "goes to 'release'"),
    ],
)
def test_what_is_not_this_nodes_is_not_adopted(machine, branch, path, content, further, said):
    held(machine)
    new_branch(machine, "release")
    number = open_pull(machine, branch, path, content)
    if further:
        machine.person("PATCH", f"/repos/acme/cluster/pulls/{number}", further)
    files = dict(machine.files)
    with pytest.raises(Refused, match=said) as refused:
        adopt(machine, number)
    assert refused.value.status is Exit.HELD
    assert machine.files == files
    assert machine.comments(number) == []


def test_there_is_nothing_to_adopt_beside_an_open_one_a_record_or_where_there_is_no_such_number(machine):
    machine.tick()
    number = open_pull(machine, "by-hand")
    with pytest.raises(Refused, match="#1 is open for this node as well"):
        adopt(machine, number)
    with pytest.raises(Refused, match="acme/cluster has no pull request #99, or the token may not see it"):
        adopt(machine, 99)
    merge(machine, 1)
    with pytest.raises(Refused, match="there is nothing to adopt"):
        adopt(machine, number)
    assert WISHES not in machine.files


def test_a_pull_request_that_is_closed_before_the_wish_is_carried_out_is_left(machine):
    held(machine)
    number = open_pull(machine, "by-hand")
    machine.files[WISHES] = json.dumps({"schema": 1, "adopt": number}).encode()
    close(machine, number)
    last = machine.tick("steward").last
    assert (last.row, last.status) == ("adopt", Exit.HELD)
    assert wishes(machine)["adopt"] is None
    assert machine.tick("steward").last.row == "closed"


# --- rename ---------------------------------------------------------------------------------------------------

NEW_RECORD = RECORD.replace("node-a", "node-b")


def rename(machine):
    """`rename --yes`."""
    return wishing.rename(machine.node("rename"), sure)


def call_it(machine, name):
    """The machine has another name now, and an hour passes."""
    machine.files["/proc/sys/kernel/hostname"] = name.encode() + b"\n"
    machine.wait(3600)


def registered(machine):
    """The node is registered as node-a."""
    machine.tick()
    for _ in range(2):
        machine.tick("steward")
    assert marker(machine)["state"] == "registered"


def paths_on_main(machine):
    """Every record on the base branch."""
    tree = machine.person("GET", "/repos/acme/cluster/git/trees/main?recursive=1")["tree"]
    return sorted(e["path"] for e in tree if e["path"].endswith("node.yaml"))


@pytest.mark.parametrize("disk", ["kept", "lost"])
def test_a_renamed_machine_is_held_and_then_one_commit_moves_its_record(machine, disk):
    """Field bug 8: a machine reinstalled under a new name left its old record behind."""
    registered(machine)
    call_it(machine, "node-b")
    if disk == "lost":
        del machine.files[MARKER], machine.files[ATTEMPT]
    row = "former-name" if disk == "kept" else "other-name"
    assert machine.tick("steward").last.row == row
    assert len(machine.pulls()) == 1
    done = rename(machine)
    assert done.said == "noted: moves the record of 'node-a' to 'node-b'"
    commits = machine.person("GET", "/repos/acme/cluster/pulls/2/commits")
    files = machine.person("GET", "/repos/acme/cluster/pulls/2/files")
    assert len(commits) == 1
    assert sorted((f["filename"], f["status"]) for f in files) == [(RECORD, "removed"), (NEW_RECORD, "added")]
    for _ in range(2):
        machine.tick("steward")
    assert paths_on_main(machine) == [NEW_RECORD]
    assert (marker(machine)["state"], marker(machine)["node"]) == ("registered", "node-b")
    assert wishes(machine)["move_from"] is None
    assert len(machine.pulls()) == 2


def test_a_machine_can_be_renamed_back_though_its_first_branch_is_still_there(machine):
    registered(machine)
    call_it(machine, "node-b")
    rename(machine)
    for _ in range(2):
        machine.tick("steward")
    call_it(machine, "node-a")
    machine.wait(90_000)
    rename(machine)
    for _ in range(2):
        machine.tick("steward")
    assert paths_on_main(machine) == [RECORD]


def test_a_squashed_branch_of_the_first_name_is_not_taken_for_the_move(machine):
    """It adds the record, and knows nothing of the one that is to go."""
    machine.files[SETTINGS] += b'merge_method = "squash"\n'
    registered(machine)
    call_it(machine, "node-b")
    rename(machine)
    for _ in range(2):
        machine.tick("steward")
    call_it(machine, "node-a")
    machine.wait(90_000)
    with pytest.raises(Refused, match=f"branch {BRANCH} has commits that are not this machine's: delete"):
        rename(machine)
    assert len(machine.pulls()) == 2
    asked = wire.request("DELETE", f"/repos/acme/cluster/git/refs/heads/{BRANCH}", token=PERSON)
    machine.world, answer, _ = step(machine.world, asked)
    assert answer.status == 204
    rename(machine)
    for _ in range(2):
        machine.tick("steward")
    assert paths_on_main(machine) == [RECORD]


def test_a_former_name_that_is_not_merged_yet_is_not_moved(machine):
    machine.tick()
    call_it(machine, "node-b")
    with pytest.raises(Refused, match="#1 still registers 'node-a': close it, or wait until it is merged"):
        rename(machine)
    assert len(machine.pulls()) == 1


def test_there_is_nothing_to_rename(machine):
    registered(machine)
    assert rename(machine).said == "registered: there is nothing to rename"
    assert WISHES not in machine.files


# --- deregister -----------------------------------------------------------------------------------------------


def deregister(machine):
    """`deregister --yes`, an hour later."""
    machine.wait(3600)
    return wishing.deregister(machine.node("deregister"), sure)


def test_the_record_is_removed_by_one_pull_request_and_stays_away(machine):
    registered(machine)
    done = deregister(machine)
    assert done.said == f"noted: {RECORD} is to be removed"
    assert done.decisions[-1].row == "removal-open"
    files = machine.person("GET", "/repos/acme/cluster/pulls/2/files")
    assert [(f["filename"], f["status"]) for f in files] == [(RECORD, "removed")]
    for _ in range(2):
        machine.tick("steward")
    assert paths_on_main(machine) == []
    assert marker(machine)["state"] == "retired"
    machine.wait(90_000)
    machine.reboot()
    for command in ("register", "steward"):
        assert machine.tick(command).last.row == "removed"
    assert len(machine.pulls()) == 2
    assert reset(machine).decisions[-1].row == "pull-open"
    assert len(machine.pulls()) == 3


@pytest.mark.parametrize("fate", ["lost before", "lost after", "502 after", "not sent"])
@pytest.mark.parametrize("number", range(2, 7))
def test_any_one_answer_of_a_removal_may_be_lost(machine, number, fate):
    registered(machine)
    machine.requests.clear()
    machine.fate = lambda n, _request: fate if n == number else None
    deregister(machine)
    machine.fate = lambda _n, _request: None
    for _ in range(4):
        machine.wait(200)
        machine.reboot()
        machine.tick("steward")
    assert paths_on_main(machine) == []
    assert len(machine.pulls()) == 2
    assert marker(machine)["state"] == "retired"


def test_a_removal_that_a_person_closed_is_left_until_it_is_asked_for_again(machine):
    registered(machine)
    deregister(machine)
    close(machine, 2)
    machine.wait(90_000)
    last = machine.tick("steward").last
    assert (last.row, last.status) == ("removal-held", Exit.HELD)
    assert len(machine.pulls()) == 2
    assert deregister(machine).decisions[-1].row == "removal-open"
    assert [(p["number"], p["state"]) for p in machine.pulls()][:2] == [(3, "open"), (2, "closed")]


def test_reset_takes_a_removal_back(machine):
    registered(machine)
    deregister(machine)
    with pytest.raises(Refused, match="#2 still removes the record: close it"):
        reset(machine)
    close(machine, 2)
    machine.wait(400)
    assert reset(machine).decisions[-1].row == "registered"
    assert wishes(machine)["removal"] is None
    assert paths_on_main(machine) == [RECORD]


def test_another_machines_record_is_not_removed(machine):
    put(machine, RECORD, OLD_RECORD + "  hardware: {network: {mac: '52:54:00:00:00:99'}}\n")
    with pytest.raises(Refused, match="is not this machine's record"):
        deregister(machine)
    assert machine.pulls() == []


def test_a_node_that_is_just_being_registered_is_not_removed_behind_its_back(machine):
    machine.tick()
    with pytest.raises(Refused, match="#1 still registers this node: close it"):
        deregister(machine)
