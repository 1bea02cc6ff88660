"""What one machine can do next, in one world, whatever the other machine does meanwhile.

A move is worked out once for each machine and world that meet, and put into every state in which they do: there are
thousands of moves where there are millions of steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from mock_github.events import Event

from bootproof.oracle_case import NO_EFFECT
from bootproof.simulation.automaton import Effect, Place
from bootproof.simulation.hub import Hub, RequestFault
from bootproof.simulation.judging import Judge
from bootproof.simulation.machine import LocalRun, Machine
from bootproof.simulation.state import IDLE, Actor, Actors, Facts, Meeting
from bootproof.simulation.steps import Do, Step
from bootproof.simulation.universe import Universe
from bootproof.simulation.wishes import Asked, Wishes, told


class Move(NamedTuple):
    """One step of one machine.

    `actor` and `world` are what it leaves; `changed` says whether anything is not as it was on the machine, `written`
    whether somebody's request changed GitHub, `rebooted` whether the machine starts again, `sent` is the effect
    that is still on its way, and `wishes` what is known of them where a command of the operator's has ended."""

    step: Step
    cost: int
    actor: Actor
    world: int
    findings: tuple[str, ...] = ()
    landed: str = ""
    place: int = IDLE
    changed: bool = False
    rebooted: bool = False
    sent: int | None = None
    written: bool = False
    wishes: Wishes | None = None


class Ways(NamedTuple):
    """All moves, the fault-free one first; and one of each set of moves that come to the same."""

    all: tuple[Move, ...]
    distinct: tuple[Move, ...]


class Moves:
    """The moves of one simulation, in one universe."""

    def __init__(self, universe: Universe, machine: Machine, hub: Hub, judge: Judge, actors: Actors) -> None:
        self._universe = universe
        self._machine = machine
        self._hub = hub
        self._judge = judge
        self._actors = actors
        self._begun: dict[tuple[Meeting, str, str], Ways] = {}
        self._onward: dict[tuple[Meeting, bool], Ways] = {}
        self._defaults: dict[Meeting, Move] = {}
        self._learned: dict[tuple[Actor, int], Actor] = {}

    def begun(self, meeting: Meeting, command: str, after: str) -> Ways:
        """A run begins, or the command that the operator has asked for, up to its first request; `after` is what the
        step calls the time that passed first."""
        key = (meeting, command, after)
        found = self._begun.get(key)
        if found is None:
            found = self._begun[key] = _ways(self._begin(*key))
        return found

    def onward(self, meeting: Meeting, may_be_late: bool) -> Ways:
        """The request that the machine waits for is answered in every way, or the machine dies meanwhile."""
        key = (meeting, may_be_late)
        found = self._onward.get(key)
        if found is None:
            faults = self._universe.request_faults
            moves = [*self._answered(meeting, faults, may_be_late), *self._crashes(meeting)]
            found = self._onward[key] = _ways(moves)
        return found

    def default(self, meeting: Meeting) -> Move:
        """It is answered as it should be, and nothing goes wrong."""
        found = self._defaults.get(meeting)
        if found is None:
            found = self._defaults[meeting] = next(self._answered(meeting, frozenset(), False))
        return found

    def learned(self, actor: Actor, world: int) -> Actor:
        """The machine when the world has become another one: what its run may claim is more."""
        if actor.place == IDLE:
            return actor
        key = (actor, world)
        found = self._learned.get(key)
        if found is None:
            facts = actor.facts | self._judge.facts(world)
            found = self._actors.of(actor.disk, actor.place, actor.fresh, facts, actor.asked)
            self._learned[key] = found
        return found

    def _begin(self, meeting: Meeting, command: str, after: str) -> Iterator[Move]:
        known = self._judge.facts(meeting.world) | self._judge.facts(meeting.stale)
        do = Do.RUN if meeting.actor.asked is None else Do.OPERATOR
        step = Step(do, command, after=after, actor=meeting.number)
        root = self._machine.automaton.root(command)
        yield from self._run(meeting, root, _Cause(step, known, meeting.world))

    def _answered(
        self, meeting: Meeting, faults: frozenset[RequestFault], may_be_late: bool
    ) -> Iterator[Move]:
        mine, actor, world, stale, epoch, _ = meeting
        place = self._machine.automaton.places[actor.place]
        effect = place.effect
        for fate in self._hub.fates(world, stale, effect, faults):
            if fate.late and not may_be_late:
                continue
            findings = self._judge.step(world, effect, fate.events, epoch) if fate.events else ()
            facts = actor.facts if fate.world == world else actor.facts | self._judge.facts(fate.world)
            step = Step(Do.ANSWER, short(effect), fault=fate.fault.value if fate.fault else "", actor=mine)
            sent = self._hub.effect_number(effect) if fate.late else None
            cause = _Cause(step, facts, fate.world, findings, sent, written(fate.events))
            yield from self._run(meeting, self._machine.automaton.step(place, fate.answer), cause)

    def _run(self, meeting: Meeting, place: Place, cause: _Cause) -> Iterator[Move]:
        """From an answer (or the beginning) to the next request or the end, with all that can go wrong here."""
        begun, asked = meeting.actor.disk, meeting.actor.asked
        for run in self._machine.onward(place, begun, self._universe.disk_faults):
            step = _with_local(cause.step, "; ".join(run.faults))
            wrong = (*cause.findings, *self._judge.run(run, cause.facts, meeting))
            cost = 1 if step.fault or run.faults else 0
            wish = step.what if step.do is Do.OPERATOR else ""
            yield Move(
                step,
                cost,
                self._after(run, cause.facts, asked),
                cause.world,
                wrong,
                landed=step.fault or (run.faults[0].split(" ")[0] if run.faults else wish),
                place=run.place.number,
                changed=run.disk != begun,
                sent=cause.sent,
                written=cause.written,
                wishes=told(asked, run.place.effect[1]) if asked is not None and run.place.ended else None,
            )
            if self._universe.crashes:
                yield from self._interrupted(run, step, wrong, cause)

    def _after(self, run: LocalRun, facts: Facts, asked: Asked | None) -> Actor:
        if run.place.ended:
            return self._actors.of(run.disk, fresh=False)
        return self._actors.of(run.disk, run.place.number, False, facts, asked)

    def _interrupted(
        self, run: LocalRun, step: Step, findings: tuple[str, ...], cause: _Cause
    ) -> Iterator[Move]:
        for stop in run.interrupted:
            named = _with_local(step, f"{step.local}; {stop.how}" if step.local else stop.how)
            dead = self._actors.of(stop.disk, fresh=stop.cut)
            kind = "power-cut" if stop.cut else "kill"
            number = run.place.number
            yield Move(
                named, 1, dead, cause.world, findings, kind, number, True, stop.cut, cause.sent, cause.written
            )

    def _crashes(self, meeting: Meeting) -> Iterator[Move]:
        """Killed, or without power, while the request is on its way: it has not reached GitHub."""
        if not self._universe.crashes:
            return
        mine, actor, world = meeting[:3]
        killed = self._actors.of(self._machine.killed(actor.disk), fresh=False)
        yield Move(Step(Do.KILL, actor=mine), 1, killed, world, (), "kill", changed=True)
        for number, cut in enumerate(self._machine.cuts(actor.disk)):
            step = Step(Do.CUT, f"#{number}" if number else "", actor=mine)
            dead = self._actors.of(cut, fresh=True)
            yield Move(step, 1, dead, world, (), "power-cut", changed=True, rebooted=True)


class _Cause(NamedTuple):
    """Why a program goes on: a step, and what is so after it."""

    step: Step
    facts: Facts
    world: int
    findings: tuple[str, ...] = ()
    sent: int | None = None
    written: bool = False


def _with_local(step: Step, local: str) -> Step:
    return Step(step.do, step.what, step.fault, local, step.after, step.actor) if local else step


def _ways(moves: Iterable[Move]) -> Ways:
    every = tuple(moves)
    # A move that costs nothing stays apart: it is what the others are counted against.
    seen = {
        (m.cost, m.actor, m.world, m.findings, m.landed, m.rebooted, m.sent, m.wishes): m for m in every[::-1]
    }
    return Ways(every, tuple(seen.values())[::-1])


def written(events: Iterable[Event]) -> bool:
    """Whether GitHub was changed by what was asked; it finds some things out by itself (`mergeable`)."""
    return any(event.type not in NO_EFFECT for event in events)


@lru_cache(maxsize=4096)
def short(effect: Effect) -> str:
    """A request in a few words."""
    _, method, url, _, body = effect
    path = "/" + url.split("/", 3)[-1]
    if path.endswith("/graphql"):
        text = bytes(body)
        word = text.find(b"mutation ") if b"mutation " in text else text.find(b"query ")
        operation = text[word:].split(b"(")[0].split(b" ")[1].decode() if word >= 0 else ""
        return f"graphql {operation.split('{')[0]}".strip()
    return f"{method} {path}"
