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
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from mock_github.events import Event
from msgspec.structs import replace

from bootproof.oracle_case import Registration
from bootproof.simulation import agents, retime
from bootproof.simulation.agents import Agent
from bootproof.simulation.automaton import Effect, Place
from bootproof.simulation.hub import Hub
from bootproof.simulation.judging import Judge
from bootproof.simulation.machine import Interrupted, LocalRun, Machine
from bootproof.simulation.passing import Passing, clocks_of
from bootproof.simulation.people import Act, People, first_world, record_on_base
from bootproof.simulation.state import IDLE, Actor, Durable, Late, Next, State
from bootproof.simulation.steps import Do, Step
from bootproof.simulation.universe import Universe
from bootproof.simulation.wishes import Asked, Wish, begun, last_ended, told
from bootproof.verdict import HarnessError

TOKEN = "github_pat_explored"
SOON = ""


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

    def __post_init__(self) -> None:
        own = self.own = _own(self.agent, self.universe)
        self.machine = Machine(self.agent, TOKEN, self.universe.files, self.universe.keeps_unsynced)
        self.automaton = self.machine.automaton
        self.hub = Hub(TOKEN, own.repository)
        self._people = People(self.hub, own)
        self._judge = Judge(self.agent, self.hub, own, self.universe.forbidden)
        self._clocks = clocks_of(self.agent)
        beyond = self.universe.late_beyond_q
        self.passing = self.passes(self.hub, self.machine, self._clocks, own.repository, beyond)
        self._acts = tuple(self.universe.people)
        self._wishes = tuple(_wish(self.agent, command) for command in self.universe.operator)
        self._defaults: dict[State, tuple[Next, ...]] = {}
        self._next: dict[State, tuple[Next, ...]] = {}

    def within(self, universe: Universe) -> Simulation:
        """The same in a universe in which less can go wrong; all that was worked out is shared."""
        found = copy.copy(self)
        found.universe, found._defaults, found._next = universe, {}, {}
        return found

    def first(self) -> State:
        """The machine has just been installed, GitHub knows nothing of it."""
        world = first_world(self.own, TOKEN)
        if self.universe.world is not None:
            world = self.universe.world(world)
        number = self.hub.number(world)
        disk = self.machine.first_disk()
        actors = tuple(Actor(disk) for _ in range(self.universe.actors))
        left = tuple(self.universe.people[act] for act in self._acts)
        runs = tuple(self.universe.operator.values())
        return self.passing.settled(State(actors, number, number, acts_left=left, left=runs), 0.0)

    def durable(self, state: State) -> Durable:
        return Durable(tuple(actor.disk for actor in state.actors), state.world)

    def fault_next(self, state: State) -> tuple[Next, ...]:
        """The fault-free step and every fault, but no other order of runs; kept for the next time.  Faults that come
        to the same at this point are one."""
        found = self._next.get(state)
        if found is None:
            steps = [_waking(step) for step in self.next(state) if step.landed or not step.cost]
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
        default = self.default(state)
        if default is not None:
            yield default
        for index, actor in enumerate(state.actors):
            if actor.place == IDLE:
                yield from self._starts(state, index, default)
            else:
                yield from self._answers(state, index, default)
                if self.universe.crashes:
                    yield from self._crashes(state, index)
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
                return next(self._answered(state, index, self._place(actor), only_default=True))
        waits = len(self._clocks.thresholds)
        if state.calm > waits + 1:
            return None
        if state.calm == waits + 1:
            return self._merged_at_last(state) or self._rested(state)
        index = next(
            (i for i, actor in enumerate(state.actors) if actor.fresh), state.calm % len(state.actors)
        )
        command, delay = self._due(state, index)
        return next(self._run(state, index, command, delay, cost=0))

    def _due(self, state: State, index: int) -> tuple[str, int]:
        actor = state.actors[index]
        there = self.agent.marker in self.machine.disks[actor.disk].visible
        first = actor.fresh and not there
        return (self.agent.commands[0] if first else self.agent.commands[-1]), state.calm

    def _merged_at_last(self, state: State) -> Next | None:
        done = self._people.act(state.world, Act.MERGE) if self.universe.merged_at_last else None
        if done is None:
            return None
        after = self._changed(state, *done)
        return Next(Step(Do.PERSON, Act.MERGE.value), 0, self._if_idle(after))

    def _rested(self, state: State) -> Next:
        return Next(Step(Do.PERSON, "does nothing"), 0, state._replace(calm=state.calm + 1))

    # --- runs ------------------------------------------------------------------------------------------------

    def _starts(self, state: State, index: int, default: Next | None) -> Iterator[Next]:
        longest = len(self._clocks.thresholds) if self.universe.waits is None else self.universe.waits
        commands = self.agent.commands[-1:] if self.universe.one_command else self.agent.commands
        for delay in range(longest + 1) if state.idle else (0,):
            for command in dict.fromkeys(commands):
                for following in self._run(state, index, command, delay, cost=1):
                    if default is None or following.step != default.step:
                        yield following
        yield from self._operator_starts(state, index)
        if self.universe.crashes and state.idle:
            rebooted = self.passing.settled(state, 0.0, rebooted=index)
            if rebooted != state:
                yield Next(Step(Do.REBOOT, actor=index), 1, rebooted, landed="reboot")

    def _operator_starts(self, state: State, index: int) -> Iterator[Next]:
        """A command of the operator's begins; what it allows is allowed from here on."""
        for number, (command, left) in enumerate(zip(self.universe.operator, state.left, strict=True)):
            if not left:
                continue
            wish, world = self._wishes[number], self.hub.worlds[state.world]
            fewer = (*state.left[:number], left - 1, *state.left[number + 1 :])
            asked = Asked(wish, last_ended(world, self.own), state.wishes)
            actor = state.actors[index]._replace(facts=self._judge.facts(state.world), asked=asked)
            ready = _with_actor(state, index, actor)
            wishes = state.wishes._replace(maybe=state.wishes.maybe | {wish})
            epoch = begun(state.epoch, wish, world, self.own)
            ready = ready._replace(left=fewer, epoch=epoch, wishes=wishes, calm=0)
            step = Step(Do.OPERATOR, command, actor=index)
            yield from self._onward(ready, index, self.automaton.root(command), step, 1, (), command)

    def _run(self, state: State, index: int, command: str, delay: int, cost: int) -> Iterator[Next]:
        """Time passes, and a run begins."""
        wait = 0.0 if delay == 0 else self._clocks.thresholds[delay - 1]
        after = SOON if delay == 0 else "q" if delay == 1 else f"threshold {delay}"
        begun = self.passing.settled(state, wait) if state.idle and delay else state
        known = self._judge.facts(begun.world) | self._judge.facts(begun.stale)
        actor = begun.actors[index]._replace(fresh=False, facts=known)
        ready = _with_actor(begun, index, actor)._replace(calm=state.calm + 1)
        root = self.automaton.root(command)
        step = Step(Do.RUN, command, after=after, actor=index)
        yield from self._onward(ready, index, root, step, cost, (), "")

    def _place(self, actor: Actor) -> Place:
        return self.automaton.places[actor.place]

    def _answers(self, state: State, index: int, default: Next | None) -> Iterator[Next]:
        for following in self._answered(state, index, self._place(state.actors[index])):
            if default is None or following.step != default.step:
                yield following

    def _answered(self, state: State, index: int, place: Place, only_default: bool = False) -> Iterator[Next]:
        """The request is answered in every way, and the run goes on."""
        effect = place.effect
        universe = self.universe
        faults = frozenset() if only_default else universe.request_faults
        others = any(actor.place != IDLE for i, actor in enumerate(state.actors) if i != index)
        for fate in self.hub.fates(state.world, state.stale, effect, faults):
            if fate.late and len(state.late) >= universe.late:
                continue
            findings = self._judge.step(state.world, effect, fate.events, state.epoch) if fate.events else ()
            after = self._changed(state, fate.world, fate.events)
            if fate.late:
                sent = Late(effect, retime.now_of(self.hub.worlds[state.world]))
                after = after._replace(late=(*after.late, sent))
            onward = self.automaton.step(place, fate.answer)
            step = Step(Do.ANSWER, _short(effect), fault=fate.fault.value if fate.fault else "", actor=index)
            cost = 0 if fate.fault is None else 1
            yield from self._onward(after, index, onward, step, cost, findings, step.fault, others)

    def _onward(
        self,
        state: State,
        index: int,
        place: Place,
        step: Step,
        cost: int,
        findings: tuple[str, ...],
        landed: str,
        others: bool = False,
    ) -> Iterator[Next]:
        """From an answer (or the beginning) to the next request or the end, with all that can go wrong here."""
        actor = state.actors[index]
        for run in self.machine.onward(place, actor.disk, self.universe.disk_faults):
            local = "; ".join(run.faults)
            named = Step(step.do, step.what, step.fault, local, step.after, index)
            wrong = (*findings, *self._judge.run(run, actor, state))
            paid = cost if not run.faults else max(cost, 1)
            kind = landed or (run.faults[0].split(" ")[0] if run.faults else "")
            yield Next(named, paid, self._arrived(state, index, run), wrong, kind, run.place.number)
            if self.universe.crashes:
                yield from self._interrupted(state, index, run, named, wrong)

    def _arrived(self, state: State, index: int, run: LocalRun) -> State:
        actor = state.actors[index]
        if run.disk != actor.disk:
            state = state._replace(calm=0)
        if not run.place.ended:
            return _with_actor(state, index, actor._replace(disk=run.disk, place=run.place.number))
        ended = _with_actor(state, index, Actor(run.disk, fresh=False))
        if actor.asked is not None:
            ended = ended._replace(wishes=told(actor.asked, run.place.effect[1]))
        return self._if_idle(ended)

    def _interrupted(
        self, state: State, index: int, run: LocalRun, step: Step, findings: tuple[str, ...]
    ) -> Iterator[Next]:
        for stop in run.interrupted:
            local = f"{step.local}; {stop.how}" if step.local else stop.how
            named = Step(step.do, step.what, step.fault, local, step.after, index)
            kind = "power-cut" if stop.cut else "kill"
            yield Next(named, 1, self._dead(state, index, stop), findings, kind, run.place.number)

    def _crashes(self, state: State, index: int) -> Iterator[Next]:
        """Killed, or without power, while the request is on its way: it has not reached GitHub."""
        disk = state.actors[index].disk
        killed = self._dead(state, index, Interrupted("killed", self.machine.killed(disk)))
        yield Next(Step(Do.KILL, actor=index), 1, killed, (), "kill")
        for number, cut in enumerate(self.machine.cuts(disk)):
            what = f"#{number}" if number else ""
            dead = self._dead(state, index, Interrupted("power cut", cut, cut=True))
            yield Next(Step(Do.CUT, what, actor=index), 1, dead, (), "power-cut")

    def _dead(self, state: State, index: int, stop: Interrupted) -> State:
        dead = _with_actor(state, index, Actor(stop.disk, fresh=stop.cut))._replace(calm=0)
        return self._if_idle(dead, rebooted=index if stop.cut else None)

    # --- everything else that happens ------------------------------------------------------------------------

    def _people_act(self, state: State) -> Iterator[Next]:
        for number, (act, left) in enumerate(zip(self._acts, state.acts_left, strict=True)):
            done = self._people.act(state.world, act) if left else None
            if done is None:
                continue
            fewer = (*state.acts_left[:number], left - 1, *state.acts_left[number + 1 :])
            after = self._changed(state, *done)._replace(acts_left=fewer)
            yield Next(Step(Do.PERSON, act.value), 1, self._if_idle(after), (), act.name.lower())

    def _late_arrive(self, state: State) -> Iterator[Next]:
        for number, late in enumerate(state.late):
            rest = (*state.late[:number], *state.late[number + 1 :])
            _, world, events = self.hub.perform(state.world, late.effect)
            findings = self._judge.step(state.world, late.effect, events, state.epoch)
            after = self._changed(state._replace(late=rest), world, events)
            yield Next(Step(Do.LATE, _short(late.effect)), 1, self._if_idle(after), findings, "late")

    def _changed(self, state: State, world: int, events: tuple[Event, ...]) -> State:
        """The state when GitHub has changed: everybody under way could have seen it, a replica may not have yet."""
        if world == state.world:
            return state
        known = self._judge.facts(world)
        actors = tuple(a if a.place == IDLE else a._replace(facts=a.facts | known) for a in state.actors)
        had = record_on_base(self.hub.worlds[state.world], self.own)
        epoch = state.epoch
        if had is not None and record_on_base(self.hub.worlds[world], self.own) is None:
            last = self.hub.worlds[world].repositories[self.own.repository.lower()].next_number - 1
            epoch = epoch._replace(since=last)
        stale = state.world if self.universe.stale else world
        return state._replace(actors=actors, world=world, stale=stale, epoch=epoch, calm=0)

    def _if_idle(self, state: State, rebooted: int | None = None) -> State:
        """When no run is under way, all times are moved to where they can be compared."""
        return self.passing.settled(state, 0.0, rebooted) if state.idle else state


def _own(agent: Agent, universe: Universe) -> Registration:
    own = agents.registration(agent)
    further = [re.escape(branch) for branch in universe.branches]
    return replace(own, old_branch="|".join([*filter(None, [own.old_branch]), *further])) if further else own


def _wish(agent: Agent, command: str) -> Wish:
    try:
        return Wish(agent.operator[command])
    except (KeyError, ValueError) as error:
        raise HarnessError(f"{agent.name}: the operator's command {command!r}: {error}") from error


def _waking(following: Next) -> Next:
    """After something went wrong nothing is calm: the next run comes soon."""
    return following._replace(state=following.state._replace(calm=0)) if following.cost else following


def _with_actor(state: State, index: int, actor: Actor) -> State:
    return state._replace(actors=(*state.actors[:index], actor, *state.actors[index + 1 :]))


@lru_cache(maxsize=4096)
def _short(effect: Effect) -> str:
    _, method, url, _, body = effect
    path = "/" + url.split("/", 3)[-1]
    if path.endswith("/graphql"):
        text = bytes(body)
        word = text.find(b"mutation ") if b"mutation " in text else text.find(b"query ")
        operation = text[word:].split(b"(")[0].split(b" ")[1].decode() if word >= 0 else ""
        return f"graphql {operation.split('{')[0]}".strip()
    return f"{method} {path}"
