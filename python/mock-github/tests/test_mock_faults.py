"""Every fault, as its client sees it and as the event log tells it; and answers that are held."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from mock_github import Event, Fault, FaultKind, Match, World, request
from mock_github.faults import BadCertificate, read_faults
from mock_github.server import MockServer

HOME = "/repos/acme/cluster"
SAY = Match(method="POST", path=".*/comments")
TOKEN = "github_pat_zeta"


def comments(server: MockServer) -> list[str]:
    pulls = server.world.repositories["acme/cluster"].pulls
    return [comment.body for pull in pulls.values() for comment in pull.comments]


def last(server: MockServer, type_: str) -> Event:
    return [event for event in server.events() if event.type == type_][-1]


@pytest.fixture
def busy(client: Any, server: MockServer) -> int:
    number = client.pull("topic")
    return int(number)


def say(client: Any, number: int, body: str = "hello") -> httpx.Response:
    answer = client.send("POST", f"/issues/{number}/comments", body=body)
    assert isinstance(answer, httpx.Response)
    return answer


@pytest.mark.parametrize(("kind", "effect"), [(FaultKind.DROP_BEFORE, []), (FaultKind.DROP_AFTER, ["hello"])])
def test_a_dropped_request(
    client: Any, server: MockServer, busy: int, kind: FaultKind, effect: list[str]
) -> None:
    server.add_fault(Fault(kind=kind, match=SAY))
    with pytest.raises(httpx.RemoteProtocolError):
        say(client, busy)
    assert comments(server) == effect
    ended = last(server, "response")
    assert (ended.delivered, ended.fault) == (False, kind.value)
    assert last(server, "fault-landed").request == ended.request
    assert say(client, busy, "again").status_code == 201


@pytest.mark.parametrize(
    ("kind", "effect"), [(FaultKind.ERROR_BEFORE, []), (FaultKind.ERROR_AFTER, ["hello"])]
)
def test_a_server_error(
    client: Any, server: MockServer, busy: int, kind: FaultKind, effect: list[str]
) -> None:
    server.add_fault(Fault(kind=kind, match=SAY, status=503))
    answer = say(client, busy)
    assert (answer.status_code, comments(server)) == (503, effect)
    assert "json" not in answer.headers["content-type"]


def test_a_late_request_takes_effect_after_its_connection_died(
    client: Any, server: MockServer, busy: int
) -> None:
    server.add_fault(Fault(kind=FaultKind.LATE, match=SAY, seconds=0.3))
    with pytest.raises(httpx.RemoteProtocolError):
        say(client, busy)
    assert comments(server) == []
    landed = server.wait_for(lambda event: event.type == "comment-created", timeout=10)
    ended = last(server, "response")
    assert landed.request == ended.request
    assert landed.seq > ended.seq
    assert (ended.status, ended.delivered) == (None, False)
    assert comments(server) == ["hello"]


def test_what_is_late_when_the_server_stops_never_happens(world: World) -> None:
    with MockServer(world, tls=False, faults=[Fault(kind=FaultKind.LATE, seconds=60)]) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.put(f"{server.url}{HOME}/contents/x", json={})
        before = server.world.repositories
    assert server.world.repositories == before


def test_slow(client: Any, server: MockServer) -> None:
    server.add_fault(Fault(kind=FaultKind.SLOW, seconds=0.4))
    with pytest.raises(httpx.ReadTimeout):
        client.get(HOME, timeout=0.1)
    server.add_fault(Fault(kind=FaultKind.SLOW, seconds=0.2))
    assert client.get(HOME).elapsed.total_seconds() >= 0.2


def test_answers_that_are_not_githubs(client: Any, server: MockServer) -> None:
    server.add_fault(Fault(kind=FaultKind.NOT_JSON))
    page = client.get(HOME)
    assert (page.status_code, page.text[:15]) == (200, "<!DOCTYPE html>")
    server.add_fault(Fault(kind=FaultKind.REDIRECT, to="https://portal.invalid/", status=307))
    moved = client.get(HOME)
    assert (moved.status_code, moved.headers["location"]) == (307, "https://portal.invalid/")
    server.add_fault(Fault(kind=FaultKind.HUGE, size=3_000_000))
    assert len(client.get(HOME).content) == 3_000_000
    assert client.get(HOME).json()["full_name"] == "acme/cluster"


def test_whoever_answers_in_githubs_place_says_the_time(client: Any, server: MockServer, busy: int) -> None:
    for kind in (FaultKind.ERROR_BEFORE, FaultKind.PRIMARY_LIMIT, FaultKind.SECONDARY_LIMIT):
        server.add_fault(Fault(kind=kind, match=SAY))
        assert say(client, busy).headers["date"].endswith("GMT")


def test_the_hour_of_a_primary_limit_is_over_when_that_is_said(
    client: Any, server: MockServer, busy: int
) -> None:
    for seconds, left in ((45, 45), (None, 3600)):
        server.add_fault(Fault(kind=FaultKind.PRIMARY_LIMIT, match=SAY, retry_after=seconds))
        headers = say(client, busy).headers
        assert headers["x-ratelimit-remaining"] == "0"
        assert "retry-after" not in headers
        reset = int(headers["x-ratelimit-reset"]) - server.world.now / 1000
        assert left - 2 <= reset <= left


def test_without_permission_nothing_of_the_repository_is_there(
    client: Any, server: MockServer, busy: int
) -> None:
    server.add_fault(Fault(kind=FaultKind.NO_PERMISSION, match=SAY))
    server.add_fault(Fault(kind=FaultKind.NO_PERMISSION, match=Match(method="GET")))
    assert say(client, busy).status_code in (403, 404)
    assert client.get(HOME).status_code == 404
    assert last(server, "fault-landed").fault == "no-permission"
    assert comments(server) == []
    assert client.get(HOME).status_code == 200


def test_a_connection_for_each_request(start: Callable[..., MockServer], world: World) -> None:
    for keep_alive, said in ((False, "close"), (True, None)):
        server = start(world, keep_alive=keep_alive)
        assert httpx.get(server.url + HOME).headers.get("connection") == said


def test_a_request_without_the_network_is_logged_and_stopped_by_nothing(
    server: MockServer, busy: int
) -> None:
    server.add_fault(Fault(kind=FaultKind.DROP_BEFORE))
    answer = server.ask(request("POST", f"{HOME}/issues/{busy}/comments", token=TOKEN, json={"body": "x"}))
    assert (answer.status, comments(server)) == (201, ["x"])
    assert [event.type for event in server.events()][-3:] == ["request", "comment-created", "response"]


def test_a_certificate_is_valid_for_about_a_year(start: Callable[..., MockServer], world: World) -> None:
    server = start(world, tls=True)
    trust = ssl.create_default_context(cadata=server.ca_pem.decode())
    address = ("127.0.0.1", server.port)
    with (
        socket.create_connection(address) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        shown = wrapped.getpeercert() or {}
    since, until = (ssl.cert_time_to_seconds(str(shown[key])) for key in ("notBefore", "notAfter"))
    assert since < time.time() < until
    assert until - since < 400 * 86_400, "a client whose clock is years off would believe it"


def test_the_wrong_certificate(start: Callable[..., MockServer], world: World) -> None:
    server = start(world, tls=True, names=["mock.test"], faults=[Fault(kind=FaultKind.WRONG_CERTIFICATE)])
    trust = ssl.create_default_context(cadata=server.ca_pem.decode())
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(server.url + HOME, verify=trust)
    assert last(server, "fault-landed").fault == "wrong-certificate"
    assert httpx.get(server.url + HOME, verify=trust).status_code == 404
    extensions = {"sni_hostname": "mock.test"}
    with httpx.Client(verify=trust) as http:
        assert http.get(server.url + HOME, extensions=extensions).status_code == 404
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(server.url + HOME)


@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        (BadCertificate.ELSEWHERE, "unable to get local issuer|self-signed"),
        (BadCertificate.EXPIRED, "certificate has expired"),
        (BadCertificate.OTHER_NAME, "[mM]ismatch"),
        (BadCertificate.UNKNOWN_AUTHORITY, "unable to get local issuer|self-signed"),
    ],
    ids=lambda value: value.value if isinstance(value, BadCertificate) else "",
)
def test_what_can_be_wrong_with_a_certificate(
    start: Callable[..., MockServer], world: World, flaw: BadCertificate, said: str
) -> None:
    server = start(world, tls=True, faults=[Fault(kind=FaultKind.WRONG_CERTIFICATE, certificate=flaw)])
    trust = ssl.create_default_context(cadata=server.ca_pem.decode())
    with pytest.raises(httpx.ConnectError, match=said):
        httpx.get(server.url + HOME, verify=trust)
    assert httpx.get(server.url + HOME, verify=trust).status_code == 404


def test_a_fault_meets_the_requests_it_names(client: Any, server: MockServer, busy: int) -> None:
    server.add_fault(Fault(kind=FaultKind.NOT_JSON, match=Match(operation="Other")))
    server.add_fault(Fault(kind=FaultKind.NOT_JSON, match=Match(user_agent="curl")))
    server.add_fault(Fault(kind=FaultKind.NOT_JSON, match=Match(kind="git")))
    server.add_fault(Fault(kind=FaultKind.NOT_JSON, match=Match(path=HOME, nth=2), times=2))
    kinds = [client.get(HOME).headers["content-type"].partition(";")[0] for _ in range(5)]
    assert kinds == ["application/json", "text/html", "text/html", "application/json", "application/json"]
    ask = {"query": "query Other { viewer { login } }"}
    assert "html" in client.http.post("/graphql", json=ask).headers["content-type"]
    assert "html" in client.get("/user", headers={"user-agent": "curl/8"}).headers["content-type"]
    assert "html" in client.get("/acme/cluster.git/info/refs").headers["content-type"]


def test_a_held_answer_is_released(client: Any, server: MockServer, busy: int) -> None:
    answers: list[int] = []
    with server.hold(SAY) as hold:
        asking = threading.Thread(target=lambda: answers.append(say(client, busy).status_code))
        asking.start()
        request = hold.wait(10)
        assert comments(server) == ["hello"], "it took effect before"
        assert answers == []
        assert last(server, "request").request == request
    asking.join(10)
    assert answers == [201]
    assert last(server, "response").delivered is True
    assert say(client, busy, "not held").status_code == 201


def test_a_held_answer_is_dropped(client: Any, server: MockServer, busy: int) -> None:
    failures: list[Exception] = []

    def ask() -> None:
        try:
            say(client, busy)
        except httpx.RemoteProtocolError as error:
            failures.append(error)

    hold = server.hold(SAY)
    asking = threading.Thread(target=ask)
    asking.start()
    hold.wait(10)
    hold.drop()
    asking.join(10)
    assert len(failures) == 1
    assert comments(server) == ["hello"]
    assert last(server, "response").delivered is False
    with pytest.raises(TimeoutError):
        server.hold(SAY).wait(0.05)


def fail_to_get(url: str) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(url)


def test_the_server_stops_while_an_answer_is_held(world: World) -> None:
    with MockServer(world, tls=False) as server:
        hold = server.hold(Match())
        asking = threading.Thread(target=fail_to_get, args=(server.url,))
        asking.start()
        hold.wait(10)
    asking.join(10)
    assert not asking.is_alive()
    assert (last(server, "response").delivered, server.events()[-1].type) == (False, "response")


def test_waiting_for_an_event(client: Any, server: MockServer) -> None:
    timer = threading.Timer(0.1, lambda: server.as_user("alice").push_file("acme/cluster", "f", "x"))
    timer.start()
    event = server.wait_for(lambda event: event.type == "branch-moved", timeout=10)
    assert (event.by, event.request, event.paths, event.removed) == ("alice", None, ("f",), ())
    assert server.wait_for(lambda event: event.type == "branch-moved", timeout=0) == event
    with pytest.raises(TimeoutError, match="no such event within"):
        server.wait_for(lambda event: event.type == "fault-missed", timeout=0.05)


def test_the_log_says_which_files_a_move_removed(server: MockServer) -> None:
    server.as_user("alice").delete_file("acme/cluster", "README.md")
    moved = last(server, "branch-moved")
    assert moved.paths == moved.removed == ("README.md",)


def test_the_event_log(tmp_path: Path, world: World, connect: Callable[..., Any]) -> None:
    log = tmp_path / "events.jsonl"
    with MockServer(
        world, tls=False, event_log=log, faults=[Fault(kind=FaultKind.SLOW, match=SAY)]
    ) as server:
        client = connect(server)
        client.graphql("query Who { viewer { login } }")
        client.pull("topic")
        server.as_user("alice").merge("acme/cluster", 1)
        client.with_token("nobody-knows-this").get(HOME)
        client.get("/nowhere")
        lines = log.read_bytes().splitlines(keepends=True)
        assert lines == [event.as_line() for event in server.events()], "flushed line by line"
    events = [json.loads(line) for line in log.read_bytes().splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert all(list(event) == sorted(event) for event in events)
    assert events[-1]["type"] == "fault-missed"
    assert (events[0]["operation"], events[0]["kind"], events[0]["token"]) == ("Who", "graphql", "gith…")
    assert [event["status"] for event in events if event["type"] == "response"][-2:] == [401, 501]
    opened = next(event for event in events if event["type"] == "pull-request-opened")
    assert (opened["head"], opened["base"], opened["paths"]) == ("acme:topic", "main", ["files/topic"])
    assert (
        opened["request"]
        == [e for e in events if e["type"] == "request" and e["seq"] < opened["seq"]][-1]["request"]
    )
    merged = next(event for event in events if event["type"] == "pull-request-merged")
    assert (merged["by"], merged["request"], merged["number"]) == ("alice", None, 1)
    text = log.read_text()
    assert "github_pat_zeta" not in text
    assert "nobody-knows-this" not in text


def test_faults_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"kind": "late", "match": {"method": "POST", "nth": 2}, "seconds": 1.5, "times": 3}]')
    assert read_faults(path) == [
        Fault(kind=FaultKind.LATE, match=Match(method="POST", nth=2), seconds=1.5, times=3)
    ]
    path.write_text('[{"kind": "later"}]')
    with pytest.raises(ValueError, match="later"):
        read_faults(path)
    path.write_text('[{"kind": "late", "when": 1}]')
    with pytest.raises(ValueError, match="when"):
        read_faults(path)


def test_too_many_requests_at_once(
    start: Callable[..., MockServer], connect: Callable[..., Any], world: World
) -> None:
    server = start(world.with_limits(concurrent=1))
    client, other = connect(server), connect(server)
    with server.hold(Match(path="/user")) as hold:
        asking = threading.Thread(target=client.get, args=("/user",))
        asking.start()
        hold.wait(10)
        answer = other.get(HOME)
        assert (answer.status_code, answer.headers["retry-after"]) == (403, "60")
    asking.join(10)
    assert other.get(HOME).status_code == 200


def test_an_answer_to_a_client_that_has_gone_is_not_delivered(
    server: MockServer, connect: Callable[..., Any]
) -> None:
    client = connect(server)
    with server.hold(Match(path="/user")) as hold:
        with pytest.raises(httpx.ReadTimeout):
            client.get("/user", timeout=0.3)
        request = hold.wait(10)
        client.http.close()
    ended = server.wait_for(lambda event: event.type == "response" and event.request == request, timeout=10)
    assert (ended.status, ended.delivered) == (200, False)


def test_a_stale_read_is_for_reads(client: Any, server: MockServer, busy: int) -> None:
    server.add_fault(Fault(kind=FaultKind.STALE_READ, match=Match(path=".*/comments|/graphql")))
    assert say(client, busy).status_code == 201
    query = '{ repository(owner: "acme", name: "cluster") { pullRequest(number: 1) { comments { totalCount } } } }'
    counts = [
        client.graphql(query)["data"]["repository"]["pullRequest"]["comments"]["totalCount"] for _ in range(2)
    ]
    assert counts == [0, 1]


def test_a_client_that_dies_while_it_sends_has_asked_nothing(
    start: Callable[..., MockServer], world: World, caplog: pytest.LogCaptureFixture
) -> None:
    server = start(world, tls=False)
    with socket.create_connection(("127.0.0.1", server.port)) as dying:
        dying.sendall(b"POST /repos/acme/cluster/pulls HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        # It is being read by now: the one that asks later is answered.
        assert httpx.get(f"{server.url}/meta").status_code == 200
    assert httpx.get(f"{server.url}/meta").status_code == 200
    assert [event.path for event in server.events() if event.type == "request"] == ["/meta", "/meta"]
    server.stop()
    assert caplog.text == ""
