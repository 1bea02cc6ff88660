"""What a state of the simulation is, and what one step out of it is: plain values."""

from __future__ import annotations

from typing import NamedTuple

from bootproof.simulation.automaton import Effect
from bootproof.simulation.steps import Do, Step
from bootproof.simulation.wishes import Asked, Epoch, Wishes

IDLE = -1


class Actor(NamedTuple):
    """One machine.  `place` is where its run stands, IDLE when none is under way; `fresh` until the first run of
    this boot; `facts` is all that was true since its run began; `asked` is the operator's command that is
    under way."""

    disk: int
    place: int = IDLE
    fresh: bool = True
    facts: frozenset[tuple[str, int]] = frozenset()
    asked: Asked | None = None


class Late(NamedTuple):
    """A request that is still on its way; `sent` in seconds by GitHub's clock."""

    effect: Effect
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


class Next(NamedTuple):
    """One step on, what it costs, and what was wrong with it."""

    step: Step
    cost: int
    state: State
    findings: tuple[str, ...] = ()
    landed: str = ""
    """The kind of fault that took effect, or the act of a person."""
    place: int = IDLE
    """Where the program came to, or was on its way to when it was interrupted; IDLE when it did nothing."""

    @property
    def fault(self) -> bool:
        """Whether something went wrong here that is nobody's wish."""
        return bool(self.landed) and self.step.do not in (Do.PERSON, Do.LATE, Do.OPERATOR)


class Durable(NamedTuple):
    """What is left of a state when everything stops: the disks and the world."""

    disks: tuple[int, ...]
    world: int
