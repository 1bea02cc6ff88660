"""The real git against the mock: clone, fetch, push, and what pushes do to pull requests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mock_github import World
from mock_github.server import MockServer

HOME = "/repos/acme/cluster"


class Git:
    def __init__(self, folder: Path, server: MockServer) -> None:
        self.folder = folder
        self.server = server
        authority = folder / "ca.pem"
        authority.write_bytes(server.ca_pem)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GIT_SSL_CAINFO": str(authority),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{
                f"GIT_{who}_{what}": "t@example.org"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }

    def run(self, *arguments: str, into: str = "clone") -> subprocess.CompletedProcess[str]:
        where = self.folder / into if (self.folder / into).is_dir() else self.folder
        return subprocess.run(
            ["git", *arguments], cwd=where, env=self.environment, capture_output=True, text=True, timeout=60
        )

    def do(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def url(self, token: str = "github_pat_zeta") -> str:
        return self.server.url.replace("://", f"://x-access-token:{token}@") + "/acme/cluster.git"

    def commit(self, name: str, text: str) -> str:
        (self.folder / "clone" / name).write_text(text)
        self.do("add", name)
        self.do("commit", "-qm", f"Change {name}")
        return self.do("rev-parse", "HEAD")


@pytest.fixture
def git(tmp_path: Path, start: Callable[..., MockServer], world: World) -> Git:
    git = Git(
        tmp_path, start(world.with_protection("acme/cluster", "release", required_checks=["ci"]), tls=True)
    )
    git.do("clone", "-q", git.url(), "clone")
    return git


def test_clone_has_the_same_commits_as_the_api(git: Git, connect: Callable[..., Any]) -> None:
    client = connect(git.server)
    assert git.do("rev-parse", "HEAD") == client.tip()
    assert (git.folder / "clone" / "nodes/a/node.yaml").read_text() == "name: a\n"
    assert git.do("fsck", "--strict") == ""
    number = client.pull("topic")
    git.do("fetch", "-q", "origin", f"refs/pull/{number}/head:pr", "topic:topic")
    assert git.do("rev-parse", "pr") == git.do("rev-parse", "topic") == client.tip("topic")
    assert "gpgsig" in git.do("cat-file", "commit", "topic")


def test_push_moves_branches_and_pull_requests(git: Git, connect: Callable[..., Any]) -> None:
    client = connect(git.server)
    git.do("checkout", "-qb", "topic")
    first = git.commit("a.txt", "a" * 5000)
    git.do("push", "-q", "origin", "topic")
    assert client.tip("topic") == first
    number = client.send("POST", "/pulls", title="t", head="topic", base="main").json()["number"]
    second = git.commit("a.txt", "a" * 5000 + "b")
    git.do("push", "-q", "origin", "topic")
    assert client.get(f"{HOME}/pulls/{number}").json()["head"]["sha"] == second
    git.do("push", "-q", "origin", ":topic")
    assert client.get(f"{HOME}/pulls/{number}").json()["state"] == "closed"
    kinds = [event.type for event in git.server.events() if event.by == "zeta-bot" and event.repository]
    assert kinds == [
        "branch-created",
        "pull-request-opened",
        "branch-moved",
        "branch-deleted",
        "pull-request-closed",
    ]
    assert git.server.events()[-1].type == "response"


def test_pushing_a_pull_requests_commits_to_its_base_merges_it(git: Git, connect: Callable[..., Any]) -> None:
    client = connect(git.server)
    number = client.pull("topic")
    git.do("pull", "-q", "origin", "topic")
    git.do("push", "-q", "origin", "HEAD:main")
    assert client.get(f"{HOME}/pulls/{number}").json()["merged"] is True


def test_pushes_that_are_refused(git: Git, connect: Callable[..., Any]) -> None:
    git.server.as_user("alice").push_file("acme/cluster", "theirs", "x")
    git.commit("a.txt", "a")
    assert "rejected" in git.run("push", "origin", "main").stderr
    git.do("push", "-q", "origin", "HEAD:release")
    git.commit("a.txt", "b")
    assert "protected branch hook declined" in git.run("push", "origin", "HEAD:release").stderr
    assert git.run("push", git.url("never-seen"), "HEAD:x").returncode != 0
    assert git.run("ls-remote", git.server.url + "/acme/cluster.git").returncode != 0
    assert "main" in git.run("push", "origin", ":main").stderr


def test_a_shallow_clone_and_a_fetch_of_what_is_new(git: Git) -> None:
    git.server.as_user("alice").push_file("acme/cluster", "new", "x")
    git.do("fetch", "-q")
    assert git.do("log", "--oneline", "origin/main").count("\n") == 1
    assert git.run("clone", "-q", "--depth", "1", git.url(), str(git.folder / "shallow")).returncode == 0
    assert git.run("rev-list", "--count", "HEAD", into="shallow").stdout.strip() == "1"


def test_a_push_that_comes_too_late_is_refused(client: Any) -> None:
    tip = client.tip()
    command = f"{'0' * 40} {tip} refs/heads/main\0 report-status"
    body = f"{len(command) + 4:04x}{command}0000".encode()
    answer = client.http.post("/acme/cluster.git/git-receive-pack", content=body)
    assert b"ng refs/heads/main fetch first" in answer.content
    assert client.tip() == tip
