"""The program as a tree: what it does next, given every answer that it has had so far in this run.

A run is a function of its answers.  So the harness keeps the tree of all answers that it has ever given, and runs
the program only where the tree ends: a path that was gone once costs a few look-ups.  Whenever the program is run
again along a known path, it has to ask for the same effects; one that does not is not deterministic under its
port, and nothing could be said about it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import greenlet

from bootproof.simulation.agents import Agent, Outcome
from bootproof.verdict import HarnessError

Effect = tuple[Any, ...]
"""The name of the port's method and its arguments; ("end", status, rows, reason) when the run is over."""


TRACEBACK = -1
"""The status of a run that ended with an exception of the program's own."""


@dataclass(frozen=True)
class Raises:
    """An answer that is an exception: an errno with its path, or one of the agent's own errors by name."""

    what: int | str
    detail: str = ""


@dataclass(frozen=True)
class HttpAnswer:
    """An answer of GitHub."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(eq=False)
class Place:
    """One place in a run: the effect that is asked for here, and where each answer leads."""

    number: int
    effect: Effect
    parent: Place | None = None
    answer: Hashable = None
    children: dict[Hashable, Place] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    """What was said to the journal since the last effect."""

    @property
    def ended(self) -> bool:
        return bool(self.effect[0] == "end")

    def answers(self) -> list[tuple[Effect, Hashable]]:
        """The run so far: each effect and its answer."""
        path: list[tuple[Effect, Hashable]] = []
        here: Place | None = self
        while here is not None and here.parent is not None:
            path.append((here.parent.effect, here.answer))
            here = here.parent
        return path[::-1]


VARIES = object()
Constant = Callable[[Effect], Any]
"""The answer of an effect that is always the same and so is no place in the tree, else VARIES."""


class NotDeterministic(HarnessError):
    """The same answers led to another effect: something reaches the program beside its port."""


class _Dead(greenlet.GreenletExit):
    """The run is abandoned where it stands.  No `except Exception` of the program's can swallow it."""


class Automaton:
    """All runs of one agent.  `restarts` counts how often the program itself had to be run from its beginning."""

    def __init__(self, agent: Agent, constant: Constant) -> None:
        self.agent = agent
        self.constant = constant
        self.places: list[Place] = []
        self.restarts = 0
        self._roots: dict[str, Place] = {}
        self._live: dict[int, _Live] = {}

    def root(self, command: str) -> Place:
        """Where a run of this command begins."""
        if command not in self._roots:
            live = self._start(command)
            self._roots[command] = self._placed(live, None, None)
        return self._roots[command]

    def step(self, place: Place, answer: Hashable) -> Place:
        """Where this answer leads.  Raises NotDeterministic."""
        known = place.children.get(answer)
        if known is not None:
            return known
        live = self._live.pop(place.number, None) or self._replayed(place)
        live.resume(answer)
        place.children[answer] = child = self._placed(live, place, answer)
        return child

    def abandon(self) -> None:
        """Ends the runs that are parked somewhere, so that nothing of them is left."""
        for live in self._live.values():
            live.kill()
        self._live.clear()

    def _placed(self, live: _Live, parent: Place | None, answer: Hashable) -> Place:
        place = Place(len(self.places), live.effect, parent, answer, lines=live.take_lines())
        self.places.append(place)
        if not place.ended:
            self._live[place.number] = live
        return place

    def _start(self, command: str) -> _Live:
        self.restarts += 1
        return _Live(self.agent, command, self.constant)

    def _replayed(self, place: Place) -> _Live:
        """The program, run again to this place along the answers that led to it."""
        path = place.answers()
        expected = [*(effect for effect, _ in path), place.effect]
        command = next(c for c, root in self._roots.items() if _root_of(place) is root)
        live = self._start(command)
        _expect(expected[0], live.effect)
        for (_, answer), following in zip(path, expected[1:], strict=True):
            live.resume(answer)
            _expect(following, live.effect)
        live.take_lines()
        return live


def _root_of(place: Place) -> Place:
    while place.parent is not None:
        place = place.parent
    return place


def _expect(effect: Effect, found: Effect) -> None:
    if effect != found:
        raise NotDeterministic(
            f"the same answers led to {described(found)} and not to {described(effect)}: the program depends on "
            "something beside its port"
        )


def described(effect: Effect) -> str:
    """An effect in a few words."""
    if effect[0] == "github":
        return f"{effect[1]} {effect[2]}"
    if effect[0] == "end":
        return f"the end with status {effect[1]}"
    return " ".join(str(part) for part in effect[:3] if not isinstance(part, bytes))


class _Live:
    """One run of the program, parked in a greenlet at the effect that it asks for."""

    def __init__(self, agent: Agent, command: str, constant: Constant) -> None:
        self.effect: Effect = ()
        self._lines: list[str] = []
        port = _Port(agent, self._lines, constant)
        self._greenlet = greenlet.greenlet(lambda: _whole(agent, port, command))
        self.effect = self._greenlet.switch()

    def resume(self, answer: Hashable) -> None:
        self.effect = self._greenlet.switch(answer)

    def take_lines(self) -> tuple[str, ...]:
        lines = tuple(self._lines)
        self._lines.clear()
        return lines

    def kill(self) -> None:
        if not self._greenlet.dead:
            self._greenlet.throw(_Dead)


def _whole(agent: Agent, port: _Port, command: str) -> Effect:
    """One run from its beginning to its end; an exception that leaves it is a way to end, and a wrong one."""
    try:
        outcome: Outcome = agent.run(port, command)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        return ("end", TRACEBACK, (), f"{type(error).__name__}: {error} ({where})")
    return ("end", int(outcome.status), tuple(outcome.rows), outcome.reason)


class _Port:
    """The agent's effects port: each call parks the run until the harness answers."""

    def __init__(self, agent: Agent, lines: list[str], constant: Constant) -> None:
        self._constant = constant
        self._errors: Mapping[str, Callable[..., BaseException]] = agent.errors
        self._harness = greenlet.getcurrent()
        self._lines = lines

    def _ask(self, *effect: Any) -> Any:
        answer = self._constant(effect)
        if answer is VARIES:
            answer = self._harness.switch(effect)
        if isinstance(answer, Raises):
            if isinstance(answer.what, int):
                raise OSError(answer.what, os.strerror(answer.what), answer.detail)
            raise self._errors[answer.what](answer.detail)
        return answer

    def read(self, path: str) -> bytes:
        content: bytes = self._ask("read", path)
        return content

    def listdir(self, path: str) -> list[str]:
        return list(self._ask("listdir", path))

    def run(self, argv: Sequence[str]) -> bytes:
        printed: bytes = self._ask("run", tuple(argv))
        return printed

    def write(self, path: str, content: bytes, mode: int) -> None:
        self._ask("write", path, content, mode)

    def sync(self, path: str) -> None:
        self._ask("sync", path)

    def rename(self, source: str, target: str) -> None:
        self._ask("rename", source, target)

    def make_folder(self, path: str) -> None:
        self._ask("make_folder", path)

    def publish(self, path: str, content: bytes) -> None:
        self._ask("publish", path, content)

    def sync_all(self) -> None:
        self._ask("sync_all")

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        # Held to the end of the run: the kernel lets go of it when the process ends.
        self._ask("lock", path)
        yield

    def github(self, request: Any) -> HttpResponse:
        headers = tuple((k.lower(), v) for k, v in request.headers.items())
        answer: HttpAnswer = self._ask("github", request.method, request.url, headers, request.body)
        return HttpResponse(answer.status, dict(answer.headers), answer.body)

    def reachable(self, target: str, seconds: float) -> None:
        self._ask("reachable", target, seconds)

    def wall_clock(self) -> float:
        return float(self._ask("wall_clock"))

    def monotonic(self) -> float:
        return float(self._ask("monotonic"))

    def boot_id(self) -> str:
        return str(self._ask("boot_id"))

    def say(self, line: str) -> None:
        self._lines.append(line)


@dataclass(frozen=True)
class HttpResponse:
    """What the agent's code takes for its port's response."""

    status: int
    headers: dict[str, str]
    body: bytes
