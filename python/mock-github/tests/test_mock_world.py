"""What the state machine does when it is called directly: merges, protection, archives, people, forks."""

from __future__ import annotations

from typing import Any

import pytest
from mock_github import Response, World, act, request, step
from mock_github.merge import merge_texts
from mock_github.people import AsUser
from mock_github.state import PullState
from mock_github.wire import Refused

HOME = "/repos/acme/cluster"


class Run:
    """A world that is stepped through."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.types: list[str] = []

    def ask(self, method: str, path: str, json: object = None, token: str = "github_pat_alice") -> Response:
        self.world, response, events = step(self.world, request(method, path, token=token, json=json))
        self.types += [event.type for event in events if event.type not in ("request", "response")]
        return response

    def act(self, login: str, deed: Any) -> Any:
        got: list[Any] = []
        self.world, events = act(self.world, login, lambda user: got.append(deed(user)))
        self.types += [event.type for event in events]
        return got[0]

    @property
    def home(self) -> Any:
        return self.world.repositories["acme/cluster"]

    def text(self, path: str, branch: str = "main") -> bytes:
        git = self.world.git
        entry = git.find(git.commit(self.home.branch(branch)).tree, path)
        assert entry is not None
        return git.blob(entry[1])

    def topic(self, path: str, text: str, branch: str = "topic") -> int:
        self.act("alice", lambda alice: alice.push_file("acme/cluster", path, text, branch=branch))
        return int(self.act("alice", lambda alice: alice.open_pull("acme/cluster", branch)))


@pytest.fixture
def run(world: World) -> Run:
    return Run(world)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        ("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n", "A\nb\nc\nD\n"),
        ("a\nb\nc\n", "a\nX\nc\n", "a\nX\nc\n", "a\nX\nc\n"),
        ("a\nb\nc\n", "a\nX\nc\n", "a\nY\nc\n", None),
        ("a\nb\n", "a\nX\n", "Y\nb\n", None),
        ("a\n", "a\n", "a\nb\n", "a\nb\n"),
        ("a\n", "a\nx\n", "a\ny\n", None),
        ("a\nb\nc\nd\ne\n", "b\nc\nd\ne\n", "a\nb\nc\nd\n", "b\nc\nd\n"),
        ("\0a", "\0b", "\0c", None),
    ],
)
def test_texts_merge_by_lines(base: str, ours: str, theirs: str, merged: str | None) -> None:
    expected = None if merged is None else merged.encode()
    assert merge_texts(base.encode(), ours.encode(), theirs.encode()) == expected
    assert merge_texts(base.encode(), theirs.encode(), ours.encode()) == expected


@pytest.mark.parametrize(
    ("method", "parents", "author"), [("merge", 2, "alice"), ("squash", 1, "alice"), ("rebase", 1, "alice")]
)
def test_merges_join_both_sides(run: Run, method: str, parents: int, author: str) -> None:
    number = run.topic("lines.txt", "one\n2\n3\n4\n5\n")
    run.act("alice", lambda alice: alice.push_file("acme/cluster", "lines.txt", "1\n2\n3\n4\nfive\n"))
    base = run.home.branch("main")
    answer = run.ask("PUT", f"{HOME}/pulls/{number}/merge", {"merge_method": method})
    assert answer.status == 200, answer.body
    assert run.text("lines.txt") == b"one\n2\n3\n4\nfive\n"
    commit = run.world.git.commit(run.home.branch("main"))
    assert (len(commit.parents), commit.parents[0], commit.author.name) == (parents, base, author)
    assert commit.signed is (method != "rebase")
    assert run.types[-2:] == ["branch-moved", "pull-request-merged"]
    pull = run.home.pulls[number]
    assert (pull.state, pull.merge_commit, pull.merged_by) == (PullState.MERGED, commit.sha, "alice")


def test_both_sides_may_change_the_same_folder(run: Run) -> None:
    number = run.topic("nodes/b/node.yaml", "name: b\n")
    run.act("alice", lambda alice: alice.push_file("acme/cluster", "nodes/c/node.yaml", "name: c\n"))
    run.act("alice", lambda alice: alice.delete_file("acme/cluster", "nodes/a/node.yaml"))
    run.act("alice", lambda alice: alice.merge("acme/cluster", number))
    git = run.world.git
    tree = git.commit(run.home.branch("main")).tree
    folder = git.find(tree, "nodes")
    assert folder is not None
    assert list(git.entries(folder[1])) == ["b", "c"]
    number = run.topic("nodes/c/node.yaml", "name: other\n", branch="another")
    run.act("alice", lambda alice: alice.delete_file("acme/cluster", "nodes/c/node.yaml"))
    with pytest.raises(Refused, match="not mergeable"):
        run.act("alice", lambda alice: alice.merge("acme/cluster", number))


def test_merge_methods_that_are_off(world: World) -> None:
    run = Run(world.with_repository("acme/strict", files={"a": "a"}, merge_commit_allowed=False))
    run.act("acme", lambda acme: acme.push_file("acme/strict", "b", "b", branch="t"))
    run.act("acme", lambda acme: acme.open_pull("acme/strict", "t"))
    with pytest.raises(Refused, match="Merge commits are not allowed"):
        run.act("acme", lambda acme: acme.merge("acme/strict", 1))
    run.act("acme", lambda acme: acme.merge("acme/strict", 1, method="squash"))


def test_required_checks_and_approvals_block_and_then_do_not(world: World) -> None:
    run = Run(world.with_protection("acme/cluster", "main", required_checks=["ci"], required_approvals=1))
    number = run.topic("f", "x")
    merge = ("PUT", f"{HOME}/pulls/{number}/merge")
    assert run.ask(*merge).json()["message"] == 'Required status check "ci" is expected.'
    head = run.home.branch("topic")
    run.ask("POST", f"{HOME}/statuses/{head}", {"state": "failure", "context": "ci"})
    assert run.ask(*merge).json()["message"] == 'Required status check "ci" is failing.'
    run.ask("POST", f"{HOME}/statuses/{head}", {"state": "success", "context": "ci"})
    assert run.ask(*merge).json()["message"].startswith("At least 1 approving review is required")
    with pytest.raises(Refused):
        run.act("alice", lambda alice: alice.review("acme/cluster", number))
    run.ask("GET", f"{HOME}/pulls/{number}")
    assert run.ask("GET", f"{HOME}/pulls/{number}").json()["mergeable_state"] == "blocked"
    run.act("zeta-bot", lambda bot: bot.review("acme/cluster", number))
    assert run.ask(*merge).status == 200
    refused = run.ask("PUT", f"{HOME}/contents/new", {"message": "m", "content": ""}, token="github_pat_zeta")
    assert refused.status == 409


def test_auto_merge_fires_when_its_requirements_are_met(world: World) -> None:
    world = world.with_repository(
        "acme/auto", files={"a": "a"}, auto_merge_allowed=True, delete_branch_on_merge=True
    )
    run = Run(world.with_protection("acme/auto", required_checks=["ci"]))
    sha = run.act("acme", lambda acme: acme.push_file("acme/auto", "f", "x", branch="topic"))
    run.act("acme", lambda acme: acme.open_pull("acme/auto", "topic"))
    run.act("acme", lambda acme: acme.enable_auto_merge("acme/auto", 1, method="squash"))
    run.types.clear()
    run.act("acme", lambda acme: acme.set_status("acme/auto", sha, "success", context="ci"))
    assert run.types == ["status-created", "branch-moved", "pull-request-merged", "branch-deleted"]
    assert run.world.repositories["acme/auto"].pulls[1].merged_by == "acme"


def test_deleting_the_branch_closes_its_pull_request(run: Run) -> None:
    number = run.topic("f", "x")
    run.act("alice", lambda alice: alice.delete_branch("acme/cluster", "topic"))
    assert run.types[-2:] == ["branch-deleted", "pull-request-closed"]
    kinds = [item.kind.value for item in run.home.pulls[number].timeline]
    assert kinds == ["HEAD_REF_DELETED_EVENT", "CLOSED_EVENT"]
    run.act(
        "alice",
        lambda alice: alice.create_branch("acme/cluster", "topic", at=run.home.pulls[number].head_sha),
    )
    run.act("alice", lambda alice: alice.reopen("acme/cluster", number))
    assert run.home.pulls[number].state is PullState.OPEN


def test_a_fork_has_pull_requests_of_the_same_branch_name(world: World) -> None:
    run = Run(world.with_repository("bob/cluster", fork_of="acme/cluster"))
    mine = run.topic("f", "x")
    run.act("bob", lambda bob: bob.push_file("bob/cluster", "g", "y", branch="topic"))
    theirs = run.act("bob", lambda bob: bob.open_pull("acme/cluster", "bob:topic"))
    run.act("alice", lambda alice: alice.delete_branch("acme/cluster", "topic"))
    assert [run.home.pulls[n].state for n in (mine, theirs)] == [PullState.CLOSED, PullState.OPEN]
    run.act("alice", lambda alice: alice.merge("acme/cluster", theirs))
    assert run.text("g") == b"y"


def test_an_archived_repository_refuses_writes(world: World) -> None:
    run = Run(world)
    number = run.topic("f", "x")
    assert run.ask("PATCH", HOME, {"archived": True}).status == 200
    writes: list[tuple[str, str, object]] = [
        ("POST", "/git/refs", {"ref": "refs/heads/x", "sha": run.home.branch("main")}),
        ("PUT", "/contents/f", {"message": "m", "content": ""}),
        ("POST", "/pulls", {"title": "t", "head": "topic", "base": "main"}),
        ("POST", f"/issues/{number}/comments", {"body": "x"}),
        ("PATCH", f"/pulls/{number}", {"state": "closed"}),
    ]
    for method, path, body in writes:
        answer = run.ask(method, HOME + path, body)
        assert (answer.status, answer.json()["message"]) == (403, "Repository was archived so is read-only.")
    assert run.ask("GET", HOME).status == 200
    assert run.ask("PATCH", HOME, {"archived": False}).status == 200


def test_who_may_not_push(world: World) -> None:
    run = Run(world.with_repository("acme/open", files={"a": "a"}).with_token("t", login="mallory"))
    sha = run.world.repositories["acme/open"].branch("main")
    body = {"ref": "refs/heads/x", "sha": sha}
    assert run.ask("POST", "/repos/acme/open/git/refs", body, token="t").status == 403
    assert run.ask("GET", "/repos/acme/open", token="t").json()["permissions"]["push"] is False


def test_a_refused_request_changes_nothing(run: Run) -> None:
    before = run.world.repositories
    answer = run.ask("POST", f"{HOME}/pulls", {"title": "t", "head": "none", "base": "main"})
    assert (answer.status, run.types) == (422, [])
    assert run.world.repositories == before
    number = run.topic("f", "x")
    run.act("alice", lambda alice: alice.delete_branch("acme/cluster", "topic"))
    before = run.world.repositories
    edit = {"title": "new title", "state": "open"}
    assert run.ask("PATCH", f"{HOME}/pulls/{number}", edit).status == 422
    assert run.world.repositories == before
    query = """mutation($id: ID!) {
      updatePullRequest(input: {pullRequestId: $id, title: "new title", state: OPEN}) { clientMutationId }
    }"""
    node = run.ask("GET", f"{HOME}/pulls/{number}").json()["node_id"]
    answer = run.ask("POST", "/graphql", {"query": query, "variables": {"id": node}})
    assert "branch has been deleted" in answer.json()["errors"][0]["message"]
    assert run.world.repositories == before
    assert run.types[-1] == "pull-request-closed"


def test_worlds_compare_by_value(world: World) -> None:
    def build() -> World:
        return World(git=world.git).with_repository("a/b", files={"f": "x"}).with_token("t", login="c")

    assert build() == build()
    assert hash(build()) == hash(build())
    assert build().with_user("d") != build()
    changed = act(build(), "a", lambda user: AsUser.push_file(user, "a/b", "f", "y"))[0]
    assert changed.repositories != build().repositories
    with pytest.raises(TypeError):
        build().users["x"] = build().users["a"]
    with pytest.raises(AttributeError):
        build().now = 0  # type: ignore[misc]
