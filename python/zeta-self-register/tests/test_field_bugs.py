"""The sixteen field bugs of the shell version, in the order of their list, and that each test would see its bug.

Each test is a story that the real agent tells right; `test_each_one_is_seen` plants the bug (most of them are the bad
agents of `bugs.py`) and expects the same story to fail.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections import Counter

import pytest
import yaml
from bugs import BUGS
from bugs import planted as with_bug
from planting import patched
from stories import ATTEMPT, BRANCH, MARKER, OLD_RECORD, RECORD, marker, open_pull
from zeta_self_register import hardware, network_interfaces
from zeta_self_register.effects import Response
from zeta_self_register.exits import Exit, Refused

DAY = 86_400
HOME = "/repos/acme/cluster"
OLD_BRANCH = "register-node-a-20260101T000000Z"
HOSTNAME = "/proc/sys/kernel/hostname"
CPUS = "/sys/devices/system/cpu"
TOKEN_FILE = "/etc/zeta-self-register/github-token"
STAMP = "/var/lib/zeta-install/complete.json"
HARDWARE_BUGS = {
    "threads-as-cores": patched(hardware, "_cores", lambda _real: hardware._threads),
    "lo-filter": patched(
        network_interfaces, "_global_addresses", lambda real: lambda link: without_lo(real, link)
    ),
}


def without_lo(real, link):
    """`grep -v lo` upon the text of each address."""
    kept = [item for item in link.get("addr_info", []) if "lo" not in json.dumps(item)]
    return real({**link, "addr_info": kept})


def merge(machine, number):
    """A person merges it."""
    machine.person("PUT", f"{HOME}/pulls/{number}/merge", {})


def forget(machine):
    """Installed anew: the disk knows nothing."""
    for file in (MARKER, ATTEMPT):
        machine.files.pop(file, None)


# --- the sixteen --------------------------------------------------------------------------------------------


def test_01_nothing_is_opened_in_the_middle_of_an_install(machine):
    stamp = machine.files.pop(STAMP)
    machine.tick()
    machine.files[STAMP] = stamp
    machine.files["/etc/os-release"] = b"ID=nixos\nVARIANT_ID=installer\n"
    machine.tick()
    assert machine.requests == []


def test_02_a_branch_gets_the_record_and_never_an_empty_commit(machine):
    machine.tick()
    branch = machine.person("GET", f"{HOME}/branches/{BRANCH}")
    assert [file["filename"] for file in branch["commit"].get("files", [])] in ([], [RECORD])
    [pull] = machine.pulls()
    files = machine.person("GET", f"{HOME}/pulls/{pull['number']}/files")
    assert [file["filename"] for file in files] == [RECORD]


def test_03_a_pull_request_that_was_closed_is_not_done(machine):
    machine.tick()
    machine.person("PATCH", f"{HOME}/pulls/1", {"state": "closed"})
    machine.tick("steward")
    machine.person("PATCH", f"{HOME}/pulls/1", {"state": "closed"})
    assert machine.tick("steward").last.status is Exit.HELD
    assert marker(machine)["state"] == "held"


def test_04_not_signed_in_yet_is_tried_again(machine):
    token = machine.files.pop(TOKEN_FILE)
    with pytest.raises(Refused) as refused:
        machine.tick()
    assert refused.value.status is Exit.NOT_NOW
    machine.files[TOKEN_FILE] = token
    machine.tick()
    assert len(machine.pulls()) == 1


def test_05_the_pull_request_in_flight_is_seen_however_the_answer_is_printed(machine):
    open_pull(machine, OLD_BRANCH)
    real = machine.github

    def pretty(request):
        answer = real(request)
        body = json.dumps(json.loads(answer.body), indent=4, ensure_ascii=True).encode()
        return Response(answer.status, answer.headers, body)

    machine.github = pretty
    machine.tick()
    assert [pull["number"] for pull in machine.pulls()] == [1]


def test_06_commits_are_by_an_address_that_is_surely_the_logins_own(machine):
    machine.tick()
    tip = machine.pulls()[0]["head"]["sha"]
    commit = machine.person("GET", f"{HOME}/commits/{tip}")
    user = machine.world.user("alice")
    assert commit["commit"]["author"]["email"] == f"{user.id}+alice@users.noreply.github.com"
    assert commit["commit"]["verification"]["verified"] is True


def test_07_one_machine_does_not_register_under_two_random_hostnames(machine):
    machine.files[HOSTNAME] = b"node-1a2b3c\n"
    machine.tick()
    machine.wait(5 * 3600)
    forget(machine)
    machine.files[HOSTNAME] = b"node-4d5e6f\n"
    assert machine.tick().last.status is Exit.HELD
    assert len(machine.pulls()) == 1


def test_08_a_reinstall_under_a_new_name_does_not_leave_the_old_record_behind(machine):
    machine.tick()
    merge(machine, 1)
    machine.wait(2 * DAY)
    forget(machine)
    machine.files[HOSTNAME] = b"node-b\n"
    last = machine.tick().last
    assert last.status is Exit.HELD
    assert "`zeta-self-register rename` moves the record" in last.reason
    assert len(machine.pulls()) == 1


def test_09_cores_are_cores_and_memory_is_not_rounded(machine):
    machine.files["/proc/cpuinfo"] = b"".join(b"processor\t: %d\nmodel name\t: X\n\n" % n for n in range(4))
    machine.files["/proc/meminfo"] = b"MemTotal:       16280364 kB\n"
    for cpu in range(4):
        machine.files[f"{CPUS}/cpu{cpu}/topology/core_cpus_list"] = b"%d,%d\n" % (cpu % 2, cpu % 2 + 2)
    found = machine.node().hardware
    assert (found.cores, found.threads, found.memory_bytes) == (2, 4, 16280364 * 1024)
    assert yaml.safe_load(machine.node().record(0))["spec"]["hardware"]["cores"] == 2


def test_10_an_address_of_scope_global_is_not_the_loopback(machine):
    record = yaml.safe_load(machine.node().record(0))
    assert record["spec"]["hardware"]["network"]["ip"] == "10.0.2.15"


def test_11_the_pull_request_of_a_longer_name_is_not_this_nodes(machine):
    other = "maintainers/alice/cluster-nodes/node-a-b/node.yaml"
    open_pull(machine, "register-node-node-a-b", other, OLD_RECORD.replace("node-a", "node-a-b"))
    machine.tick()
    assert [pull["head"]["ref"] for pull in machine.pulls()] == [BRANCH, "register-node-node-a-b"]
    assert machine.comments(1) == []


def test_12_in_production_it_is_live(machine):
    machine.tick()
    assert len(machine.pulls()) == 1
    assert marker(machine)["state"] == "pr-open"


def test_13_more_open_pull_requests_than_a_page_hide_nothing(machine):
    mine = open_pull(machine, OLD_BRANCH)
    for number in range(105):
        open_pull(machine, f"topic-{number}", f"docs/{number}.md")
    machine.tick()
    assert marker(machine)["pull_request"]["number"] == mine


def test_14_a_hostname_that_many_machines_share_is_refused(machine):
    machine.files[HOSTNAME] = b"localhost\n"
    with pytest.raises(Refused, match="which many machines share") as refused:
        machine.tick()
    assert refused.value.status is Exit.MISCONFIGURED
    assert machine.requests == []


def test_15_what_was_registered_is_looked_at_again_and_repaired_within_a_bound(machine):
    machine.tick()
    merge(machine, 1)
    machine.tick("steward")
    assert marker(machine)["state"] == "registered"
    sha = machine.person("GET", f"{HOME}/contents/{RECORD}")["sha"]
    machine.person("DELETE", f"{HOME}/contents/{RECORD}", {"message": "wipe", "sha": sha})
    machine.wait(3600)
    machine.tick("steward")
    assert len(machine.pulls()) == 1, "one a day"
    machine.wait(DAY)
    machine.tick("steward")
    assert len(machine.pulls()) == 2


def test_16_could_not_ask_is_not_no(machine):
    open_pull(machine, OLD_BRANCH)
    for lost in (1, 2, 3):
        forget(machine)
        machine.requests.clear()
        machine.fate = lambda number, _request, lost=lost: "not sent" if number == lost else None
        machine.tick()
    assert [pull["number"] for pull in machine.pulls()] == [1]


# --- each of them can fail ----------------------------------------------------------------------------------

PLANTS = {
    1: ("without-stamp", "from-installer"),
    2: ("empty-commit",),
    3: ("closed-is-done",),
    4: ("signed-out-is-0",),
    5: ("hidden-twin",),
    6: ("login-noreply",),
    7: ("two-names",),
    8: ("leaves-old-record",),
    9: ("threads-as-cores",),
    10: ("lo-filter",),
    11: ("by-prefix",),
    12: ("test-mode",),
    13: ("first-page-only",),
    14: ("default-name",),
    15: ("marker-gates", "no-throttle"),
    16: ("unknown-is-absent",),
}
NAMED = {bug.name: bug for bug in BUGS}
WRONG = (AssertionError, KeyError, pytest.fail.Exception)
"""How a story fails: what it says is not so, what it looks for is not there, what it expects to be refused is not."""
STORIES = {
    int(name.split("_")[1]): story
    for name, story in inspect.getmembers(sys.modules[__name__], inspect.isfunction)
    if name.startswith("test_") and name.split("_")[1].isdecimal()
}


def test_there_are_sixteen():
    assert sorted(STORIES) == sorted(PLANTS) == list(range(1, 17))


@pytest.mark.parametrize(
    ("number", "bug"), [(number, bug) for number, bugs in PLANTS.items() for bug in bugs]
)
def test_each_one_is_seen(machine, number, bug):
    planted = HARDWARE_BUGS[bug](Counter()) if bug in HARDWARE_BUGS else with_bug(NAMED[bug])
    with planted, pytest.raises(WRONG):
        STORIES[number](machine)
