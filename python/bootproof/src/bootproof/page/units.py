"""The lane of the units: each start of one with how it ended, and what is not known of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bootproof.page.evidence import Evidence
from bootproof.page.model import Lane, Look, Mark, Shape, Span, Track
from bootproof.page.periods import Ending, Period
from bootproof.timeline import MachineEvent, MachineKind
from bootproof.unit_journal import Line

# systemd's catalogue: what its own lines about a unit mean.
STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
STARTED = "39f53479d3a045ac8e11786248231fbf"
FAILED = "be02cf6855d2428ba40df7e9d022f03d"
PROCESS_EXITED = "98e322203f7a4ed290d09fe03c09fe15"
SKIPPED = "0e4284a0caca4bfc81c0bb6786972673"

# As in sysexits.h: not now, not permitted, misconfigured. Whoever ends so has not crashed.
_IN_ORDER = ("exit status 75", "exit status 77", "exit status 78")
_NEAR = 2.0
"""Seconds within which two clocks may differ on one moment."""


@dataclass(frozen=True)
class Run:
    """One start of a unit. `end` is None where the journal stops before it."""

    boot: str
    start: float
    end: float | None
    ended: str
    """How, in words; empty where nobody said."""
    failed: bool
    said: str
    exact: bool


def units_lane(evidence: Evidence, found: Sequence[Period]) -> Lane | None:
    """None if nothing at all is known of any unit."""
    starts: dict[tuple[str, str, str], list[Line]] = defaultdict(list)
    for line in evidence.journal.lines:
        if line.unit:
            starts[line.unit, line.boot_id, line.run].append(line)
    told = [event for event in evidence.timeline if event.kind is MachineKind.UNIT_STATE]
    kills = [event for event in evidence.timeline if event.kind is MachineKind.KILL]
    asked = [*evidence.journal.units, *(event.name for event in told)]
    names = list(dict.fromkeys([unit for unit, _, _ in starts] + asked))
    installs = _installs(evidence)
    if not names and not installs.spans and not kills:
        return None
    tracks = [installs] if installs.spans else []
    for name in names:
        lines = [group for (unit, _, _), group in starts.items() if unit == name]
        own = [event for event in told if event.name == name]
        tracks.append(_track(evidence, name, lines, own, found))
    if kills:
        marks = tuple(_kill(evidence, event) for event in kills)
        tracks.append(Track("kills", marks=marks))
    return Lane("units", tuple(tracks), _notes(evidence, found))


def _track(
    evidence: Evidence,
    name: str,
    groups: Sequence[Sequence[Line]],
    told: Sequence[MachineEvent],
    found: Sequence[Period],
) -> Track:
    runs = [run for lines in groups if (run := _run(evidence, name, lines)) is not None]
    states, loose = _matched(evidence, told, runs)
    spans = [_span(evidence, run, states.get(run), found) for run in runs]
    marks = [_skip(evidence, line) for lines in groups for line in lines if _is_skip(line)]
    marks += [
        Mark(evidence.at(event), Shape.DOT, f"{name}: {event.state}", event.state, evidence.sources(event))
        for event in loose
    ]
    spans += _unknown(evidence, found)
    return Track(name.removesuffix(".service"), tuple(spans), tuple(marks))


def _run(evidence: Evidence, unit: str, lines: Sequence[Line]) -> Run | None:
    """None if nothing of the unit was started: its condition did not hold."""
    if not lines[0].run or not any(
        line.own or line.message_id in (STARTING, PROCESS_EXITED) for line in lines
    ):
        return None
    over = next((line for line in lines if line.message_id in (STARTED, FAILED)), None)
    exited = next((line for line in lines if line.message_id == PROCESS_EXITED), None)
    last = over or exited
    start = evidence.since_start(lines[0].at)
    end = evidence.since_start(last.at) if last is not None else None
    ended = ""
    if exited is not None:
        ended = f"killed by {exited.status}" if exited.code != "exited" else f"exit status {exited.status}"
    elif last is not None:
        ended = _last_run(evidence, unit, lines[0], last)
    own = [line.text for line in lines if line.own]
    failed = over is not None and over.message_id == FAILED
    return Run(lines[0].boot_id, start, end, ended, failed, own[-1] if own else "", lines[0].exact)


def _last_run(evidence: Evidence, unit: str, first: Line, last: Line) -> str:
    """What `systemctl show` said of the process that ended then."""
    near = timedelta(seconds=_NEAR)
    for run in evidence.journal.last_runs:
        if run.unit == unit and run.boot_id == first.boot_id and abs(run.end - last.at) < near:
            return f"killed by signal {run.status}" if run.killed else f"exit status {run.status}"
    return ""


def _matched(
    evidence: Evidence, told: Sequence[MachineEvent], runs: Sequence[Run]
) -> tuple[dict[Run, MachineEvent], list[MachineEvent]]:
    """What the scenario asked after a run belongs to the run that had just ended; the rest is loose."""
    states: dict[Run, MachineEvent] = {}
    loose: list[MachineEvent] = []
    for event in told:
        at = evidence.at(event)
        ended = [run for run in runs if run.end is not None and run.end <= at + _NEAR]
        run = max(ended, key=lambda run: run.end or 0.0, default=None)
        if run is None or run in states or (run.ended and run.ended != event.state):
            loose.append(event)
        else:
            states[run] = event
    return states, loose


def _span(evidence: Evidence, run: Run, told: MachineEvent | None, found: Sequence[Period]) -> Span:
    period = next((period for period in found if period.boot == run.boot), None)
    ended = run.ended or (told.state if told is not None else "")
    words = [f"boot {run.boot[:8]}"]
    end = run.end
    if end is None:
        end = period.end if period is not None else run.start
        words.append("how it ended is not known: the journal of this boot stops before")
    else:
        words.append(ended or "ended as the unit may; with which exit status, systemd does not note")
    if run.said:
        words.append(f"it said last: {run.said}")
    if not run.exact:
        words.append("times by the guest's own clock")
    look = Look.UNKNOWN if run.end is None else _look(run, ended)
    label = ended.replace("exit status ", "") if run.end is not None else "?"
    return Span(run.start, max(end, run.start), look, "; ".join(words), label, evidence.sources(told))


def _look(run: Run, ended: str) -> Look:
    if run.failed or ended.startswith("killed"):
        return Look.AGAIN if ended in _IN_ORDER else Look.BAD
    return Look.GOOD if ended in ("exit status 0", "") else Look.AGAIN


def _is_skip(line: Line) -> bool:
    """systemd tells of a skipped unit as of a started one, but gave that start no id."""
    return not line.own and not line.run and line.message_id in (STARTED, SKIPPED)


def _skip(evidence: Evidence, line: Line) -> Mark:
    text = f"boot {line.boot_id[:8]}: no process was started; {line.text}"
    return Mark(evidence.since_start(line.at), Shape.RING, text, "skipped")


def _kill(evidence: Evidence, event: MachineEvent) -> Mark:
    landed = f", {event.landing.value}" if event.landing is not None else ""
    by = event.name or "SIGKILL"
    text = f"{by}, aimed at {event.detail}{landed}"
    return Mark(evidence.at(event), Shape.CROSS, text, by, evidence.sources(event))


def _unknown(evidence: Evidence, found: Sequence[Period]) -> Iterator[Span]:
    """Of a boot in which nobody asked for the journal, what came after the last line that is left of it."""
    last: dict[str, float] = {}
    for line in evidence.journal.lines:
        last[line.boot_id] = max(last.get(line.boot_id, 0.0), evidence.since_start(line.at))
    for period in found:
        if period.boot and period.up is not None and period.boot not in evidence.journal.complete:
            start = min(max(last.get(period.boot, period.up), period.up), period.end)
            text = f"boot {period.boot[:8]}: not known, its journal was not read before it ended"
            yield Span(start, period.end, Look.UNKNOWN, text, "not known")


def _installs(evidence: Evidence) -> Track:
    spans: list[Span] = []
    marks: list[Mark] = []
    begun: MachineEvent | None = None
    for event in evidence.timeline:
        at = evidence.at(event)
        if event.kind is MachineKind.INSTALL_STARTED:
            begun = event
        elif event.kind is MachineKind.INSTALL_STEP:
            marks.append(Mark(at, Shape.DOT, f"step {event.name}", event.name, evidence.sources(event)))
        elif begun is not None and event.kind in _INSTALL_ENDS:
            look, word = _INSTALL_ENDS[event.kind]
            by = evidence.sources(begun, event)
            spans.append(Span(evidence.at(begun), at, look, f"the installation {word}", word, by))
            begun = None
    return Track("installer", tuple(spans), tuple(marks))


_INSTALL_ENDS = {
    MachineKind.INSTALL_FINISHED: (Look.GOOD, "finished"),
    MachineKind.INSTALL_FAILED: (Look.BAD, "failed"),
    MachineKind.INSTALL_ABANDONED: (Look.AGAIN, "given up"),
}


def _notes(evidence: Evidence, found: Sequence[Period]) -> tuple[str, ...]:
    notes = []
    silent = [p for p in found if p.boot and p.boot not in evidence.journal.complete]
    if any(period.ending is Ending.CUT for period in silent):
        notes.append(
            "A power cut takes what was not written yet of the journal: what the units did last is not known."
        )
    if evidence.journal.lines:
        notes.append(
            "By the guest's journal, placed by the uptime of each boot; right within about a second."
        )
    return tuple(notes)
