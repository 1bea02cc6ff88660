"""Where a history comes to rest when nothing goes wrong any more, and whether that is a good end.

"Once faults end, exactly one pull request, then a merged one": from every state that was reached, the fault-free
steps are followed until nothing changes.  An end without a registration is good only if a person wanted it so.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from mock_github.state import PullState
from mock_github.world import World

from bootproof.oracle_case import Registration
from bootproof.simulation import agents
from bootproof.simulation.people import (
    PUSHED,
    closed_by_person,
    file_on_base,
    is_retired,
    own_pulls,
    record_on_base,
)
from bootproof.simulation.state import State
from bootproof.simulation.steps import Step
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.wishes import Wish
from bootproof.timeline import ClaimState

MAX_STEPS = 400
"""Fault-free steps until rest; a program that goes on for longer never comes to rest."""


class End(enum.Enum):
    """How it ends."""

    REGISTERED = "registered"
    CLOSED_BY_A_PERSON = "closed by a person"
    BRANCH_PUSHED_TO = "held: somebody pushed to the branch"
    RETARGETED = "held: somebody retargeted the pull request"
    RETIRED = "retired by a person"
    HELD = "held from the beginning"
    """By what was there before the first run, where the universe says so."""
    AT_REST = "at rest: the operator wants it so"
    REMOVED = "removed from the base, as the operator wanted"
    BAD = "not registered"


@dataclass
class Endings:
    """The ends of one simulation's states; each fault-free step is followed once."""

    simulation: Simulation
    _ends: dict[State, tuple[End, str]] = field(default_factory=dict)

    def end_of(self, state: State) -> tuple[End, str]:
        """The end that this state comes to, and what is wrong with it."""
        path: list[State] = []
        here: State | None = state
        found: tuple[End, str] | None = None
        while here is not None and found is None:
            found = self._ends.get(here)
            path.append(here)
            if found is None and len(path) > MAX_STEPS:
                found = (End.BAD, f"liveness: no rest after {MAX_STEPS} steps without a fault")
            if found is None:
                following = self.simulation.default(here)
                if following is None:
                    found = self._judged(here)
                elif unexpected := self.simulation.universe.unexpected(following.findings):
                    found = (End.BAD, unexpected[0])
                here = following.state if following is not None else None
        assert found is not None
        for passed in path:
            self._ends[passed] = found
        return found

    def way_to(self, state: State) -> tuple[Step, ...]:
        """The fault-free steps from a state to its end, or to the first of them that is wrong."""
        steps: list[Step] = []
        here: State | None = state
        while here is not None and len(steps) < MAX_STEPS:
            following = self.simulation.default(here)
            if following is None:
                break
            steps.append(following.step)
            here = None if self.simulation.universe.unexpected(following.findings) else following.state
        return tuple(steps)

    def _judged(self, state: State) -> tuple[End, str]:
        """A good end for what the operator wants, where that is not known for certain for one of what it may be."""
        judged = [self._judged_as(state, wish) for wish in state.wishes.in_force]
        return next((found for found in judged if not found[1]), judged[0])

    def _judged_as(self, state: State, wish: Wish | None) -> tuple[End, str]:
        simulation = self.simulation
        world = simulation.hub.worlds[state.world]
        own = simulation.own
        excuse = _excuse(world, own, 0 if wish is None else state.wishes.ended)
        may_be_held = simulation.universe.may_be_held and wish is None
        opened = [pull.number for pull in own_pulls(world, own) if pull.state is PullState.OPEN]
        merged = [pull.number for pull in own_pulls(world, own) if pull.merged_by in own.logins]
        if excuse is not None:
            return excuse, ""
        if wish is Wish.REST:
            return End.AT_REST, ""
        if wish is Wish.REMOVAL:
            return self._removed(state, opened)
        if record_on_base(world, own) is None or opened:
            if may_be_held and not (opened and self.simulation.universe.merged_at_last):
                return End.HELD, ""
            there = ", ".join(f"#{number}" for number in opened) or "no pull request"
            return End.BAD, f"liveness: it comes to rest with {there} open and no record on {own.base}"
        if still := [path for path in own.also_paths if file_on_base(world, own, path)]:
            return End.BAD, f"liveness: it comes to rest registered, and {still[0]} is still there"
        if not may_be_held and not all(self._says_registered(actor.disk) for actor in state.actors):
            return End.BAD, "liveness: it comes to rest registered, and its marker does not say so"
        if len(merged) > 1 + _removals(state):
            return End.BAD, f"liveness: the program merged {len(merged)} pull requests"
        return End.REGISTERED, ""

    def _removed(self, state: State, opened: list[int]) -> tuple[End, str]:
        if opened:
            return End.BAD, f"liveness: it comes to rest with #{opened[0]} open, and was to be removed"
        if record_on_base(self.simulation.hub.worlds[state.world], self.simulation.own) is not None:
            return End.BAD, f"liveness: it comes to rest with the record on {self.simulation.own.base}"
        if any(self._says_registered(actor.disk) for actor in state.actors):
            return End.BAD, "liveness: it comes to rest removed, and its marker says registered"
        return End.REMOVED, ""

    def _says_registered(self, disk: int) -> bool:
        files = self.simulation.machine.disks[disk].files()
        marker = files.get(self.simulation.agent.marker)
        claim = None if marker is None else agents.claim(self.simulation.agent, marker)
        return claim is not None and claim.state is ClaimState.REGISTERED


def _removals(state: State) -> int:
    return 1 if state.epoch.since else 0


def _excuse(world: World, own: Registration, ended: int) -> End | None:
    """Why it need not come to what was wanted: what a person did stands against it, and is no pull request up to
    `ended`, after which the operator wanted it all the same."""
    repository = world.repositories[own.repository.lower()]
    if is_retired(world, own):
        return End.RETIRED
    branches = filter(None, map(repository.branch, own.makes))
    since = [pull for pull in own_pulls(world, own) if pull.number > ended]
    newest = max(since, key=lambda pull: pull.number, default=None)
    if newest is not None and newest.state is not PullState.CLOSED and newest.base_ref != own.base:
        return End.RETARGETED
    if any(world.git.find(world.git.commit(tip).tree, PUSHED[0]) is not None for tip in branches):
        return End.BRANCH_PUSHED_TO
    if newest is not None and closed_by_person(newest, own):
        return End.CLOSED_BY_A_PERSON
    return None
