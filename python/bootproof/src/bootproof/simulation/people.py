"""What people do to a repository meanwhile: each act is a request of a person's to the same mock GitHub."""

from __future__ import annotations

import base64
import enum
from collections.abc import Callable

from mock_github import wire
from mock_github.events import Event
from mock_github.graphql_base import node_id
from mock_github.requirements import protection_of
from mock_github.state import Moment, PullRequest, PullState, Repository
from mock_github.step import step
from mock_github.world import World, empty_world
from msgspec.structs import replace

from bootproof.oracle_case import Registration
from bootproof.simulation.hub import Hub

PERSON = "github_pat_person"
PERSON_LOGIN = "maria"
PUSHED = ("notes.md",)
"""What people push to the node's branch."""

ELSEWHERE = "release"
"""Another branch of the repository."""

GRAPHQL = "/graphql"

BY_HAND = "by-hand"
"""A branch of a person's, with what people push: the node's branch is forced to where it stands."""


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
    FORCE_PUSH = "force-pushes the branch"
    """Over whatever is there; where the branch is gone, it is made anew."""
    CHECK = "the checks turn green"
    APPROVE = "approves it"
    DISARM = "switches auto-merge off"


Asked = tuple[str, str, object]
"""A person's request: method, path and JSON body."""

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
            self._done[key] = self._asked(world, act)
        return self._done[key]

    def _asked(self, world: int, act: Act) -> Done | None:
        asked = request_of(act, self._hub.worlds[world], self._own)
        if asked is None:
            return None
        status, after, events = self._hub.by_person(world, PERSON, *asked)
        return (after, events) if 200 <= status < 300 and after != world else None


def request_of(act: Act, world: World, own: Registration) -> Asked | None:
    """The request that this act is; None when there is nothing that it could be done to."""
    asked = _ACTS[act](world, own)
    if asked is None:
        return None
    method, path, body = asked
    return method, path if path == GRAPHQL else f"/repos/{own.repository}/{path}", body


def _newest_pull(world: World, own: Registration, state: PullState) -> PullRequest | None:
    """The newest pull request of the node in this state."""
    found = [pull for pull in own_pulls(world, own) if pull.state is state]
    return max(found, key=lambda pull: pull.number, default=None)


def _merge(world: World, own: Registration) -> Asked | None:
    pull = _newest_pull(world, own, PullState.OPEN)
    return ("PUT", f"pulls/{pull.number}/merge", {"merge_method": "squash"}) if pull else None


def _close(world: World, own: Registration) -> Asked | None:
    pull = _newest_pull(world, own, PullState.OPEN)
    return ("PATCH", f"pulls/{pull.number}", {"state": "closed"}) if pull else None


def _reopen(world: World, own: Registration) -> Asked | None:
    pull = _newest_pull(world, own, PullState.CLOSED)
    return ("PATCH", f"pulls/{pull.number}", {"state": "open"}) if pull else None


def _retarget(world: World, own: Registration) -> Asked | None:
    pull = _newest_pull(world, own, PullState.OPEN)
    return ("PATCH", f"pulls/{pull.number}", {"base": ELSEWHERE}) if pull else None


def _delete_branch(world: World, own: Registration) -> Asked | None:
    there = _repository(world, own).branch(own.branch) is not None
    return ("DELETE", f"git/refs/heads/{own.branch}", None) if there else None


def _push(world: World, own: Registration) -> Asked | None:
    there = _repository(world, own).branch(own.branch) is not None
    return _put(PUSHED[0], "by hand\n", own.branch) if there else None


def _merge_other(_world: World, own: Registration) -> Asked | None:
    return _put("other.md", "something else\n", own.base)


def _remove_record(world: World, own: Registration) -> Asked | None:
    blob = record_on_base(world, own)
    body = {"message": "remove", "sha": blob, "branch": own.base}
    return None if blob is None else ("DELETE", f"contents/{own.record}", body)


def _edit_record(world: World, own: Registration) -> Asked | None:
    blob = record_on_base(world, own)
    if blob is None:
        return None
    return _put(own.record, world.git.blob(blob).decode() + "# edited\n", own.base, blob)


def _retire(_world: World, own: Registration) -> Asked | None:
    folder = own.record.rpartition("/")[0]
    return _put(f"{folder}/retired", "\n", own.base)


def _force_push(world: World, own: Registration) -> Asked | None:
    home = _repository(world, own)
    tip = home.branch(BY_HAND)
    if home.branch(own.branch) is None:
        return "POST", "git/refs", {"ref": f"refs/heads/{own.branch}", "sha": tip}
    return "PATCH", f"git/refs/heads/{own.branch}", {"sha": tip, "force": True}


def _check(world: World, own: Registration) -> Asked | None:
    pull = _newest_pull(world, own, PullState.OPEN)
    home = _repository(world, own)
    rule = protection_of(home, own.base)
    if pull is None or rule is None or not rule.required_checks or home.statuses.get(pull.head_sha):
        return None
    return "POST", f"statuses/{pull.head_sha}", {"state": "success", "context": rule.required_checks[0]}


def _approve(world: World, own: Registration) -> Asked | None:
    pull = _newest_pull(world, own, PullState.OPEN)
    if pull is None or pull.reviews:
        return None
    return "POST", f"pulls/{pull.number}/reviews", {"event": "APPROVE"}


def _disarm(world: World, own: Registration) -> Asked | None:
    pull = _newest_pull(world, own, PullState.OPEN)
    if pull is None or pull.auto_merge is None:
        return None
    mutation = (
        "mutation($pull: ID!) {disablePullRequestAutoMerge(input: {pullRequestId: $pull}) {clientMutationId}}"
    )
    node = node_id("PR", _repository(world, own).id, pull.number)
    return "POST", GRAPHQL, {"query": mutation, "variables": {"pull": node}}


def _put(path: str, text: str, branch: str, blob: str | None = None) -> Asked:
    body = {
        "message": f"{PERSON_LOGIN} changes {path}",
        "content": base64.b64encode(text.encode()).decode(),
        "branch": branch,
        **({"sha": blob} if blob else {}),
    }
    return "PUT", f"contents/{path}", body


_ACTS: dict[Act, Callable[[World, Registration], Asked | None]] = {
    Act.MERGE: _merge,
    Act.CLOSE: _close,
    Act.REOPEN: _reopen,
    Act.DELETE_BRANCH: _delete_branch,
    Act.PUSH: _push,
    Act.RETARGET: _retarget,
    Act.MERGE_OTHER: _merge_other,
    Act.REMOVE_RECORD: _remove_record,
    Act.EDIT_RECORD: _edit_record,
    Act.RETIRE: _retire,
    Act.FORCE_PUSH: _force_push,
    Act.CHECK: _check,
    Act.APPROVE: _approve,
    Act.DISARM: _disarm,
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


def switched_off_by_person(pull: PullRequest, own: Registration) -> bool:
    """Whether auto-merge is off because somebody switched it off, and nobody on again."""
    switches = [t for t in pull.timeline if t.kind in (Moment.AUTO_MERGE_ENABLED, Moment.AUTO_MERGE_DISABLED)]
    return (
        bool(switches)
        and switches[-1].kind is Moment.AUTO_MERGE_DISABLED
        and switches[-1].actor not in own.logins
    )


def first_world(own: Registration, token: str) -> World:
    """The cluster's repository, which the program's login may write to and a person maintains."""
    wide = dict.fromkeys(("contents", "pull_requests", "administration", "statuses"), "write")
    login = own.logins[0]
    world = empty_world().with_repository(
        own.repository,
        private=True,
        files={"README.md": "# cluster\n"},
        collaborators={login: "write", PERSON_LOGIN: "admin"},
        auto_merge_allowed=True,
    )
    repository = world.repositories[own.repository.lower()]
    refs = repository.refs.set(f"refs/heads/{ELSEWHERE}", repository.refs[f"refs/heads/{own.base}"])
    world = world.with_stored(replace(repository, refs=refs)).with_branch(own.repository, BY_HAND)
    world = world.with_token(token, login=login, repositories=[own.repository]).with_token(
        PERSON, login=PERSON_LOGIN, permissions=wide
    )
    method, path, body = _put(PUSHED[0], "by hand\n", BY_HAND)
    pushed = wire.request(method, f"/repos/{own.repository}/{path}", token=PERSON, json=body)
    return step(world, pushed)[0]
