"""Machines at each point where this program asks GitHub something, and what GitHub then answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from foreign_port import bytes_of
from small_machine import SmallMachine, fresh_machine
from stories import BRANCH, new_branch, open_pull, put
from zeta_self_register import starts
from zeta_self_register.credentials import DEFAULT_TOKEN_FILE
from zeta_self_register.effects import Request, Response
from zeta_self_register.simulated import SETTINGS

HOME = "/repos/acme/cluster"
DAY = 86_400


@dataclass(frozen=True)
class Stage:
    """A machine as it stands before the run of a command."""

    name: str
    command: str
    prepare: Callable[[SmallMachine], None]

    def machine(self) -> SmallMachine:
        """A machine of one's own."""
        begun = _begun(self.name)
        made = SmallMachine(begun.world)
        made.files, made.boot, made.uptime, made.clock = (
            dict(begun.files),
            begun.boot,
            begun.uptime,
            begun.clock,
        )
        return made


@dataclass(frozen=True)
class Exchange:
    """One request of a run in which GitHub answers well."""

    request: Request
    answer: bytes

    @property
    def name(self) -> str:
        """The request in a few words."""
        if self.request.url.endswith("/graphql"):
            words = json.loads(self.request.body)["query"].split()
            return f"{words[0]} {words[1].partition('(')[0]}"
        path = urlsplit(self.request.url).path
        return f"{self.request.method} {path.removeprefix(HOME).lstrip('/')}"

    @property
    def looks(self) -> bool:
        """Whether it changes nothing."""
        return self.name.startswith(("query", "GET"))


@cache
def _begun(name: str) -> SmallMachine:
    made = fresh_machine()
    next(stage for stage in STAGES if stage.name == name).prepare(made)
    return made


@cache
def exchanges(stage: Stage) -> tuple[Exchange, ...]:
    """What is asked and answered in one run that nobody disturbs."""
    machine, found = stage.machine(), []
    real = machine.github

    def github(request: Request) -> Response:
        answer = real(request)
        found.append(Exchange(request, bytes_of(answer)))
        return answer

    machine.github = github  # type: ignore[method-assign]
    machine.tick(stage.command)
    return tuple(found)


def sample(name: str) -> tuple[bytes, ...]:
    """Every different answer to requests of this name."""
    return tuple({one.answer: None for stage in STAGES for one in exchanges(stage) if one.name == name})


# --- how they come about -----------------------------------------------------------------------------------------


def _fresh(_machine: SmallMachine) -> None:
    """Nothing has happened yet."""


def _without_operator(machine: SmallMachine) -> None:
    machine.files[SETTINGS] = b'repository = "acme/cluster"\n'


def _beside_another(machine: SmallMachine) -> None:
    """Another node is registered, and a third one's pull request is open."""
    record = "maintainers/bob/cluster-nodes/node-b/node.yaml"
    put(machine, record, starts.ANOTHERS)
    open_pull(machine, "register-node-node-c", "maintainers/bob/cluster-nodes/node-c/node.yaml")
    machine.wait(60)


def _branch_left(machine: SmallMachine) -> None:
    """An empty branch, and a base that has moved on since."""
    new_branch(machine, BRANCH)
    put(machine, "docs/x.md", "x")


def _in_flight(machine: SmallMachine) -> None:
    open_pull(machine, BRANCH)


def _much_discussed(machine: SmallMachine) -> None:
    """With more comments than one page shows."""
    open_pull(machine, BRANCH)
    for number in range(101):
        machine.wait(20)
        machine.person("POST", f"{HOME}/issues/1/comments", {"body": f"{number}"}, status=201)


def _opened(machine: SmallMachine) -> None:
    machine.tick()
    machine.person("GET", f"{HOME}/pulls/1")
    machine.wait(60)


def _guarded(machine: SmallMachine, *, strict: bool = False) -> None:
    machine.world = machine.world.with_protection("acme/cluster", required_checks=["ci"], strict=strict)
    _opened(machine)


def _behind(machine: SmallMachine) -> None:
    _guarded(machine, strict=True)
    machine.tick("steward")
    put(machine, "docs/x.md", "x")
    head = machine.pulls()[0]["head"]["sha"]
    machine.person("POST", f"{HOME}/statuses/{head}", {"state": "success", "context": "ci"}, status=201)
    machine.person("GET", f"{HOME}/pulls/1")


def _closed(machine: SmallMachine) -> None:
    _opened(machine)
    machine.person("PATCH", f"{HOME}/pulls/1", {"state": "closed"})
    machine.wait(60)


def _registered(machine: SmallMachine) -> None:
    machine.tick()
    machine.person("PUT", f"{HOME}/pulls/1/merge", {})
    for seconds in (60, 2 * DAY, 60):
        machine.wait(seconds)
        machine.tick("steward")
    machine.wait(60)


def _as_app(machine: SmallMachine) -> None:
    begun = starts.STARTS["github-app"]
    app = begun["app"]
    machine.world = machine.world.with_installation(
        app["installation"],
        app=app["app"],
        slug=app["slug"],
        public_key=app["public_key"],
        repositories=["acme/cluster"],
    )
    machine.files |= begun["files"]
    del machine.files[DEFAULT_TOKEN_FILE]
    machine.clock = machine.world.now / 1000


STAGES = (
    Stage("fresh", "register", _fresh),
    Stage("no operator is named", "register", _without_operator),
    Stage("beside others", "register", _beside_another),
    Stage("an empty branch", "register", _branch_left),
    Stage("in flight", "register", _in_flight),
    Stage("much discussed", "register", _much_discussed),
    Stage("to be merged", "steward", _opened),
    Stage("to be armed", "steward", _guarded),
    Stage("behind", "steward", _behind),
    Stage("closed", "steward", _closed),
    Stage("registered", "steward", _registered),
    Stage("as an App", "register", _as_app),
)
