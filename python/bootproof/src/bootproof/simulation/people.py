"""What people do to a repository meanwhile: each act is a request of a person's to the same mock GitHub."""

from __future__ import annotations

import base64
import enum
from collections.abc import Callable

from mock_github.events import Event
from mock_github.state import Moment, PullRequest, PullState, Repository
from mock_github.world import World, empty_world
from msgspec.structs import replace

from bootproof.oracle_case import Registration
from bootproof.simulation.hub import Hub

PERSON = "github_pat_person"
PERSON_LOGIN = "maria"
PUSHED = ("notes.md",)
"""What people push to the node's branch."""


class Act(enum.Enum):
    """One thing that somebody does.  Those about a pull request mean the newest one of the node."""

    MERGE = "merges it"
    CLOSE = "closes it"
    REOPEN = "reopens it"
    DELETE_BRANCH = "deletes the branch"
    PUSH = "pushes to the branch"
    RETARGET = "retargets it"
    MERGE_OTHER = "merges something else"
    REMOVE_RECORD = "removes the record"
    EDIT_RECORD = "edits the record"
    RETIRE = "retires the node"


Done = tuple[int, tuple[Event, ...]]
"""The number of the world after an act, and what happened."""


class People:
    """Who acts on one registration."""

    def __init__(self, hub: Hub, registration: Registration) -> None:
        self._hub = hub
        self._own = registration
        self._done: dict[tuple[int, Act], Done | None] = {}

    def act(self, world: int, act: Act) -> Done | None:
        """The world after this act; None when there is nothing that it could be done to, or GitHub refuses it."""
        key = (world, act)
        if key not in self._done:
            self._done[key] = _ACTS[act](self, self._hub.worlds[world], world)
        return self._done[key]

    def newest_pull(self, world: World, *states: PullState) -> PullRequest | None:
        """The newest pull request of the node in one of these states."""
        found = [p for p in own_pulls(world, self._own) if p.state in states]
        return max(found, key=lambda pull: pull.number, default=None)

    def _ask(self, number: int, method: str, path: str, json: object = None) -> Done | None:
        target = f"/repos/{self._own.repository}/{path}"
        status, after, events = self._hub.by_person(number, PERSON, method, target, json)
        return (after, events) if 200 <= status < 300 and after != number else None

    def _merge(self, world: World, number: int) -> Done | None:
        pull = self.newest_pull(world, PullState.OPEN)
        return (
            self._ask(number, "PUT", f"pulls/{pull.number}/merge", {"merge_method": "squash"})
            if pull
            else None
        )

    def _close(self, world: World, number: int) -> Done | None:
        pull = self.newest_pull(world, PullState.OPEN)
        return self._ask(number, "PATCH", f"pulls/{pull.number}", {"state": "closed"}) if pull else None

    def _reopen(self, world: World, number: int) -> Done | None:
        pull = self.newest_pull(world, PullState.CLOSED)
        return self._ask(number, "PATCH", f"pulls/{pull.number}", {"state": "open"}) if pull else None

    def _retarget(self, world: World, number: int) -> Done | None:
        pull = self.newest_pull(world, PullState.OPEN)
        return self._ask(number, "PATCH", f"pulls/{pull.number}", {"base": "release"}) if pull else None

    def _delete_branch(self, world: World, number: int) -> Done | None:
        there = _repository(world, self._own).branch(self._own.branch) is not None
        return self._ask(number, "DELETE", f"git/refs/heads/{self._own.branch}") if there else None

    def _push(self, world: World, number: int) -> Done | None:
        there = _repository(world, self._own).branch(self._own.branch) is not None
        return self._put(number, PUSHED[0], "by hand\n", self._own.branch) if there else None

    def _merge_other(self, _world: World, number: int) -> Done | None:
        return self._put(number, "other.md", "something else\n", self._own.base)

    def _remove_record(self, world: World, number: int) -> Done | None:
        blob = record_on_base(world, self._own)
        if blob is None:
            return None
        body = {"message": "remove", "sha": blob, "branch": self._own.base}
        return self._ask(number, "DELETE", f"contents/{self._own.record}", body)

    def _edit_record(self, world: World, number: int) -> Done | None:
        blob = record_on_base(world, self._own)
        if blob is None:
            return None
        text = world.git.blob(blob).decode() + "# edited\n"
        return self._put(number, self._own.record, text, self._own.base, blob)

    def _retire(self, _world: World, number: int) -> Done | None:
        folder = self._own.record.rpartition("/")[0]
        return self._put(number, f"{folder}/retired", "\n", self._own.base)

    def _put(self, number: int, path: str, text: str, branch: str, blob: str | None = None) -> Done | None:
        body = {
            "message": f"{PERSON_LOGIN} changes {path}",
            "content": base64.b64encode(text.encode()).decode(),
            "branch": branch,
            **({"sha": blob} if blob else {}),
        }
        return self._ask(number, "PUT", f"contents/{path}", body)


_ACTS: dict[Act, Callable[[People, World, int], Done | None]] = {
    Act.MERGE: People._merge,
    Act.CLOSE: People._close,
    Act.REOPEN: People._reopen,
    Act.DELETE_BRANCH: People._delete_branch,
    Act.PUSH: People._push,
    Act.RETARGET: People._retarget,
    Act.MERGE_OTHER: People._merge_other,
    Act.REMOVE_RECORD: People._remove_record,
    Act.EDIT_RECORD: People._edit_record,
    Act.RETIRE: People._retire,
}


def _repository(world: World, own: Registration) -> Repository:
    return world.repositories[own.repository.lower()]


def own_pulls(world: World, own: Registration) -> list[PullRequest]:
    """The pull requests of the node: on one of its branches, in this repository."""
    repository = _repository(world, own)
    return [
        pull
        for pull in repository.pulls.values()
        if own.has_branch(pull.head_ref) and pull.head_repository.lower() == repository.key
    ]


def record_on_base(world: World, own: Registration) -> str | None:
    """The blob of the node's record on the base branch, None when there is none."""
    return file_on_base(world, own, own.record)


def file_on_base(world: World, own: Registration, path: str) -> str | None:
    """The blob of a file on the base branch, None when there is none."""
    tip = _repository(world, own).branch(own.base)
    found = None if tip is None else world.git.find(world.git.commit(tip).tree, path)
    return None if found is None else found[1]


def is_retired(world: World, own: Registration) -> bool:
    """Whether a person has put the mark beside the record by which a node is retired."""
    tip = _repository(world, own).branch(own.base)
    folder = own.record.rpartition("/")[0]
    return tip is not None and world.git.find(world.git.commit(tip).tree, f"{folder}/retired") is not None


def closed_by_person(pull: PullRequest, own: Registration) -> bool:
    """Whether it is closed without a merge, and the last who closed it was not the program."""
    closings = [item for item in pull.timeline if item.kind is Moment.CLOSED]
    return pull.state is PullState.CLOSED and bool(closings) and closings[-1].actor not in own.logins


def first_world(own: Registration, token: str) -> World:
    """The cluster's repository, which the program's login may write to and a person maintains."""
    wide = {"contents": "write", "pull_requests": "write", "administration": "write"}
    login = own.logins[0]
    world = empty_world().with_repository(
        own.repository,
        private=True,
        files={"README.md": "# cluster\n"},
        collaborators={login: "write", PERSON_LOGIN: "admin"},
        auto_merge_allowed=True,
    )
    repository = world.repositories[own.repository.lower()]
    refs = repository.refs.set("refs/heads/release", repository.refs[f"refs/heads/{own.base}"])
    world = world.with_stored(replace(repository, refs=refs))
    return world.with_token(token, login=login, repositories=[own.repository]).with_token(
        PERSON, login=PERSON_LOGIN, permissions=wide
    )
