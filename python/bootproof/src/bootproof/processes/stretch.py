"""From one request of a run to its next one, or to its end: what the program does to its files, and what it meets.

The simulation says which effects come, in which order, and what each is answered; here each system call is told to
which of them it belongs. One that belongs to none means that the process is not where the trace is.
"""

from __future__ import annotations

import enum
import errno
import fcntl
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bootproof.processes.layout import Layout
from bootproof.simulation.automaton import Effect, Place, Raises, described
from bootproof.simulation.machine import BEFORE_ALL, INTERRUPTED_AT_ONCE, DiskFault
from bootproof.torture.calls import Call, Does
from bootproof.torture.tracer import Order
from bootproof.verdict import HarnessError

_ERRNO = {
    DiskFault.NO_SPACE: errno.ENOSPC,
    DiskFault.SYNC_FAILS: errno.EIO,
    DiskFault.READ_ONLY: errno.EROFS,
}
# Which calls an effect of the port is made of; each but a write is one call.
_CALLS = {
    "write": {Does.OPEN, Does.WRITE, Does.ATTRIBUTE},
    "sync": {Does.SYNC},
    "rename": {Does.ENTRY},
    "make_folder": {Does.ENTRY},
    "lock": {Does.OPEN},
}


class Stop(enum.Enum):
    KILL = "killed"
    CUT = "power cut"


@dataclass(frozen=True)
class Deed:
    """One effect on a file, what the tracer calls its target, the number of its place in the simulation, and what goes
    wrong with it. `fails` means that it fails by itself, and so need not come to a call."""

    effect: Effect
    target: str
    place: int = 0
    fault: DiskFault | None = None
    fails: bool = False

    def has(self, call: Call) -> bool:
        """Whether a call is a part of it."""
        return call.target == self.target and call.does in _CALLS[self.effect[0]]


@dataclass(frozen=True)
class Local:
    """What a step says of the machine: the faults in their order, and how the run is interrupted in the end."""

    faults: tuple[str, ...]
    stop: Stop | None
    how: str
    """The words for the interruption, as the simulation has them."""

    @property
    def at_once(self) -> bool:
        """Whether it is interrupted before anything comes of an answer."""
        return self.stop is not None and INTERRUPTED_AT_ONCE in self.how


def parsed(local: str) -> Local:
    """From the words of a trace."""
    parts = [part for part in local.split("; ") if part]
    stop = next((stop for stop in Stop if parts and parts[-1].startswith(stop.value)), None)
    if stop is None:
        return Local(tuple(parts), None, "")
    return Local(tuple(parts[:-1]), stop, parts[-1])


def deeds_of(way: Sequence[Place], local: Local, layout: Layout) -> tuple[Deed, ...]:
    """The effects on files along a way. Raises HarnessError for what cannot be done to a process."""
    faults, deeds = list(local.faults), []
    if any(fault.startswith("clock ") for fault in faults):
        raise HarnessError("in processes the machine's own clock is this host's, and cannot be set")
    for place, following in pairwise(way):
        effect = place.effect
        if effect[0] not in _CALLS:
            continue
        raised, fault = isinstance(following.answer, Raises), None
        if raised and faults and faults[0].partition(" at ")[2] == described(effect):
            fault = DiskFault(faults.pop(0).partition(" at ")[0])
        fails = raised and fault is None
        deeds.append(Deed(effect, _target(effect, layout), place.number, fault, fails))
    return tuple(deeds)


def _target(effect: Effect, layout: Layout) -> str:
    paths = effect[1:3] if effect[0] == "rename" else effect[1:2]
    return " → ".join(layout.target(path) for path in paths)


class Stretch:
    """Follows the calls of one stretch. `after` is the place of the effect after which the program is killed, None
    where it is not. `noted` is told of each content that was written: what the simulation has, and what the process
    wrote. With `refuses`, the connection for the next request is not to come about."""

    def __init__(
        self,
        deeds: Sequence[Deed],
        after: int | None,
        layout: Layout,
        noted: Callable[[bytes, bytes], None],
        refuses: bool = False,
    ) -> None:
        self.deeds, self.refuses = tuple(deeds), refuses
        self._layout, self._noted = layout, noted
        places = [deed.place for deed in deeds]
        self._stop = places.index(after) if after in places else None if after is None else BEFORE_ALL
        self._at = BEFORE_ALL
        self._unread = False
        self._locks: list[int] = []

    def meet(self, call: Call) -> Order | int:
        """What becomes of a call on a file. Raises HarnessError for one that should not be."""
        now = self.deeds[self._at] if self._at >= 0 else None
        if now is not None and now.effect[0] == "write" and now.has(call):
            return Order.GO
        if self.pause():
            return Order.KILL_BEFORE
        self._at = self._begun(call)
        deed = self.deeds[self._at]
        self._unread = deed.effect[0] == "write" and deed.fault is None and not deed.fails
        if deed.fault is DiskFault.LOCKED:
            self._lock(deed)
        elif deed.fault is not None:
            return _ERRNO[deed.fault]
        single = deed.effect[0] != "write"
        return Order.KILL_AFTER if single and self._at == self._stop else Order.GO

    def _begun(self, call: Call) -> int:
        """The number of the deed that this call begins."""
        at = self._at + 1
        while at < len(self.deeds) and self.deeds[at].fails and not self.deeds[at].has(call):
            at += 1
        if at < len(self.deeds) and self.deeds[at].has(call):
            return at
        due = f"{described(self.deeds[at].effect)} is due" if at < len(self.deeds) else "nothing is due"
        raise HarnessError(f"the program calls {call}, and {due}")

    def pause(self) -> bool:
        """The last effect is complete. Whether the program is to be killed here."""
        if self._unread:
            self._unread = False
            effect = self.deeds[self._at].effect
            self._noted(effect[2], self._layout.changing(effect[1]).read_bytes())
        return self._stop is not None and self._at >= self._stop

    def missing(self) -> str:
        """What has not come, although the stretch is over; empty when all has."""
        left = [deed for deed in self.deeds[self._at + 1 :] if not deed.fails]
        return described(left[0].effect) if left else ""

    def _lock(self, deed: Deed) -> None:
        """Another process of the program holds the lock."""
        path = self._layout.changing(deed.effect[1])
        held = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._locks.append(held)

    def end(self) -> None:
        """The run is over; who held the lock lets go of it."""
        while self._locks:
            os.close(self._locks.pop())


class Free(Stretch):
    """Nothing is followed any more."""

    def __init__(self) -> None:
        self.refuses = False

    def meet(self, call: Call) -> Order | int:
        return Order.GO

    def pause(self) -> bool:
        return False

    def end(self) -> None:
        pass


def lock_path(deed: Deed, layout: Layout) -> Path | None:
    """The lock that a deed takes: a file of which no disk of the simulation knows."""
    return layout.changing(deed.effect[1]) if deed.effect[0] == "lock" else None
