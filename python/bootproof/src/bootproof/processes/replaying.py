"""`bootproof replay --in processes`: a trace, step by step, in the simulation and as processes side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mock_github.gates import Waiting

from bootproof.processes.github import name_of
from bootproof.processes.host import Connects, Ends
from bootproof.processes.resting import rested
from bootproof.processes.scene import Scene, scene
from bootproof.processes.stretch import Local, Stop, Stretch, deeds_of, lock_path, parsed
from bootproof.simulation.automaton import TRACEBACK, Place
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.moves import short
from bootproof.simulation.people import Act, request_of
from bootproof.simulation.replay import Replayed, Seen, followed, simulation_of, way_of
from bootproof.simulation.state import Next, State
from bootproof.simulation.steps import By, Do, Step, Trace
from bootproof.simulation.transitions import Simulation, delay_of
from bootproof.torture.tracer import Ended
from bootproof.verdict import HarnessError, Landing

LAYER = "processes"
SOON = 10.0
"""Seconds from one run to the next one that comes soon: as in the simulation (`retime.STEP`), well below any Q."""
AFTER_LIMIT = 250.0
"""Seconds to the next run when GitHub asked for patience: the simulation takes it for over by then (`retime.LAST`)."""


def replay(trace: Trace, agent: str | None = None) -> Replayed:
    """Replays a trace, with this agent or the one that it names.

    Raises HarnessError, with one line, when a step is not possible, cannot be done to a process, or leaves the program
    somewhere else than in the simulation.
    """
    return replay_in(simulation_of(trace, agent), trace)


def replay_in(simulation: Simulation, trace: Trace) -> Replayed:
    """The same beside a simulation that is there already."""
    for number, step in enumerate(trace.steps, 1):
        if step.do is Do.OPERATOR:
            raise HarnessError(f"step {number} ({step}): a command of the operator's: not in this layer")
    with scene(simulation) as here:
        player = _Player(here)
        state = here.first
        seen = []
        for number, before, following in followed(simulation, trace):
            step = following.step
            try:
                player.turn(state, before)
                seen.append(player.go(before, following, trace.steps[number:]))
            except HarnessError as error:
                raise HarnessError(f"step {number} ({step}), in processes: {error}") from error
            state = following.state
        end, findings = rested(here, state)
    return Replayed(
        trace,
        simulation.universe.says,
        tuple(seen),
        end.value,
        findings,
        layer=LAYER,
        interruptions=tuple(here.done),
        notes=tuple(here.notes),
    )


class _Player:
    """Goes one step at a time."""

    def __init__(self, here: Scene) -> None:
        self._here, self._simulation = here, here.simulation
        self._soon = SOON

    def turn(self, state: State, now: State) -> None:
        """Two machines of one identity may stand the other way round in what follows."""
        if state.actors == now.actors:
            return
        left, order = list(range(len(state.actors))), []
        for actor in now.actors:
            known = (actor.disk, actor.place, actor.facts)
            index = next(
                i
                for i in left
                if (state.actors[i].disk, state.actors[i].place, state.actors[i].facts) == known
            )
            left.remove(index)
            order.append(index)
        self._here.hosts = [self._here.hosts[index] for index in order]

    def go(self, before: State, following: Next, later: Sequence[Step]) -> Seen:
        """Does one step, and compares what came of it. `later` are the steps after it."""
        here, step = self._here, following.step
        host = here.hosts[step.actor]
        way, local = way_of(self._simulation, before, following), parsed(step.local)
        before = self._waited(before, step)
        left = _left(self._simulation, before, step, way, local)
        said = _size(host.layout.output)
        came = self._done(step, local, self._stretch(step, way, local, left, later))
        if step.by is By.REBOOT:
            here.boot(host)
        status = self._came(came, step, way, local)
        self._settle(before, following.state, step, left)
        lines = tuple(_lines(host.layout.output, said))
        reason = lines[-1] if status is not None and lines else ""
        return Seen(step, lines, status, (), reason)

    def _done(self, step: Step, local: Local, stretch: Stretch) -> Waiting | Connects | Ends | None:
        here, host = self._here, self._here.hosts[step.actor]
        match step.do:
            case Do.RUN:
                host.begin(step.what, stretch, here.github.told.put)
                return here.github.next()
            case Do.ANSWER:
                return self._answer(step, local, stretch)
            case Do.KILL | Do.CUT:
                self._kill(step.actor)
                here.interrupted("kill" if step.do is Do.KILL else "power-cut")
            case Do.REBOOT:
                here.boot(host)
                here.interrupted("reboot")
            case Do.PERSON:
                self._act(step.what)
            case Do.LATE:
                here.github.arrive_late(step.what)
        return None

    def _waited(self, before: State, step: Step) -> State:
        """The simulation's state when all that time has passed that passes before a run; here it passes too."""
        here, delay = self._here, delay_of(step.after)
        if step.do is not Do.RUN or not before.idle:
            return before
        here.skip(self._simulation.agent.thresholds[delay - 1] + SOON if delay else self._soon)
        self._soon = SOON
        after = self._simulation.waited(before, delay)
        self._moved([actor.disk for actor in before.actors], after)
        return after

    def _moved(self, disks: Sequence[int], after: State) -> None:
        """The simulation has moved the dates on these disks of its machines."""
        there = self._here.machine.disks
        for host, disk, actor in zip(self._here.hosts, disks, after.actors, strict=True):
            host.contents.moved(there[disk], there[actor.disk])

    def _stretch(
        self, step: Step, way: Sequence[Place], local: Local, left: Left | None, later: Sequence[Step]
    ) -> Stretch:
        host = self._here.hosts[step.actor]
        deeds = deeds_of(way, local, host.layout)
        host.locks |= {path for deed in deeds if (path := lock_path(deed, host.layout)) is not None}
        after = None if left is None else left.after
        return Stretch(deeds, after, host.layout, host.contents.note, refuses=_not_sent(step.actor, later))

    def _answer(self, step: Step, local: Local, stretch: Stretch) -> Waiting | Connects | Ends:
        """The request goes on; and so does the program, unless it dies while the answer is on its way."""
        here, host = self._here, self._here.hosts[step.actor]
        waiting, came = host.waiting, None
        if local.at_once:
            came = self._end_run(step.actor)
        if isinstance(waiting, Connects):
            if came is None and host.run is not None:
                host.run.refuse(stretch)
        elif waiting is not None:
            if host.run is not None:
                host.run.stretch = stretch
            here.github.answer(waiting, step.fault)
        if isinstance(waiting, Waiting) and came is not None:
            here.github.departed(waiting)
        if step.fault:
            here.interrupted(step.fault)
        if step.fault == RequestFault.SECONDARY_LIMIT.value:
            self._soon = AFTER_LIMIT
        return came or here.github.next()

    def _end_run(self, actor: int) -> Ends:
        """Kills what is under way on a machine."""
        host = self._here.hosts[actor]
        host.kill()
        came = self._here.github.next()
        if not isinstance(came, Ends):
            raise HarnessError("the program went on while it was killed")
        host.run, host.waiting = None, None
        return Ends(came.end, killed=True)

    def _kill(self, actor: int) -> None:
        """Kills it while its request is on its way."""
        here, waiting = self._here, self._here.hosts[actor].waiting
        self._end_run(actor)
        if isinstance(waiting, Waiting):
            waiting.discard()
            here.github.departed(waiting)

    def _act(self, what: str) -> None:
        if what not in {act.value for act in Act}:
            return
        world = self._here.github.server.world
        asked = request_of(Act(what), world, self._simulation.own)
        if asked is None:
            raise HarnessError("there is nothing that it could be done to")
        self._here.github.act(asked)

    def _came(
        self, came: Waiting | Connects | Ends | None, step: Step, way: Sequence[Place], local: Local
    ) -> int | None:
        """Checks where the program has come to; its exit status when its run has ended by itself."""
        if came is None or not way:
            return None
        host, last = self._here.hosts[step.actor], way[-1]
        missing = host.run.stretch.missing() if host.run is not None else ""
        if isinstance(came, Ends):
            host.run, host.waiting = None, None
            if local.stop is not None and self._was_killed(came, local.stop):
                return None
        else:
            host.waiting = came
        if (is_at := _where(came, last)) != (should := _expected(last)):
            raise HarnessError(f"the program {is_at}, and in the simulation it {should}")
        if missing:
            raise HarnessError(f"the program {is_at}, before {missing}")
        for fault in local.faults:
            self._here.interrupted(fault.partition(" ")[0])
        return came.end.status if isinstance(came, Ends) and came.end is not None else None

    def _was_killed(self, came: Ends, stop: Stop) -> bool:
        """Whether it was killed where it should; if it had ended before, that is noted."""
        landed = came.killed or (came.end is not None and came.end.how is Ended.KILLED)
        what = "kill" if stop is Stop.KILL else "power-cut"
        self._here.interrupted(what, Landing.LANDED if landed else Landing.TOO_LATE)
        return landed

    def _settle(self, before: State, after: State, step: Step, left: Left | None) -> None:
        """Brings the files to where the step leaves them, and compares both layers."""
        here = self._here
        number = step.actor
        disks = [actor.disk for actor in before.actors]
        if left is not None:
            disks[number] = left.disk
        if is_cut(step):
            here.cut(here.hosts[number], here.machine.disks[disks[number]])
        self._moved(disks, after)
        for host in here.hosts:
            here.look_at_marker(host)
        if wrong := here.differs(after):
            raise HarnessError(wrong)


def is_cut(step: Step) -> bool:
    """Whether the machine loses its power."""
    return step.do is Do.CUT or parsed(step.local).stop is Stop.CUT


def _where(came: Waiting | Connects | Ends, last: Place) -> str:
    """Where the process has come to, in words that `_expected` has too."""
    if isinstance(came, Waiting):
        return f"asks {name_of(came)}"
    if isinstance(came, Connects):
        # It has not said what it asks; the request will not be sent.
        return _expected(last) if not last.ended else "asks something"
    return f"ends with {came.end.status}" if came.end is not None else "is killed"


def _expected(last: Place) -> str:
    if not last.ended:
        return f"asks {short(last.effect)}"
    # A traceback is the exit status 1 of a Python program.
    return f"ends with {1 if last.effect[1] == TRACEBACK else last.effect[1]}"


def _not_sent(actor: int, later: Sequence[Step]) -> bool:
    """Whether the next request of this machine is one that cannot be sent."""
    about = (step for step in later if step.actor == actor and step.do in (Do.ANSWER, Do.KILL, Do.CUT))
    following = next(about, None)
    return following is not None and following.fault == RequestFault.NOT_SENT.value


@dataclass(frozen=True)
class Left:
    """What a step leaves on its machine: the simulated disk, before any date in it is moved; and the place of the
    effect after which the program is killed, None where it is not."""

    disk: int
    after: int | None = None


def _left(
    simulation: Simulation, before: State, step: Step, way: Sequence[Place], local: Local
) -> Left | None:
    """None where the step does nothing to a machine."""
    machine, disk = simulation.machine, before.actors[step.actor].disk
    if step.do is Do.KILL:
        return Left(machine.killed(disk))
    if step.do is Do.CUT:
        return Left(machine.cuts(disk)[int(step.what.removeprefix("#") or 0)])
    if not way:
        return None
    runs = machine.onward(way[0], disk, simulation.universe.disk_faults)
    run = next(run for run in runs if run.place is way[-1] and run.faults == local.faults)
    if local.stop is None:
        return Left(run.disk)
    stopped = next(one for one in run.interrupted if one.how == local.how)
    return Left(stopped.disk, stopped.after)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _lines(path: Path, begin: int) -> Iterator[str]:
    """What was said since then, a line each."""
    if path.exists():
        text = path.read_bytes()[begin:].decode(errors="replace")
        yield from (line for line in text.splitlines() if line.strip())
