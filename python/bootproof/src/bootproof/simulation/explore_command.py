"""`bootproof explore`: all universes, or some of them, and what was shown by it.

Each universe is closed (every state that can be reached), each is cross-checked by every history of up to k faults,
and then it is said what was proven and relative to what.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bootproof.progress import note, phase
from bootproof.simulation import agents
from bootproof.simulation.agents import Agent
from bootproof.simulation.closure import Explored, explore
from bootproof.simulation.histories import Walked, every_history
from bootproof.simulation.steps import Trace, write_trace
from bootproof.simulation.transitions import Simulation
from bootproof.simulation.universe import Universe
from bootproof.simulation.universes import known, named
from bootproof.verdict import Verdict

HELP = """\
Runs the program that ships in a simulation and goes through every state that crashes, faults and people can lead to.

  bootproof explore                      every universe, with every history of up to 3 faults in the first
  bootproof explore alone late           some of them
  bootproof explore --list               what there is
  bootproof explore alone --faults 4     every history of up to 4 faults beside the closure
  bootproof explore twins --bound 2      closed for up to 2 faults in a history
  bootproof explore --keep DIR           writes each finding's shortest history; `bootproof replay FILE` runs it

Exit status: 0 all holds; 1 a promise was broken; 2 it could not be judged: interrupted, a fault that never landed, or a
row of the decision table that was never reached.
"""
CROSS_CHECKED = "alone"
"""The universe whose histories are walked one by one when nothing else is said."""


@dataclass(frozen=True)
class Result:
    """One universe: its closure, and the histories that were walked beside it."""

    universe: Universe
    closure: Explored
    walked: Walked | None

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds of faults and acts that never took effect: what is said of them would be empty."""
        if self.universe.may_be_held:
            return ()
        asked = {fault.value for fault in self.universe.request_faults | self.universe.disk_faults}
        asked |= {act.name.lower() for act in self.universe.people} | set(self.universe.operator)
        if self.universe.world is not None:
            asked -= _OPTIONAL
        return tuple(sorted(asked - set(self.closure.landed)))

    @property
    def disagreement(self) -> int:
        """Durable states of the histories that the closure does not have: its merging would be wrong."""
        return len(self.walked.durable - self.closure.durable) if self.walked is not None else 0

    @property
    def verdict(self) -> Verdict:
        found = self.closure.findings or (self.walked.findings if self.walked else {})
        if found:
            return Verdict.VIOLATED
        whole = self.closure.complete and (self.walked is None or self.walked.complete)
        return (
            Verdict.HOLDS if whole and not self.missing and not self.disagreement else Verdict.HARNESS_ERROR
        )


_OPTIONAL = frozenset({"lost-after", "5xx-after"})
"""They land only where something is written; where GitHub has it all already there may be nothing to lose."""


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    raw = argparse.RawDescriptionHelpFormatter
    text = "every crash and every fault, through the shipped code"
    parser = commands.add_parser(
        "explore", parents=[common], help=text, description=HELP, formatter_class=raw
    )
    parser.add_argument("universes", nargs="*", metavar="UNIVERSE", help="default: all of them")
    parser.add_argument("--agent", metavar="NAME", help="an installed agent, or MODULE:OBJECT")
    parser.add_argument("--list", action="store_true", help="the universes, and what each lets happen")
    parser.add_argument(
        "--faults", type=_faults, metavar="K", help="also walk every history of up to K faults, one by one"
    )
    parser.add_argument(
        "--bound",
        type=_bound,
        default=...,
        metavar="K",
        help="close them for up to K faults in a history (`any`: any number) instead of what each one says",
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where the histories of findings are written"
    )
    parser.set_defaults(run=_run)


def _bound(text: str) -> int | None:
    return None if text == "any" else _faults(text, "a number of faults, or any")


def _faults(text: str, wanted: str = "a number of faults") -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text}: {wanted}")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    agent = agents.load(options.agent)
    if options.list:
        for universe in known(agent).values():
            print(f"{universe.name:24} {universe.says}")
        return 0
    chosen = named(agent, options.universes)
    if options.bound is not ...:
        chosen = [replace(universe, faults=options.bound) for universe in chosen]
    results: list[Result] = []
    begun = time.monotonic()
    for universe in chosen:
        results.append(_explored(agent, universe, options))
        if not results[-1].closure.complete:
            break
    unreached = _unreached(agent, results) if not options.universes and len(results) == len(chosen) else ()
    if options.keep is not None:
        _keep(options.keep, results)
    if options.json:
        print(msgspec.json.encode(as_json(agent, results, unreached)).decode())
    else:
        for line in _lines(agent, results, unreached, time.monotonic() - begun):
            print(line)
    return _status(results, unreached)


def _explored(agent: Agent, universe: Universe, options: argparse.Namespace) -> Result:
    faults = options.faults
    if faults is None and not options.universes and universe.name == CROSS_CHECKED:
        faults = 3
    with phase(universe.name):
        simulation = Simulation(agent, universe)
        closure = explore(simulation, progress=_every(2.0, lambda done, left: f"{done} states, {left} ahead"))
        walked = None
        if faults is not None and closure.complete:
            walked = every_history(
                simulation, faults, progress=_every(2.0, lambda done, _: f"{done} histories")
            )
        simulation.automaton.abandon()
    return Result(universe, closure, walked)


class _Says(Protocol):
    def __call__(self, done: int, left: int = 0, /) -> None: ...


def _every(seconds: float, words: Callable[[int, int], str]) -> _Says:
    """Says how far it is, now and then."""
    last = time.monotonic()

    def progress(done: int, left: int = 0, /) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            note(words(done, left))

    return progress


def _unreached(agent: Agent, results: Sequence[Result]) -> tuple[str, ...]:
    """Rows of the decision table that no run went through: they are dead."""
    reached = {row for result in results for row in result.closure.rows}
    return tuple(row for row in agent.rows if row not in reached)


def _status(results: Sequence[Result], unreached: Sequence[str]) -> int:
    verdicts = {result.verdict for result in results}
    if Verdict.VIOLATED in verdicts:
        return 1
    return 2 if unreached or verdicts != {Verdict.HOLDS} else 0


def _keep(folder: Path, results: Sequence[Result]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        for number, trace in enumerate(_traces(result), 1):
            (folder / f"{result.universe.name}-{number}.json").write_bytes(write_trace(trace))


def _traces(result: Result) -> list[Trace]:
    walked = result.walked.findings if result.walked is not None else {}
    return [*result.closure.findings.values(), *walked.values(), *result.closure.expected.values()]


# --- what is said of it ------------------------------------------------------------------------------------------


def _lines(agent: Agent, results: Sequence[Result], unreached: Sequence[str], seconds: float) -> list[str]:
    width = max(len(result.universe.name) for result in results)
    lines = [f"{'universe':{width}}  verdict        states    steps  durable  CPU s  what it lets happen"]
    for result in results:
        found = result.closure
        lines.append(
            f"{found.universe:{width}}  {result.verdict.value:13}{found.states:8}{found.steps:9}{len(found.durable):9}"
            f"{found.seconds:7.2f}  {result.universe.says}"
        )
    for result in results:
        lines += _remarks(result)
    lines += [f"never reached, so dead: row {row}" for row in unreached]
    return [*lines, "", *claim(agent, results, seconds)]


def _remarks(result: Result) -> list[str]:
    found, walked, lines = result.closure, result.walked, []
    for text, trace in found.findings.items():
        lines += [f"{found.universe}: {text}", *(f"    {step}" for step in trace.steps)]
    for rule, trace in found.expected.items():
        lines += [f"{found.universe}: nobody can keep {rule} here; the shortest history that breaks it:"]
        lines += [f"    {step}" for step in trace.steps]
    if walked is not None:
        lines.append(
            f"{found.universe}: {walked.histories} histories of up to {walked.faults} faults, one by one, "
            f"{walked.seconds:.2f} s: {len(walked.findings)} findings, {len(walked.durable)} durable states, "
            f"{result.disagreement} of them not in the closure"
        )
        lines += [f"    {text}" for text in walked.findings]
    lines += [f"{found.universe}: never took effect: {kind}" for kind in result.missing]
    return lines if found.complete else [*lines, f"{found.universe}: not gone through to the end"]


def claim(agent: Agent, results: Sequence[Result], seconds: float) -> list[str]:
    """What was proven, and relative to what."""
    if not results or any(result.verdict is not Verdict.HOLDS for result in results):
        return ["nothing is claimed: not everything holds"]
    states = sum(result.closure.states for result in results)
    steps = sum(result.closure.steps for result in results)
    landed: dict[str, int] = {}
    for result in results:
        for kind, count in result.closure.landed.items():
            landed[kind] = landed.get(kind, 0) + count
    limited = [f"{r.universe.name}: {r.universe.faults}" for r in results if r.universe.faults is not None]
    return [
        f"Holds for {agent.name} in {len(results)} universes: {states} states, {steps} steps, {seconds:.0f} s.",
        "No step breaks a promise, and from every state, once faults end, it comes to one merged pull request or to "
        "what a person wanted instead.",
        "Relative to: the program's own code above its effects port; mock-github as GitHub, with a repository "
        "that allows merge commits and auto-merge; requests that take no time "
        f"and live no longer than Q = {agent.thresholds[0]:.0f} s (the universe beyond-q apart); one or two "
        "machines of one identity; times told apart only by what the program compares them with; after a kill, "
        "unsynced files are written back (the universe unsynced apart); any number of crashes and faults"
        + (f" ({', '.join(limited)})" if limited else "")
        + "; people's acts as often as the universe says.",
        "Landed: " + ", ".join(f"{kind} {count}" for kind, count in sorted(landed.items())) + ".",
    ]


def as_json(agent: Agent, results: Sequence[Result], unreached: Sequence[str]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "schema": "bootproof-explore",
        "version": 1,
        "agent": agent.name,
        "exit_status": _status(results, unreached),
        "unreached_rows": list(unreached),
        "universes": [_one(result) for result in results],
    }


def _one(result: Result) -> dict[str, Any]:
    found, walked = result.closure, result.walked
    return {
        "universe": found.universe,
        "verdict": result.verdict.value,
        "states": found.states,
        "steps": found.steps,
        "durable": len(found.durable),
        "seconds": round(found.seconds, 3),
        "complete": found.complete,
        "landed": dict(found.landed),
        "ends": {end.value: count for end, count in found.ends.items()},
        "rows": dict(found.rows),
        "findings": msgspec.to_builtins(list(found.findings.values())),
        "expected": msgspec.to_builtins(list(found.expected.values())),
        "histories": None
        if walked is None
        else {
            "faults": walked.faults,
            "count": walked.histories,
            "seconds": round(walked.seconds, 3),
            "findings": msgspec.to_builtins(list(walked.findings.values())),
            "not_in_closure": result.disagreement,
        },
    }
