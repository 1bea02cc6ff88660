"""Other beginnings: what is on the machine and at GitHub before the first run.  The agent names its own."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

import msgspec
from mock_github import wire
from mock_github.step import step
from mock_github.world import World
from msgspec.structs import replace

from bootproof.simulation.agents import Agent
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.machine import DiskFault
from bootproof.simulation.people import PERSON, Act
from bootproof.simulation.universe import NETWORK, Forbidden, Universe
from bootproof.verdict import HarnessError


class Pull(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pull request that a person has opened from a branch with these files."""

    branch: str
    files: dict[str, str] = {}
    base: str = "main"
    closed: bool = False
    draft: bool = False


class App(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A GitHub App that is installed in the repository; `public_key` (PEM) is of the key that it signs with."""

    app: int
    installation: int
    slug: str
    public_key: str


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One beginning. `files` are different on the machine: their content, None for "not there", or the errno that
    reading them ends in. `base` are files on the base branch, `later` those that came to it after the pull requests.
    `unreachable` says that what the program asks for beside GitHub may not answer, `held` that it need not come to a
    registration, `forbidden` what may not be done there at all (`changes` at GitHub, or `requests`), `never` events
    at GitHub that may not come of it, `merged_at_last` whether a person then merges what is open, `read_only` whether
    the disk can turn out to be so; `operator`, `people`, `late` and `branches` are as a universe has them."""

    says: str
    files: dict[str, bytes | int | None] = {}
    base: dict[str, str] = {}
    pulls: tuple[Pull, ...] = ()
    later: dict[str, str] = {}
    archived: bool = False
    app: App | None = None
    read_only: bool = False
    unreachable: bool = False
    held: bool = False
    forbidden: Forbidden = Forbidden.NOTHING
    never: frozenset[str] = frozenset()
    merged_at_last: bool = True
    operator: dict[str, int] = {}
    people: dict[Act, int] = {}
    late: int = 0
    branches: tuple[str, ...] = ()


def universes(agent: Agent) -> dict[str, Universe]:
    """One universe for each beginning that the agent names, with crashes and a broken network."""
    return {f"start-{name}": _universe(f"start-{name}", _read(agent, name), agent) for name in agent.starts}


def _read(agent: Agent, name: str) -> Start:
    try:
        return msgspec.convert(dict(agent.starts[name]), Start)
    except msgspec.ValidationError as error:
        raise HarnessError(f"{agent.name}: start {name!r}: {error}") from error


def _universe(name: str, start: Start, agent: Agent) -> Universe:
    repository = str(agent.registration()["repository"])
    return Universe(
        name,
        start.says,
        request_faults=NETWORK | ({RequestFault.LATE} if start.late else frozenset()),
        disk_faults=frozenset(_disk_faults(start)),
        files=start.files,
        world=lambda world: _begun(world, start, repository),
        may_be_held=start.held,
        forbidden=start.forbidden,
        never=start.never,
        merged_at_last=start.merged_at_last,
        operator=start.operator,
        people=start.people,
        late=start.late,
        branches=start.branches,
    )


def _disk_faults(start: Start) -> Iterator[DiskFault]:
    if start.read_only:
        yield DiskFault.READ_ONLY
    if start.unreachable:
        yield DiskFault.UNREACHABLE


def _begun(world: World, start: Start, repository: str) -> World:
    for path, text in start.base.items():
        world = with_file(world, repository, path, text, "main")
    for pull in start.pulls:
        world = _opened(world, repository, pull)
    if start.app is not None:
        one = start.app
        world = world.with_installation(
            one.installation, app=one.app, slug=one.slug, public_key=one.public_key, repositories=[repository]
        )
    for path, text in start.later.items():
        world = with_file(world, repository, path, text, "main")
    if start.archived:
        home = world.repositories[repository.lower()]
        world = world.with_stored(replace(home, archived=True))
    # Long before the machine was installed.
    return world.at(world.now + 30 * 86_400_000)


def _opened(world: World, repository: str, pull: Pull) -> World:
    tip = world.repositories[repository.lower()].branch("main")
    world, _ = asked(world, repository, "POST", "git/refs", {"ref": f"refs/heads/{pull.branch}", "sha": tip})
    for path, text in pull.files.items():
        world = with_file(world, repository, path, text, pull.branch)
    body = {"title": "by hand", "head": pull.branch, "base": pull.base, "draft": pull.draft}
    world, answer = asked(world, repository, "POST", "pulls", body)
    if pull.closed:
        world, _ = asked(world, repository, "PATCH", f"pulls/{answer.json()['number']}", {"state": "closed"})
    return world


def with_file(world: World, repository: str, path: str, text: str, branch: str) -> World:
    """A person has put a file on a branch."""
    content = base64.b64encode(text.encode()).decode()
    body = {"message": f"adds {path}", "content": content, "branch": branch}
    return asked(world, repository, "PUT", f"contents/{path}", body)[0]


def asked(
    world: World, repository: str, method: str, path: str, body: Mapping[str, object], token: str = PERSON
) -> tuple[World, wire.Response]:
    """A request that GitHub grants, a minute after what was before.  Raises HarnessError when it does not."""
    request = wire.request(method, f"/repos/{repository}/{path}", token=token, json=body)
    world, response, _ = step(world.at(world.now + 60_000), request)
    if response.status >= 300:
        raise HarnessError(f"a beginning could not be made: {method} {path}: {response.body.decode()[:200]}")
    return world, response
