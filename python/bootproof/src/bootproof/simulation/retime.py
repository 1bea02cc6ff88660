"""Time, so that it can be compared: only how long ago a thing was counts, and only against what a program compares.

Between two runs every time in the files and at GitHub is moved: its age keeps its class (younger than Q, between Q
and the next threshold, ...), the order of the ages within a class stays, and everything else about them goes.  The
result is again a state, with dates in it, that the program can be run upon.  Ids that only count are numbered
afresh.  What is lost by this is said in `closure`, and `check_merging` holds it to what it claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import replace as replace_disk
from datetime import UTC, datetime
from typing import Any

import msgspec
from mock_github.frozen import FrozenMap
from mock_github.state import PullRequest, Repository
from mock_github.world import World
from msgspec.structs import replace

from bootproof.simulation.machine import BOOT_ID, EARLIER_BOOT, UPTIME
from bootproof.simulation.storage import Disk

START = 1_767_225_600
"""2026-01-01T00:00:00Z in seconds: every run begins about then."""
STEP = 10.0
"""Seconds between two ages of the same class, and from a class's beginning to its first."""
FIRST_ID = 100_001
CREATED = "created_at"

LAST = 25
"""The rank of a time whose order does not count; more than there are of the others."""


Move = Callable[[float, str], float]
"""Where a time goes that stands in this file, or in this field of a pull request."""


@dataclass(frozen=True)
class Clocks:
    """How the program uses times, as it says itself (see `Agent`).  `thresholds` in seconds, ascending."""

    thresholds: tuple[float, ...]
    fields: Mapping[str, str]
    ordered: frozenset[str]
    ages: Mapping[str, tuple[float, ...]]
    boots: frozenset[str]

    @property
    def _of_notes(self) -> tuple[float, ...]:
        """What times are compared with that are ordered and stand in files: a beginning of the thresholds."""
        return max(
            (self.ages.get(name, self.thresholds) for name in self.ordered - {CREATED}), key=len, default=()
        )

    def moved(self, created: set[float], noted: set[float], now: float, later: float, new_now: float) -> Move:
        """Where a time (seconds) goes when `later` seconds have passed and it is then `new_now`.  When pull requests
        were made and what is noted of it keep their order; of all others, only what they are compared with counts."""
        place: dict[float, float] = {}
        ranks: dict[int, int] = {}
        oldest = -1
        for time in sorted(created | noted, reverse=True):
            compared = self.thresholds if time in created else self._of_notes
            # A note that is compared with less than a pull request is not made older than its order asks for.
            kind = oldest = max(oldest, _kind(now + later - time, compared))
            rank = ranks[kind] = ranks.get(kind, 0) + 1
            place[time] = _at(kind, self.thresholds, rank, new_now)

        def move(time: float, where: str) -> float:
            if where in self.ordered:
                return place[time]
            compared = self.ages.get(where, self.thresholds)
            return _at(_kind(now + later - time, compared), compared, LAST, new_now)

        return move


def _kind(age: float, thresholds: tuple[float, ...]) -> int:
    return sum(age >= threshold for threshold in thresholds) if age >= 0 else -1


def _at(kind: int, thresholds: tuple[float, ...], rank: int, new_now: float) -> float:
    if kind < 0:  # a time ahead of now stays ahead
        return new_now + 1e6 - STEP * rank
    return new_now - (thresholds[kind - 1] if kind > 0 else 0.0) - STEP * rank


def now_of(world: World) -> float:
    """Seconds since 1970 by GitHub's clock."""
    return world.now / 1000


def world_times(world: World, repository: str) -> set[float]:
    """When each pull request was made: the times at GitHub whose order counts."""
    return {pull.created_at / 1000 for pull in _pulls(world, repository)}


def _pulls(world: World, repository: str) -> Iterable[PullRequest]:
    return world.repositories[repository.lower()].pulls.values()


def moved_world(world: World, repository: str, move: Move, new_now: float) -> World:
    """The world with its times moved.  Times of comments, of timeline items and of the last change are not told
    apart, nor are ids that only count."""
    own = world.repositories[repository.lower()]
    ids = _Ids()
    pulls = FrozenMap({number: _moved_pull(pull, move, ids) for number, pull in sorted(own.pulls.items())})
    bare: Repository = replace(own, pulls=pulls, pushed_at=0, updated_at=0)
    return replace(
        world,
        now=round(new_now * 1000),
        next_id=ids.next,
        repositories=world.repositories.set(own.key, bare),
    )


class _Ids:
    def __init__(self) -> None:
        self.next = FIRST_ID

    def take(self) -> int:
        self.next += 1
        return self.next - 1


def _moved_pull(pull: PullRequest, move: Move, ids: _Ids) -> PullRequest:
    def moved(at: int, field: str) -> int:
        return round(move(at / 1000, field) * 1000)

    return replace(
        pull,
        id=ids.take(),
        created_at=moved(pull.created_at, CREATED),
        closed_at=None if pull.closed_at is None else moved(pull.closed_at, "closed_at"),
        merged_at=None if pull.merged_at is None else moved(pull.merged_at, "merged_at"),
        updated_at=0,
        comments=tuple(replace(c, id=ids.take(), created_at=0, updated_at=0) for c in pull.comments),
        timeline=tuple(replace(t, id=ids.take(), at=0) for t in pull.timeline),
        auto_merge=None if pull.auto_merge is None else replace(pull.auto_merge, enabled_at=0),
    )


def disk_times(disk: Disk, clocks: Clocks, now: float) -> set[float]:
    """Every time noted in a file whose order counts."""
    found: set[float] = set()

    def collect(time: float, where: str) -> float:
        if where in clocks.ordered:
            found.add(time)
        return time

    for number in disk.inodes:
        _moved_contents(disk, number, _Moving(clocks, now, collect))
    return found


def moved_disk(disk: Disk, clocks: Clocks, now: float, move: Move, new_now: float, *, rebooted: bool) -> Disk:
    """The disk with the times in its files moved, in all the contents that they may have after a cut."""
    moving = _Moving(clocks, now, move, new_now, rebooted)
    inodes = {number: _moved_contents(disk, number, moving) for number in disk.inodes}
    return replace_disk(disk, inodes=FrozenMap(inodes))


@dataclass(frozen=True)
class _Moving:
    """One way of moving times, or of looking at them."""

    clocks: Clocks
    now: float
    move: Move
    new_now: float = 0.0
    rebooted: bool = False


def _moved_contents(disk: Disk, inode: int, moving: _Moving) -> tuple[bytes, ...]:
    name = next((path.rpartition("/")[2] for path, number in disk.visible.items() if number == inode), "")
    moved = []
    for content in disk.inodes[inode]:
        note = _decoded(content)
        moved.append(content if note is None else _encoded(content, _walk(note, moving, name, "")))
    return tuple(moved)


def _decoded(content: bytes) -> Any:
    try:
        note = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return note if isinstance(note, dict | list) else None


def _encoded(before: bytes, note: Any) -> bytes:
    """In the way in which it was written."""
    indented = before.startswith(b"{\n")
    text = msgspec.json.encode(note)
    return msgspec.json.format(text, indent=2) + b"\n" if indented else text


def _walk(note: Any, moving: _Moving, file: str, key: str) -> Any:
    """A copy of a JSON value with its times moved; `key` is what it stands under."""
    if isinstance(note, list):
        return [_walk(item, moving, file, key) for item in note]
    if not isinstance(note, dict):
        return note
    fields = moving.clocks.fields
    kinds = {fields[k]: k for k in note if k in fields}
    keeps_boot = key in moving.clocks.boots
    changed = {
        k: value if k in fields else _walk(value, moving, file, key if key in moving.clocks.boots else k)
        for k, value in note.items()
    }
    return changed if not kinds else changed | _moved_times(note, kinds, moving, file, keeps_boot)


def _moved_times(
    note: dict[str, Any], kinds: Mapping[str, str], moving: _Moving, file: str, keeps_boot: bool
) -> dict[str, Any]:
    """The fields that hold one time, moved.  Where both clocks are noted, that of this boot decides for both."""
    boot = note[kinds["boot"]] if "boot" in kinds else None
    at = note[kinds["server"]] if "server" in kinds else None
    if "monotonic" in kinds and boot == BOOT_ID:
        at = moving.now - (UPTIME - note[kinds["monotonic"]])
    if at is None:
        return {}
    moved = moving.move(at, file)
    this_boot = boot == BOOT_ID and not moving.rebooted and keeps_boot
    values = {
        "server": moved,
        "monotonic": UPTIME - (moving.new_now - moved) if this_boot else 0.0,
        "boot": BOOT_ID if this_boot else EARLIER_BOOT,
        "text": _text(moved) if "text" in kinds else "",
    }
    return {field: values[kind] for kind, field in kinds.items()}


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
