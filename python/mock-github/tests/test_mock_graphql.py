"""GraphQL: the snapshot, what clients ask first, mutations, and how it says no."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mock_github.server import MockServer
from mock_github.world import World

DOCUMENTS = Path(__file__).parent / "documents"


def document(name: str) -> str:
    return (DOCUMENTS / f"{name}.graphql").read_text()


class Asker:
    def __init__(self, client: Any) -> None:
        self.client = client

    def __call__(self, which: str, operation: str | None = None, /, **variables: Any) -> Any:
        body = {"query": document(which), "variables": variables, "operationName": operation}
        answer = self.client.http.post("/graphql", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, operation: str, **given: Any) -> Any:
        """One of the mutations; its payload."""
        body = self("mutations", operation, input=given)
        assert "errors" not in body, body
        return next(iter(body["data"].values()))


@pytest.fixture
def ask(client: Any) -> Asker:
    return Asker(client)


def test_one_snapshot_shows_all(ask: Asker, server: MockServer) -> None:
    alice = server.as_user("alice")
    alice.push_file("acme/cluster", "nodes/b/node.yaml", "name: b\n", branch="topic")
    number = alice.open_pull("acme/cluster", "topic", title="Add b", body="please")
    alice.comment("acme/cluster", number, "hello")
    alice.close("acme/cluster", number)
    alice.reopen("acme/cluster", number)
    variables: dict[str, Any] = {
        "owner": "acme",
        "name": "cluster",
        "branch": "topic",
        "path": "nodes/b/node.yaml",
        "folder": "main:nodes",
        "number": number,
    }
    data = ask("snapshot", **variables)["data"]
    home = data["repository"]
    assert data["viewer"]["login"] == "zeta-bot"
    assert (home["nameWithOwner"], home["isPrivate"], home["viewerPermission"]) == (
        "acme/cluster",
        True,
        "WRITE",
    )
    assert home["defaultBranchRef"]["target"]["file"] is None, "not at the base commit"
    assert home["ref"]["target"]["file"]["object"]["text"] == "name: b\n"
    assert home["ref"]["associatedPullRequests"]["totalCount"] == 1
    added = home["defaultBranchRef"]["compare"]
    assert (added["aheadBy"], added["behindBy"], added["status"]) == (1, 0, "AHEAD")
    assert [c["author"]["user"]["login"] for c in added["commits"]["nodes"]] == ["alice"]
    assert [ref["name"] for ref in home["refs"]["nodes"]] == ["topic"]
    (folder,) = home["object"]["entries"]
    assert (folder["name"], folder["type"], folder["path"]) == ("a", "tree", "nodes/a")
    assert folder["object"]["entries"][0]["object"]["text"] == "name: a\n"
    (pull,) = home["pullRequests"]["nodes"]
    assert pull == home["pullRequest"]
    assert (pull["state"], pull["mergeable"], pull["isCrossRepository"]) == ("OPEN", "UNKNOWN", False)
    assert [file["path"] for file in pull["files"]["nodes"]] == ["nodes/b/node.yaml"]
    assert [item["__typename"] for item in pull["timelineItems"]["nodes"]] == ["ClosedEvent", "ReopenedEvent"]
    assert [item["actor"]["login"] for item in pull["timelineItems"]["nodes"]] == ["alice", "alice"]
    assert [(c["body"], c["viewerDidAuthor"]) for c in pull["comments"]["nodes"]] == [("hello", False)]


def test_a_forks_pull_request_with_the_same_branch_name(
    connect: Callable[..., Any], start: Any, world: World
) -> None:
    server = start(world.with_repository("alice/cluster", fork_of="acme/cluster", private=False))
    alice = server.as_user("alice")
    for home in ("acme/cluster", "alice/cluster"):
        alice.push_file(home, f"from/{home}", "x", branch="topic")
    alice.open_pull("acme/cluster", "topic")
    alice.open_pull("acme/cluster", "alice:topic")
    variables: dict[str, Any] = {"owner": "acme", "repo": "cluster", "limit": 10, "headBranch": "topic"}
    pulls = Asker(connect(server))("client_list", **variables)["data"]["repository"]["pullRequests"]["nodes"]
    assert [pull["isCrossRepository"] for pull in pulls] == [True, False]
    assert [pull["headRepositoryOwner"]["login"] for pull in pulls] == ["alice", "acme"]


def test_what_clients_ask_first(ask: Asker, client: Any) -> None:
    fields = ask("client_features")["data"]["PullRequest"]["fields"]
    assert {"mergeStateStatus", "isInMergeQueue"} <= {field["name"] for field in fields}
    found = ask("client_create", "RepositoryInfo", owner="acme", name="cluster")["data"]["repo_000"]
    assert (found["defaultBranchRef"]["name"], found["parent"]) == ("main", None)
    client.branch("topic")
    given = {
        "repositoryId": found["id"],
        "headRefName": "topic",
        "baseRefName": "main",
        "title": "t",
        "body": "",
    }
    made = ask("client_create", "PullRequestCreate", input=given)["data"]["createPullRequest"]["pullRequest"]
    shown = ask("client_view", owner="acme", repo="cluster", number=made["number"])["data"]["repository"]
    assert shown["pullRequest"]["commits"]["nodes"][0]["commit"]["messageHeadline"] == "Add files/topic"
    assert shown["pullRequest"]["url"] == made["url"]
    again = ask("client_create", "PullRequestCreate", input=given)
    assert again["errors"][0]["message"] == "A pull request already exists for acme:topic."
    assert again["errors"][0]["type"] == "UNPROCESSABLE"


def test_pages_follow_cursors(ask: Asker, server: MockServer) -> None:
    alice = server.as_user("alice")
    for n in range(5):
        alice.push_file("acme/cluster", f"f{n}", "x", branch=f"b{n}")
        alice.open_pull("acme/cluster", f"b{n}")
    seen, cursor = [], None
    while True:
        answer = ask("client_list", owner="acme", repo="cluster", limit=2, endCursor=cursor)
        page = answer["data"]["repository"]["pullRequests"]
        seen += [pull["number"] for pull in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [5, 4, 3, 2, 1]


def test_mutations(ask: Asker, client: Any, server: MockServer) -> None:
    home = ask("client_create", "RepositoryInfo", owner="acme", name="cluster")["data"]["repo_000"]["id"]
    tip = client.tip()
    ref = ask.do("AddRef", repositoryId=home, name="refs/heads/topic", oid=tip)["ref"]
    addition = {"path": "deep/er/f", "contents": base64.b64encode(b"\x00binary").decode()}
    made = ask.do(
        "Commit",
        branch={"id": ref["id"]},
        expectedHeadOid=tip,
        message={"headline": "Add", "body": "why"},
        fileChanges={"additions": [addition], "deletions": [{"path": "README.md"}]},
        clientMutationId="x",
    )
    assert (made["clientMutationId"], made["ref"]["name"]) == ("x", "topic")
    assert client.get("/repos/acme/cluster/contents/README.md?ref=topic").status_code == 404
    pull = ask.do("Open", repositoryId=home, headRefName="topic", baseRefName="main", title="t")[
        "pullRequest"
    ]
    assert ask.do("Edit", pullRequestId=pull["id"], title="u")["pullRequest"] == {
        "title": "u",
        "state": "OPEN",
    }
    assert ask.do("Close", pullRequestId=pull["id"])["pullRequest"]["state"] == "CLOSED"
    assert ask.do("Reopen", pullRequestId=pull["id"])["pullRequest"]["state"] == "OPEN"
    said = ask.do("Say", subjectId=pull["id"], body="hello")
    assert (said["commentEdge"]["node"]["body"], said["subject"]["id"]) == ("hello", pull["id"])
    merged = ask.do("Merge", pullRequestId=pull["id"], mergeMethod="SQUASH")["pullRequest"]
    assert (merged["state"], merged["mergeCommit"]["oid"]) == ("MERGED", client.tip())
    moved = ask.do("MoveRef", refId=ref["id"], oid=client.tip(), force=True)["ref"]
    assert moved["target"]["oid"] == client.tip()
    ask.do("RemoveRef", refId=ref["id"])
    assert client.get("/repos/acme/cluster/git/ref/heads/topic").status_code == 404


def test_the_timeline_has_every_kind(start: Any, connect: Callable[..., Any], world: World) -> None:
    world = world.with_protection("acme/cluster", "main", required_checks=["ci"])
    server = start(world.with_repository("x/y", files={"a": "b"}))
    server._live.act(lambda change: change.store(_allowing(change.repository("acme/cluster"))))
    client = connect(server)
    ask, alice = Asker(client), server.as_user("alice")
    number = client.pull("topic")
    node = ask("client_view", owner="acme", repo="cluster", number=number)["data"]["repository"][
        "pullRequest"
    ]["id"]
    enabled = ask.do("Enable", pullRequestId=node, mergeMethod="REBASE")["pullRequest"]["autoMergeRequest"]
    assert enabled == {"mergeMethod": "REBASE", "enabledBy": {"login": "zeta-bot"}}
    assert ask.do("Disable", pullRequestId=node)["pullRequest"]["autoMergeRequest"] is None
    alice.rename("acme/cluster", number, "new title")
    alice.create_branch("acme/cluster", "other")
    alice.retarget("acme/cluster", number, "other")
    alice.review("acme/cluster", number)
    alice.comment("acme/cluster", number, "hm")
    old = client.tip("topic")
    client.send("POST", "/git/refs", ref="refs/heads/spare", sha=client.tip())
    alice.push_file("acme/cluster", "another", "x", branch="spare")
    alice.force_branch("acme/cluster", "topic", client.tip("spare"))
    items = ask("timeline", number=number)["data"]["repository"]["pullRequest"]["timelineItems"]
    kinds = [item["__typename"] for item in items["nodes"]]
    assert sorted(kinds) == sorted(
        [
            "PullRequestCommit",
            "AutoMergeEnabledEvent",
            "AutoMergeDisabledEvent",
            "RenamedTitleEvent",
            "BaseRefChangedEvent",
            "PullRequestReview",
            "IssueComment",
            "HeadRefForcePushedEvent",
        ]
    )
    renamed = next(item for item in items["nodes"] if "previousTitle" in item)
    assert (renamed["previousTitle"], renamed["currentTitle"]) == ("topic", "new title")
    moved = next(item for item in items["nodes"] if "previousRefName" in item)
    assert (moved["previousRefName"], moved["currentRefName"]) == ("main", "other")
    pushed = next(item for item in items["nodes"] if "beforeCommit" in item)
    assert (pushed["beforeCommit"]["oid"], pushed["afterCommit"]["oid"]) == (old, client.tip("topic"))


def _allowing(home: Any) -> Any:
    from msgspec.structs import replace

    return replace(home, auto_merge_allowed=True)


REFUSED = {
    "a field that the mock does not know": ("{ viewer { bio } }", "bio"),
    "an argument that it does not know": (
        '{ repository(owner:"a",name:"b") { issues(first:1) { totalCount } } }',
        "issues",
    ),
    "a type that it does not know": (
        "{ viewer { ... on EnterpriseUserAccount { id } } }",
        "EnterpriseUserAccount",
    ),
    "an input field that it does not know": (
        'mutation { mergePullRequest(input: {pullRequestId: "x", unheardOf: 1}) { clientMutationId } }',
        "unheardOf",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_known_is_501(client: Any, what: str) -> None:
    query, word = REFUSED[what]
    answer = client.http.post("/graphql", json={"query": query})
    assert answer.status_code == 501
    assert word in answer.json()["message"]


WRONG = {
    "not GraphQL": ("{ viewer ", None),
    "a variable that is missing": (
        'query($n: Int!) { repository(owner:"acme",name:"cluster") { pullRequest(number:$n) { id } } }',
        None,
    ),
    "no boundaries": (
        '{ repository(owner:"acme",name:"cluster") { pullRequests { nodes { id } } } }',
        "MISSING_PAGINATION_BOUNDARIES",
    ),
    "too many": (
        '{ repository(owner:"acme",name:"cluster") { pullRequests(first: 101) { nodes { id } } } }',
        "EXCESSIVE_PAGINATION",
    ),
    "no such pull request": (
        '{ repository(owner:"acme",name:"cluster") { pullRequest(number: 99) { id } } }',
        "NOT_FOUND",
    ),
    "no such node": ('{ node(id: "PR_nothing") { id } }', "NOT_FOUND"),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_come_with_200(client: Any, what: str) -> None:
    query, kind = WRONG[what]
    body = client.graphql(query)
    assert body["errors"][0].get("type") == kind
    assert body["errors"][0]["message"]


def test_a_body_that_is_no_request(client: Any) -> None:
    assert client.http.post("/graphql", content=b"{").status_code == 400
    assert client.with_token(None).http.post("/graphql", json={"query": "{viewer{login}}"}).status_code == 401
