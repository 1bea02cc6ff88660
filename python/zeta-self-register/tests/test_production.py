"""The port on a real machine: answers that never end, folders that anybody can write to, and what a crash leaves."""

from __future__ import annotations

import contextlib
import gzip
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mock_github.faults import BadCertificate, Fault, FaultKind
from mock_github.server import MockServer
from zeta_self_register import production
from zeta_self_register.effects import NoAnswer, NotSent, Request
from zeta_self_register.exits import Refused
from zeta_self_register.production import Production
from zeta_self_register.settings import from_table

SECRET = "github_pat_11SECRET0000production"
HEAD = b"HTTP/1.1 200 OK\r\n"


class Peer:
    """A server that answers each connection by a function of its socket, and keeps what it was sent."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.answer = answer
        self.received: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/x"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self.received.append(connection.recv(65536))
                self.answer(connection)


@pytest.fixture
def peer() -> Iterator[Callable[[Callable[[socket.socket], None]], Peer]]:
    """Starts one with its way to answer."""
    started: list[Peer] = []

    def start(answer: Callable[[socket.socket], None]) -> Peer:
        started.append(Peer(answer))
        return started[-1]

    yield start
    for one in started:
        one.listener.close()


def asked(url: str) -> Request:
    return Request("POST", url, {"authorization": f"bearer {SECRET}"}, b"{}")


def dripping(begin: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(begin)
        while True:
            time.sleep(0.02)
            connection.sendall(drop)

    return answer


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (HEAD + b"x-long: ", b"x"),
        (HEAD + b"content-length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 100 Continue\r\n", b""),
    ],
    ids=["in the headers", "in the body", "silent"],
)
def test_an_answer_that_drips_is_given_up_as_a_whole(peer, monkeypatch, begin, drop):
    """A limit for each step alone would wait for as long as something still comes."""
    monkeypatch.setattr(production, "WHOLE_ANSWER_SECONDS", 0.5)
    handler = signal.getsignal(signal.SIGALRM)
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="took longer than"):
        Production().github(asked(peer(dripping(begin, drop)).url))
    assert time.monotonic() - began < 10
    assert signal.getsignal(signal.SIGALRM) is handler


def test_the_whole_of_a_request_is_shorter_than_q():
    with pytest.raises(Refused, match="at least 150"):
        from_table({"request_lifetime_seconds": 149}, "settings.toml")
    assert production.WHOLE_ANSWER_SECONDS <= 120, (
        "after which our side has given up, as the setting's text says"
    )


def test_a_small_answer_does_not_become_a_large_one(peer):
    small = gzip.compress(bytes(50_000_000))
    head = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(small)
    server = peer(lambda connection: connection.sendall(head + small))
    assert Production().github(asked(server.url)).body == small
    assert b"accept-encoding: identity" in server.received[0].lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_follows_no_redirect(peer, status):
    other = peer(lambda connection: connection.sendall(HEAD + b"content-length: 0\r\n\r\n"))
    moved = b"HTTP/1.1 %d Moved\r\nlocation: %s\r\ncontent-length: 0\r\n\r\n" % (status, other.url.encode())
    answer = Production().github(asked(peer(lambda connection: connection.sendall(moved)).url))
    assert answer.status == status
    assert other.received == []


def test_a_certificate_that_nobody_vouches_for_is_not_talked_to(machine, tmp_path):
    with MockServer(machine.world, tls=True) as server:
        (tmp_path / "ca.pem").write_bytes(server.ca_pem)
        with pytest.raises(NotSent, match="does not verify"):
            Production().github(asked(server.url))
        assert server.events() == []
        assert Production(str(tmp_path / "ca.pem")).github(asked(server.url)).status == 401


@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        (BadCertificate.EXPIRED, r"does not verify \(certificate has expired\): check"),
        (BadCertificate.OTHER_NAME, r"does not verify \(.*mismatch.* '127.0.0.1'\): check"),
        (BadCertificate.UNKNOWN_AUTHORITY, r"does not verify \(.*certificate.*\): check"),
    ],
    ids=lambda value: value.value if isinstance(value, BadCertificate) else "",
)
def test_what_is_wrong_with_a_certificate_is_said(machine, tmp_path, flaw, said):
    fault = Fault(kind=FaultKind.WRONG_CERTIFICATE, certificate=flaw)
    with MockServer(machine.world, tls=True, faults=[fault]) as server:
        (tmp_path / "ca.pem").write_bytes(server.ca_pem)
        with pytest.raises(NotSent, match=said):
            Production(str(tmp_path / "ca.pem")).github(asked(server.url))


def test_a_sign_in_page_of_the_network_is_shown_nothing_and_named(peer):
    """It answers in plain HTTP, on the port of HTTPS."""
    page = peer(
        lambda connection: connection.sendall(b"HTTP/1.1 302 Found\r\nlocation: http://portal/\r\n\r\n")
    )
    with pytest.raises(NotSent, match="speaks no TLS: check whether this network has a sign-in page"):
        Production().github(asked(page.url.replace("http://", "https://")))
    assert SECRET.encode() not in b"".join(page.received)


def test_the_keys_of_a_connection_are_not_written_down(machine, tmp_path, monkeypatch):
    keys = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    with MockServer(machine.world, tls=True) as server:
        # The server runs in this process too and would write them; the client's context is looked at.
        (tmp_path / "ca.pem").write_bytes(server.ca_pem)
        keys.write_bytes(b"")
        Production(str(tmp_path / "ca.pem")).github(asked(server.url))
    assert b"CLIENT" not in keys.read_bytes()


@pytest.mark.parametrize(
    "url",
    [
        "https://exa mple/",
        "https://[x/",
        "https://h:99999/",
        "https://..",
        "ftp://h/",
        "https://" + "a" * 300 + "/",
    ],
)
def test_an_address_that_is_none_was_not_sent(url):
    with pytest.raises((NotSent, NoAnswer)):
        Production().github(asked(url))


def test_a_line_is_one_line(capfd):
    Production().say("a\nb\x1b[2J\x9b\u202e\r\udc80 ä")
    assert capfd.readouterr().err == "a\\nb\\x1b[2J\\x9b\\u202e\\r\\udc80 ä\n"


# --- files for others ------------------------------------------------------------------------------------------


def test_what_is_published_is_whole_readable_and_replaced(tmp_path):
    path = tmp_path / "cluster/nodes/node-a/last-seen.iso"
    old = os.umask(0o077)
    try:
        Production().publish(str(path), b"one")
        Production().publish(str(path), b"two")
    finally:
        os.umask(old)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
    assert [file.name for file in path.parent.iterdir()] == ["last-seen.iso"]


@pytest.mark.parametrize("linked", ["cluster", "cluster/nodes", "cluster/nodes/node-a"])
def test_no_symbolic_link_is_followed(tmp_path, linked):
    victim = tmp_path / "victim"
    victim.mkdir()
    (tmp_path / linked).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / linked).symlink_to(victim)
    with pytest.raises(OSError, match=r"."):
        Production().publish(str(tmp_path / "cluster/nodes/node-a/x"), b"x")
    assert list(victim.iterdir()) == []


@pytest.mark.parametrize("name", ["x", ".x.new"])
def test_a_link_in_the_files_place_is_replaced_and_what_it_names_is_left(tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / name).symlink_to(victim)
    Production().publish(str(folder / "x"), b"x")
    assert victim.read_text() == "precious"
    assert (folder / "x").read_bytes() == b"x"
    assert not (folder / "x").is_symlink()


def test_a_pipe_in_its_place_does_not_hold_it_up(tmp_path):
    os.mkfifo(tmp_path / ".x.new")
    os.mkfifo(tmp_path / "x")
    Production().publish(str(tmp_path / "x"), b"x")
    assert (tmp_path / "x").read_bytes() == b"x"


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's folder needs root to be made")
def test_another_users_folder_where_anybody_can_write_is_refused(tmp_path):
    common = tmp_path / "tmp"
    common.mkdir()
    common.chmod(0o1777)
    taken = common / "zeta-cluster-state"
    taken.mkdir()
    os.chown(taken, 12345, 12345)
    with pytest.raises(PermissionError, match="belongs to another user"):
        Production().publish(str(taken / "nodes/node-a/x"), b"x")
    assert list(taken.iterdir()) == []
    os.chown(taken, 0, 0)
    Production().publish(str(taken / "nodes/node-a/x"), b"x")


def test_a_path_upwards_is_refused(tmp_path):
    with pytest.raises(OSError, match=r"`\.\.`"):
        Production().publish(f"{tmp_path}/a/../b/x", b"x")


# --- core dumps ------------------------------------------------------------------------------------------------

DIES = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
if sys.argv[1] == "forbidden":
    from zeta_self_register.production import forbid_core_dumps
    forbid_core_dumps()
print(resource.getrlimit(resource.RLIMIT_CORE), open("/proc/self/coredump_filter").read().strip(), flush=True)
os.kill(os.getpid(), signal.SIGABRT)
"""


def dies(how: str, folder: Path) -> tuple[int, str]:
    """The wait status and what it said of its limits."""
    done = subprocess.Popen([sys.executable, "-c", DIES, how], cwd=folder, stdout=subprocess.PIPE, text=True)
    said = done.stdout.read()
    _, status, _ = os.wait4(done.pid, 0)
    done.returncode = 0
    return status, said


def test_a_crash_leaves_no_core(tmp_path):
    status, said = dies("forbidden", tmp_path)
    assert said == "(0, 0) 00000000\n"
    assert not os.WCOREDUMP(status)
    assert list(tmp_path.iterdir()) == []


def test_a_crash_could_have_left_one(tmp_path):
    """Otherwise the test above would show nothing."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("core dumps are forbidden here anyway")
    status, _ = dies("allowed", tmp_path)
    if not os.WCOREDUMP(status):
        pytest.skip(f"no core dumps here: {Path('/proc/sys/kernel/core_pattern').read_text().strip()}")
