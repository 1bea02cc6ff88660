"""Every REST answer, parsed into the models that githubkit generates from GitHub's own API description."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from githubkit import GitHub
from githubkit.exception import RequestFailed
from mock_github.server import MockServer
from mock_github.world import World

OWN = ("acme", "cluster")
Asked = Callable[[Any], Any]


@pytest.fixture(scope="module")
def busy(world: World) -> World:
    """A world in which something has happened."""
    world = world.with_protection("acme/cluster", "main", required_checks=["ci"], required_approvals=1)
    world = world.with_repository("alice/cluster", fork_of="acme/cluster")
    with MockServer(world, tls=False) as server:
        _be_busy(server)
        return server.world


def _be_busy(server: MockServer) -> None:
    alice = server.as_user("alice")
    alice.push_file("acme/cluster", "nodes/b/node.yaml", "name: b\n", branch="topic")
    alice.open_pull("acme/cluster", "topic", body="text")
    alice.comment("acme/cluster", 1, "first")
    alice.set_status(
        "acme/cluster", server.world.repositories["acme/cluster"].refs["refs/heads/topic"], "pending"
    )
    alice.close("acme/cluster", 1)
    alice.reopen("acme/cluster", 1)
    alice.rename("acme/cluster", 1, "another title")
    server.as_user("zeta-bot").review("acme/cluster", 1, "APPROVED", "good")
    alice.push_file("alice/cluster", "forked", "x", branch="topic")
    alice.open_pull("acme/cluster", "alice:topic")


def _client(server: MockServer) -> Any:
    return GitHub("github_pat_alice", base_url=server.url, auto_retry=False, http_cache=False)


@pytest.fixture(scope="module")
def reading(busy: World) -> Iterator[Any]:
    with MockServer(busy, tls=False) as server:
        yield _client(server)


READS: dict[str, Asked] = {
    "user": lambda r: r.users.get_authenticated(),
    "user by login": lambda r: r.users.get_by_username("zeta-bot"),
    "meta": lambda r: r.meta.get(),
    "rate limit": lambda r: r.rate_limit.get(),
    "repository": lambda r: r.repos.get(*OWN),
    "forked repository": lambda r: r.repos.get("alice", "cluster"),
    "ref": lambda r: r.git.get_ref(*OWN, "heads/main"),
    "matching refs": lambda r: r.git.list_matching_refs(*OWN, "heads/"),
    "git commit": lambda r: r.git.get_commit(*OWN, tip(r)),
    "git tree": lambda r: r.git.get_tree(*OWN, "main", recursive="1"),
    "git blob": lambda r: r.git.get_blob(*OWN, r.repos.get_content(*OWN, "README.md").parsed_data.sha),
    "branches": lambda r: r.repos.list_branches(*OWN),
    "branch": lambda r: r.repos.get_branch(*OWN, "main"),
    "file": lambda r: r.repos.get_content(*OWN, "nodes/a/node.yaml"),
    "folder": lambda r: r.repos.get_content(*OWN, "nodes"),
    "commits": lambda r: r.repos.list_commits(*OWN),
    "commit": lambda r: r.repos.get_commit(*OWN, "topic"),
    "comparison": lambda r: r.repos.compare_commits(*OWN, "main...topic"),
    "comparison with a fork": lambda r: r.repos.compare_commits(*OWN, "main...alice:topic"),
    "combined status": lambda r: r.repos.get_combined_status_for_ref(*OWN, "topic"),
    "statuses": lambda r: r.repos.list_commit_statuses_for_ref(*OWN, "topic"),
    "pulls": lambda r: r.pulls.list(*OWN, state="all"),
    "pull": lambda r: r.pulls.get(*OWN, 1),
    "pull from a fork": lambda r: r.pulls.get(*OWN, 2),
    "pull files": lambda r: r.pulls.list_files(*OWN, 1),
    "pull commits": lambda r: r.pulls.list_commits(*OWN, 1),
    "pull reviews": lambda r: r.pulls.list_reviews(*OWN, 1),
    "comments": lambda r: r.issues.list_comments(*OWN, 1),
}


def tip(rest: Any, branch: str = "main") -> Any:
    return rest.git.get_ref(*OWN, f"heads/{branch}").parsed_data.object_.sha


@pytest.mark.parametrize("name", READS)
def test_reads_parse(reading: Any, name: str) -> None:
    assert READS[name](reading.rest).parsed_data is not None


def test_reads_say_what_is_there(reading: Any) -> None:
    rest = reading.rest
    pull = rest.pulls.get(*OWN, 1).parsed_data
    assert (pull.title, pull.user.login, pull.changed_files, pull.commits) == ("another title", "alice", 1, 1)
    fork = rest.pulls.get(*OWN, 2).parsed_data
    assert (fork.head.label, fork.head.repo.full_name, fork.base.ref) == (
        "alice:topic",
        "alice/cluster",
        "main",
    )
    files = rest.pulls.list_files(*OWN, 1).parsed_data
    assert [(file.filename, file.status, file.additions) for file in files] == [
        ("nodes/b/node.yaml", "added", 1)
    ]
    compared = rest.repos.compare_commits(*OWN, "main...topic").parsed_data
    assert (compared.status, compared.ahead_by, compared.behind_by) == ("ahead", 1, 0)
    content = rest.repos.get_content(*OWN, "nodes/a/node.yaml").parsed_data
    assert base64.b64decode(content.content) == b"name: a\n"
    # As JSON: GitHub's description of events has no closed and no reopened ones.
    events = [event["event"] for event in rest.issues.list_events(*OWN, 1).json()]
    assert events == ["closed", "reopened", "renamed"]
    assert rest.repos.get_branch(*OWN, "main").parsed_data.protected is True
    assert rest.repos.get_combined_status_for_ref(*OWN, "topic").parsed_data.state == "pending"
    assert rest.repos.get("alice", "cluster").parsed_data.parent.full_name == "acme/cluster"


def test_writes_parse_and_take_effect(start: Callable[..., MockServer], busy: World) -> None:
    server = start(busy)
    github = _client(server)
    rest = github.rest
    made = rest.git.create_ref(*OWN, ref="refs/heads/new", sha=tip(rest)).parsed_data
    coded = base64.b64encode(b"text").decode()
    put = rest.repos.create_or_update_file_contents(
        *OWN, "f", message="m", content=coded, branch="new"
    ).parsed_data
    assert tip(rest, "new") == put.commit.sha != made.object_.sha
    pull = rest.pulls.create(*OWN, title="t", head="new", base="main").parsed_data
    assert rest.pulls.update(*OWN, pull.number, title="u").parsed_data.title == "u"
    comment = rest.issues.create_comment(*OWN, pull.number, body="hello").parsed_data
    assert rest.issues.update_comment(*OWN, comment.id, body="bye").parsed_data.body == "bye"
    assert rest.issues.get_comment(*OWN, comment.id).parsed_data.body == "bye"
    rest.issues.delete_comment(*OWN, comment.id)
    assert rest.issues.list_comments(*OWN, pull.number).parsed_data == []
    server.as_user("zeta-bot").push_file("acme/cluster", "another", "x", branch="new")
    rest.repos.create_commit_status(*OWN, tip(rest, "new"), state="success", context="ci")
    server.as_user("zeta-bot").review("acme/cluster", pull.number)
    with pytest.raises(RequestFailed):
        rest.pulls.check_if_merged(*OWN, pull.number)
    merged = rest.pulls.merge(*OWN, pull.number, merge_method="squash").parsed_data
    assert (merged.merged, merged.sha) == (True, tip(rest))
    assert rest.pulls.check_if_merged(*OWN, pull.number).status_code == 204
    assert rest.pulls.get(*OWN, pull.number).parsed_data.merged_by.login == "alice"
    sha = rest.repos.get_content(*OWN, "f", ref="new").parsed_data.sha
    gone = rest.repos.delete_file(*OWN, "f", message="m", sha=sha, branch="new").parsed_data
    assert (
        rest.git.update_ref(*OWN, "heads/new", sha=tip(rest), force=True).parsed_data.object_.sha
        != gone.commit.sha
    )
    rest.git.delete_ref(*OWN, "heads/new")


def test_further_writes_parse(start: Callable[..., MockServer], busy: World) -> None:
    server = start(busy)
    github = _client(server)
    rest = github.rest
    server.as_user("acme").push_file("acme/cluster", "newer", "x")
    rest.pulls.update_branch(*OWN, 1)
    review = rest.pulls.create_review(*OWN, 1, event="COMMENT", body="hm").parsed_data
    assert review.state == "COMMENTED"
    changed = rest.repos.update(*OWN, description="d", delete_branch_on_merge=True, archived=True).parsed_data
    assert (changed.description, changed.delete_branch_on_merge) == ("d", True)
    with pytest.raises(RequestFailed) as caught:
        rest.git.create_ref(*OWN, ref="refs/heads/x", sha=tip(rest))
    assert caught.value.response.status_code == 403


def test_a_renamed_repository_is_followed(start: Callable[..., MockServer], world: World) -> None:
    server = start(world.with_renamed("acme/cluster", "acme/fleet"))
    github = GitHub("github_pat_alice", base_url=server.url, auto_retry=False, follow_redirects=True)
    assert github.rest.repos.get(*OWN).parsed_data.full_name == "acme/fleet"
