"""The local half of a run: from one place to the next request or to the end, with every disk fault and every cut.

Between two requests nothing but this machine matters, so what can happen there is worked out once for each place
and disk, and kept.
"""

from __future__ import annotations

import enum
import errno
import posixpath
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootproof.simulation.agents import Agent
from bootproof.simulation.automaton import VARIES, Automaton, Effect, Place, Raises, described
from bootproof.simulation.storage import Disk, DiskError, after_power_cut, disk_of
from bootproof.verdict import HarnessError


class DiskFault(enum.Enum):
    """What this machine can answer where the disk or another process is asked for, GitHub apart."""

    NO_SPACE = "enospc"
    SYNC_FAILS = "eio"
    READ_ONLY = "erofs"
    LOCKED = "locked"
    """Another process of the program is at work on this machine."""
    UNREACHABLE = "unreachable"
    """Nobody answers at a place beside GitHub that the program asks for."""


_ERRNO = {
    DiskFault.NO_SPACE: errno.ENOSPC,
    DiskFault.SYNC_FAILS: errno.EIO,
    DiskFault.READ_ONLY: errno.EROFS,
}
_MEETS: Mapping[DiskFault, tuple[str, ...]] = {
    DiskFault.NO_SPACE: ("write", "make_folder", "lock", "publish"),
    DiskFault.SYNC_FAILS: ("sync",),
    DiskFault.READ_ONLY: ("write", "rename", "make_folder", "lock", "publish"),
    DiskFault.LOCKED: ("lock",),
    DiskFault.UNREACHABLE: ("reachable",),
}
_RAISES = {
    DiskFault.LOCKED: Raises("already-running"),
    DiskFault.UNREACHABLE: Raises("not-reachable", "connection refused"),
}
_FAULTS_OF = {
    name: tuple(fault for fault in DiskFault if name in _MEETS[fault])
    for name in ("write", "sync", "rename", "make_folder", "lock", "publish", "reachable")
}
BEFORE_ALL = -1
INTERRUPTED_AT_ONCE = "before anything was written"
"""Where a run was interrupted: GitHub has answered, and nothing has come of it on this machine."""
BOOT_ID = "boot-now"
EARLIER_BOOT = "boot-before"
UPTIME = 1_000_000.0
"""Seconds: longer than anything that a program waits for, so that every age can be told by it."""
WALL_CLOCKS = (0.0, 4_000_000_000.0)
"""The machine's own clock may stand in 1970 or far ahead; a program that asks for it meets both."""


@dataclass(frozen=True)
class Interrupted:
    """A run that ended in the middle: what the disk then holds, and how it came to that."""

    how: str
    disk: int
    cut: bool = False
    """By a power cut, so that the machine starts again; else only the process was killed."""
    after: int = BEFORE_ALL
    """The number of the place whose effect was the last one; several effects of a run can have the same name."""


@dataclass(frozen=True)
class LocalRun:
    """One way from a place to the next request, or to the end of the run."""

    place: Place
    disk: int
    faults: tuple[str, ...]
    markers: tuple[bytes, ...]
    """What was put in the marker's place on the way."""
    interrupted: tuple[Interrupted, ...]
    """Everything that a kill or a power cut on the way can leave."""


@dataclass
class Machine:
    """One machine's files and the program on it; disks are kept once each and known by numbers."""

    agent: Agent
    token: str
    different: Mapping[str, bytes | int | None] = field(default_factory=dict)
    """Files that are other ones here than on a freshly installed machine (see `Universe.files`)."""
    keeps_unsynced: bool = False
    """Whether what a killed process had not synced can still be lost by a power cut long after."""
    disks: list[Disk] = field(default_factory=list)
    _numbers: dict[Disk, int] = field(default_factory=dict)
    _runs: dict[tuple[int, int, frozenset[DiskFault]], tuple[LocalRun, ...]] = field(default_factory=dict)
    _killed: dict[int, int] = field(default_factory=dict)
    _cuts: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        files: dict[str, bytes | int | None] = {**self.agent.machine(self.token), **self.different}
        self._unreadable = {path: code for path, code in files.items() if isinstance(code, int)}
        there = {path: content for path, content in files.items() if isinstance(content, bytes)}
        # What lies beside the marker can change; all else never does.
        self._folder = posixpath.dirname(self.agent.marker)
        own = f"{self._folder}/"
        self._still = {path: content for path, content in there.items() if not path.startswith(own)}
        self._moving = {path: content for path, content in there.items() if path.startswith(own)}
        self._scratch = re.compile(self.agent.scratch)
        self._answers: dict[Effect, Any] = {}
        self.automaton = Automaton(self.agent, self._constant)

    def first_disk(self) -> int:
        """The disk of a machine that has just been installed."""
        there = {posixpath.dirname(path) for path in self._moving}
        return self.number(disk_of(self._moving, frozenset(self.agent.folders) | there))

    def number(self, disk: Disk) -> int:
        found = self._numbers.get(disk)
        if found is None:
            found = self._numbers[disk] = len(self.disks)
            self.disks.append(disk)
        return found

    def cuts(self, disk: int) -> tuple[int, ...]:
        """Every disk that a power cut can leave.  Files that the program never reads are not told apart."""
        found = self._cuts.get(disk)
        if found is None:
            left = (self._bare(one) for one in after_power_cut(self.disks[disk]))
            found = self._cuts[disk] = tuple(dict.fromkeys(self.number(one) for one in left))
        return found

    def killed(self, disk: int) -> int:
        """The disk after a kill: nothing is lost, and unless `keeps_unsynced` the kernel has written it back."""
        found = self._killed.get(disk)
        if found is None:
            bare = self._bare(self.disks[disk])
            found = self._killed[disk] = self.number(bare if self.keeps_unsynced else bare.sync_all())
        return found

    def _bare(self, disk: Disk) -> Disk:
        return disk.folded(self._scratch.fullmatch)

    def onward(self, place: Place, disk: int, faults: frozenset[DiskFault]) -> tuple[LocalRun, ...]:
        """Every way on from a place to the next request or the end, the fault-free one first."""
        key = (place.number, disk, faults)
        found = self._runs.get(key)
        if found is None:
            found = self._runs[key] = tuple(self._walk(place, self.disks[disk], faults))
        return found

    def _walk(self, place: Place, disk: Disk, faults: frozenset[DiskFault]) -> list[LocalRun]:
        """Depth first, the fault-free way first."""
        done: list[LocalRun] = []
        ways = [_Way(place, disk)]
        while ways:
            way = ways.pop()
            branches: list[_Way] = []
            while way.place.effect[0] not in ("github", "end"):
                branches += self._branches(way, faults)
                way = self._next(way)
            done.append(self._finished(disk, way))
            ways += reversed(branches)
        return done

    def _finished(self, begun: Disk, way: _Way) -> LocalRun:
        number = self.number(way.disk)
        disk = self.killed(number) if way.place.ended else number
        return LocalRun(way.place, disk, way.faults, way.markers, self._left_by(begun, way.passed))

    def _left_by(self, begun: Disk, passed: tuple[tuple[Place, Disk], ...]) -> tuple[Interrupted, ...]:
        left: dict[tuple[int, bool], Interrupted] = {}
        points = ((f"after {described(place.effect)}", disk, place.number) for place, disk in passed)
        for where, disk, after in ((INTERRUPTED_AT_ONCE, begun, BEFORE_ALL), *points):
            number = self.number(disk)
            killed = self.killed(number)
            left.setdefault((killed, False), Interrupted(f"killed {where}", killed, after=after))
            for variant, cut in enumerate(self.cuts(number)):
                how = f"power cut {where} (#{variant})"
                left.setdefault((cut, True), Interrupted(how, cut, cut=True, after=after))
        return tuple(left.values())

    def _next(self, way: _Way) -> _Way:
        """The way on when the effect does what it should."""
        effect = way.place.effect
        try:
            answer, disk = self._done(effect, way.disk)
        except DiskError as error:
            answer, disk = Raises(error.code, error.path), way.disk
        markers = way.markers
        if (
            effect[0] in ("rename", "write")
            and effect[2 if effect[0] == "rename" else 1] == self.agent.marker
        ):
            markers = (*markers, disk.read(self.agent.marker))
        passed = way.passed if disk is way.disk else (*way.passed, (way.place, disk))
        return _Way(self.automaton.step(way.place, answer), disk, way.faults, markers, passed)

    def _branches(self, way: _Way, faults: frozenset[DiskFault]) -> list[_Way]:
        """The ways on when it fails."""
        effect = way.place.effect
        if effect[0] == "wall_clock":
            return [
                _Way(
                    self.automaton.step(way.place, clock),
                    way.disk,
                    (*way.faults, f"clock at {clock:.0f}"),
                    way.markers,
                )
                for clock in WALL_CLOCKS
            ]
        found = []
        for fault in _FAULTS_OF.get(effect[0], ()):
            if fault in faults:
                code = _ERRNO.get(fault)
                error = _RAISES[fault] if code is None else Raises(code, str(effect[1]))
                place = self.automaton.step(way.place, error)
                disk = way.disk.fail_to_sync(effect[1]) if fault is DiskFault.SYNC_FAILS else way.disk
                what = f"{fault.value} at {described(effect)}"
                found.append(_Way(place, disk, (*way.faults, what), way.markers, way.passed))
        return found

    def _constant(self, effect: Effect) -> Any:
        """The answer to everything that nothing here changes."""
        if effect not in self._answers:
            self._answers[effect] = self._unchanging(effect)
        return self._answers[effect]

    def _unchanging(self, effect: Effect) -> Any:
        match effect:
            case ("read", path) if path in self._unreadable:
                return Raises(self._unreadable[path], path)
            case ("read", path) if not path.startswith(f"{self._folder}/"):
                return self._still.get(path, Raises(errno.ENOENT, path))
            case ("run", argv):
                printed = self.agent.output(argv)
                return Raises("command-failed", " ".join(argv)) if printed is None else printed
            case ("monotonic",):
                return UPTIME
            case ("boot_id",):
                return BOOT_ID
        return VARIES

    def _done(self, effect: Effect, disk: Disk) -> tuple[Hashable, Disk]:
        match effect:
            case ("read", path):
                if self._scratch.fullmatch(path):
                    raise HarnessError(f"{self.agent.name} reads {path}, which it calls scratch")
                return disk.read(path), disk
            case ("listdir", path):
                return self._list(path, disk), disk
            case ("write", path, content, _):
                return None, disk.write(path, content)
            case ("sync", path):
                return None, disk.sync(path)
            case ("rename", source, target):
                return None, disk.rename(source, target)
            case ("make_folder", path):
                return None, disk.make_folder(path)
            case ("sync_all",):
                return None, disk.sync_all()
            case ("publish", _, _):
                # For others: the program does not rely on it, so it is no part of the state.
                return None, disk
            case ("lock", _) | ("reachable", _, _):
                return None, disk
            case ("wall_clock",):
                return 1_767_225_600.0, disk
        raise HarnessError(f"the simulation does not know the effect {described(effect)}")

    def _list(self, path: str, disk: Disk) -> Hashable:
        prefix = path.rstrip("/") + "/"
        still = {name[len(prefix) :].split("/")[0] for name in self._still if name.startswith(prefix)}
        moving = {
            name for name in disk.names(path) if not self._scratch.fullmatch(posixpath.join(path, name))
        }
        if still or moving or disk.has_folder(path):
            return tuple(sorted(still | moving))
        return Raises(errno.ENOENT, path)


@dataclass(frozen=True)
class _Way:
    """A walk in the making; `passed` is the disk after each effect that changed it."""

    place: Place
    disk: Disk
    faults: tuple[str, ...] = ()
    markers: tuple[bytes, ...] = ()
    passed: tuple[tuple[Place, Disk], ...] = ()
