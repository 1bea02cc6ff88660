"""A trace, gone through on a machine: the same JSON that the exploration keeps, step by step.

The actors: the *node*, as its installer left it, with the settings of production; the *mock*, at whose gate every
request of the program waits until the trace says what becomes of it; and the *keeper*, this module.

1. No run begins by itself. The drop-ins that say so come with each boot, as credentials (`agent.BY_HAND`): the timers
   do not start, and the steward does not follow the register unit. The disk is not touched.
2. `run register` starts its unit (or the program itself, on a lean machine: runs.py), and waits until its first request
   stands at the gate, or until it has ended. Where that request is not sent, the cable is out for the whole run.
3. `answer …` lets the request through, with the fault that the trace names, and waits for the next one or for the end.
   A *late* request stays at the gate when its client has been hung up on; `late …` lets it through.
4. A kill (`kill`, `killed …`) is SIGKILL for the unit's process, a power cut ends QEMU, while the client waits: for a
   request that has not been let through, or for an answer that is held after it took effect. It has *landed* if the
   client's connection stood until then, and the process has died of it. A kill may be an orderly reboot, in which
   systemd ends the process; a power cut may be the reset button, by which QEMU and its caches stay.
5. Time passes (`after q`) while the machine is off: it is shut down, the mock's clock goes forward, it boots again. The
   program then measures by GitHub's clock; that it does so by its own clock within one boot is for the exploration.
6. What people do is asked of the mock under a maintainer's name, as in the exploration.
7. In the end nothing goes wrong any more: late requests are lost, the gate is open, and the steward ticks, after
   longer and longer times, until it has nothing more to do.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import agent
from bootproof.oracle import Registration
from bootproof.simulation.aiming import Move, Then
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.judging import facts_of, untrue_status
from bootproof.simulation.people import PERSON, Act, request_of
from bootproof.simulation.state import Facts
from bootproof.simulation.steps import By, Do, Step
from bootproof.timeline import MachineEvent, MachineKind
from bootproof.verdict import HarnessError, Landing
from field import plug_in, unplug
from mock_github import wire
from mock_github.faults import Fault, FaultKind, Match
from mock_github.gates import Gate, Waiting
from mock_github.server import MockServer
from stage import Node, landing

REQUEST_SECONDS = 30
"""Until a run's next request is there, on hardware; machines stretch it by their own factor."""
MAX_TICKS = 12

FAULTS = {
    "": None,
    RequestFault.LOST_BEFORE.value: FaultKind.DROP_BEFORE,
    RequestFault.LOST_AFTER.value: FaultKind.DROP_AFTER,
    RequestFault.ERROR_BEFORE.value: FaultKind.ERROR_BEFORE,
    RequestFault.ERROR_AFTER.value: FaultKind.ERROR_AFTER,
    RequestFault.PRIMARY_LIMIT.value: FaultKind.PRIMARY_LIMIT,
    RequestFault.SECONDARY_LIMIT.value: FaultKind.SECONDARY_LIMIT,
    RequestFault.STALE.value: FaultKind.STALE_READ,
    RequestFault.NO_PERMISSION.value: FaultKind.NO_PERMISSION,
    RequestFault.BASE_MODIFIED.value: FaultKind.BASE_MODIFIED,
}
_NO_ANSWER = {RequestFault.LOST_BEFORE.value, RequestFault.LATE.value}
"""Faults after which there is no answer that could be held."""


class Clock:
    """GitHub's clock: the host's, put forward whenever time is to pass."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def all_landed(events: Sequence[MachineEvent]) -> None:
    """Raises HarnessError if something was aimed at a moment and came too late: it shows nothing of that moment."""
    late = next((event for event in events if event.landing is Landing.TOO_LATE), None)
    if late is not None:
        raise HarnessError(f"a {late.kind.value} came too late; it was aimed at {late.detail}")


@dataclass
class Replay:
    """One trace on one node.  `simulated` is the registration that the trace's requests are written for."""

    node: Node
    server: MockServer
    clock: Clock
    simulated: Registration
    thresholds: Sequence[float]
    command: str = ""
    running: bool = False
    request: Waiting | None = None
    """The one that stands at the gate with its client."""
    late: list[tuple[str, Waiting]] = field(default_factory=list)
    facts: Facts = frozenset()
    """What was true at GitHub since the run began."""

    def __post_init__(self) -> None:
        self.gate: Gate = self.server.gate(Match(user_agent=agent.PROGRAM))

    @property
    def own(self) -> Registration:
        """What the node is to register."""
        registration = self.node.site.registration
        assert registration is not None
        return registration

    @property
    def patience(self) -> float:
        """Seconds until it is clear that a request or an answer will not come."""
        return self.node.stretched(REQUEST_SECONDS)

    def go(self, moves: Sequence[Move]) -> None:
        """The whole history, and its end.  Raises HarnessError when a step does not apply."""
        for move in moves:
            with self.node.site.phase(str(move)):
                _DOES[move.step.do](self, move)
        self.to_the_end()

    # --- runs ---------------------------------------------------------------------------------------------------

    def run(self, move: Move) -> None:
        """A run begins."""
        self.pass_time(move.wait)
        if move.offline:
            # It was there once: the unit does not wait for it, but meets what it leaves.
            self.node.machine.run("systemctl start network-online.target", timeout=REQUEST_SECONDS)
            unplug(self.node)
        self.begin(move.step.what)
        self.onward(move)
        if move.offline:
            plug_in(self.node)

    def begin(self, command: str) -> None:
        """A run of this command, about which nothing is known yet."""
        self.command, self.running, self.facts = command, True, frozenset()
        self.look()
        self.node.runs.begin(command)

    def onward(self, move: Move) -> None:
        """To what the trace says comes next.  Raises HarnessError when it does not."""
        if move.then is Then.REQUEST:
            self.await_request(move)
        elif move.then is Then.END:
            self.await_end()
            with contextlib.suppress(TimeoutError):
                more = self.named(self.gate.next(0))
                raise HarnessError(f"after {move} the run does not end, but asks {more}")

    def await_request(self, move: Move) -> None:
        """Raises HarnessError when the run does not come to the request that the trace names."""
        try:
            self.request = self.gate.next(self.patience)
        except TimeoutError:
            raise HarnessError(f"after {move} no request came: {self.node.runs.last_line()}") from None
        self.look()
        asks = self.named(self.request)
        if move.asks and asks != move.asks:
            raise HarnessError(f"after {move} the program asks {asks}, and not {move.asks}")

    def look(self) -> None:
        """Adds what is true now to what may be claimed of this run."""
        self.facts |= facts_of(self.server.world, self.own)

    def named(self, waiting: Waiting) -> str:
        """The request as a trace names it: of the simulated registration."""
        request, operation = waiting.arrival.request, waiting.arrival.operation
        if operation is not None:
            return f"graphql {operation}"
        query = f"?{request.query}" if request.query else ""
        asked = f"{request.method} {request.path}{query}"
        own, simulated = (str(PurePosixPath(one.record).parent) for one in (self.own, self.simulated))
        return asked.replace(self.own.branch, self.simulated.branch).replace(own, simulated)

    def await_end(self) -> int:
        """Waits until the run has ended, which must not claim too much; its exit status."""
        status = self.node.runs.await_end()
        self.running = False
        self.node.site.timeline.unit_state(agent.COMMANDS[self.command], f"exit status {status}")
        self.node.marker()
        self.look()
        wrong = untrue_status(status, self.facts)
        assert not wrong, wrong
        return status

    # --- what becomes of a request ------------------------------------------------------------------------------

    def answer(self, move: Move) -> None:
        """The request meets its fate, and the run goes on, or is interrupted before it knows."""
        request, step = self.at_the_gate(), move.step
        kind = FAULTS.get(step.fault)
        fault = None if kind is None else Fault(kind=kind)
        if move.interrupt is None:
            self.pass_on(step.what, step.fault, fault)
            self.onward(move)
            return
        if step.fault in _NO_ANSWER:
            self.interrupt(move.interrupt, step, step.what)
            self.pass_on(step.what, step.fault, fault)
        else:
            hold = self.server.hold(Match(user_agent=agent.PROGRAM))
            request.let(fault)
            hold.wait(self.patience)
            self.interrupt(move.interrupt, step, f"the answer to {step.what}")
            hold.drop()
        self.after_interruption(move.interrupt, step)

    def pass_on(self, what: str, fate: str, fault: Fault | None) -> None:
        """Lets the request through, or leaves it at the gate without a client."""
        request = self.at_the_gate()
        self.request = None
        if fate == RequestFault.LATE.value:
            self.late.append((what, request))
            request.delay()
        else:
            request.let(fault)
            self.await_answer(request)

    def at_the_gate(self) -> Waiting:
        """The request that waits."""
        assert self.request is not None
        return self.request

    def arrive_late(self, move: Move) -> None:
        """A request that nobody waits for any more takes effect."""
        place = next(n for n, (what, _) in enumerate(self.late) if what == move.step.what)
        _, request = self.late.pop(place)
        request.let()
        self.await_answer(request)
        self.look()

    def await_answer(self, request: Waiting) -> None:
        """Waits until GitHub is done with a request that was let through, whatever its client knows of it."""
        answered = request.arrival.id
        self.server.wait_for(lambda e: e.type == "response" and e.request == answered, self.patience)

    # --- interruptions ------------------------------------------------------------------------------------------

    def broken_off(self, move: Move) -> None:
        """A kill or a power cut while the request is on its way: it never reaches GitHub."""
        request = self.at_the_gate()
        self.interrupt(move.step.do, move.step, "a request on its way")
        request.discard()
        self.after_interruption(move.step.do, move.step)

    def interrupt(self, how: Do, step: Step, aimed_at: str) -> None:
        """Kills the program or cuts the power; it landed if the client waited until then."""
        waited = self.at_the_gate().connected()
        self.running = False
        if step.by is not None:
            self.node.site.timeline.kill(aimed_at, landing(waited), step.by.value)
            self.node.start_again(_WAYS[step.by])
            return
        if how is Do.CUT:
            self.node.cut(aimed_at, landing(waited))
            return
        killed = self.node.runs.kill()
        self.node.site.timeline.kill(aimed_at, landing(killed and waited))

    def after_interruption(self, how: Do, step: Step) -> None:
        """A machine that lost its power starts again, unless it has already."""
        self.request = None
        if how is Do.CUT and step.by is None:
            self.node.boot()
        self.node.marker()

    # --- everything else ----------------------------------------------------------------------------------------

    def reboot(self, move: Move) -> None:
        """Between two runs: in order, by the reset button, or by a power cut."""
        self.node.restart("orderly" if move.step.by is None else _WAYS[move.step.by])

    def person(self, move: Move) -> None:
        """Somebody does this, unless it is nothing."""
        if move.step.what in (act.value for act in Act):
            self.act(Act(move.step.what))

    def can(self, act: Act) -> bool:
        """Whether there is something that somebody could do this to."""
        return request_of(act, self.server.world, self.own) is not None

    def act(self, act: Act) -> None:
        """Somebody does this.  Raises HarnessError when GitHub refuses it or there is nothing to do it to."""
        self.look()
        asked = request_of(act, self.server.world, self.own)
        if asked is None:
            raise HarnessError(f"{act.value}: there is nothing to do it to")
        method, target, body = asked
        before = self.server.world.without_counters()
        answer = self.server.ask(wire.request(method, target, token=PERSON, json=body))
        # A refused mutation has the status 200.
        if answer.status >= 300 or self.server.world.without_counters() == before:
            raise HarnessError(f"{act.value}: GitHub refuses it: {answer.status} {answer.body[:200]!r}")
        if act is Act.REMOVE_RECORD:
            self.node.site.timeline.record(MachineKind.RECORD_REMOVED)
        self.look()

    def pass_time(self, seconds: float) -> None:
        """The machine is off for so long."""
        if seconds:
            self.node.off()
            self.clock.ahead += seconds
            self.node.site.timeline.record(MachineKind.CLOCK_FORWARD, seconds=seconds)
            self.node.boot()

    def to_the_end(self) -> None:
        """Nothing goes wrong any more, and the node comes to rest."""
        self.node.site.timeline.record(MachineKind.FAULTS_ENDED)
        for _, request in self.late:
            request.discard()
        self.gate.open()
        if self.request is not None:
            self.request.let()
        if self.running:
            self.await_end()
        self.rest()

    def rest(self) -> None:
        """The steward ticks until it has nothing more to do."""
        times, calm = (0.0, *self.thresholds), 0
        for _ in range(MAX_TICKS):
            self.pass_time(times[calm])
            before = self.server.world.without_counters()
            self.begin("steward")
            if self.await_end() != agent.NOT_NOW:
                return
            calm = calm + 1 if self.server.world.without_counters() == before else 0
            if calm == len(times):
                return


_WAYS = {By.RESET: "reset", By.REBOOT: "orderly", By.CUT: "power cut"}
_DOES: dict[Do, Callable[[Replay, Move], None]] = {
    Do.RUN: Replay.run,
    Do.ANSWER: Replay.answer,
    Do.KILL: Replay.broken_off,
    Do.CUT: Replay.broken_off,
    Do.REBOOT: Replay.reboot,
    Do.PERSON: Replay.person,
    Do.LATE: Replay.arrive_late,
}
