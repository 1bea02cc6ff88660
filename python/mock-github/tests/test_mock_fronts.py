"""Called directly and served over HTTP, the mock is one and the same; and a run repeats to the byte."""

from __future__ import annotations

import base64
from collections.abc import Callable
from http.client import HTTPConnection

import msgspec
from mock_github import Event, Request, Response, World, step
from mock_github.server import MockServer
from msgspec.structs import replace

NOW = 1_800_000_000.0
TIP = "{tip}"
HOME = "/repos/acme/cluster"
COMMIT = """mutation Commit($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } ref { name } }
}"""
LOOK = """query Look {
  viewer { login databaseId }
  rateLimit { cost remaining resetAt }
  repository(owner: "acme", name: "cluster") {
    defaultBranchRef { target { oid } compare(headRef: "b") { aheadBy commits(first: 5) { nodes { oid } } } }
    pullRequests(first: 10) { nodes { id number mergeable url comments(first: 5) { nodes { body url } } } }
  }
}"""
SCRIPT: list[tuple[str, str, object]] = [
    ("GET", HOME, None),
    ("GET", "/user", None),
    ("POST", f"{HOME}/git/refs", {"ref": "refs/heads/b", "sha": TIP}),
    ("POST", f"{HOME}/git/refs", {"ref": "refs/heads/b", "sha": TIP}),
    (
        "POST",
        "/graphql",
        {
            "query": COMMIT,
            "variables": {
                "input": {
                    "branch": {"repositoryNameWithOwner": "acme/cluster", "branchName": "b"},
                    "expectedHeadOid": TIP,
                    "message": {"headline": "Add"},
                    "fileChanges": {
                        "additions": [{"path": "f", "contents": base64.b64encode(b"x").decode()}]
                    },
                }
            },
        },
    ),
    ("POST", f"{HOME}/pulls", {"title": "b", "head": "b", "base": "main"}),
    ("GET", f"{HOME}/pulls/1", None),
    ("GET", f"{HOME}/pulls/1", None),
    ("POST", f"{HOME}/issues/1/comments", {"body": "hello ☃"}),
    ("POST", "/graphql", {"query": LOOK}),
    ("POST", "/graphql", {"query": "{ nonsense }"}),
    ("POST", "/graphql", {"query": "{ viewer "}),
    ("GET", f"{HOME}/pulls?per_page=1&state=all", None),
    ("GET", f"{HOME}/contents/f?ref=b", None),
    ("GET", "/acme/cluster.git/info/refs?service=git-upload-pack", None),
    ("GET", "/unknown", None),
    ("PUT", f"{HOME}/pulls/1/merge", {}),
    ("GET", f"{HOME}/commits", None),
    ("DELETE", f"{HOME}/git/refs/heads/b", None),
]
Answers = list[tuple[int, list[tuple[str, str]], bytes]]


def requests(world: World, host: str) -> list[Request]:
    tip = world.repositories["acme/cluster"].refs["refs/heads/main"]
    made = []
    for method, target, body in SCRIPT:
        path, _, query = target.partition("?")
        data = b"" if body is None else msgspec.json.encode(body).replace(TIP.encode(), tip.encode())
        headers = (
            ("host", host),
            ("authorization", "Bearer github_pat_zeta"),
            ("user-agent", "differential"),
            ("content-length", str(len(data))),
            ("x-forwarded-proto", "http"),
        )
        made.append(Request(method, path, query, headers, data))
    return made


def compared(response: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    headers = sorted(
        (name.lower(), value) for name, value in response.headers if name.lower() != "content-length"
    )
    return response.status, headers, response.body


def directly(world: World, host: str) -> tuple[Answers, list[Event], World]:
    answers: Answers = []
    events: list[Event] = []
    world = world.at(round(NOW * 1000))
    for request in requests(world, host):
        world, response, happened = step(world, request)
        answers.append(compared(response))
        events += happened
    return answers, events, world


def over_http(server: MockServer, world: World, host: str) -> Answers:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    answers = []
    for request in requests(world, host):
        target = f"{request.path}?{request.query}" if request.query else request.path
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value)
        connection.endheaders(request.body)
        got = connection.getresponse()
        answers.append(compared(Response(got.status, tuple(got.getheaders()), got.read())))
    connection.close()
    return answers


def test_both_fronts_answer_the_same_bytes(start: Callable[..., MockServer], world: World) -> None:
    server = start(world, clock=lambda: NOW)
    host = f"127.0.0.1:{server.port}"
    served = over_http(server, world, host)
    direct, events, after = directly(world, host)
    for (method, target, _), one, other in zip(SCRIPT, direct, served, strict=True):
        assert one == other, f"{method} {target}"
    assert events == server.events()
    assert after == server.world
    assert {status for status, _, _ in direct} == {200, 201, 204, 422, 501}


def test_a_run_repeats_to_the_byte(world: World) -> None:
    first, second = directly(world, "github.test"), directly(world, "github.test")
    assert first == second
    assert hash(first[2]) == hash(second[2])
    assert [event.as_line() for event in first[1]] == [event.as_line() for event in second[1]]


def test_a_step_leaves_the_world_it_was_given_as_it_was(world: World) -> None:
    kept = (world.repositories["acme/cluster"], hash(world.repositories))
    _, _, after = directly(world, "github.test")
    assert (world.repositories["acme/cluster"], hash(world.repositories)) == kept
    assert after.repositories != world.repositories
    assert replace(after, repositories=world.repositories).repositories == world.repositories
