"""How GitHub takes writes, and refuses them: one case for each thing that is known of it, through HTTP."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

from conformance import HOME, refused, row
from mock_github import Fault, FaultKind, Match
from mock_github.server import MockServer

ENABLE = """mutation($input: EnablePullRequestAutoMergeInput!) {
  enablePullRequestAutoMerge(input: $input) { pullRequest { number } }
}"""
COMMIT = """mutation($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) {
    commit { oid author { user { login } } signature { isValid wasSignedByGitHub } }
  }
}"""


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@row("POST git/refs, the ref exists: 422 without errors")
def test_ref_exists(client: Any, row: str) -> None:
    body = refused(
        client.send("POST", "/git/refs", ref="refs/heads/main", sha=client.tip()),
        422,
        "Reference already exists",
    )
    assert "errors" not in body


@row("POST git/refs, unknown sha: 422")
def test_ref_unknown_sha(client: Any, row: str) -> None:
    answer = client.send("POST", "/git/refs", ref="refs/heads/b", sha="1" * 40)
    refused(answer, 422, "Object does not exist")


@row("POST git/refs, a/b while a exists: 422")
def test_ref_in_the_way(client: Any, row: str) -> None:
    answer = client.send("POST", "/git/refs", ref="refs/heads/main/b", sha=client.tip())
    refused(answer, 422, "Reference update failed")


@row("POST pulls, an open one has this head and base: 422; a closed one does not block")
def test_pull_exists(client: Any, row: str) -> None:
    number = client.pull("b")
    again = {"title": "again", "head": "b", "base": "main"}
    body = refused(client.send("POST", "/pulls", **again), 422, "Validation Failed")
    message = "A pull request already exists for acme:b."
    assert body["errors"] == [{"resource": "PullRequest", "code": "custom", "message": message}]
    client.send("PATCH", f"/pulls/{number}", state="closed")
    assert client.send("POST", "/pulls", **again).status_code == 201


@row("POST pulls, head has nothing new: 422")
def test_pull_without_commits(client: Any, row: str) -> None:
    client.send("POST", "/git/refs", ref="refs/heads/b", sha=client.tip())
    body = refused(client.send("POST", "/pulls", title="t", head="b", base="main"), 422, "Validation Failed")
    message = "No commits between main and b"
    assert body["errors"] == [{"resource": "PullRequest", "code": "custom", "message": message}]


@row("PUT contents, the file exists and no sha is given: 422")
def test_contents_without_sha(client: Any, row: str) -> None:
    answer = client.send("PUT", "/contents/README.md", message="m", content=coded("x"))
    refused(answer, 422, 'Invalid request.\n\n"sha" wasn\'t supplied.')


@row("PUT contents, wrong sha: 409")
def test_contents_wrong_sha(client: Any, row: str) -> None:
    answer = client.send("PUT", "/contents/README.md", message="m", content=coded("x"), sha="2" * 40)
    refused(answer, 409, f"README.md does not match {'2' * 40}")


@row("PUT contents, the path is absent: 201, whatever sha is given")
def test_contents_ignores_sha(client: Any, row: str) -> None:
    answer = client.send("PUT", "/contents/new.txt", message="m", content=coded("x"), sha="2" * 40)
    assert answer.status_code == 201
    assert answer.json()["content"]["path"] == "new.txt"
    assert client.tip() == answer.json()["commit"]["sha"]


@row("PUT contents, no such branch: 404, before all other checks")
def test_contents_no_branch(client: Any, row: str) -> None:
    assert client.send("PUT", "/contents/README.md", branch="none").status_code == 404


@row("GET contents, absent path: 404")
def test_contents_absent(client: Any, row: str) -> None:
    refused(client.get(f"{HOME}/contents/none"), 404, "Not Found")


@row("PUT merge: 405 not mergeable, 405 base modified (transient), 409 stale sha")
def test_merge_refusals(client: Any, server: MockServer, row: str) -> None:
    alice = server.as_user("alice")
    alice.push_file("acme/cluster", "lines.txt", "theirs\n", branch="b")
    number = alice.open_pull("acme/cluster", "b")
    server.add_fault(Fault(kind=FaultKind.BASE_MODIFIED, match=Match(method="PUT", path=".*/merge")))
    merge = partial(client.send, "PUT", f"/pulls/{number}/merge")
    refused(merge(), 405, "Base branch was modified. Review and try the merge again.")
    refused(merge(sha="3" * 40), 409, "Head branch was modified. Review and try the merge again.")
    alice.push_file("acme/cluster", "lines.txt", "ours\n")
    refused(merge(), 405, "Pull Request is not mergeable")


@row("PUT update-branch: 202; 422 nothing new, 422 conflict, 422 stale expected_head_sha")
def test_update_branch(client: Any, server: MockServer, row: str) -> None:
    number = client.pull("b")
    update = partial(client.send, "PUT", f"/pulls/{number}/update-branch")
    refused(update(), 422, "There are no new commits on the base branch.")
    alice = server.as_user("alice")
    alice.push_file("acme/cluster", "other", "x")
    assert update(expected_head_sha="3" * 40).status_code == 422
    assert update(expected_head_sha=client.tip("b")).status_code == 202
    head = client.get(f"{HOME}/commits/b").json()
    assert len(head["parents"]) == 2
    assert client.get(f"{HOME}/pulls/{number}").json()["head"]["sha"] == head["sha"]
    alice.push_file("acme/cluster", "files/b", "another text\n")
    refused(update(), 422, "merge conflict between base and head")


@row("PATCH pull state=open: only while the head is where it was, and no other is open")
def test_reopen(client: Any, row: str) -> None:
    number = client.pull("b")
    sha = client.tip("b")
    change = partial(client.send, "PATCH", f"/pulls/{number}")
    assert change(state="closed").json()["state"] == "closed"
    client.send("PATCH", "/git/refs/heads/b", sha=client.tip(), force=True)
    message = "state cannot be changed. The b branch was force-pushed or recreated."
    assert refused(change(state="open"), 422, "Validation Failed")["errors"][0]["message"] == message
    client.send("DELETE", "/git/refs/heads/b")
    assert change(state="open").status_code == 422
    client.send("POST", "/git/refs", ref="refs/heads/b", sha=sha)
    second = client.send("POST", "/pulls", title="b", head="b", base="main").json()["number"]
    assert change(state="open").status_code == 422
    client.send("PATCH", f"/pulls/{second}", state="closed")
    assert change(state="open").json()["state"] == "open"


@row("createCommitOnBranch, the branch moved: 200 with STALE_DATA; the branch must exist")
def test_stale_data(kit: Any, row: str) -> None:
    client = kit.begin()

    def commit(branch: str, head: str) -> Any:
        given = {
            "branch": {"repositoryNameWithOwner": "acme/cluster", "branchName": branch},
            "expectedHeadOid": head,
            "message": {"headline": "h", "body": "b"},
            "fileChanges": {"additions": [{"path": "x/y", "contents": coded("y")}]},
        }
        return client.graphql(COMMIT, input=given)

    old = client.tip()
    made = commit("main", old)["data"]["createCommitOnBranch"]["commit"]
    assert made["oid"] == client.tip()
    assert made["author"]["user"]["login"] == "zeta-bot"
    assert made["signature"] == {"isValid": True, "wasSignedByGitHub": True}
    stale = commit("main", old)
    assert stale["data"] == {"createCommitOnBranch": None}
    assert [error["type"] for error in stale["errors"]] == ["STALE_DATA"]
    assert commit("none", old)["errors"][0]["type"] == "NOT_FOUND"


class AutoMerging:
    """A server with a repository `acme/auto` where auto-merge is allowed, and `acme/cluster` where it is not."""

    def __init__(self, kit: Any, *required: str, strict: bool = False) -> None:
        world = kit.world.with_repository(
            "acme/auto", files={"a": "a"}, collaborators={"zeta-bot": "write"}, auto_merge_allowed=True
        )
        if required:
            world = world.with_protection("acme/auto", required_checks=required, strict=strict)
        rights = {"contents": "write", "pull_requests": "write", "statuses": "write"}
        kit.begin(world.with_token("wide", login="zeta-bot", permissions=rights))
        self.server = kit.server
        self.alice, self.client = kit.server.as_user("alice"), kit.client("wide")

    def pull(self, repository: str) -> int:
        self.head = self.alice.push_file(f"acme/{repository}", "f", "x", branch="b")
        return int(self.alice.open_pull(f"acme/{repository}", "b"))

    def enable(self, repository: str, number: int, **more: str) -> str:
        """The error's message, empty if there was none."""
        query = 'query($r:String!,$n:Int!){repository(owner:"acme",name:$r){pullRequest(number:$n){id}}}'
        found = self.client.graphql(query, r=repository, n=number)["data"]["repository"]["pullRequest"]["id"]
        body = self.client.graphql(ENABLE, input={"pullRequestId": found, **more})
        return str(body["errors"][0]["message"]) if "errors" in body else ""

    def status(self, state: str, context: str) -> None:
        body = {"state": state, "context": context}
        answer = self.client.http.post(f"/repos/acme/auto/statuses/{self.head}", json=body)
        assert answer.status_code == 201


@row("enablePullRequestAutoMerge: refused by message; accepts expectedHeadOid")
def test_auto_merge(kit: Any, row: str) -> None:
    auto = AutoMerging(kit)
    assert "Auto merge is not allowed for this repository" in auto.enable("cluster", auto.pull("cluster"))
    number = auto.pull("auto")
    assert "Protected branch rules not configured for this branch" in auto.enable("auto", number)
    auto = AutoMerging(kit, "ci")
    number = auto.pull("auto")
    assert "Head branch was modified" in auto.enable("auto", number, expectedHeadOid="4" * 40)
    auto.status("success", "ci")
    assert "Pull request is in clean status" in auto.enable("auto", number)
    auto.status("failure", "other")
    assert "in unstable status" in auto.enable("auto", number)
    auto.status("pending", "ci")
    assert auto.enable("auto", number, expectedHeadOid=auto.head) == ""
    auto.status("success", "ci")
    assert auto.client.get(f"/repos/acme/auto/pulls/{number}").json()["merged"] is True


@row(
    "strict checks, the base moved: BEHIND, 405 as if the checks were missing; auto-merge waits for an update"
)
def test_behind(kit: Any, row: str) -> None:
    auto = AutoMerging(kit, "ci", strict=True)
    number = auto.pull("auto")
    auto.status("success", "ci")
    auto.server.as_user("acme").push_file("acme/auto", "other", "x")
    pull = f"/repos/acme/auto/pulls/{number}"
    auto.client.get(pull)
    assert auto.client.get(pull).json()["mergeable_state"] == "behind"
    answer = auto.client.http.put(f"{pull}/merge", json={})
    refused(answer, 405, 'Required status check "ci" is expected.')
    assert auto.enable("auto", number) == ""
    assert auto.client.http.put(f"{pull}/update-branch", json={}).status_code == 202
    updated = auto.client.get(pull).json()
    assert (updated["merged"], updated["auto_merge"] is not None) == (False, True)
    auto.head = updated["head"]["sha"]
    auto.status("success", "ci")
    assert auto.client.get(pull).json()["merged"] is True


@row("a protected branch takes no push without its checks, but an administrator's unless the rule is for all")
def test_protected_from_whom(kit: Any, row: str) -> None:
    body = {"message": "m", "content": coded("x")}
    for enforced, status in ((False, 201), (True, 409)):
        world = kit.world.with_repository(
            "acme/auto", files={"a": "a"}, collaborators={"maria": "admin", "zeta-bot": "write"}
        ).with_protection("acme/auto", required_checks=["ci"], enforce_admins=enforced)
        kit.begin(world.with_token("maria's", login="maria").with_token("bot's", login="zeta-bot"))
        for token, answer in (("bot's", 409), ("maria's", status)):
            sent = kit.client(token).http.put("/repos/acme/auto/contents/new", json=body)
            assert sent.status_code == answer
