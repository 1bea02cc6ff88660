"""What one exploration lets happen.  Each universe is small, and all of them are run."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from mock_github.world import World
from msgspec.structs import replace

from bootproof.oracle_case import Registration
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.machine import DiskFault
from bootproof.simulation.people import Act, first_world

NETWORK = frozenset({RequestFault.NOT_SENT, RequestFault.LOST_BEFORE, RequestFault.LOST_AFTER})
SERVER = frozenset({RequestFault.ERROR_BEFORE, RequestFault.ERROR_AFTER, RequestFault.NO_PERMISSION})
LIMITS = frozenset({RequestFault.PRIMARY_LIMIT, RequestFault.SECONDARY_LIMIT})

DISK = frozenset(DiskFault) - {DiskFault.UNREACHABLE}


class Forbidden(enum.Enum):
    """What no machine may do in a universe, because of what was there before its first run."""

    NOTHING = "nothing"
    CHANGES = "changes"
    """It may look at GitHub, and change nothing there."""
    REQUESTS = "requests"


@dataclass(frozen=True)
class Universe:
    """One closed world: how many machines have this identity, what can fail, and what people do."""

    name: str
    says: str
    """What it is about, in one line."""
    actors: int = 1
    crashes: bool = True
    request_faults: frozenset[RequestFault] = NETWORK
    disk_faults: frozenset[DiskFault] = frozenset()
    people: Mapping[Act, int] = field(default_factory=dict)
    """How often each act may happen, at any moment, also in the middle of a run."""
    acts: int | None = None
    """How many acts there may be in all; as many as `people` allows without this."""
    operator: Mapping[str, int] = field(default_factory=dict)
    """How often the operator may run each of the agent's further commands, at any moment between two runs."""
    late: int = 0
    """How many requests may be on their way at a time."""
    late_beyond_q: bool = False
    """Whether they may arrive later than Q after they were sent: GitHub then makes a second one possible."""
    faults: int | None = None
    """How many faults and crashes a history may have; any number without this.  People's acts are not among them."""
    one_command: bool = False
    """Whether only the command that is run again and again is run, not the one of the first boot."""
    waits: int | None = None
    """How many of the program's thresholds may pass between two runs; all of them without this."""
    expects: frozenset[str] = frozenset()
    """Rules that nobody can keep here.  They are shown, and the exploration goes on behind them."""
    keeps_unsynced: bool = False
    """Whether a power cut can still take what a process that was killed long before had not synced."""
    files: Mapping[str, bytes | int | None] = field(default_factory=dict)
    """What is different on the machine: a file's content, None for a file that is not there, or the errno that
    reading it ends in."""
    branches: tuple[str, ...] = ()
    """Further branches whose pull requests are the node's, though it may not make them."""
    merged_at_last: bool = True
    """Whether somebody merges what is still open when the program can do no more."""
    may_be_held: bool = False
    """Whether it need not come to a registration, because of what was there before the first run."""
    forbidden: Forbidden = Forbidden.NOTHING
    never: frozenset[str] = frozenset()
    """Types of events at GitHub that no machine may bring about, because of what its settings say."""
    world: Callable[[World], World] | None = None
    """What is different at GitHub."""

    def begins(self, own: Registration, token: str) -> World:
        """GitHub before anything has happened; the program's login has this token."""
        first = first_world(own, token)
        return first if self.world is None else self.world(first)

    def unexpected(self, findings: Iterable[str]) -> tuple[str, ...]:
        """The findings without those that nobody can avoid here."""
        return tuple(text for text in findings if rule_of(text) not in self.expects)

    @property
    def stale(self) -> bool:
        """Whether a read may be answered from the state before the last change."""
        return RequestFault.STALE in self.request_faults


@dataclass(frozen=True)
class Guarded:
    """What is different at GitHub where the base branch requires something before a merge: checks of these names, an
    up-to-date branch, reviews."""

    checks: tuple[str, ...] | None = None
    strict: bool = False
    approvals: int | None = None
    auto_merge: bool = True

    def __call__(self, world: World) -> World:
        """A world that has one repository, with these rules for its base branch."""
        (repository,) = world.repositories.values()
        world = world.with_stored(replace(repository, auto_merge_allowed=self.auto_merge))
        return world.with_protection(
            repository.full_name,
            required_checks=self.checks,
            strict=self.strict,
            required_approvals=self.approvals,
        )


def rule_of(finding: str) -> str:
    """The rule that a finding is of: `rule: what was wrong`."""
    return finding.partition(":")[0]
