"""Time passes for a state: every date in it is moved to where it can be compared (see `retime`)."""

from __future__ import annotations

from typing import NamedTuple

from bootproof.simulation import retime
from bootproof.simulation.agents import Agent
from bootproof.simulation.hub import Hub
from bootproof.simulation.machine import Machine
from bootproof.simulation.retime import Clocks
from bootproof.simulation.state import Actors, Durable, Late, State


class Shift(NamedTuple):
    """Where times go: from `now` to `new_now` (seconds by GitHub's clock).  The same `key` moves all the same."""

    move: retime.Move
    now: float
    new_now: float
    key: tuple[object, ...]


class Passing:
    """Moves the states of one simulation; what was moved once is kept."""

    def __init__(
        self,
        hub: Hub,
        machine: Machine,
        actors: Actors,
        clocks: Clocks,
        repository: str,
        late_beyond_q: bool,
    ) -> None:
        self._hub = hub
        self._machine = machine
        self._actors = actors
        self._clocks = clocks
        self._repository = repository
        self._late_beyond_q = late_beyond_q
        self._moved_worlds: dict[tuple[int, tuple[object, ...]], int] = {}
        self._moved_disks: dict[tuple[int, tuple[object, ...], bool], int] = {}
        self._notes: dict[tuple[int, float], frozenset[float]] = {}
        self._retimed: dict[tuple[State, float, int | None], State] = {}

    def settled(self, state: State, later: float, rebooted: int | None = None) -> State:
        """The state when so many seconds more have passed; `rebooted` is the machine that starts again."""
        key = (state, later, rebooted)
        found = self._retimed.get(key)
        if found is None:
            found = self._retimed[key] = self._moved(state, later, rebooted)
        return found

    def _moved(self, state: State, later: float, rebooted: int | None, shift: Shift | None = None) -> State:
        world, q = self._hub.worlds[state.world], self._clocks.thresholds[0]
        now = retime.now_of(world)
        late = tuple(x for x in state.late if self._late_beyond_q or now + later - x.sent < q)
        shift = shift or self._shift(state, now, later)
        number = self._moved_world(state.world, shift)
        older = number
        if state.stale != state.world and later < q:
            older = self._moved_world(state.stale, shift)
        actors = tuple(
            self._actors.of(
                self._moved_disk(actor.disk, shift, index == rebooted), actor.place, actor.fresh, actor.facts
            )
            for index, actor in enumerate(state.actors)
        )
        moved = tuple(Late(x.effect, shift.move(x.sent, "late")) for x in late)
        return state._replace(actors=actors, world=number, stale=older, late=moved)

    def _moved_world(self, world: int, shift: Shift) -> int:
        key = (world, shift.key)
        found = self._moved_worlds.get(key)
        if found is None:
            moved = retime.moved_world(self._hub.worlds[world], self._repository, shift.move, shift.new_now)
            found = self._moved_worlds[key] = self._hub.number(moved)
        return found

    def _moved_disk(self, disk: int, shift: Shift, rebooted: bool) -> int:
        key = (disk, shift.key, rebooted)
        found = self._moved_disks.get(key)
        if found is None:
            content = self._machine.disks[disk]
            moved = retime.moved_disk(
                content, self._clocks, shift.now, shift.move, shift.new_now, rebooted=rebooted
            )
            found = self._moved_disks[key] = self._machine.number(moved)
        return found

    def _shift(self, state: State, now: float, later: float) -> Shift:
        world, repository = self._hub.worlds[state.world], self._repository
        created = retime.world_times(world, repository)
        created |= retime.world_times(self._hub.worlds[state.stale], repository)
        noted: set[float] = set()
        for actor in state.actors:
            noted |= self._noted(actor.disk, now)
        # Commits that were made at different moments are different commits.
        new_now = float(retime.START + len(world.repositories[repository.lower()].roots))
        move = self._clocks.moved(created, noted, now, later, new_now)
        return Shift(move, now, new_now, (now, later, new_now, frozenset(created), frozenset(noted)))

    def _noted(self, disk: int, now: float) -> frozenset[float]:
        key = (disk, now)
        found = self._notes.get(key)
        if found is None:
            times = retime.disk_times(self._machine.disks[disk], self._clocks, now)
            found = self._notes[key] = frozenset(times)
        return found


class ExactPassing(Passing):
    """The same with every date as it is: nothing is moved, so nothing is forgotten, and nothing comes again."""

    def _shift(self, state: State, now: float, later: float) -> Shift:
        new_now = now + max(later, retime.STEP)
        return Shift(lambda time, _where: time, now, new_now, (now, new_now))

    def comparable(self, durable: Durable) -> Durable:
        """What is left, with its dates moved after all."""
        state = State(tuple(self._actors.of(disk) for disk in durable.disks), durable.world, durable.world)
        now = retime.now_of(self._hub.worlds[durable.world])
        moved = self._moved(state, 0.0, None, super()._shift(state, now, 0.0))
        return Durable(tuple(actor.disk for actor in moved.actors), moved.world)


def clocks_of(agent: Agent) -> Clocks:
    """How this agent uses times."""
    return Clocks(
        thresholds=tuple(agent.thresholds),
        fields=agent.clock_fields,
        ordered=frozenset((*agent.ordered, retime.CREATED)),
        ages=agent.ages,
        boots=frozenset(agent.boots),
    )
