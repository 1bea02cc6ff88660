"""What one exploration lets happen.  Each universe is small, and all of them are run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mock_github.world import World

from bootproof.simulation.hub import RequestFault
from bootproof.simulation.machine import DiskFault
from bootproof.simulation.people import Act

NETWORK = frozenset({RequestFault.NOT_SENT, RequestFault.LOST_BEFORE, RequestFault.LOST_AFTER})
SERVER = frozenset({RequestFault.ERROR_BEFORE, RequestFault.ERROR_AFTER, RequestFault.NO_PERMISSION})
LIMITS = frozenset({RequestFault.PRIMARY_LIMIT, RequestFault.SECONDARY_LIMIT})


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
    late: int = 0
    """How many requests may be on their way at a time."""
    late_beyond_q: bool = False
    """Whether they may arrive later than Q after they were sent: GitHub then makes a second one possible."""
    expects: frozenset[str] = frozenset()
    """Rules that nobody can keep here.  They are shown, and the exploration goes on behind them."""
    keeps_unsynced: bool = False
    """Whether a power cut can still take what a process that was killed long before had not synced."""
    files: Callable[[Mapping[str, bytes]], Mapping[str, bytes]] | None = None
    """What is different on the machine: from all its files to those that are other ones."""
    world: Callable[[World], World] | None = None
    """What is different at GitHub."""

    @property
    def stale(self) -> bool:
        """Whether a read may be answered from the state before the last change."""
        return RequestFault.STALE in self.request_faults
