"""Schedules for machines: random histories of which every step can be aimed, most of them interrupted again and again.

A machine shows what the simulation only assumes: what really becomes of a disk, a unit and a boot in the middle of a
run.  So at least two of a schedule's detours are interruptions, of all kinds; people and faults of requests come
between them.  A schedule is drawn from the simulation, so that it applies: by a number (the seed), and with the same
number the same ones in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bootproof.simulation.agents import Agent
from bootproof.simulation.aiming import aimed, beginning, unseen
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.kinds import ARRIVAL, CUT, KILL, REBOOT, Kind, Menu, kinds_of
from bootproof.simulation.replay import replay_in
from bootproof.simulation.state import Next, State
from bootproof.simulation.steps import By, Do, Step, Trace, means_of
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import LIMITS, Universe
from bootproof.simulation.universes import ALL
from bootproof.simulation.wandering import Detour, History, Plan, Wanderer
from bootproof.verdict import HarnessError

MAX_BOOTS = 3
"""Boots of a schedule, beside those of its end: emulated, each takes half a minute."""
MIN_STEPS = 8
"""Steps of a schedule: shorter ones are what `cuts` and the kept traces show."""
MAX_BETWEEN = 5
"""Default steps between two detours: a whole run apart nothing meets."""
MAX_FURTHER = 4
"""Detours beside the two interruptions."""
PICKS = 12
WAYS = 12
ROUND = 30
"""Schedules that Hypothesis draws in a row; it repeats itself less within one."""
INTERRUPTIONS: tuple[Kind, ...] = (KILL, CUT)


class AimedMenu(Menu):
    """Only steps that can be aimed at a machine."""

    def _chosen(self, state: State, kinds: frozenset[Kind]) -> Iterator[Next]:
        for following in super()._chosen(state, kinds):
            if not unseen(_sent(following.step)) and not self._passed_over(state, following.step):
                yield following

    def _passed_over(self, state: State, step: Step) -> bool:
        """Whether a machine begins no such run: that of the first boot is not begun where the marker is."""
        agent = self.simulation.agent
        first = step.do is Do.RUN and step.what == agent.commands[0]
        disk = self.simulation.machine.disks[state.actors[step.actor].disk]
        return first and agent.marker in disk.visible


def _sent(step: Step) -> Step:
    """Whether it is a whole run that is without a network, only the trace shows: the step itself may always be."""
    not_sent = step.fault == RequestFault.NOT_SENT.value and not step.local
    return replace(step, fault="") if not_sent else step


@dataclass(frozen=True)
class Drawn:
    """What Hypothesis draws: a universe, where its history leaves the default, and by which means it is stopped at each
    place where it can be, counted round."""

    universe: int
    plan: Plan
    means: Sequence[int]


@dataclass(frozen=True)
class Schedule:
    """A history for a machine, and the plan that leads to it, without the means of its interruptions."""

    trace: Trace
    plan: Plan


class Rover(Wanderer):
    """Goes on behind a broken promise: whether one is broken is for the machine to show."""

    def _taken(self, state: State, following: Next, history: History) -> State:
        state = super()._taken(state, following, history)
        history.findings = ()
        return state

    def _end(self, state: State, history: History) -> None: ...


class Scheduler:
    """Draws schedules of one agent."""

    def __init__(self, agent: Agent) -> None:
        simulations = [Simulation(agent, universe) for universe in for_machines()]
        self._rovers = [Rover(one, AimedMenu) for one in simulations]
        self._wanderers = {one.universe.name: Wanderer(one, AimedMenu) for one in simulations}

    def draw(self, number: int) -> Iterator[Schedule]:
        """Schedules without end, by this seed; none comes twice."""
        seen: set[tuple[Step, ...]] = set()
        for turn in count():
            for drawn in _drawn(number * 1_000_003 + turn, self._strategy()):
                schedule = self._schedule(drawn)
                if schedule is not None and schedule.trace.steps not in seen:
                    seen.add(schedule.trace.steps)
                    yield schedule

    def finding(self, trace: Trace) -> str:
        """What the simulation finds wrong with a history; nothing is the empty word."""
        findings = replay_in(self._wanderers[trace.universe].simulation, trace).findings
        return findings[0] if findings else ""

    def shrunk(self, schedule: Schedule) -> Trace:
        """The shortest history of which the simulation finds the same; the schedule's own where only the means of its
        interruptions bring it about.  Its `finding` says what that is."""
        wanderer = self._wanderers[schedule.trace.universe]
        trace = wanderer.trace(wanderer.go(wanderer.shortest(schedule.plan)))
        if not trace.finding or not _can_be_aimed(trace):
            return replace(schedule.trace, finding=self.finding(schedule.trace))
        return trace

    def _strategy(self) -> st.SearchStrategy[Drawn]:
        kinds = [_kinds(one.simulation.universe) for one in self._rovers]
        return st.integers(0, len(kinds) - 1).flatmap(
            lambda number: st.builds(Drawn, st.just(number), _plans(kinds[number]), _MEANS)
        )

    def _schedule(self, drawn: Drawn) -> Schedule | None:
        """None where the machine would be busy for too long, or little happens: Hypothesis likes simple things."""
        rover = self._rovers[drawn.universe]
        trace = rover.trace(rover.go(drawn.plan))
        stopped = sum(bool(means_of(step)) for step in trace.steps)
        if stopped < 2 or len(trace.steps) < MIN_STEPS or boots(trace) > MAX_BOOTS:
            return None
        trace = by_means(rover.simulation, trace, drawn.means)
        return Schedule(trace, drawn.plan) if _can_be_aimed(trace) else None


def boots(trace: Trace) -> int:
    """How often the machine has to boot for a history, before its end."""
    return sum(
        step.do is Do.REBOOT or step.by is not None or bool(step.after) or By.RESET in means_of(step)
        for step in trace.steps
    )


def by_means(simulation: Simulation, trace: Trace, means: Sequence[int]) -> Trace:
    """The trace with its interruptions by these means, and with reboots between its runs, where it still applies and
    does not boot too often.  What is drawn for one place is counted round, too."""
    place, number = 1, 0
    while place < len(trace.steps):
        ways = _ways_at(trace.steps[place])
        if ways:
            instead = ways[means[number % len(means)] % len(ways)]
            changed = replace(trace, steps=(*trace.steps[:place], *instead, *trace.steps[place + 1 :]))
            if changed != trace and boots(changed) <= MAX_BOOTS and _applies(simulation, changed):
                trace, place = changed, place + len(instead) - 1
            number += 1
        place += 1
    return trace


def _ways_at(step: Step) -> list[tuple[Step, ...]]:
    """What can stand in the place of a step, which is the same to the program: every other time as it is."""
    if step.do is Do.RUN and not step.after:
        reboot = Step(Do.REBOOT)
        before = [reboot, *(replace(reboot, by=by) for by in means_of(reboot))]
        return [*[(step,)] * len(before), *((one, step) for one in before)]
    return [(step,), *((replace(step, by=by),) for by in means_of(step))] if means_of(step) else []


def _can_be_aimed(trace: Trace) -> bool:
    try:
        aimed(trace)
    except HarnessError:
        return False
    return True


def _applies(simulation: Simulation, trace: Trace) -> bool:
    try:
        replay_in(simulation, trace)
    except HarnessError:
        return False
    return True


def for_machines() -> list[Universe]:
    """Those that begin with a fresh machine, of which there is one; one of those that are the same on a machine.

    Rate limits are not among them: what the simulation calls soon is later than the pause that GitHub asks for."""
    there = [
        one
        for one in ALL
        if one.actors == 1 and one.crashes and not beginning(one) and not LIMITS & one.request_faults
    ]
    return list({tuple(_kinds(one)): one for one in there[::-1]}.values())[::-1]


def _kinds(universe: Universe) -> list[Kind]:
    """What can go otherwise on a machine in this universe; half of it are interruptions."""
    disk = {fault.value for fault in universe.disk_faults}
    there = [kind for kind in kinds_of(universe) if kind not in disk]
    others = [kind for kind in there if kind not in INTERRUPTIONS]
    return [*others, *INTERRUPTIONS * max(1, len(others) // len(INTERRUPTIONS))]


def _plans(kinds: Sequence[Kind]) -> st.SearchStrategy[Plan]:
    gaps, picks = st.integers(0, MAX_BETWEEN), st.integers(0, PICKS - 1)
    faults = [kind for kind in kinds if kind not in (*INTERRUPTIONS, REBOOT, ARRIVAL)]
    also = st.one_of(st.none(), st.sampled_from(faults)) if faults else st.none()
    interruption = st.builds(Detour, gaps, st.sampled_from(INTERRUPTIONS), also, picks)
    further = st.builds(Detour, gaps, st.sampled_from(kinds), st.none(), picks)
    two = st.tuples(interruption, interruption)
    rest = st.lists(further, max_size=MAX_FURTHER)
    return st.tuples(two, rest).flatmap(lambda both: st.permutations([*both[0], *both[1]])).map(tuple)


_MEANS = st.lists(st.integers(0, WAYS - 1), min_size=5, max_size=5)


def _drawn(number: int, strategy: st.SearchStrategy[Drawn]) -> list[Drawn]:
    found: list[Drawn] = []

    @seed(number)
    @settings(
        max_examples=ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(strategy)
    def one(drawn: Drawn) -> None:
        found.append(drawn)

    one()
    return found
