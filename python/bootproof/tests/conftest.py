"""A hand-written log for the oracle's tests: each method adds what the mock, or the machine, would have
recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bootproof.oracle import Before, Case, Event, Expectations, Registration
from bootproof.timeline import MachineEvent, MachineKind, MarkerClaim
from bootproof.verdict import Landing

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RECORD = "maintainers/alice/cluster-nodes/node-a/node.yaml"
REGISTRATION = Registration(
    repository="acme/cluster",
    record=RECORD,
    branch="register-node-a",
    old_branch=r"register-a-\d{8}T\d{6}Z|register-node-a-\d{8}T\d{6}Z",
    user_agent="^agent/",
    logins=("alice",),
)


@dataclass
class Story:
    """One millisecond passes with each thing that happens. `agent=None` stands for a person's act."""

    registration: Registration = REGISTRATION
    events: list[Event] = field(default_factory=list)
    timeline: list[MachineEvent] = field(default_factory=list)
    ticks: int = 0

    def now(self) -> datetime:
        self.ticks += 1
        return START + timedelta(milliseconds=self.ticks)

    def log(self, kind: str, **fields: Any) -> Event:
        fields.setdefault("repository", self.registration.repository)
        event = Event(seq=len(self.events) + 1, at=self.now(), type=kind, **fields)
        self.events.append(event)
        return event

    def request(
        self, path: str = "/graphql", method: str = "POST", agent: str = "agent/1", **fields: Any
    ) -> str:
        name = f"r{len(self.events) + 1}"
        fields = {"by": "alice", "repository": None, **fields}
        self.log("request", request=name, method=method, path=path, user_agent=agent, **fields)
        return name

    def does(self, kind: str, agent: str | None = "agent/1", by: str = "alice", **fields: Any) -> Event:
        request = None if agent is None else self.request(agent=agent, by=by)
        return self.log(kind, request=request, by=by, **fields)

    def opens(self, number: int, head: str = "acme:register-node-a", **fields: Any) -> Event:
        fields = {"base": "main", "paths": (RECORD,), **fields}
        return self.does("pull-request-opened", number=number, head=head, **fields)

    def merges(self, number: int, agent: str | None = None, head: str = "acme:register-node-a") -> None:
        fields: dict[str, Any] = {
            "by": "alice",
            "request": None if agent is None else self.request(agent=agent),
        }
        commit = f"merge-of-{number}"
        self.log("branch-moved", branch="main", after=commit, paths=(RECORD,), **fields)
        self.log("pull-request-merged", number=number, head=head, merge_commit=commit, **fields)

    def comments(self, number: int, body: str, **fields: Any) -> Event:
        return self.does("comment-created", number=number, body=body, comment=self.ticks, **fields)

    def machine(self, kind: MachineKind, **fields: Any) -> MachineEvent:
        event = MachineEvent(kind=kind, at=self.now(), **fields)
        self.timeline.append(event)
        return event

    def installs(self) -> None:
        self.machine(MachineKind.INSTALL_STARTED)
        self.machine(MachineKind.INSTALL_FINISHED)
        self.machine(MachineKind.POWER_OFF)

    def boots(self, boot_id: str = "boot-1") -> None:
        self.machine(MachineKind.POWER_ON)
        self.machine(MachineKind.BOOT, boot_id=boot_id)

    def cut(self, landing: Landing = Landing.LANDED) -> None:
        self.machine(MachineKind.CUT, landing=landing)

    def point(self, name: str) -> None:
        self.machine(MachineKind.POINT, name=name)

    def marker(self, claim: MarkerClaim | None) -> None:
        self.machine(MachineKind.MARKER_SEEN, text="{}", claim=claim)

    def case(self, before: Before | None = None, **expect: Any) -> Case:
        return Case(
            tuple(self.events),
            tuple(self.timeline),
            self.registration,
            Expectations(**expect),
            before or Before(),
        )


@pytest.fixture(scope="session")
def new_story() -> type[Story]:
    """To begin any number of stories in one test."""
    return Story


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def booted(story: Story) -> Story:
    """A story in which the installed system has just come up."""
    story.installs()
    story.boots()
    return story
