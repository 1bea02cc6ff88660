"""A trace, gone through again: at each step the one of this name is taken from all that can happen there."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from bootproof.simulation import agents
from bootproof.simulation.agents import Agent
from bootproof.simulation.automaton import Place, described
from bootproof.simulation.ending import Endings
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.kinds import Menu, woken
from bootproof.simulation.machine import INTERRUPTED_AT_ONCE, DiskFault
from bootproof.simulation.people import Act
from bootproof.simulation.state import IDLE, Next, State
from bootproof.simulation.steps import By, Do, Step, Trace, means_of, read_trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import Universe
from bootproof.simulation.universes import named
from bootproof.verdict import HarnessError, Interruption, Landing

SHOWN = 3
"""How many of the possible steps an error names: those that read most like the one that is not possible."""


@dataclass(frozen=True)
class Seen:
    """One step, and what came of it.  `status` is the exit status when the run ended, with `rows` and `reason`."""

    step: Step
    lines: tuple[str, ...] = ()
    status: int | None = None
    rows: tuple[str, ...] = ()
    reason: str = ""
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replayed:
    """A whole history.  `end` is what it comes to when nothing goes wrong any more."""

    trace: Trace
    says: str
    """What its universe is about."""
    seen: tuple[Seen, ...]
    end: str
    findings: tuple[str, ...]
    layer: str = "simulation"
    interruptions: tuple[Interruption, ...] = ()
    """What was done to it, and whether that took effect in time; nothing comes too late in the simulation."""
    notes: tuple[str, ...] = ()
    """In what this layer falls short of the trace's words."""


def replay(trace: Trace, agent: str | None = None) -> Replayed:
    """Replays a trace, with this agent or the one that it names.

    Raises HarnessError, with one line, when it names something unknown or a step is not possible.
    """
    return replay_in(simulation_of(trace, agent), trace)


def simulation_of(trace: Trace, agent: str | None = None) -> Simulation:
    """The simulation that a trace was found in.  Raises HarnessError when it names something unknown."""
    return Simulation(*place_of(trace, agent))


def place_of(trace: Trace, agent: str | None = None) -> tuple[Agent, Universe]:
    """The agent and the universe that a trace names.  Raises HarnessError, with one line."""
    if trace.schema != 1:
        raise HarnessError(f"a trace of schema {trace.schema}; this program reads schema 1")
    found = agents.load(agent or trace.agent)
    (universe,) = named(found, [trace.universe])
    return found, universe


def replay_in(simulation: Simulation, trace: Trace) -> Replayed:
    """The same in a simulation that is there already."""
    state, seen = simulation.first(), []
    for _, before, following in followed(simulation, trace):
        seen.append(_seen(simulation, before, following))
        state = following.state
    findings = tuple(text for one in seen for text in simulation.universe.unexpected(one.findings))
    end, wrong = Endings(Menu(simulation).quiet).end_of(woken(state))
    if wrong and not findings:
        findings = (wrong,)
    return Replayed(trace, simulation.universe.says, tuple(seen), end.value, findings)


def followed(simulation: Simulation, trace: Trace) -> Iterator[tuple[int, State, Next]]:
    """Each step of a trace: its number, the state before it, and what it is.  Two machines of one identity can stand
    the other way round in that state than in the one before.  Raises HarnessError, with one line, at a step that is not
    possible.

    What a step is `by` is one thing to the program and another to its machine: the simulation takes the plain step, and
    the reboot after it."""
    state = simulation.first()
    for number, step in enumerate(trace.steps, 1):
        where = f"step {number} ({step})"
        if wrong := unknown(simulation.agent, simulation.universe, step):
            raise HarnessError(f"{where}: {wrong}")
        here, following = _find(simulation, state, replace(step, by=None), where)
        if step.by is By.REBOOT:
            following = following._replace(state=simulation.rebooted(following.state, step.actor))
        following = following._replace(step=step)
        yield number, here, following
        state = following.state


def way_of(simulation: Simulation, state: State, following: Next) -> list[Place]:
    """The places that a step leads the program through, the last of which is its next request or its end; empty when
    it does nothing."""
    if following.place == IDLE:
        return []
    places = simulation.automaton.places
    begun = state.actors[following.step.actor].place
    return list(_path(places[following.place], None if begun == IDLE else places[begun]))


def unknown(agent: Agent, universe: Universe, step: Step) -> str:
    """What this step names that is nowhere to be found; empty when it names nothing such."""
    names: list[tuple[str, str, Collection[str]]] = []
    if step.do is Do.RUN:
        names.append(("command", step.what, agent.commands))
    if step.do is Do.OPERATOR:
        names.append(("command of the operator's", step.what, universe.operator))
    if step.do is Do.PERSON:
        names.append(("act", step.what, (*(act.value for act in Act), "does nothing")))
    if step.fault:
        names.append(("fault", step.fault, [fault.value for fault in RequestFault]))
    local = [fault.value for fault in DiskFault]
    names += [
        ("fault of the machine", part.partition(" ")[0], (*local, "killed", "power", "clock"))
        for part in filter(None, step.local.split("; "))
    ]
    for kind, name, known in names:
        if name not in known:
            return f"there is no {kind} {name!r}, only {', '.join(known)}"
    if step.by and step.by not in means_of(step):
        return f"no {step.by.value} is what stops a machine there"
    actors = universe.actors
    return "" if 0 <= step.actor < actors else f"there is no machine {step.actor + 1}, only {actors}"


def _find(simulation: Simulation, state: State, step: Step, where: str) -> tuple[State, Next]:
    """The step of this name, and the state that it is taken from.  Raises HarnessError, which says what would be
    possible instead.

    Whoever wrote the trace may have thought that all had come to rest, or that it had not; what is possible next to
    the fault-free step is the same.
    """
    rested = state._replace(calm=len(simulation.agent.thresholds) + 1)
    there: dict[str, None] = {}
    for here in dict.fromkeys((state, simulation.unhurried(state), rested)):
        for following in simulation.next(here):
            if following.step == step:
                woke = following._replace(state=woken(following.state)) if following.cost else following
                return here, woke
            there[str(following.step)] = None
    if step.do is Do.REBOOT and state.idle:  # one that changes nothing is no step of the exploration
        return state, Next(step, 1, state)
    near = difflib.get_close_matches(str(step), there, n=SHOWN, cutoff=0.0)
    others = f" and {len(there) - len(near)} others" if len(there) > len(near) else ""
    raise HarnessError(f"{where} is not possible there, but: {' | '.join(near)}{others}")


def _seen(simulation: Simulation, state: State, following: Next) -> Seen:
    step = following.step
    path = way_of(simulation, state, following)
    if not path or INTERRUPTED_AT_ONCE in step.local:
        return Seen(step, findings=following.findings)
    last = path[-1]
    after = next((how for how in ("killed after ", "power cut after ") if how in step.local), None)
    if after is not None:
        effect = step.local.rpartition(after)[2].partition(" (#")[0]
        names = [described(place.effect) for place in path]
        path = path[: names.index(effect) + 1] if effect in names else path
    lines = tuple(line for place in path for line in place.lines)
    if not last.ended or after is not None:
        return Seen(step, lines, findings=following.findings)
    _, status, rows, reason = last.effect
    return Seen(step, lines, status, tuple(rows), reason, following.findings)


def _path(last: Place, begun: Place | None) -> Iterator[Place]:
    """The places after `begun`, up to the last one."""
    way: list[Place] = []
    here: Place | None = last
    while here is not None and here is not begun:
        way.append(here)
        here = here.parent
    yield from reversed(way)


def shown(replayed: Replayed) -> Iterator[str]:
    """The history in lines: one for each step, and below it what the program said and decided."""
    trace = replayed.trace
    yield f"{trace.agent} in the universe {trace.universe}, layer {replayed.layer}: {replayed.says}"
    for number, one in enumerate(replayed.seen, 1):
        yield f"{number:3} {one.step}"
        yield from (f"      says: {line}" for line in one.lines)
        if one.status is not None:
            rows = f" by {', '.join(one.rows)}" if one.rows else ""
            yield f"      ends with {one.status}{rows}: {one.reason}"
        yield from (f"    ! {text}" for text in one.findings)
    yield f"then nothing goes wrong any more: {replayed.end}"
    yield from (f"    ! {text}" for text in replayed.findings)
    yield from (f"note: {text}" for text in replayed.notes)
    if replayed.interruptions:
        yield f"interruptions: {tally(replayed.interruptions)}"
    if not replayed.findings:
        was = f" (it was kept for: {trace.finding})" if trace.finding else ""
        yield f"no finding{was}"


def as_json(replayed: Replayed) -> dict[str, Any]:
    """The same for programs."""
    return {
        "schema": "bootproof-replay",
        "version": 1,
        "agent": replayed.trace.agent,
        "universe": replayed.trace.universe,
        "layer": replayed.layer,
        "steps": [{**msgspec.to_builtins(one), "text": str(one.step)} for one in replayed.seen],
        "end": replayed.end,
        "notes": list(replayed.notes),
        "interruptions": msgspec.to_builtins(replayed.interruptions),
        "findings": list(replayed.findings),
    }


def tally(interruptions: Sequence[Interruption]) -> str:
    """How many of each kind took effect, and how many came too late."""
    landed = Counter(one.what for one in interruptions if one.landing is Landing.LANDED)
    late = Counter(one.what for one in interruptions if one.landing is Landing.TOO_LATE)
    kinds = ", ".join(f"{kind} {number}" for kind, number in landed.items())
    text = f"{landed.total()} landed ({kinds})" if landed else "none landed"
    return f"{text}, {late.total()} too late" + (f" ({', '.join(late)})" if late else "")


def command(
    path: Path, agent: str | None, in_json: bool, replaying: Callable[[Trace, str | None], Replayed]
) -> int:
    """`bootproof replay` in one layer: the exit status is 1 when there is a finding."""
    replayed = replaying(read_trace(path), agent)
    lines = [json.dumps(as_json(replayed), indent=2)] if in_json else shown(replayed)
    for line in lines:
        print(line)  # noqa: T201
    return 1 if replayed.findings else 0
