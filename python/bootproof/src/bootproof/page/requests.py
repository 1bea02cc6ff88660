"""The lanes of what was asked of GitHub, what became of it, and what it changed there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bootproof.oracle import Event
from bootproof.oracle_case import NO_EFFECT
from bootproof.page.evidence import Evidence
from bootproof.page.model import Lane, Look, Mark, Shape, Span, Track


def requests_lane(evidence: Evidence) -> Lane:
    answers = {e.request: e for e in evidence.events if e.type == "response" and e.request}
    faults = {e.request: e for e in evidence.events if e.type == "fault-landed" and e.request}
    effects: dict[str, list[str]] = defaultdict(list)
    for event in evidence.events:
        if event.type not in NO_EFFECT and event.request:
            effects[event.request].append(event.type)
    marks: dict[bool, list[Mark]] = {True: [], False: []}
    spans: dict[bool, list[Span]] = {True: [], False: []}
    for request in evidence.events:
        if request.type != "request":
            continue
        own = evidence.by_machine(request)
        name = request.request or ""
        answer = answers.get(name)
        mark = _mark(evidence, request, answer, faults.get(name), effects[name])
        marks[own].append(mark)
        end = evidence.at(answer) if answer is not None else mark.at
        spans[own].append(Span(mark.at, end, Look.PENDING, mark.text, listed=False))
    marks[True] += [_loose(evidence, event) for event in evidence.events if _is_loose(event)]
    tracks = [Track("the machine's", tuple(spans[True]), tuple(marks[True]))]
    if marks[False]:
        tracks.append(Track("others'", tuple(spans[False]), tuple(marks[False])))
    return Lane("requests", tuple(tracks), _notes(evidence))


def _mark(
    evidence: Evidence, request: Event, answer: Event | None, fault: Event | None, effects: Sequence[str]
) -> Mark:
    at = evidence.at(request)
    what = f"graphql {request.operation}" if request.operation else f"{request.method} {request.path}"
    words = [what]
    if request.by or request.user_agent:
        words.append(f"by {request.by or 'nobody known'} ({request.user_agent or 'no User-Agent'})")
    kind = fault_kind(fault) if fault is not None else fault_kind(answer) if answer is not None else ""
    if kind:
        words.append(f"fault: {kind}")
    words.append(_answer(evidence, at, answer, kind))
    undelivered = answer is None or not answer.delivered
    shape = Shape.CROSS if kind else Shape.HALF if undelivered else Shape.SQUARE if effects else Shape.TICK
    if effects:
        words.append(f"did: {', '.join(effects).replace('-', ' ')}")
    wrong = kind or ("no answer" if undelivered else "")
    label = f"{_short(request)}: {wrong}" if wrong else _short(request)
    weight = 3 if wrong else 2 if "pull-request-opened" in effects else 1 if effects else 0
    return Mark(at, shape, "; ".join(words), label, evidence.sources(request, fault, answer), weight=weight)


def _short(request: Event) -> str:
    """What is asked, as short as a label has to be."""
    path = (request.path or "").partition("?")[0].rstrip("/")
    return request.operation or f"{request.method} …/{path.rpartition('/')[2]}"


def _answer(evidence: Evidence, at: float, answer: Event | None, fault: str) -> str:
    if answer is None:
        return "no answer is recorded"
    took = f"{evidence.at(answer) - at:.1f} s"
    if answer.delivered:
        return f"answered {answer.status} after {took}"
    if answer.status is None:
        return f"never answered{'' if fault else ', and never done: its client had gone'}; over after {took}"
    return f"done ({answer.status}), and the answer never arrived; over after {took}"


def fault_kind(event: Event) -> str:
    """The fault's name, whatever form the log gives it."""
    fault = event.fault
    return str(fault.get("kind", "fault")) if isinstance(fault, dict) else str(fault or "")


def _is_loose(event: Event) -> bool:
    """A fault that met no request: a certificate that was refused, or one that came too late."""
    return event.type == "fault-missed" or (event.type == "fault-landed" and not event.request)


def _loose(evidence: Evidence, event: Event) -> Mark:
    missed = event.type == "fault-missed"
    kind = fault_kind(event)
    text = f"the fault {kind} met {'nothing: it came too late' if missed else 'a connection'}"
    label = f"{kind} too late" if missed else kind
    return Mark(
        evidence.at(event), Shape.RING if missed else Shape.CROSS, text, label, evidence.sources(event)
    )


def _notes(evidence: Evidence) -> tuple[str, ...]:
    if evidence.events and evidence.case is None:
        return (
            "The scenario does not say what is judged: people's requests cannot be told from the machine's.",
        )
    return ()


_LOUD = {
    "pull-request-opened": "opened",
    "pull-request-closed": "closed",
    "pull-request-reopened": "reopened",
    "pull-request-merged": "merged",
}


def effects_lane(evidence: Evidence) -> Lane:
    """What changed at GitHub. Pull requests are what is counted, so they stand out."""
    effects = [event for event in evidence.events if event.type not in NO_EFFECT]
    own = [_effect(evidence, event, person=False) for event in effects if evidence.by_machine(event)]
    people = [_effect(evidence, event, person=True) for event in effects if not evidence.by_machine(event)]
    tracks = [Track("by the machine", marks=tuple(own))]
    if people:
        tracks.append(Track("by people", marks=tuple(people)))
    return Lane("at GitHub", tuple(tracks), (_once(effects, evidence),))


def _effect(evidence: Evidence, event: Event, *, person: bool) -> Mark:
    number = f" #{event.number}" if event.number is not None else ""
    words = [event.type.replace("-", " ") + number]
    words += [text for text in (event.branch, event.head) if text]
    words += [", ".join(event.paths)] if event.paths else []
    words += [f"by {event.by}"] if event.by else []
    loud = _LOUD.get(event.type)
    opened = event.type == "pull-request-opened"
    shape = Shape.PERSON if person else Shape.STAR if opened else Shape.SQUARE
    label = f"#{event.number} {loud}" if loud else "comment" if event.type == "comment-created" else ""
    weight = 3 if opened else 2 if loud else 1
    return Mark(evidence.at(event), shape, ", ".join(words), label, evidence.sources(event), weight)


def _once(effects: Sequence[Event], evidence: Evidence) -> str:
    opened = [e.number for e in effects if e.type == "pull-request-opened" and evidence.by_machine(e)]
    numbers = ", ".join(f"#{number}" for number in opened)
    count = {0: "no pull request", 1: "one pull request"}.get(len(opened), f"{len(opened)} pull requests")
    return f"The machine opened {count}{f': {numbers}' if opened else ''}."
