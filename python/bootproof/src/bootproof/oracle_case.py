"""The case before the oracle: the mock's events, the machine's timeline, what is judged, and what is
expected.

All of it is data (JSON Lines, and one TOML or JSON file), so that kept evidence can be judged again. Who
did what is worked out here: a *person* acts without a request (or under a login that the machine does not
have); all other requests are the *machine's*, whatever program of it sent them.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from bootproof.timeline import MachineEvent, MachineKind, merge, read_lines
from bootproof.verdict import Finding, HarnessError, MissingEvidence


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the mock's log; which fields are set depends on `type`. Fields that no rule reads are
    dropped."""

    seq: int
    at: datetime
    type: str
    request: str | None = None
    by: str | None = None
    method: str | None = None
    path: str | None = None
    user_agent: str | None = None
    operation: str | None = None
    status: int | None = None
    delivered: bool | None = None
    fault: Any = None
    repository: str | None = None
    branch: str | None = None
    after: str | None = None
    paths: tuple[str, ...] = ()
    # Those of `paths` that are no longer there; None when the log does not say.
    removed: tuple[str, ...] | None = None
    number: int | None = None
    head: str | None = None
    base: str | None = None
    merge_commit: str | None = None
    comment: int | None = None
    body: str | None = None


Entry = Event | MachineEvent
NO_EFFECT = {"request", "response", "fault-landed", "fault-missed"}


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one node's registration looks like. `old_branch` (a regex for the whole name) are branches that
    count as the node's, but may not be made any more; `also_paths` may be touched beside `record` (its old
    place in a rename). `user_agent` (a regex to be found in it) is the program's, `logins` what its token
    may act as. `comment_kinds` maps a kind to a regex found in its bodies; other comments are of one kind
    when they differ only in numbers and ids. `removal_branch` is the branch of the pull request by which the
    operator lets the node take its record back. `not_the_machine` matches the User-Agent of the harness's own
    probes. `seconds_between` is the shortest time between two PRs that the node may open; 0 asks for none."""

    repository: str
    record: str
    branch: str
    user_agent: str
    logins: tuple[str, ...]
    base: str = "main"
    old_branch: str | None = None
    removal_branch: str | None = None
    also_paths: tuple[str, ...] = ()
    comment_kinds: dict[str, str] = {}
    not_the_machine: str | None = None
    seconds_between: float = 0.0

    def has_branch(self, name: str | None) -> bool:
        """Compared whole: `register-a-b` is not a branch of node `a`."""
        if name is None:
            return False
        own = self.old_branch is not None and re.fullmatch(self.old_branch, name)
        return name in self.makes or bool(own)

    @property
    def makes(self) -> tuple[str, ...]:
        """The branches that the node may make."""
        return (self.branch,) if self.removal_branch is None else (self.branch, self.removal_branch)

    def branch_of(self, head: str | None) -> str | None:
        """The branch named by a head (`branch` or `owner:branch`); None when it is a fork's, where names
        mean nothing."""
        owner, colon, branch = (head or "").rpartition(":")
        return None if colon and owner != self.repository.partition("/")[0] else branch

    def comment_kind(self, body: str) -> str:
        for kind, pattern in self.comment_kinds.items():
            if re.search(pattern, body):
                return kind
        return re.sub(r"\b[0-9a-f]{7,}\b|[0-9]+", "#", body, flags=re.IGNORECASE)


class Final(enum.Enum):
    """What there is of the node's PRs, in the latest epoch. `none`: no PR ever, and no branch left behind; `closed`: no
    PR is open, and none was merged."""

    NONE = "none"
    EXACTLY_ONE_OPEN = "exactly-one-open"
    MERGED = "merged"
    CLOSED = "closed"


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From one named point of the timeline to another; an empty name is the beginning or the end of the
    record. `user_agent` (a regex) narrows a window to the requests of one program."""

    start: str = ""
    end: str = ""
    user_agent: str | None = None


class Expectations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What this scenario adds to the rules that always hold. `states` gives the state at named points;
    `order` names event types and machine kinds, the first of each of which come in this order."""

    final: Final | None = None
    states: dict[str, Final] = {}
    order: tuple[str, ...] = ()
    no_requests: tuple[Window, ...] = ()
    only_reads: tuple[Window, ...] = ()


class Seeded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A PR of the world that the log began with. `at` is when it was opened, where that is known."""

    number: int
    head: str
    by: str
    paths: tuple[str, ...] = ()
    at: datetime | None = None


class Before(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How things were before the first event: open PRs, whether the record was on the base, and whether the
    machine came with its system installed (then there is no install to wait for). A case that goes on where
    another one stopped also has what that left: PRs that are not open any more, the numbers of those of the
    present epoch, of those that were merged or that a person closed (`settled`), and of those that the machine has
    reopened; the program's comments (number and body), commits of the base branch, and paths that people pushed to
    the node's branch."""

    open: tuple[Seeded, ...] = ()
    ended: tuple[Seeded, ...] = ()
    of_this_epoch: tuple[int, ...] = ()
    settled: tuple[int, ...] = ()
    reopened: tuple[int, ...] = ()
    switched_off: tuple[int, ...] = ()
    """Where a person has switched auto-merge off."""
    comments: tuple[tuple[int, str], ...] = ()
    base_commits: tuple[str, ...] = ()
    pushed_by_people: tuple[str, ...] = ()
    record_on_base: bool = False
    installed: bool = False


class CaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    registration: Registration
    expect: Expectations = Expectations()
    before: Before = Before()


@dataclass(frozen=True)
class Pull:
    """A PR that registers the node, whoever opened it; `opened` is None when it was there from the
    beginning."""

    number: int
    branch: str | None
    by: str | None
    opened: Event | None


@dataclass(frozen=True)
class Standing:
    """What the repository holds of the node after an event. `record` is None when the log cannot tell."""

    open: frozenset[int] = frozenset()
    merged: frozenset[int] = frozenset()
    record: bool | None = False
    branches: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    events: tuple[Event, ...]
    timeline: tuple[MachineEvent, ...]
    registration: Registration
    expect: Expectations = field(default_factory=Expectations)
    before: Before = field(default_factory=Before)

    @cached_property
    def order(self) -> tuple[Entry, ...]:
        return merge(self.events, self.timeline)

    @cached_property
    def requests(self) -> dict[str, Event]:
        return {event.request: event for event in self.events if event.type == "request" and event.request}

    def request_of(self, event: Event) -> Event | None:
        """The request that caused an event, None for a person's act. Raises MissingEvidence when it is not
        logged."""
        if event.request is None:
            return None
        if event.request not in self.requests:
            raise MissingEvidence(f"event {event.seq} names {event.request}, which is not in the log")
        return self.requests[event.request]

    def by_machine(self, event: Event) -> bool:
        request = self.request_of(event)
        if request is None:
            return False
        agent, probe = request.user_agent or "", self.registration.not_the_machine
        if re.search(self.registration.user_agent, agent):
            return True
        if probe is not None and re.search(probe, agent):
            return False
        by = event.by or request.by
        return by is None or by in self.registration.logins

    @cached_property
    def machine_requests(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.type == "request" and self.by_machine(event))

    @cached_property
    def machine_effects(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.type not in NO_EFFECT and self.by_machine(event))

    @cached_property
    def pulls(self) -> dict[int, Pull]:
        """The PRs of the node by number: on one of its branches, or adding its record from elsewhere."""
        own = self.registration
        found = {
            s.number: Pull(s.number, own.branch_of(s.head), s.by, None)
            for s in (*self.before.open, *self.before.ended)
            if own.has_branch(own.branch_of(s.head)) or own.record in s.paths
        }
        for event in self.events:
            if event.type == "pull-request-opened" and event.repository == own.repository:
                branch = own.branch_of(event.head)
                if event.number is not None and (own.has_branch(branch) or own.record in event.paths):
                    found[event.number] = Pull(event.number, branch, event.by, event)
        return found

    @cached_property
    def pushed_by_people(self) -> frozenset[str]:
        """Paths that people pushed to the node's own branches: nothing that the machine does with those branches
        makes them its own."""
        pushed = {
            path
            for event in self.events
            if event.type in ("branch-created", "branch-moved")
            and self.registration.has_branch(event.branch)
            and not self.by_machine(event)
            for path in event.paths
        }
        return frozenset(pushed | set(self.before.pushed_by_people))

    @cached_property
    def base_commits(self) -> frozenset[str]:
        """Commits that the base branch is known to have stood at."""
        moved = {e.after for e in self.events if e.branch == self.registration.base and e.after}
        return frozenset(moved | set(self.before.base_commits))

    def is_own_pull(self, event: Event) -> bool:
        return event.repository == self.registration.repository and event.number in self.pulls

    def existed(self, number: int, end: int) -> bool:
        """Was the node's PR there before position `end` of the order?"""
        opened = self.pulls[number].opened
        return opened is None or any(entry is opened for entry in self.order[:end])

    @cached_property
    def at_first(self) -> Standing:
        seeded = frozenset(pull.number for pull in self.before.open if pull.number in self.pulls)
        return Standing(open=seeded, record=self.before.record_on_base)

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """What held after each entry of `order`, which is as long."""
        return tuple(_replay(self))

    @cached_property
    def epochs(self) -> tuple[int, ...]:
        """For each entry of `order`, the number of epochs that had begun: by an install, the operator's
        reset, or the removal of the record from the base."""
        begun, had, counts = 0, self.before.record_on_base, []
        for entry, standing in zip(self.order, self.standings, strict=True):
            has = standing.record
            begins = isinstance(entry, MachineEvent) and entry.kind in _EPOCH_BEGINS
            if begins or (had and has is False):
                begun += 1
            had = had if has is None else has
            counts.append(begun)
        return tuple(counts)

    def finding(self, text: str, *entries: Entry) -> Finding:
        """A finding that names its evidence: `12` for a line of the mock's log, `t3` for one of the
        timeline."""
        machine = {id(event): f"t{number}" for number, event in enumerate(self.timeline, 1)}
        return Finding(text, tuple(str(e.seq) if isinstance(e, Event) else machine[id(e)] for e in entries))

    def position(self, point: str) -> int:
        """Where in `order` the named point is. Raises MissingEvidence when the scenario never came there."""
        for index, entry in enumerate(self.order):
            if isinstance(entry, MachineEvent) and entry.kind is MachineKind.POINT and entry.name == point:
                return index
        raise MissingEvidence(f"the timeline has no point {point!r}")

    def span(self, window: Window) -> range:
        """The positions of a window, its points not among them."""
        start = self.position(window.start) + 1 if window.start else 0
        end = self.position(window.end) if window.end else len(self.order)
        if end < start:
            raise MissingEvidence(f"the point {window.end!r} comes before {window.start!r}")
        return range(start, end)


_EPOCH_BEGINS = {MachineKind.INSTALL_FINISHED, MachineKind.OPERATOR_RESET}


def _replay(case: Case) -> Iterator[Standing]:
    own, now = case.registration, case.at_first
    moved_to = {e.after for e in case.events if e.type == "branch-moved" and e.branch == own.base and e.after}
    for entry in case.order:
        if isinstance(entry, MachineEvent):
            if entry.kind is MachineKind.RECORD_REMOVED:
                now = Standing(now.open, now.merged, False, now.branches)
        elif entry.repository == own.repository:
            now = _after(case, now, entry, moved_to)
        yield now


def _after(case: Case, now: Standing, event: Event, moved_to: set[str]) -> Standing:
    """One event of the repository. A merge moves the base too; where the log has that move, only the move
    counts."""
    own, number = case.registration, event.number
    open_now, merged, record, branches = now.open, now.merged, now.record, now.branches
    if number is not None and number in case.pulls:
        if event.type in ("pull-request-opened", "pull-request-reopened"):
            open_now |= {number}
        elif event.type == "pull-request-closed":
            open_now -= {number}
        elif event.type == "pull-request-merged":
            open_now, merged = open_now - {number}, merged | {number}
            opened = case.pulls[number].opened
            if event.merge_commit not in moved_to and opened is not None and own.record in opened.paths:
                record = _record_after(record, event, own.record)
    if event.branch == own.base and event.type == "branch-moved" and own.record in event.paths:
        record = _record_after(record, event, own.record)
    if event.branch is not None and own.has_branch(event.branch):
        branches = branches - {event.branch} if event.type == "branch-deleted" else branches | {event.branch}
    return Standing(open_now, merged, record, branches)


def _record_after(record: bool | None, event: Event, path: str) -> bool | None:
    """Is the record there after a commit that touched it? Where it was absent it can only have been added;
    where it was there, only a log that names removals can tell a change from a removal."""
    if event.removed is not None:
        return path not in event.removed
    return True if record is False else None


_EVENTS = msgspec.json.Decoder(Event)


def read_events(path: Path) -> tuple[Event, ...]:
    """Reads the mock's log. Raises HarnessError when it is torn, or a line is missing from its middle."""
    events = read_lines(path, _EVENTS.decode)
    for expected, event in enumerate(events, 1):
        if event.seq != expected:
            raise HarnessError(
                f"{path}: event {event.seq} stands where {expected} belongs; the log is not whole"
            )
    return events


def as_events(raw: Iterable[object]) -> tuple[Event, ...]:
    """The events of a mock in this process: structs or mappings with the fields of the log."""
    return tuple(msgspec.convert(msgspec.to_builtins(event), Event) for event in raw)


def read_case_file(path: Path) -> CaseFile:
    """Reads what is judged from TOML, or from the JSON that kept evidence has."""
    decode = msgspec.json.decode if path.suffix == ".json" else msgspec.toml.decode
    try:
        return decode(path.read_bytes(), type=CaseFile)
    except OSError as error:
        raise HarnessError(f"cannot read {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise HarnessError(f"{path}: {error}") from error
