"""How a bug is planted into the real agent: a function of it is wrapped for a while, and its calls are counted.

A mutation takes what is there and returns what takes its place.  It looks at nothing but its arguments and the
agent's port: a run has to stay a function of its answers.
"""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from zeta_self_register import decide
from zeta_self_register.decision import Decision
from zeta_self_register.situation import Situation

Mutation = Callable[[Any], Any]
Plant = Callable[[Counter[str]], AbstractContextManager[None]]
"""Puts one change in place; counts how often it was met."""
Rule = Callable[[Situation], Decision | None]


@dataclass(frozen=True)
class Planted:
    """A bad agent: the name of the stage on which it is seen, by which rule, and what is changed in the real one."""

    name: str
    bug: str
    source: str
    stage: str
    rule: str
    plants: tuple[Plant, ...]


def patched(owner: Any, name: str, mutation: Mutation) -> Plant:
    """A function, method or property of the agent, changed."""

    @contextmanager
    def plant(met: Counter[str]) -> Iterator[None]:
        there = inspect.getattr_static(owner, name)
        if isinstance(there, property):
            new: Any = property(_counted(mutation(there.fget), name, met))
        else:
            new = _counted(mutation(there), name, met)
        with mock.patch.object(owner, name, new):
            yield

    return plant


def _counted(changed: Callable[..., Any], name: str, met: Counter[str]) -> Callable[..., Any]:
    @functools.wraps(changed)
    def counted(*arguments: Any, **named: Any) -> Any:
        met[name] += 1
        return changed(*arguments, **named)

    return counted


def row(name: str, mutation: Callable[[Rule], Rule]) -> Plant:
    """A row of the decision table, changed; met where it decides something else than the real one does."""

    @contextmanager
    def plant(met: Counter[str]) -> Iterator[None]:
        real = next(one.rule for one in decide.TABLE if one.name == name)
        changed = mutation(real)

        def rule(situation: Situation) -> Decision | None:
            decision = changed(situation)
            met[name] += decision != real(situation)
            return decision

        table = tuple(replace(one, rule=rule) if one.name == name else one for one in decide.TABLE)
        with mock.patch.object(decide, "TABLE", table):
            yield

    plant.row = name  # type: ignore[attr-defined]
    return plant


def without(name: str) -> Plant:
    """A row of the decision table that is not there."""
    return row(name, lambda _real: lambda _situation: None)
