"""What a state of the simulation is, and what one step out of it is: plain values.

Millions of states are compared, so what they are made of is kept once each: disks and worlds are numbers, and there
is one object for each different machine, which is compared by what it is and not by what it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from bootproof.simulation.steps import Do, Step
from bootproof.simulation.wishes import Asked, Epoch, Wishes

IDLE = -1
Facts = frozenset[tuple[str, int]]
NOTHING: Facts = frozenset()


@dataclass(frozen=True, eq=False, slots=True)
class Actor:
    """One machine.  `place` is where its run stands, IDLE when none is under way; `fresh` until the first run of
    this boot; `facts` is all that was true since its run began; `asked` is the operator's command that is under way
    or about to begin.  Made by `Actors` only, once each.

    `kind` is the same number for machines that differ only in whose turn it would be."""

    disk: int
    place: int
    fresh: bool
    facts: Facts
    asked: Asked | None
    kind: int


@dataclass
class Actors:
    """All machines that were met."""

    _known: dict[tuple[int, int, bool, Facts, Asked | None], Actor] = field(default_factory=dict)
    _kinds: dict[tuple[int, int, Facts, Asked | None], int] = field(default_factory=dict)

    def of(
        self,
        disk: int,
        place: int = IDLE,
        fresh: bool = True,
        facts: Facts = NOTHING,
        asked: Asked | None = None,
    ) -> Actor:
        """The one machine that is so."""
        key = (disk, place, fresh, facts, asked)
        found = self._known.get(key)
        if found is None:
            kind = self._kinds.setdefault((disk, place, facts, asked), len(self._kinds))
            found = self._known[key] = Actor(disk, place, fresh, facts, asked, kind)
        return found


class Late(NamedTuple):
    """A request that is still on its way: the number of its effect, and when it was `sent` (seconds by GitHub's
    clock)."""

    effect: int
    sent: float


class State(NamedTuple):
    """`stale` is the world that a replica may still show; `calm` counts the runs since anything changed; `left` is
    how often the operator may still run each command."""

    actors: tuple[Actor, ...]
    world: int
    stale: int
    late: tuple[Late, ...] = ()
    acts_left: tuple[int, ...] = ()
    calm: int = 0
    epoch: Epoch = Epoch()
    left: tuple[int, ...] = ()
    wishes: Wishes = Wishes()

    @property
    def idle(self) -> bool:
        return all(actor.place == IDLE for actor in self.actors)


Told = tuple[object, ...]


def told_apart(state: State) -> Told:
    """All that counts of a state: everything but whose turn it would be if nothing went wrong, and which of two
    machines of the same identity is which."""
    actors, world, stale, late, acts_left, _, epoch, left, wishes = state
    if len(actors) == 1:
        return actors[0].kind, world, stale, late, acts_left, epoch, left, wishes
    return (*sorted([actor.kind for actor in actors]), world, stale, late, acts_left, epoch, left, wishes)


class Meeting(NamedTuple):
    """Which machine (its `number` among those there are) meets which world; what it may still see of an older one.
    `rests` says that the operator is known to want no request."""

    number: int
    actor: Actor
    world: int
    stale: int
    epoch: Epoch
    rests: bool


def meeting(state: State, index: int) -> Meeting:
    """What counts of a state for the next step of one of its machines."""
    return Meeting(index, state.actors[index], state.world, state.stale, state.epoch, state.wishes.rest)


class Next(NamedTuple):
    """One step on, what it costs, and what was wrong with it."""

    step: Step
    cost: int
    state: State
    findings: tuple[str, ...] = ()
    landed: str = ""
    """The kind of fault that took effect, the act of a person, or the command of the operator's."""
    place: int = IDLE
    """Where the program came to, or was on its way to when it was interrupted; IDLE when it did nothing."""

    @property
    def fault(self) -> bool:
        """Whether something went wrong here that is nobody's wish."""
        return is_fault(self.step, self.landed)


def is_fault(step: Step, landed: str) -> bool:
    """Whether what took effect in a step is nobody's wish."""
    return bool(landed) and step.do not in (Do.PERSON, Do.LATE) and landed != step.what


class Durable(NamedTuple):
    """What is left of a state when everything stops: the disks and the world."""

    disks: tuple[int, ...]
    world: int
