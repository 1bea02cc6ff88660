"""A trace, gone through again: at each step the one of this name is taken from all that can happen there."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bootproof.simulation import agents
from bootproof.simulation.automaton import Place, described
from bootproof.simulation.closure import merged
from bootproof.simulation.ending import Endings
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.kinds import Menu, woken
from bootproof.simulation.machine import INTERRUPTED_AT_ONCE, DiskFault
from bootproof.simulation.people import Act
from bootproof.simulation.state import IDLE, Next, State
from bootproof.simulation.steps import Do, Step, Trace, read_trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universes import named
from bootproof.verdict import HarnessError

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


def replay(trace: Trace, agent: str | None = None) -> Replayed:
    """Replays a trace, with this agent or the one that it names.

    Raises HarnessError, with one line, when it names something unknown or a step is not possible.
    """
    if trace.schema != 1:
        raise HarnessError(f"a trace of schema {trace.schema}; this program reads schema 1")
    found = agents.load(agent or trace.agent)
    (universe,) = named(found, [trace.universe])
    return replay_in(Simulation(found, universe), trace)


def replay_in(simulation: Simulation, trace: Trace) -> Replayed:
    """The same in a simulation that is there already."""
    state, seen = simulation.first(), []
    for number, step in enumerate(trace.steps, 1):
        where = f"step {number} ({step})"
        if wrong := _unknown(simulation, step):
            raise HarnessError(f"{where}: {wrong}")
        following = _find(simulation, state, step, where)
        seen.append(_seen(simulation, state, following))
        state = following.state
    findings = tuple(text for one in seen for text in simulation.universe.unexpected(one.findings))
    end, wrong = Endings(Menu(simulation).quiet).end_of(woken(state))
    if wrong and not findings:
        findings = (wrong,)
    return Replayed(trace, simulation.universe.says, tuple(seen), end.value, findings)


def _unknown(simulation: Simulation, step: Step) -> str:
    """What this step names that is nowhere to be found; empty when it names nothing such."""
    names: list[tuple[str, str, Collection[str]]] = []
    if step.do is Do.RUN:
        names.append(("command", step.what, simulation.agent.commands))
    if step.do is Do.OPERATOR:
        names.append(("command of the operator's", step.what, simulation.universe.operator))
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
    actors = simulation.universe.actors
    return "" if 0 <= step.actor < actors else f"there is no machine {step.actor + 1}, only {actors}"


def _find(simulation: Simulation, state: State, step: Step, where: str) -> Next:
    """The step of this name.  Raises HarnessError, which says what would be possible instead.

    Whoever wrote the trace may have thought that all had come to rest, or that it had not; what is possible next to
    the fault-free step is the same.
    """
    rested = state._replace(calm=len(simulation.agent.thresholds) + 1)
    there: dict[str, None] = {}
    for here in dict.fromkeys((state, merged(state), rested)):
        for following in simulation.next(here):
            if following.step == step:
                return following._replace(state=woken(following.state)) if following.cost else following
            there[str(following.step)] = None
    near = difflib.get_close_matches(str(step), there, n=SHOWN, cutoff=0.0)
    others = f" and {len(there) - len(near)} others" if len(there) > len(near) else ""
    raise HarnessError(f"{where} is not possible there, but: {' | '.join(near)}{others}")


def _seen(simulation: Simulation, state: State, following: Next) -> Seen:
    step = following.step
    if following.place == IDLE:
        return Seen(step, findings=following.findings)
    places = simulation.automaton.places
    last = places[following.place]
    begun = state.actors[step.actor].place
    path = list(_path(last, None if begun == IDLE else places[begun]))
    if INTERRUPTED_AT_ONCE in step.local:
        return Seen(step, findings=following.findings)
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
    yield f"{trace.agent} in the universe {trace.universe}: {replayed.says}"
    for number, one in enumerate(replayed.seen, 1):
        yield f"{number:3} {one.step}"
        yield from (f"      says: {line}" for line in one.lines)
        if one.status is not None:
            rows = ", ".join(one.rows) or "no row"
            yield f"      ends with {one.status} by {rows}: {one.reason}"
        yield from (f"    ! {text}" for text in one.findings)
    yield f"then nothing goes wrong any more: {replayed.end}"
    yield from (f"    ! {text}" for text in replayed.findings)
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
        "steps": [{**msgspec.to_builtins(one), "text": str(one.step)} for one in replayed.seen],
        "end": replayed.end,
        "findings": list(replayed.findings),
    }


def command(path: Path, agent: str | None, in_json: bool) -> int:
    """`bootproof replay`: the exit status is 1 when there is a finding."""
    replayed = replay(read_trace(path), agent)
    lines = [json.dumps(as_json(replayed), indent=2)] if in_json else shown(replayed)
    for line in lines:
        print(line)  # noqa: T201
    return 1 if replayed.findings else 0
