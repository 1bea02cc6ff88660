"""How GitHub answers reads, limits and permissions: one case for each thing that is known of it, through HTTP."""

from __future__ import annotations

from typing import Any

from conformance import HOME, refused, row
from mock_github import Fault, FaultKind, Match
from mock_github.server import MockServer

COMMIT = (
    "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { ref { name } } }"
)
MERGEABLE = """query($n: Int!) {
  repository(owner: "acme", name: "cluster") { pullRequest(number: $n) { mergeable mergeStateStatus } }
}"""


@row("GET anything of a private repository that the token may not see: 404")
def test_private_hidden(kit: Any, row: str) -> None:
    kit.begin(
        kit.world.with_token("other", login="mallory").with_token("narrow", login="zeta-bot", repositories=[])
    )
    for token in ("other", "narrow", None):
        for path in ("", "/contents/README.md", "/pulls", "/git/ref/heads/main"):
            refused(kit.client(token).get(HOME + path), 404, "Not Found")
    query = '{repository(owner:"acme",name:"cluster"){id}}'
    body = kit.client("other").graphql(query)
    assert body["data"] == {"repository": None}
    assert body["errors"][0]["type"] == "NOT_FOUND"
    assert body["errors"][0]["path"] == ["repository"]


@row("GET pulls, head= without owner: the filter is ignored")
def test_head_filter(client: Any, row: str) -> None:
    client.pull("one")
    client.pull("two")

    def heads(query: str) -> list[str]:
        return [pull["head"]["ref"] for pull in client.get(f"{HOME}/pulls?head={query}").json()]

    assert heads("one") == ["two", "one"]
    assert heads("acme:one") == ["one"]


@row("list endpoints: 30 a page, at most 100, Link rel=next")
def test_pages(kit: Any, row: str) -> None:
    world = kit.world.with_limits(pulls_per_minute=1000, content_per_minute=1000)
    client = kit.begin(world)
    alice = kit.server.as_user("alice")
    for number in range(130):
        alice.push_file("acme/cluster", f"n/{number}", "x", branch=f"b{number}")
        alice.open_pull("acme/cluster", f"b{number}")
    first = client.get(f"{HOME}/pulls")
    assert len(first.json()) == 30
    assert len(client.get(f"{HOME}/pulls?per_page=1000").json()) == 100
    seen, url = [], f"{HOME}/pulls?per_page=50"
    while url:
        answer = client.get(url)
        seen += [pull["number"] for pull in answer.json()]
        url = answer.links.get("next", {}).get("url")
    assert seen == list(range(130, 0, -1))
    assert 'rel="last"' in first.headers["link"]


@row("GET pull after creating or pushing: mergeable null at first, later a value")
def test_mergeable_later(client: Any, server: MockServer, row: str) -> None:
    number = client.pull("b")

    def read() -> dict[str, Any]:
        answer: dict[str, Any] = client.get(f"{HOME}/pulls/{number}").json()
        return answer

    first, second = read(), read()
    assert (first["mergeable"], first["mergeable_state"]) == (None, "unknown")
    assert (second["mergeable"], second["mergeable_state"]) == (True, "clean")
    server.as_user("alice").push_file("acme/cluster", "more", "x", branch="b")
    assert read()["mergeable"] is None
    assert read()["mergeable"] is True
    server.as_user("alice").push_file("acme/cluster", "more", "y", branch="b")
    answers = [client.graphql(MERGEABLE, n=number)["data"]["repository"]["pullRequest"] for _ in range(2)]
    assert [tuple(answer.values()) for answer in answers] == [("UNKNOWN", "UNKNOWN"), ("MERGEABLE", "CLEAN")]


@row("any write can answer 502 after it took effect")
def test_error_after_effect(client: Any, server: MockServer, row: str) -> None:
    client.branch("b")
    server.add_fault(Fault(kind=FaultKind.ERROR_AFTER, match=Match(method="POST", path=".*/pulls")))
    body = {"title": "b", "head": "b", "base": "main"}
    assert client.send("POST", "/pulls", **body).status_code == 502
    assert [pull["head"]["ref"] for pull in client.get(f"{HOME}/pulls").json()] == ["b"]
    refused(client.send("POST", "/pulls", **body), 422, "Validation Failed")


@row("any read just after a write can be stale; search is not there to be trusted")
def test_stale_read(client: Any, server: MockServer, row: str) -> None:
    number = client.pull("b")
    for path in (f"/pulls/{number}", "/pulls"):
        server.add_fault(Fault(kind=FaultKind.STALE_READ, match=Match(method="GET", path=HOME + path)))
    refused(client.get(f"{HOME}/pulls/{number}"), 404, "Not Found")
    assert client.get(f"{HOME}/pulls").json() == []
    assert client.get(f"{HOME}/pulls/{number}").status_code == 200
    assert client.get("/search/issues?q=repo:acme/cluster").status_code == 501


@row("primary limit: 403, x-ratelimit-remaining 0 and x-ratelimit-reset; 5,000 an hour for a token")
def test_primary_limit(kit: Any, row: str) -> None:
    now = [1_800_000_000.0]
    client = kit.begin(clock=lambda: now[0])
    assert client.get(HOME).headers["x-ratelimit-limit"] == "5000"
    client = kit.begin(kit.world.with_limits(primary=2), clock=lambda: now[0])
    assert [client.get(HOME).headers["x-ratelimit-remaining"] for _ in range(2)] == ["1", "0"]
    answer = client.get(HOME)
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (403, "0")
    reset = int(answer.headers["x-ratelimit-reset"])
    now[0] = reset
    assert client.get(HOME).status_code == 200
    kit.server.add_fault(Fault(kind=FaultKind.PRIMARY_LIMIT, status=429))
    assert (limited := client.get(HOME)).status_code == 429
    assert limited.headers["x-ratelimit-remaining"] == "0"


@row("secondary limit: 403 or 429 with retry-after, or with none and requests remaining")
def test_secondary_limit(client: Any, server: MockServer, row: str) -> None:
    for number in range(12):
        client.branch(f"b{number}")
    opened = [client.send("POST", "/pulls", title="t", head=f"b{n}", base="main") for n in range(12)]
    assert [answer.status_code for answer in opened] == [201] * 10 + [403] * 2
    assert "secondary rate limit" in opened[-1].json()["message"]
    assert int(opened[-1].headers["retry-after"]) >= 60
    said = [client.send("POST", "/issues/1/comments", body="x").status_code for _ in range(80)]
    assert said.count(201) == 80 - 12 - 10
    server.add_fault(Fault(kind=FaultKind.SECONDARY_LIMIT, status=429))
    answer = client.get(HOME)
    assert (answer.status_code, "retry-after" in answer.headers) == (429, False)
    assert int(answer.headers["x-ratelimit-remaining"]) > 0


@row("conditional GET: 304 with the same ETag, not counted")
def test_conditional(client: Any, server: MockServer, row: str) -> None:
    first = client.get(f"{HOME}/contents/README.md")
    again = client.get(f"{HOME}/contents/README.md", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.headers["etag"], again.content) == (304, first.headers["etag"], b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    server.as_user("alice").push_file("acme/cluster", "README.md", "new")
    changed = client.get(f"{HOME}/contents/README.md", headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200


@row("bad or expired token: 401 Bad credentials")
def test_bad_token(kit: Any, row: str) -> None:
    kit.begin(kit.world.with_token("old", login="zeta-bot", expired=True))
    for token in ("old", "never-seen"):
        refused(kit.client(token).get(HOME), 401, "Bad credentials")
        assert kit.client(token).http.post("/graphql", json={"query": "{viewer{login}}"}).status_code == 401


@row("token lacks a permission: 403 and X-Accepted-GitHub-Permissions")
def test_missing_permission(kit: Any, row: str) -> None:
    kit.begin(kit.world.with_token("reader", login="zeta-bot", permissions={"contents": "read"}))
    client = kit.client("reader")
    answer = client.send("POST", "/git/refs", ref="refs/heads/b", sha=client.tip())
    refused(answer, 403, "Resource not accessible by personal access token")
    assert answer.headers["x-accepted-github-permissions"] == "contents=write"
    assert "x-oauth-scopes" not in answer.headers
    assert client.get(HOME).headers["x-accepted-github-permissions"] == "metadata=read"
    number = kit.connect(kit.server).pull("b")
    node = client.get(f"{HOME}/pulls/{number}")
    assert node.status_code == 403, "neither may it read pull requests"
    commit = {
        "branch": {"repositoryNameWithOwner": "acme/cluster", "branchName": "main"},
        "expectedHeadOid": client.tip(),
        "message": {"headline": "x"},
    }
    assert client.graphql(COMMIT, input=commit)["errors"][0]["type"] == "FORBIDDEN"
