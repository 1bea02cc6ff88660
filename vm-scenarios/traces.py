"""Which traces are replayed on machines: those that were asked for, all that are kept, those of the bad agents, or else
two that are quick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import planted
from bootproof.simulation.aiming import aimed
from bootproof.simulation.steps import Trace, read_trace
from bootproof.verdict import HarnessError

HOLDS = planted.TRACES / "holds"
QUICK = ("power-cut-at-the-pull-request.json", "killed-while-it-looks.json")


@dataclass(frozen=True)
class Chosen:
    """By name, each trace with the bug of the agent that it is for, if there is one.  `left_out` says why for each one
    that is kept and cannot be replayed on a machine."""

    replay: Mapping[str, tuple[Trace, str]]
    left_out: tuple[str, ...] = ()


def chosen(paths: Sequence[Path], *, kept: bool, bad: bool) -> Chosen:
    """Raises HarnessError, with one line, when a trace that was asked for cannot be replayed on a machine."""
    if bad:
        bugs = {name: bug.trace for name, bug in planted.BUGS.items() if bug.trace}
        return Chosen({name: (read(planted.TRACES / trace), name) for name, trace in bugs.items()})
    if kept:
        return _kept()
    wanted = paths or [HOLDS / name for name in QUICK]
    return Chosen({path.stem: (read(path), "") for path in wanted})


def _kept() -> Chosen:
    found: dict[str, tuple[Trace, str]] = {}
    left_out: list[str] = []
    for path in sorted(HOLDS.glob("*.json")):
        try:
            found[path.stem] = (read(path), "")
        except HarnessError as error:
            left_out.append(str(error))
    return Chosen(found, tuple(left_out))


def read(path: Path) -> Trace:
    """A trace that can be replayed on a machine.  Raises HarnessError, with one line that names the file."""
    trace = read_trace(path)
    try:
        aimed(trace)
    except HarnessError as error:
        raise HarnessError(f"{path}: {error}") from None
    return trace
