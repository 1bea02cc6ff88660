"""A node in memory beside the mock GitHub's state machine: no process, no disk, no socket."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from mock_github import wire
from mock_github.step import step
from mock_github.world import World, empty_world
from zeta_self_register import settings
from zeta_self_register.effects import (
    AlreadyRunning,
    CommandFailed,
    NoAnswer,
    NotReachable,
    NotSent,
    Request,
    Response,
)
from zeta_self_register.node import Node
from zeta_self_register.simulated import AGENT, MACHINE, SETTINGS
from zeta_self_register.tick import Run, plan, tick

TOKEN = "github_pat_test"
PERSON = "github_pat_person"


class SmallMachine:
    """The effects port over a dictionary of files and the mock's `step`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.files = dict(MACHINE)
        self.boot = "boot-1"
        self.uptime = 100.0
        self.lines: list[str] = []
        self.requests: list[Request] = []
        self.fate: Callable[[int, Request], str | None] = lambda _number, _request: None
        self.write_error: int | None = None
        self.locked = False
        self.clock = 1_767_225_600.0
        self.silent: set[str] = set()
        self.asked: list[tuple[str, float]] = []
        self.published: dict[str, bytes] = {}
        self.unpublishable: set[str] = set()
        self.stale: World | None = None
        """An older world, which every look is answered from while it is set."""

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self.files[path]

    def listdir(self, path: str) -> list[str]:
        prefix = path.rstrip("/") + "/"
        entries = sorted(
            {name[len(prefix) :].split("/")[0] for name in self.files if name.startswith(prefix)}
        )
        if not entries:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return entries

    def run(self, argv: Sequence[str]) -> bytes:
        printed = AGENT.output(argv)
        if printed is None:
            raise CommandFailed(" ".join(argv))
        return printed

    def write(self, path: str, content: bytes, mode: int) -> None:
        if self.write_error is not None:
            raise OSError(self.write_error, os.strerror(self.write_error), path)
        self.files[path] = content

    def sync(self, path: str) -> None:
        pass

    def rename(self, source: str, target: str) -> None:
        self.files[target] = self.files.pop(source)

    def make_folder(self, path: str) -> None:
        pass

    def publish(self, path: str, content: bytes) -> None:
        if path in self.unpublishable:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        self.published[path] = content
        self.files[path] = content

    def sync_all(self) -> None:
        pass

    @contextlib.contextmanager
    def lock(self, path: str) -> Iterator[None]:
        if self.locked:
            raise AlreadyRunning
        yield

    def github(self, request: Request) -> Response:
        self.requests.append(request)
        fate = self.fate(len(self.requests), request)
        if fate == "not sent":
            raise NotSent("connection refused")
        if fate == "lost before":
            raise NoAnswer("timed out")
        split = urlsplit(request.url)
        sent = wire.Request(
            request.method, split.path, split.query, tuple(request.headers.items()), request.body
        )
        self.world = self.world.at(self.world.now + 200)
        reads = split.path == "/graphql" and b"mutation" not in request.body[:40]
        if self.stale is not None and (reads or request.method == "GET"):
            _, answer, _events = step(self.stale.at(self.world.now), sent)
        else:
            self.world, answer, _events = step(self.world, sent)
        if fate == "lost after":
            raise NoAnswer("timed out")
        if fate == "502 after":
            return Response(502, {"date": "x"}, b"<html>Bad Gateway</html>")
        return Response(answer.status, {k.lower(): v for k, v in answer.headers}, answer.body)

    def wall_clock(self) -> float:
        return self.clock

    def reachable(self, target: str, seconds: float) -> None:
        self.asked.append((target, seconds))
        if target in self.silent:
            raise NotReachable("connection refused")

    def monotonic(self) -> float:
        return self.uptime

    def boot_id(self) -> str:
        return self.boot

    def say(self, line: str) -> None:
        self.lines.append(line)

    # --- what the tests do -----------------------------------------------------------------------------------

    def node(self, command: str = "register", environment: dict[str, str] | None = None) -> Node:
        """A new process of this command."""
        configured = settings.load(self, SETTINGS, environment or {}, must_exist=True)
        return Node(self, configured, command, environment or {})

    def tick(self, command: str = "register") -> Run:
        """One run of `register` or `steward`."""
        return tick(self.node(command))

    def plan(self) -> Run:
        """What `register` would do."""
        return plan(self.node("plan"))

    def wait(self, seconds: float) -> None:
        """Time passes, here and there."""
        self.uptime += seconds
        self.world = self.world.at(self.world.now + int(seconds * 1000))

    def reboot(self) -> None:
        """The machine starts again; only its files remain."""
        self.boot = f"boot-{int(self.boot.removeprefix('boot-')) + 1}"
        self.uptime = 5.0

    def person(self, method: str, target: str, json: object = None, *, status: int = 200) -> Any:
        """A person's request, which must succeed with this status."""
        asked = wire.request(method, target, token=PERSON, json=json)
        self.world, answer, _ = step(self.world, asked)
        assert answer.status == status, answer.body
        return answer.json()

    def pulls(self, state: str = "all") -> list[Any]:
        """The repository's pull requests as GitHub shows them."""
        return list(self.person("GET", f"/repos/acme/cluster/pulls?state={state}&per_page=100"))

    def comments(self, number: int) -> list[str]:
        """The texts of a pull request's comments."""
        return [
            c["body"]
            for c in self.person("GET", f"/repos/acme/cluster/issues/{number}/comments?per_page=100")
        ]

    def sent(self) -> list[str]:
        """What was asked, in short."""
        return [f"{r.method} {urlsplit(r.url).path}" for r in self.requests]


def a_world() -> World:
    """acme/cluster, private, with alice's token and a person who maintains it."""
    return (
        empty_world()
        .with_repository(
            "acme/cluster",
            private=True,
            files={"README.md": "# cluster\n"},
            collaborators={"alice": "write", "maria": "admin"},
            auto_merge_allowed=True,
        )
        .with_token(TOKEN, login="alice", repositories=["acme/cluster"])
        .with_token(
            PERSON,
            login="maria",
            permissions={
                "contents": "write",
                "pull_requests": "write",
                "administration": "write",
                "statuses": "write",
            },
        )
    )


def fresh_machine() -> SmallMachine:
    """A freshly installed node of a cluster that has never seen it."""
    made = SmallMachine(a_world())
    made.files[SETTINGS] = b'repository = "acme/cluster"\noperator = "alice"\n'
    made.files["/etc/zeta-self-register/github-token"] = TOKEN.encode()
    return made
