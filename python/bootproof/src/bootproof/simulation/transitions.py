"""What can happen next: from a state to every state that one step leads to.

A state is what would be there if everything stopped now: each machine's disk and how far its run has come, the
world at GitHub, requests that are still on their way, and what people may still do.  Between two requests of a run
only its own machine matters, so a step goes from one request to the next; whatever else can happen comes before
any of them.  The first step out of each state is the one in which nothing goes wrong; it costs nothing, every
other one costs 1.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from mock_github.events import Event
from msgspec.structs import replace

from bootproof.oracle_case import Registration
from bootproof.simulation import agents, retime
from bootproof.simulation.agents import Agent
from bootproof.simulation.hub import Hub
from bootproof.simulation.judging import Judge
from bootproof.simulation.machine import Machine
from bootproof.simulation.moves import Move, Moves, Ways, short, written
from bootproof.simulation.operator import Operator
from bootproof.simulation.passing import Passing, clocks_of
from bootproof.simulation.people import Act, People, record_on_base
from bootproof.simulation.state import IDLE, Actor, Actors, Durable, Late, Next, State, meeting
from bootproof.simulation.steps import Do, Step
from bootproof.simulation.universe import Universe
from bootproof.simulation.wishes import Epoch

TOKEN = "github_pat_explored"
SOON = ""
Choice = Callable[[Ways], tuple[Move, ...]]
EVERY: Choice = attrgetter("all")
DISTINCT: Choice = attrgetter("distinct")
Outcome = tuple[Step, State, tuple[str, ...], str]
"""A step, the state after it, what was wrong with it, and the kind of fault or act that took effect."""


class Turn(NamedTuple):
    """A machine whose turn it is in a state, and all ways in which it can go on."""

    state: State
    machine: int
    ways: Ways
    begins: bool = False
    """Whether a run begins; else it was under way."""


@dataclass
class Simulation:
    """One agent in one universe."""

    agent: Agent
    universe: Universe
    machine: Machine = field(init=False)
    hub: Hub = field(init=False)
    own: Registration = field(init=False)
    passes: type[Passing] = Passing
    """How time passes: `ExactPassing` leaves every date as it is."""
    judges: type[Judge] = Judge
    """Who judges each step; a test may know further rules."""

    def __post_init__(self) -> None:
        own = self.own = _own(self.agent, self.universe)
        self.machine = Machine(self.agent, TOKEN, self.universe.files, self.universe.keeps_unsynced)
        self.automaton = self.machine.automaton
        self.hub = Hub(TOKEN, own.repository)
        self._people = People(self.hub, own)
        self.judge = self.judges(self.agent, self.hub, own, self.universe)
        self._clocks = clocks_of(self.agent)
        beyond = self.universe.late_beyond_q
        self._actors = Actors()
        self.passing = self.passes(self.hub, self.machine, self._actors, self._clocks, own.repository, beyond)
        self._acts = tuple(self.universe.people)
        self._operator = Operator(self.agent, self.universe, self.hub, own, self._actors)
        self._lags = self.universe.stale
        self._rest = len(self._clocks.thresholds) + 1
        """So many runs that change nothing, each after a longer time, are rest."""
        self._moves = self._moves_in(self.universe)
        self._epochs: dict[tuple[int, int], int] = {}
        self._defaults: dict[State, tuple[Next, ...]] = {}
        self._next: dict[State, tuple[Next, ...]] = {}

    def within(self, universe: Universe) -> Simulation:
        """The same in a universe in which less can go wrong; all that was worked out is shared."""
        found = copy.copy(self)
        found.universe, found._moves, found._lags = universe, self._moves_in(universe), universe.stale
        found._defaults, found._next = {}, {}
        return found

    def _moves_in(self, universe: Universe) -> Moves:
        return Moves(universe, self.machine, self.hub, self.judge, self._actors)

    def first(self) -> State:
        """The machine has just been installed, GitHub knows nothing of it."""
        number = self.hub.number(self.universe.begins(self.own, TOKEN))
        disk = self.machine.first_disk()
        actors = (self._actors.of(disk),) * self.universe.actors
        left = tuple(self.universe.people[act] for act in self._acts)
        runs = tuple(self.universe.operator.values())
        return self.passing.settled(State(actors, number, number, acts_left=left, left=runs), 0.0)

    def durable(self, state: State) -> Durable:
        return Durable(tuple(actor.disk for actor in state.actors), state.world)

    def unhurried(self, state: State) -> State:
        """The state without whose turn it would be; see `told_apart`."""
        actors = [self._actors.of(a.disk, a.place, False, a.facts, a.asked) for a in state.actors]
        return state._replace(actors=tuple(sorted(actors, key=attrgetter("kind"))), calm=0)

    def fault_next(self, state: State) -> tuple[Next, ...]:
        """The fault-free step and every fault, but no other order of runs; kept for the next time.  Faults that come
        to the same at this point are one."""
        found = self._next.get(state)
        if found is None:
            steps = [_waking(step) for step in self._steps(state, DISTINCT) if step.landed or not step.cost]
            found = self._next[state] = tuple(
                {(x.state, x.cost, x.findings): x for x in steps[::-1]}.values()
            )[::-1]
        return found

    def default_next(self, state: State) -> tuple[Next, ...]:
        """The fault-free step alone, if there is one; kept too."""
        found = self._defaults.get(state)
        if found is None:
            default = self.default(state)
            found = self._defaults[state] = () if default is None else (default,)
        return found

    def next(self, state: State) -> Iterator[Next]:
        """Everything that can happen, the fault-free step first."""
        return self._steps(state, EVERY)

    def _steps(self, state: State, choice: Choice) -> Iterator[Next]:
        default = self.default(state)
        if default is not None:
            yield default
        for turn in self._turns(state):
            at_least = 1 if turn.begins else 0
            for move in choice(turn.ways):
                # The fault-free move of a turn is the default step, or another turn than that.
                if move.cost or default is None or move.step != default.step:
                    yield self._next_by(turn, move, at_least)
        yield from (Next(step, 1, after, wrong, landed) for step, after, wrong, landed in self._others(state))

    def outcomes(self, state: State) -> Iterator[Outcome]:
        """Everything that can come of the next step, bare: moves of a machine that come to the same are one."""
        after = self._after
        for begun, index, ways, _ in self._turns(state):
            for move in ways.distinct:
                yield move.step, after(begun, index, move), move.findings, move.landed
        yield from self._others(state)

    def _turns(self, state: State) -> Iterator[Turn]:
        """Which machines can go on, and how: a run that is under way goes on, or one begins, soon or later, or a
        command of the operator's."""
        may_be_late = len(state.late) < self.universe.late
        for index, actor in enumerate(state.actors):
            if actor.place == IDLE:
                yield from self._beginnings(state, index)
                for command, ready in self._operator.asks(state, index):
                    yield Turn(
                        ready, index, self._moves.begun(meeting(ready, index), command, SOON), begins=True
                    )
            else:
                yield Turn(state, index, self._moves.onward(meeting(state, index), may_be_late))

    def _beginnings(self, state: State, index: int) -> Iterator[Turn]:
        longest = len(self._clocks.thresholds) if self.universe.waits is None else self.universe.waits
        commands = self.agent.commands[-1:] if self.universe.one_command else self.agent.commands
        for delay in range(longest + 1) if state.idle else (0,):
            for command in dict.fromkeys(commands):
                yield self._begin(state, index, command, delay)

    def _others(self, state: State) -> Iterator[Outcome]:
        """What happens beside the machines' runs."""
        if state.calm == self._rest and (last := self._merged_at_last(state)):
            yield last.step, last.state, (), ""
        if self.universe.crashes and state.idle:
            yield from self._reboots(state)
        yield from self._people_act(state)
        yield from self._late_arrive(state)

    # --- when nothing goes wrong -----------------------------------------------------------------------------

    def default(self, state: State) -> Next | None:
        """The step in which nothing goes wrong; None when all has come to rest.

        A run goes on to its end; the first one of a boot is the register unit's, all others are the steward's;
        when a run changed nothing, the next one comes after a longer time; at last somebody merges what is open.
        """
        for index, actor in enumerate(state.actors):
            if actor.place != IDLE:
                move = self._moves.default(meeting(state, index))
                return Next(move.step, 0, self._after(state, index, move), move.findings, "", move.place)
        if state.calm > self._rest:
            return None
        if state.calm == self._rest:
            return self._merged_at_last(state) or self._rested(state)
        index = next(
            (i for i, actor in enumerate(state.actors) if actor.fresh), state.calm % len(state.actors)
        )
        turn = self._begin(state, index, self._due(state, index), state.calm)
        return self._next_by(turn, turn.ways.all[0], 0)

    def _due(self, state: State, index: int) -> str:
        actor = state.actors[index]
        there = self.agent.marker in self.machine.disks[actor.disk].visible
        return self.agent.commands[0] if actor.fresh and not there else self.agent.commands[-1]

    def _merged_at_last(self, state: State) -> Next | None:
        done = self._people.act(state.world, Act.MERGE) if self.universe.merged_at_last else None
        if done is None:
            return None
        return Next(Step(Do.PERSON, Act.MERGE.value), 0, self._if_idle(self._changed(state, *done)))

    def _rested(self, state: State) -> Next:
        return Next(Step(Do.PERSON, "does nothing"), 0, state._replace(calm=state.calm + 1))

    # --- runs ------------------------------------------------------------------------------------------------

    def _begin(self, state: State, index: int, command: str, delay: int) -> Turn:
        """Time passes, and a run begins."""
        state = self.waited(state, delay)
        after = SOON if delay == 0 else "q" if delay == 1 else f"threshold {delay}"
        ways = self._moves.begun(meeting(state, index), command, after)
        return Turn(state._replace(calm=state.calm + 1), index, ways, begins=True)

    def waited(self, state: State, delay: int) -> State:
        """The state when the threshold of this number has passed; 0 is no time at all."""
        if not delay or not state.idle:
            return state
        return self.passing.settled(state, self._clocks.thresholds[delay - 1])

    def _next_by(self, turn: Turn, move: Move, at_least: int) -> Next:
        after = self._after(turn.state, turn.machine, move)
        return Next(move.step, max(move.cost, at_least), after, move.findings, move.landed, move.place)

    def _after(self, state: State, index: int, move: Move) -> State:
        """The state after a machine's move."""
        actors, world, stale, late, acts_left, calm, epoch, left, wishes = state
        if move.sent is not None:
            late = (*late, Late(move.sent, retime.now_of(self.hub.worlds[world])))
        if move.world != world:
            actors, stale, epoch = self._seen_changed(state, move.world, move.written)
            calm = 0
        elif move.changed:
            calm = 0
        actor = move.actor
        actors = (actor,) if len(actors) == 1 else (*actors[:index], actor, *actors[index + 1 :])
        if move.wishes is not None:
            wishes = move.wishes
        after = State(actors, move.world, stale, late, acts_left, calm, epoch, left, wishes)
        if actor.place == IDLE and after.idle:
            return self.passing.settled(after, 0.0, index if move.rebooted else None)
        return after

    # --- everything else that happens ------------------------------------------------------------------------

    def rebooted(self, state: State, index: int) -> State:
        """The state when this machine, on which no run is under way, has started again."""
        return self.passing.settled(state, 0.0, rebooted=index)

    def _reboots(self, state: State) -> Iterator[Outcome]:
        for index in range(len(state.actors)):
            rebooted = self.rebooted(state, index)
            if rebooted != state:
                yield Step(Do.REBOOT, actor=index), rebooted, (), "reboot"

    def _people_act(self, state: State) -> Iterator[Outcome]:
        for number, (act, left) in enumerate(zip(self._acts, state.acts_left, strict=True)):
            done = self._people.act(state.world, act) if left else None
            if done is None:
                continue
            after = self._changed(state, *done)._replace(acts_left=self._acts_after(state, number))
            yield Step(Do.PERSON, act.value), self._if_idle(after), (), act.name.lower()

    def _acts_after(self, state: State, number: int) -> tuple[int, ...]:
        """What people may still do when they have done this."""
        left = state.acts_left
        done = sum(self.universe.people.values()) - sum(left) + 1
        if self.universe.acts is not None and done >= self.universe.acts:
            return (0,) * len(left)
        return (*left[:number], left[number] - 1, *left[number + 1 :])

    def _late_arrive(self, state: State) -> Iterator[Outcome]:
        for number, late in enumerate(state.late):
            rest = (*state.late[:number], *state.late[number + 1 :])
            effect = self.hub.effects[late.effect]
            _, world, events = self.hub.perform(state.world, effect)
            findings = self.judge.step(state.world, effect, events, state.epoch)
            after = self._changed(state._replace(late=rest), world, events)
            yield Step(Do.LATE, short(effect)), self._if_idle(after), findings, "late"

    def _changed(self, state: State, world: int, events: tuple[Event, ...]) -> State:
        """The state when GitHub has changed."""
        if world == state.world:
            return state
        actors, stale, epoch = self._seen_changed(state, world, written(events))
        return state._replace(actors=actors, world=world, stale=stale, epoch=epoch, calm=0)

    def _seen_changed(self, state: State, world: int, written: bool) -> tuple[tuple[Actor, ...], int, Epoch]:
        """The machines when GitHub has changed, what a replica may show, and the epoch: everybody under way could have
        seen it, a replica may not have yet.  What was not `written` brings no replica up to date."""
        actors = tuple([self._moves.learned(actor, world) for actor in state.actors])
        key = (state.world, world)
        begun = self._epochs.get(key)
        if begun is None:
            begun = self._epochs[key] = self._epoch_begun(*key)
        before = state.world if written else state.stale
        epoch = state.epoch._replace(since=begun) if begun else state.epoch
        return actors, before if self._lags else world, epoch

    def _epoch_begun(self, before: int, after: int) -> int:
        """The highest pull request when the record was removed by this change; 0 when it was not."""
        had = record_on_base(self.hub.worlds[before], self.own)
        if had is None or record_on_base(self.hub.worlds[after], self.own) is not None:
            return 0
        return self.hub.worlds[after].repositories[self.own.repository.lower()].next_number - 1

    def _if_idle(self, state: State) -> State:
        """When no run is under way, all times are moved to where they can be compared."""
        return self.passing.settled(state, 0.0) if state.idle else state


def _own(agent: Agent, universe: Universe) -> Registration:
    own = agents.registration(agent)
    further = [re.escape(branch) for branch in universe.branches]
    return replace(own, old_branch="|".join([*filter(None, [own.old_branch]), *further])) if further else own


def delay_of(after: str) -> int:
    """The number of the threshold that passes first, from a trace's word for it; 0 for none."""
    return 1 if after == "q" else int(after.removeprefix("threshold ") or 0)


def _waking(following: Next) -> Next:
    """After something went wrong nothing is calm: the next run comes soon."""
    return following._replace(state=following.state._replace(calm=0)) if following.cost else following
