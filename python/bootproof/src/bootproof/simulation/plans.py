"""Plans drawn by Hypothesis, and what is printed of one that broke a promise.

Each plan first draws the few kinds of things that can happen in it (swarm testing: a history full of one kind of
fault finds what a history with a little of everything never comes to), then its detours.  All of it shrinks towards
fewer detours, the simplest kinds and the earliest places.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Sequence
from functools import cache

import msgspec
from hypothesis import strategies as st

from bootproof.simulation.hub import RequestFault
from bootproof.simulation.kinds import ARRIVAL, Kind
from bootproof.simulation.steps import Trace
from bootproof.simulation.wandering import MAX_GAP, Detour, Plan, Wanderer

MAX_KINDS = 6
MAX_DETOURS = 16
PICKS = 41
"""A state has seldom more steps of one kind; more are counted round."""
WAYS = 256
GAPS = 2 * MAX_GAP + 1
ALONE = 3
"""How often a kind comes alone, for each time that it comes together with another one."""


class Broken(AssertionError):
    """A promise was broken.  Each finding has a class of its own, so that Hypothesis tells them apart."""


def plans(kinds: Sequence[Kind]) -> st.SearchStrategy[Plan]:
    """The plans of a universe in which these kinds of things happen.

    One number says which kinds, and one is each detour: Hypothesis draws a number in the time in which a history goes
    a dozen steps, so a history of many small draws would be mostly drawing."""
    drawn = [kind for kind in kinds if kind != ARRIVAL]
    switched_on = st.integers(0, (2 * len(drawn)) ** MAX_KINDS - 1)
    detours = st.lists(st.integers(0, GAPS * WAYS * PICKS - 1), max_size=MAX_DETOURS)
    return st.tuples(switched_on, detours).map(lambda both: _plan(_switched_on(drawn, both[0]), both[1]))


def _switched_on(kinds: Sequence[Kind], number: int) -> list[Kind]:
    """The kinds that a number stands for: each of its digits is none (as often as not) or one of them."""
    on: dict[Kind, None] = {}
    while number:
        number, digit = divmod(number, 2 * len(kinds))
        if digit >= len(kinds):
            on[kinds[digit - len(kinds)]] = None
    return list(on) or [kinds[0]]


def _plan(on: list[Kind], numbers: Sequence[int]) -> Plan:
    if RequestFault.LATE.value in on:
        on = [*on, ARRIVAL]
    ways = _ways(on)
    return tuple(_detour(ways, number) for number in numbers)


def _detour(ways: Sequence[tuple[Kind, Kind | None]], number: int) -> Detour:
    rest, pick = divmod(number, PICKS)
    gap, way = divmod(rest, WAYS)
    # Half of the detours come as soon as they can: what belongs together often comes close together.
    return Detour(max(0, gap - MAX_GAP), *ways[way % len(ways)], pick)


def _ways(on: Sequence[Kind]) -> list[tuple[Kind, Kind | None]]:
    """Each kind alone, the first ones, and each pair."""
    alone: list[tuple[Kind, Kind | None]] = [(kind, None) for kind in on]
    pairs = list(itertools.combinations(on, 2))
    return [*alone * max(1, ALONE * len(pairs) // len(on)), *pairs]


def judge(wanderer: Wanderer, plan: Plan) -> None:
    """One example of a Hypothesis test.  Raises Broken, which shows the trace and how to replay it."""
    history = wanderer.go(plan)
    if history.findings:
        raise broken(wanderer.trace(history))


def broken(trace: Trace) -> Broken:
    """What is raised for this trace."""
    return _class_of(trace.finding)(described(trace))


@cache
def _class_of(finding: str) -> Callable[[str], Broken]:
    return type("Broken", (Broken,), {"__doc__": finding})


def described(trace: Trace) -> str:
    """The finding, its history, and the command that replays it."""
    document = msgspec.json.encode(trace).decode()
    steps = "".join(f"\n  {number:2} {step}" for number, step in enumerate(trace.steps, 1))
    return f"{trace.finding}{steps}\nreplay it: echo {shlex.quote(document)} | bootproof replay -"
