"""What has to be there first: each thing that is missing is named, waited for, and costs GitHub nothing."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from stories import ATTEMPT, MARKER, open_pull
from zeta_self_register import settings
from zeta_self_register.effects import NotReachable
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.production import Production
from zeta_self_register.simulated import SETTINGS

TOKEN_FILE = "/etc/zeta-self-register/github-token"
STAMP = "/var/lib/zeta-install/complete.json"
CLUSTER = b'cluster = ["10.0.0.1:6443", "https://argo.test/"]\ncluster_timeout_seconds = 2\n'


def no_network(machine):
    """No name, no route, no connection."""
    machine.fate = lambda _n, _r: "not sent"
    return "GitHub is not reached: connection refused; waits for the network"


def no_credentials(machine):
    """They are not restored yet."""
    del machine.files[TOKEN_FILE]
    return "waits for the credentials to be restored"


def old_credentials(machine):
    """They are restored, and were revoked."""
    machine.files[TOKEN_FILE] = b"github_pat_revoked"
    return "GitHub does not accept the token (expired or revoked?): sign in again"


def no_stamp(machine):
    """The installation did not come to its end."""
    del machine.files[STAMP]
    return "the installation is not complete"


def installer(machine):
    """The stick has booted."""
    machine.files["/etc/os-release"] = b"ID=nixos\nVARIANT_ID=installer\n"
    return "this is the installer's system"


def clock_in_1970(machine):
    """No battery; no certificate is valid yet."""
    machine.clock = 12.0
    machine.fate = lambda _n, _r: "not sent"
    return "GitHub is not reached, and this machine's clock stands in the past, so that no certificate"


def clock_far_ahead(machine):
    """A wrong battery; every certificate has expired."""
    machine.clock = 4e9
    machine.fate = lambda _n, _r: "not sent"
    return "GitHub is not reached, and this machine's clock stands far ahead, so that no certificate"


def no_cluster(machine):
    """One of two places answers."""
    machine.files[SETTINGS] += CLUSTER
    machine.silent = {"10.0.0.1:6443"}
    return "the cluster is not reached: 10.0.0.1:6443 (connection refused); waits for it"


@pytest.mark.parametrize(
    ("missing", "status"),
    [
        (no_network, Exit.NOT_NOW),
        (no_credentials, Exit.NOT_NOW),
        (old_credentials, Exit.HELD),
        (no_stamp, Exit.HELD),
        (installer, Exit.HELD),
        (clock_in_1970, Exit.NOT_NOW),
        (clock_far_ahead, Exit.NOT_NOW),
        (no_cluster, Exit.NOT_NOW),
    ],
)
def test_what_is_missing_is_named_and_when_it_is_there_the_next_run_registers(machine, missing, status):
    before = dict(machine.files), machine.clock, machine.silent
    said = missing(machine)
    for _ in range(2):
        machine.lines.clear()
        try:
            last = machine.tick("steward").last
            ended, reason = last.status, last.reason
            assert machine.lines == [f"{last.row}: {reason}"]
        except Refused as refused:
            ended, reason = refused.status, refused.line
        assert ended is status
        assert said in reason
        assert "\n" not in reason
    assert machine.pulls() == []
    assert not {MARKER, ATTEMPT} & set(machine.files)
    (machine.files, machine.clock, machine.silent), machine.fate = before, lambda _n, _r: None
    machine.tick()
    assert len(machine.pulls()) == 1


@pytest.mark.parametrize("missing", [no_stamp, installer])
def test_what_the_machine_can_tell_itself_costs_no_request(machine, missing):
    missing(machine)
    machine.tick()
    assert machine.requests == []


@pytest.mark.parametrize("clock", [12.0, 4e9])
def test_a_clock_that_is_wrong_hinders_nobody_where_github_is_reached(machine, clock):
    machine.clock = clock
    machine.tick()
    assert len(machine.pulls()) == 1


def test_each_place_of_the_cluster_has_its_own_time_limit_and_all_silent_ones_are_named(machine):
    machine.files[SETTINGS] += CLUSTER
    machine.silent = {"10.0.0.1:6443", "https://argo.test/"}
    reason = machine.tick().last.reason
    assert machine.asked == [("10.0.0.1:6443", 2.0), ("https://argo.test/", 2.0)]
    assert all(target in reason for target in machine.silent)


def test_the_cluster_is_asked_for_once_before_a_new_registration_and_for_nothing_else(machine):
    machine.files[SETTINGS] += CLUSTER
    machine.tick()
    assert len(machine.asked) == 2
    machine.silent = {"10.0.0.1:6443"}
    machine.tick("steward")
    machine.tick("steward")
    assert machine.pulls()[0]["merged_at"] is not None, "what is open is followed all the same"
    assert len(machine.asked) == 2


def test_an_open_pull_request_is_joined_without_the_cluster(machine):
    machine.files[SETTINGS] += CLUSTER
    machine.silent = {"10.0.0.1:6443", "https://argo.test/"}
    open_pull(machine, "register-node-node-a")
    assert machine.tick().last.status is Exit.DONE


@pytest.mark.parametrize(
    "target", ["", "10.0.0.1", "host:", ":6443", "host:99999", "ftp://a/", "https://", "a:1/x"]
)
def test_a_place_that_is_none_is_a_wrong_setting(target):
    with pytest.raises(Refused, match="write HOST:PORT or an https:// address") as refused:
        settings.from_table({"cluster": [target]}, "settings.toml")
    assert refused.value.status is Exit.MISCONFIGURED


@pytest.mark.parametrize("target", ["10.0.0.1:6443", "[fd00::1]:6443", "a.b:1", "https://a.b:6443/healthz"])
def test_a_place_is_an_address_with_a_port_or_a_url(target):
    assert settings.from_table({"cluster": [target]}, "settings.toml").cluster == (target,)


class Teapot(BaseHTTPRequestHandler):
    """Answers; what it says does not matter."""

    def do_GET(self):
        self.send_response(418)
        self.end_headers()

    def log_message(self, *_arguments):
        """Nothing to stderr."""


def test_production_asks_addresses_and_urls():
    with HTTPServer(("127.0.0.1", 0), Teapot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        Production().reachable(f"127.0.0.1:{port}", 5)
        Production().reachable(f"http://127.0.0.1:{port}/healthz", 5)
        server.shutdown()


@pytest.mark.parametrize("form", ["127.0.0.1:{port}", "http://127.0.0.1:{port}/"])
def test_production_says_why_nobody_answers(form):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotReachable, match="refused"):
        Production().reachable(form.format(port=port), 5)


def test_production_gives_a_silent_place_its_time_and_no_more():
    with closing(socket.create_server(("127.0.0.1", 0), backlog=1)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotReachable):
            Production().reachable(f"http://127.0.0.1:{port}/", 0.2)
