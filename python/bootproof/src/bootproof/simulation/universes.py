"""All universes that are explored.  Together they are the claim; each says what it lets happen."""

from __future__ import annotations

from collections.abc import Iterable

from bootproof.simulation import starts
from bootproof.simulation.agents import Agent
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.people import Act
from bootproof.simulation.universe import DISK, LIMITS, NETWORK, SERVER, Guarded, Universe
from bootproof.verdict import HarnessError

_LATE = NETWORK | {RequestFault.LATE}
# GitHub has no idempotency key: nobody can keep these when a request outlives Q.
_BEYOND = frozenset({"one-per-epoch", "not-too-soon", "one-comment-per-kind"})

# Reopening takes a closing before it (`people`); a check and switching auto-merge off take a base that requires
# something (`checks`, `switched-off`).
TAKES_MORE = frozenset({Act.REOPEN, Act.CHECK, Act.DISARM})

_MERGING = NETWORK | {RequestFault.BASE_MODIFIED}


ALL: tuple[Universe, ...] = (
    Universe("alone", "crashes and a broken network", people={Act.MERGE: 1}),
    Universe(
        "faults",
        "every fault of the network, the server and the disk together",
        request_faults=NETWORK | SERVER,
        disk_faults=DISK,
        people={Act.MERGE: 1},
    ),
    Universe(
        "any-act",
        "any one act of people, at any moment",
        people={act: 1 for act in Act if act not in TAKES_MORE},
        acts=1,
    ),
    Universe(
        "people",
        "somebody closes the pull request, reopens it, merges it",
        people={Act.MERGE: 1, Act.CLOSE: 2, Act.REOPEN: 1},
    ),
    Universe(
        "branch-deleted",
        "somebody deletes the branch, and closes the pull request",
        people={Act.DELETE_BRANCH: 1, Act.CLOSE: 1},
    ),
    Universe(
        "branch-pushed",
        "somebody pushes to the branch, and closes the pull request",
        people={Act.PUSH: 1, Act.CLOSE: 1},
    ),
    Universe("retargeted", "somebody retargets the pull request", people={Act.RETARGET: 1}),
    Universe(
        "base",
        "something else is merged, the pull request too",
        people={Act.MERGE_OTHER: 1, Act.MERGE: 1},
    ),
    Universe(
        "checks",
        "a required check turns green at some time; merging meets a base that moves",
        request_faults=_MERGING,
        people={Act.CHECK: 1},
        world=Guarded(("ci",)),
        merged_at_last=False,
    ),
    Universe(
        "reviews",
        "a required review is given at some time, in a repository without auto-merge",
        request_faults=_MERGING,
        people={Act.APPROVE: 1},
        world=Guarded(approvals=1, auto_merge=False),
        merged_at_last=False,
    ),
    Universe(
        "strict",
        "branches have to be up to date, something else is merged, checks turn green twice",
        people={Act.CHECK: 2, Act.MERGE_OTHER: 1},
        world=Guarded(("ci",), strict=True),
        merged_at_last=False,
    ),
    Universe(
        "switched-off",
        "somebody switches auto-merge off, and a required check turns green",
        people={Act.DISARM: 1, Act.CHECK: 1},
        world=Guarded(("ci",)),
    ),
    Universe(
        "branch-forced",
        "somebody force-pushes the branch, deletes it, makes it anew",
        people={Act.FORCE_PUSH: 1, Act.DELETE_BRANCH: 1},
    ),
    Universe("removed", "the record is removed from the base", people={Act.REMOVE_RECORD: 1}),
    Universe("edited", "the record is edited on the base", people={Act.EDIT_RECORD: 1}),
    Universe("retired", "the node is retired", people={Act.RETIRE: 1}),
    Universe("server", "GitHub answers 5xx, before and after the effect, and refuses", request_faults=SERVER),
    Universe("limits", "both rate limits, up to two faults", request_faults=LIMITS, faults=2),
    Universe(
        "stale", "reads that lag behind", request_faults=NETWORK | {RequestFault.STALE}, people={Act.MERGE: 1}
    ),
    Universe("disk", "full, read-only, fsync fails, another process", disk_faults=DISK),
    Universe("unsynced", "a power cut takes what a killed process had not synced", keeps_unsynced=True),
    Universe("late", "one request arrives late, even after reboots, up to Q", request_faults=_LATE, late=1),
    Universe(
        "late-people",
        "the same, while somebody closes or merges the pull request",
        request_faults=_LATE,
        late=1,
        people={Act.CLOSE: 1, Act.MERGE: 1},
    ),
    Universe(
        "twins",
        "two machines of the same identity, up to two faults",
        actors=2,
        faults=2,
        one_command=True,
        waits=1,
    ),
    Universe(
        "twins-late",
        "two machines of the same identity, up to two faults, one of them a late request",
        actors=2,
        faults=2,
        one_command=True,
        waits=1,
        request_faults=_LATE,
        late=1,
    ),
    Universe(
        "beyond-q",
        "a request that arrives later than Q: GitHub makes a second one possible; up to two faults",
        request_faults=_LATE,
        late=1,
        late_beyond_q=True,
        faults=2,
        people={Act.MERGE: 1},
        expects=_BEYOND,
    ),
    Universe(
        "beyond-q-closed",
        "the same, and a person closes the pull request that counts",
        request_faults=_LATE,
        late=1,
        late_beyond_q=True,
        faults=2,
        people={Act.CLOSE: 1},
        expects=_BEYOND,
    ),
)

UNIVERSES = {universe.name: universe for universe in ALL}


def known(agent: Agent) -> dict[str, Universe]:
    """All that this agent can be explored in: the ones above, and one for each other beginning that it names."""
    return {**UNIVERSES, **starts.universes(agent)}


def named(agent: Agent, names: Iterable[str]) -> list[Universe]:
    """The universes of these names, all without any.  Raises HarnessError when there is none of that name."""
    there = known(agent)
    strange = [name for name in names if name not in there]
    if strange:
        raise HarnessError(f"no universe {strange[0]!r}; `bootproof explore --list` says what there is")
    return [there[name] for name in dict.fromkeys(names)] or list(there.values())
