"""The cluster's repository on the mock GitHub, as a scenario finds it, and what people do there."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping

import agent
import msgspec
from bootproof.oracle import Registration
from bootproof.simulation.replay import place_of
from bootproof.simulation.steps import Trace
from bootproof.verdict import HarnessError
from mock_github import wire
from mock_github.server import MockServer
from mock_github.step import step
from mock_github.world import World, empty_world

MAINTAINER = "maria"
MAINTAINER_TOKEN = "github_pat_11MARIA0000"
REQUIRED_CHECK = "flake-check"
OLD_RECORD = """\
apiVersion: zeta.lucent-financial-group.com/v1
kind: ClusterNode
metadata:
  name: {node}
  namespace: zeta-cluster
  annotations:
    zeta.lucent-financial-group.com/registered-via: iter-5.4.1
  labels:
    zeta.lucent-financial-group.com/maintainer: alice
spec:
  hostname: {node}
  roles: [control-plane]
"""


def record_path(node: str) -> str:
    """Where the node's record belongs in the repository."""
    return f"maintainers/{agent.OPERATOR}/cluster-nodes/{node}/node.yaml"


def a_cluster(now: float) -> World:
    """A private GitOps repository: main needs a check, so that a pull request stays open until people are done."""
    return (
        empty_world(clock=now)
        .with_repository(
            agent.REPOSITORY,
            private=True,
            files={"README.md": "# the cluster\n", "flake.nix": "{ }\n"},
            collaborators={agent.OPERATOR: "write", MAINTAINER: "admin"},
            auto_merge_allowed=True,
        )
        .with_protection(agent.REPOSITORY, "main", required_checks=[REQUIRED_CHECK])
        .with_token(agent.TOKEN, login=agent.OPERATOR, repositories=[agent.REPOSITORY])
        .with_token(MAINTAINER_TOKEN, login=MAINTAINER)
    )


def with_open_pulls(world: World, branches: Mapping[str, str]) -> World:
    """The same world after a person opened a pull request from each branch, which adds the file given for it.

    One a minute, in the hours before, as GitHub's limits want it.
    """
    now = world.now
    for number, (branch, path) in enumerate(branches.items()):
        world = world.at(now - (len(branches) - number) * 60_000)
        world = _with_branch(world, branch, {path: OLD_RECORD.format(node=path.split("/")[-2])})
        body = {"title": f"add {path}", "head": branch, "base": "main"}
        world = _asked(world, "POST", f"/repos/{agent.REPOSITORY}/pulls", body)
    return as_found(world.at(now))


def with_branch(world: World, branch: str, files: Mapping[str, str]) -> World:
    """The same world with a branch that adds these files, and no pull request of it."""
    now = world.now
    return as_found(_with_branch(world.at(now - 60_000), branch, files).at(now))


def as_found(world: World) -> World:
    """The same world as a scenario finds it: what led to it is in no log, and its events are counted from one."""
    return msgspec.structs.replace(world, requests=0, events=0)


def as_begun(trace: Trace, own: Registration | None) -> World:
    """What a trace begins with, now, for the node that registers this."""
    assert own is not None
    _, universe = place_of(trace)
    return as_found(universe.begins(own, agent.TOKEN).at(round(time.time() * 1000)))


def _with_branch(world: World, branch: str, files: Mapping[str, str]) -> World:
    repository = world.repository(agent.REPOSITORY)
    assert repository is not None
    ref = {"ref": f"refs/heads/{branch}", "sha": repository.branch("main")}
    world = _asked(world, "POST", f"/repos/{agent.REPOSITORY}/git/refs", ref)
    for path, text in files.items():
        content = {
            "message": f"add {path}",
            "content": base64.b64encode(text.encode()).decode(),
            "branch": branch,
        }
        world = _asked(world, "PUT", f"/repos/{agent.REPOSITORY}/contents/{path}", content)
    return world


def _asked(world: World, method: str, path: str, body: object) -> World:
    world, answer, _ = step(world, wire.request(method, path, token=MAINTAINER_TOKEN, json=body))
    assert answer.status == 201, answer.body
    return world


def every_fault_came(server: MockServer) -> None:
    """Of a server that was stopped.  Raises HarnessError if something that was to go wrong never did: nothing is known
    of what the program makes of it."""
    missed = [event.fault for event in server.events() if event.type == "fault-missed"]
    if missed:
        raise HarnessError(f"what was to go wrong at GitHub never did: {missed}")


def only_pull(github: MockServer) -> int:
    """The number of the one pull request that was opened while this mock ran."""
    opened = [event.number for event in github.events() if event.type == "pull-request-opened"]
    assert len(opened) == 1, f"pull requests opened: {opened}"
    assert opened[0] is not None
    return opened[0]


def checked(github: MockServer, number: int, state: str = "success") -> None:
    """The check that the base branch wants comes to this, at the pull request's head."""
    repository = github.world.repository(agent.REPOSITORY)
    assert repository is not None
    head = repository.pulls[number].head_sha
    github.as_user(MAINTAINER).set_status(agent.REPOSITORY, head, state, context=REQUIRED_CHECK)
