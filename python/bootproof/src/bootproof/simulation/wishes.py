"""What an operator wants of the program: commands that are run on the machine beside the program's own runs.

A command that ends with 0 says that the wish is noted, so that it holds from then on, whatever is killed or lost.
One that is killed, or ends otherwise, may have noted it or not.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from mock_github.state import PullState
from mock_github.world import World

from bootproof.oracle_case import Registration
from bootproof.simulation.people import own_pulls


class Wish(enum.Enum):
    """What has to come of a command."""

    ANOTHER = "another pull request"
    """It is registered, by a new pull request if the last one was ended."""
    REGISTRATION = "the registration"
    """It is registered, where what was there from the beginning would have been a reason to hold."""
    REST = "rest"
    """The program sends no request until another wish."""
    REMOVAL = "the removal of the record"
    """The record goes from the base, by one pull request of its own."""


class Epoch(NamedTuple):
    """Since when what counts.  `since`: the highest pull request when the last epoch began; `allowed`: when the
    operator last allowed another one at once; `removing`: whether a removal was ever asked for."""

    since: int = 0
    allowed: int = 0
    removing: bool = False


class Wishes(NamedTuple):
    """What is known of the operator's wishes.  `noted`: the last one that a command said is noted, begun when `ended`
    was the highest pull request that had ended; `maybe`: those of later commands that were killed."""

    noted: Wish | None = None
    ended: int = 0
    maybe: frozenset[Wish] = frozenset()

    @property
    def in_force(self) -> frozenset[Wish | None]:
        """What may be in force now."""
        return self.maybe | {self.noted}

    @property
    def rest(self) -> bool:
        """Whether rest is in force, and nothing else can be."""
        return self.noted is Wish.REST and self.maybe <= _REST


_REST = frozenset({Wish.REST})


class Asked(NamedTuple):
    """One command under way: what it wishes, when it was begun, and what was known before."""

    wish: Wish
    ended: int
    before: Wishes


def told(asked: Asked, status: int) -> Wishes:
    """What is known when a command has ended: 0 says that its wish is noted, everything else that it is not."""
    return Wishes(asked.wish, asked.ended) if status == 0 else asked.before


def begun(epoch: Epoch, wish: Wish, world: World, own: Registration) -> Epoch:
    """The epoch when a command is begun: two of the wishes allow another pull request."""
    if wish not in (Wish.ANOTHER, Wish.REMOVAL):
        return epoch
    last = world.repositories[own.repository.lower()].next_number - 1
    return Epoch(last, last, epoch.removing or wish is Wish.REMOVAL)


def last_ended(world: World, own: Registration) -> int:
    """The highest pull request of the node that is not open, 0 without one."""
    return max((p.number for p in own_pulls(world, own) if p.state is not PullState.OPEN), default=0)
