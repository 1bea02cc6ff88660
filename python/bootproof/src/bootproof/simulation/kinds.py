"""The kinds of things that can go otherwise than by default, and the steps of one kind out of a state.

`Simulation.next` works out every step of every kind; a random history takes one of them.  So each kind has a view
of the simulation, in which nothing else can go wrong: the view shares all that was worked out before, and asks the
program only for what this kind needs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

from bootproof.simulation.hub import RequestFault
from bootproof.simulation.machine import DiskFault
from bootproof.simulation.people import Act
from bootproof.simulation.state import Next, State
from bootproof.simulation.steps import Do, Step
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import Universe

Kind = str
"""A request fault, a disk fault, an act (by its value), or one of the names below."""

KILL: Kind = "kill"
CUT: Kind = "power-cut"
REBOOT: Kind = "reboot"
ARRIVAL: Kind = "late arrival"
TURN: Kind = "another turn"
"""Another command, after another time, or another machine's step than the one whose turn it would be."""

_REQUEST = {fault.value: fault for fault in RequestFault}
_DISK = {fault.value: fault for fault in DiskFault}
_CRASH = {Do.KILL: KILL, Do.CUT: CUT, Do.REBOOT: REBOOT, Do.LATE: ARRIVAL}
_INTERRUPTED = {"killed": KILL, "power": CUT}


def kinds_of(universe: Universe) -> tuple[Kind, ...]:
    """Everything that can go otherwise in this universe, the simplest first."""
    crashes = (KILL, CUT, REBOOT) if universe.crashes else ()
    requests = tuple(fault.value for fault in RequestFault if fault in universe.request_faults)
    disk = tuple(fault.value for fault in DiskFault if fault in universe.disk_faults)
    acts = tuple(act.value for act in Act if universe.people.get(act))
    operator = tuple(universe.operator)
    late = (ARRIVAL,) if universe.late and RequestFault.LATE in universe.request_faults else ()
    return (*crashes, TURN, *requests, *late, *acts, *operator, *disk)


def kinds_in(step: Step, default: Step | None) -> frozenset[Kind]:
    """Everything that goes otherwise in this step."""
    if step.do in _CRASH:
        return frozenset({_CRASH[step.do]})
    if step.do is Do.PERSON:
        free = default is not None and step == default
        return frozenset() if free else frozenset({step.what})
    found = {step.fault} if step.fault else set()
    for part in filter(None, step.local.split("; ")):
        word = part.partition(" ")[0]
        found.add(_INTERRUPTED.get(word, word))
    found.discard("clock")  # it stands somewhere, and nobody chose where
    if step.do is Do.OPERATOR:
        found.add(step.what)
    elif default is None or _turn(step) != _turn(default):
        found.add(TURN)
    return frozenset(found)


def _turn(step: Step) -> tuple[Do, str, str, int]:
    return step.do, step.what, step.after, step.actor


def woken(state: State) -> State:
    """A state after which the next run comes soon: the program's timer goes on for ever, also after a rest."""
    return state._replace(calm=0)


@dataclass
class Menu:
    """What can be chosen in each state of one simulation; each choice is worked out once."""

    simulation: Simulation
    quiet: Simulation = field(init=False)
    """The simulation in which nothing goes wrong."""
    _defaults: dict[State, Next | None] = field(default_factory=dict)
    _views: dict[frozenset[Kind], Simulation] = field(default_factory=dict)
    _steps: dict[tuple[State, frozenset[Kind]], tuple[Next, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.quiet = self._view(frozenset())

    @property
    def states(self) -> int:
        """How many states were gone through."""
        return len(self._defaults)

    def default(self, state: State) -> Next | None:
        """The step in which nothing goes wrong."""
        if state not in self._defaults:
            self._defaults[state] = self.quiet.default(state)
        return self._defaults[state]

    def steps(self, state: State, kinds: frozenset[Kind]) -> tuple[Next, ...]:
        """The steps in which exactly these kinds of things happen."""
        key = (state, kinds)
        found = self._steps.get(key)
        if found is None:
            found = self._steps[key] = tuple(self._chosen(state, kinds))
        return found

    def _chosen(self, state: State, kinds: frozenset[Kind]) -> Iterator[Next]:
        if state.idle and not kinds.isdisjoint(_REQUEST):
            return  # nobody is asking anything
        default = self.default(state)
        named = None if default is None else default.step
        for following in self._view(kinds).next(state):
            if kinds_in(following.step, named) == kinds:
                yield following._replace(state=woken(following.state))

    def _view(self, kinds: frozenset[Kind]) -> Simulation:
        found = self._views.get(kinds)
        if found is None:
            whole = self.simulation.universe
            lags = (RequestFault.STALE.value,) if whole.stale else ()
            narrower = dataclasses.replace(
                whole,
                crashes=whole.crashes and not kinds.isdisjoint((KILL, CUT, REBOOT)),
                # Whether a replica lags behind is told from this one, also where no read is answered by it.
                request_faults=whole.request_faults & {_REQUEST.get(kind) for kind in (*kinds, *lags)},
                disk_faults=whole.disk_faults & {_DISK.get(kind) for kind in kinds},
            )
            found = self._views[kinds] = self.simulation.within(narrower)
        return found
