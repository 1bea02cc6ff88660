"""Where a history comes to rest when nothing goes wrong any more, and whether that is a good end.

"Once faults end, exactly one pull request, then a merged one": from every state that was reached, the fault-free
steps are followed until nothing changes.  An end without a registration is good only if a person wanted it so.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from mock_github.requirements import missing_requirement
from mock_github.state import PullRequest, PullState, Repository
from mock_github.world import World

from bootproof.oracle_case import Final, Registration
from bootproof.simulation import agents
from bootproof.simulation.agents import Agent
from bootproof.simulation.asking import changes
from bootproof.simulation.people import (
    PUSHED,
    closed_by_person,
    file_on_base,
    is_retired,
    own_pulls,
    record_on_base,
    switched_off_by_person,
)
from bootproof.simulation.state import IDLE, Next, State
from bootproof.simulation.steps import Step
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import Universe
from bootproof.simulation.wishes import Wish
from bootproof.timeline import ClaimState

AGAIN = 2
"""The run that finds all as the one before it has left it."""

MAX_STEPS = 400
"""Fault-free steps until rest; a program that goes on for longer never comes to rest."""


class End(enum.Enum):
    """How it ends."""

    REGISTERED = "registered"
    CLOSED_BY_A_PERSON = "closed by a person"
    BRANCH_PUSHED_TO = "held: somebody pushed to the branch"
    RETARGETED = "held: somebody retargeted the pull request"
    RETIRED = "retired by a person"
    SWITCHED_OFF = "held: somebody switched auto-merge off"
    WAITS = "waits for a check or a review that nobody has given"
    """With auto-merge armed, where the repository allows it: once it is given, nobody else has to do anything."""
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
        in_vain = ""
        while here is not None and found is None:
            found = self._ends.get(here)
            path.append(here)
            if found is None and len(path) > MAX_STEPS:
                found = (End.BAD, f"liveness: no rest after {MAX_STEPS} steps without a fault")
            if found is None:
                following = self.simulation.default(here)
                in_vain = self._in_vain(here, following, in_vain)
                if following is None:
                    found = (End.BAD, in_vain) if in_vain else self._judged(here)
                elif unexpected := self.simulation.universe.unexpected(following.findings):
                    found = (End.BAD, unexpected[0])
                here = following.state if following is not None else None
        assert found is not None
        for passed in path:
            self._ends[passed] = found
        return found

    def _in_vain(self, here: State, following: Next | None, so_far: str) -> str:
        """What is asked for again when a run before has changed nothing, and is refused again; forgotten when
        something changes after all."""
        if following is None or following.state.calm < here.calm:
            return so_far if following is None else ""
        places = [actor.place for actor in here.actors if actor.place != IDLE]
        if here.calm < AGAIN or not places or following.state.world != here.world:
            return so_far
        effect = self.simulation.automaton.places[places[0]].effect
        return f"in-vain: at each run, for nothing: {following.step.what}" if changes(effect) else so_far

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
        disks = [simulation.machine.disks[actor.disk].files() for actor in state.actors]
        markers = [files.get(simulation.agent.marker) for files in disks]
        says_so = [says_registered(simulation.agent, marker) for marker in markers]
        world = simulation.hub.worlds[state.world]
        ended = 0 if wish is None else state.wishes.ended
        removals = 1 if state.epoch.since else 0
        return judged(world, simulation.own, simulation.universe, says_so, removals, wish, ended)


def judged(
    world: World,
    own: Registration,
    universe: Universe,
    says_so: Sequence[bool],
    removals: int,
    wish: Wish | None = None,
    ended: int = 0,
) -> tuple[End, str]:
    """What a history has come to, and what is wrong with it.  `says_so` is for each machine whether its marker says
    that it is registered, `removals` how often the record was removed from the base, `wish` what the operator wanted
    when `ended` was the highest pull request that had ended."""
    excused = excuse(world, own, ended)
    may_be_held = universe.may_be_held and wish is None
    opened = [pull.number for pull in own_pulls(world, own) if pull.state is PullState.OPEN]
    merged = [pull.number for pull in own_pulls(world, own) if pull.merged_by in own.logins]
    if excused is End.RETIRED and wish is not Wish.REST and any(says_so):
        return End.BAD, "liveness: it comes to rest retired, and its marker says registered"
    if excused is not None:
        return excused, ""
    if wish is Wish.REST:
        return End.AT_REST, ""
    if wish is Wish.REMOVAL:
        return _removed(world, own, any(says_so), opened)
    if record_on_base(world, own) is None or opened:
        if may_be_held and not (opened and universe.merged_at_last):
            return End.HELD, ""
        there = ", ".join(f"#{number}" for number in opened) or "no pull request"
        return End.BAD, f"liveness: it comes to rest with {there} open and no record on {own.base}"
    if still := [path for path in own.also_paths if file_on_base(world, own, path)]:
        return End.BAD, f"liveness: it comes to rest registered, and {still[0]} is still there"
    if not may_be_held and not all(says_so):
        return End.BAD, "liveness: it comes to rest registered, and its marker does not say so"
    if len(merged) > 1 + removals:
        return End.BAD, f"liveness: the program merged {len(merged)} pull requests"
    return End.REGISTERED, ""


def _removed(world: World, own: Registration, says_so: bool, opened: Sequence[int]) -> tuple[End, str]:
    if opened:
        return End.BAD, f"liveness: it comes to rest with #{opened[0]} open, and was to be removed"
    if record_on_base(world, own) is not None:
        return End.BAD, f"liveness: it comes to rest with the record on {own.base}"
    if says_so:
        return End.BAD, "liveness: it comes to rest removed, and its marker says registered"
    return End.REMOVED, ""


def says_registered(agent: Agent, marker: bytes | None) -> bool:
    """Whether this marker claims that the machine is registered."""
    claim = None if marker is None else agents.claim(agent, marker)
    return claim is not None and claim.state is ClaimState.REGISTERED


def excuse(world: World, own: Registration, ended: int = 0) -> End | None:
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
    return None if newest is None or newest.state is not PullState.OPEN else _waits(repository, newest, own)


def _waits(repository: Repository, pull: PullRequest, own: Registration) -> End | None:
    """Why an open pull request may stay open."""
    if switched_off_by_person(pull, own):
        return End.SWITCHED_OFF
    armed = pull.auto_merge is not None or not repository.auto_merge_allowed
    return End.WAITS if armed and missing_requirement(repository, pull) is not None else None


def final_of(world: World, own: Registration) -> Final:
    """What the oracle expects of this world's history, now that nothing goes wrong any more."""
    excused = excuse(world, own)
    pulls = own_pulls(world, own)
    if excused is None or any(pull.state is PullState.MERGED for pull in pulls):
        return Final.MERGED
    if any(pull.state is PullState.OPEN for pull in pulls):
        return Final.EXACTLY_ONE_OPEN
    return Final.CLOSED if pulls else Final.NONE
