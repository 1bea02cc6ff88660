"""Wrong input on the node: one clear line, the right exit status, no write anywhere, nothing lost."""

from __future__ import annotations

import errno
import json

import pytest
from mock_github.world import World
from zeta_self_register.exits import Exit, Refused

SETTINGS = "/etc/zeta-self-register/settings.toml"
TOKEN_FILE = "/etc/zeta-self-register/github-token"
MARKER = "/var/lib/zeta-self-register/registered.json"
ATTEMPT = "/var/lib/zeta-self-register/attempt.json"
INTENT = "/etc/zeta-self-register/intent.json"


def come_to(machine, command="register"):
    """Exit status and line of a run, and that it wrote nothing."""
    before = machine.world.repository("acme/cluster")
    files = dict(machine.files)
    try:
        last = machine.tick(command).last
        status, line = last.status, last.reason
    except Refused as refused:
        status, line = refused.status, refused.line
    assert machine.world.repository("acme/cluster") == before
    assert {k: v for k, v in machine.files.items() if not k.endswith("state.json")} == files
    assert "\n" not in line
    assert "github_pat" not in line
    return status, line


def with_token(machine, **changes):
    """The node's token is of this kind."""
    machine.world = machine.world.with_token("github_pat_odd", login="alice", **changes)
    machine.files[TOKEN_FILE] = b"github_pat_odd"


@pytest.mark.parametrize(
    ("token", "status", "said"),
    [
        (None, Exit.NOT_NOW, "not signed in to GitHub yet"),
        (b"", Exit.NOT_NOW, "the token is empty"),
        (b"github_pat_unknown", Exit.HELD, "does not accept the token"),
    ],
)
def test_a_token_that_is_missing_empty_or_unknown(machine, token, status, said):
    del machine.files[TOKEN_FILE]
    if token is not None:
        machine.files[TOKEN_FILE] = token
    found, line = come_to(machine)
    assert found is status
    assert said in line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"expired": True}, "does not accept the token"),
        ({"repositories": ["acme/other"]}, "the token may not see it"),
        (
            {"permissions": {"metadata": "read", "contents": "read", "pull_requests": "read"}},
            "GitHub refuses it",
        ),
    ],
)
def test_a_token_that_may_not(machine, changes, said):
    machine.world = machine.world.with_repository("acme/other")
    with_token(machine, **changes)
    before = machine.world.repository("acme/cluster")
    last = machine.tick().last
    assert last.status is Exit.HELD
    assert said in last.reason
    assert machine.world.repository("acme/cluster") == before
    assert MARKER not in machine.files


def test_a_token_that_may_not_open_pull_requests_can_be_given_the_right_later(machine):
    with_token(machine, permissions={"metadata": "read", "contents": "write", "pull_requests": "read"})
    last = machine.tick().last
    assert last.status is Exit.HELD
    assert "pull_requests=write" in last.reason
    machine.files[TOKEN_FILE] = b"github_pat_test"
    assert machine.tick().last.status is Exit.DONE, "a refusal is an answer: nothing has to be waited for"
    assert len(machine.pulls()) == 1


def test_a_repository_that_does_not_exist(machine):
    machine.files[SETTINGS] = b'repository = "acme/nowhere"\noperator = "alice"\n'
    status, line = come_to(machine)
    assert status is Exit.HELD
    assert "check `repository` in the settings" in line


def test_a_base_branch_that_does_not_exist(machine):
    machine.files[SETTINGS] += b'base_branch = "trunk"\n'
    status, line = come_to(machine)
    assert status is Exit.MISCONFIGURED
    assert "branch 'trunk' does not exist" in line


def test_an_archived_repository(machine):
    world: World = machine.world
    machine.world = world.with_repository(
        "acme/cluster", archived=True, private=True, collaborators={"alice": "write"}
    )
    status, line = come_to(machine)
    assert status is Exit.HELD
    assert "the repository is archived" in line


@pytest.mark.parametrize(
    ("marker", "status", "said"),
    [
        ('{"schema": 99}', Exit.MISCONFIGURED, "newer version"),
    ],
)
def test_a_marker_that_stops_everything(machine, marker, status, said):
    machine.files[MARKER] = marker.encode()
    found, line = come_to(machine)
    assert found is status
    assert said in line
    assert machine.requests == []


@pytest.mark.parametrize(
    "marker",
    [
        b"",
        b"{",
        b"\x00\xff" * 50,
        b"https://github.com/acme/cluster/pull/9\n",
        b"state=pr-opened\n",
        b"ci-dry-run\n",
    ],
)
def test_a_marker_that_is_a_hint_at_most(machine, marker):
    """Empty, torn, binary, of the shell version: GitHub is asked, and the node is registered once."""
    machine.files[MARKER] = marker
    assert machine.tick().last.status is Exit.DONE
    assert len(machine.pulls()) == 1
    assert json.loads(machine.files[MARKER])["state"] == "pr-open"


def test_a_marker_of_another_machine_on_a_cloned_disk(machine):
    machine.tick()
    machine.files["/sys/class/dmi/id/product_uuid"] = b"11111111-2222-4333-8444-555555555556\n"
    machine.files["/sys/class/net/eth0/address"] = b"52:54:00:00:00:99\n"
    machine.requests.clear()
    status, line = come_to(machine)
    assert status is Exit.HELD
    assert "the marker is of another machine" in line
    assert machine.requests == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "broken; write it again"),
        (b'{"schema": 9}', "written by a newer version"),
        (
            b'{"schema": 1, "operator": "alice", "repository": "acme/other", "node": "node-a"}',
            "make them the same",
        ),
        (
            b'{"schema": 1, "operator": "bob", "repository": "acme/cluster", "node": "node-a"}',
            "make them the same",
        ),
        (b'{"schema": 1, "operator": "alice", "repository": "acme/cluster", "node": "../x"}', "node name"),
    ],
)
def test_an_intent_that_is_broken_or_contradicts_the_settings(machine, content, said):
    machine.files[INTENT] = content
    status, line = come_to(machine)
    assert status is Exit.MISCONFIGURED
    assert said in line


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (errno.ENOSPC, Exit.NOT_NOW, "no space left; make room"),
        (errno.EROFS, Exit.MISCONFIGURED, "mount it writable"),
        (errno.EACCES, Exit.MISCONFIGURED, "give the folder to the service's user"),
        (errno.EIO, Exit.MISCONFIGURED, "cannot be written"),
    ],
)
def test_a_disk_that_cannot_be_written(machine, error, status, said):
    """The note comes before the first write, so nothing has reached GitHub but questions."""
    machine.write_error = error
    found, line = come_to(machine)
    assert found is status
    assert said in line
    machine.write_error = None
    assert machine.tick().last.status is Exit.DONE
    assert len(machine.pulls()) == 1


def test_github_is_unreachable(machine):
    machine.fate = lambda _number, _request: "not sent"
    status, line = come_to(machine)
    assert status is Exit.NOT_NOW
    assert "GitHub is not reached: connection refused" in line


def test_no_repository_is_set(machine):
    machine.files[SETTINGS] = b""
    status, line = come_to(machine)
    assert status is Exit.MISCONFIGURED
    assert "no repository is set" in line


def test_without_an_operator_it_is_the_login_of_the_token(machine):
    machine.files[SETTINGS] = b'repository = "acme/cluster"\n'
    machine.tick()
    assert json.loads(machine.files[MARKER])["operator"] == "alice"
    machine.world = machine.world.with_token("github_pat_bob", login="bob")
    machine.files[TOKEN_FILE] = b"github_pat_bob"
    machine.tick("steward")
    assert json.loads(machine.files[MARKER])["operator"] == "alice", "pinned, whosever token it is later"
    assert len(machine.pulls()) == 1


@pytest.mark.parametrize(
    ("hostname", "said"),
    [
        (b"nixos\n", "the default of `networking.hostName` in NixOS, which many machines share"),
        (b"localhost.localdomain\n", "choose another one; set it as `node_name` in the settings"),
        (b"Node_A.lan\n", "use `node-a-lan`; set it as `node_name` in the settings"),
        (b"\n", "the node name is empty"),
        (b"a" * 70 + b"\n", f"use `{'a' * 63}`"),
        (b"a\x1b[31mb\xff\xe2\x80\xae\n", "use `a-31mb`"),
    ],
)
def test_a_hostname_that_is_no_name_for_a_node(machine, hostname, said):
    """Field bug 14, and what the old agent accepted: nothing is mapped behind anybody's back."""
    machine.files["/proc/sys/kernel/hostname"] = hostname
    status, line = come_to(machine)
    assert status is Exit.MISCONFIGURED
    assert said in line
    assert line.startswith("the hostname is no name for a node: ")
    assert line.isprintable()
    assert machine.requests == []
