"""The rules that a scenario asks for: states, order, and what must not happen between two named points."""

from __future__ import annotations

import re
from collections.abc import Callable

from bootproof.oracle_case import Case, Entry, Event, Final, Window
from bootproof.oracle_rules import Look, Rule
from bootproof.timeline import MachineEvent
from bootproof.verdict import Finding, MissingEvidence


def _state_wrong(case: Case, final: Final, end: int) -> str:
    """Why the state before position `end` is not the one expected, or an empty string."""
    standing = case.standings[end - 1] if end else case.at_first
    still_open = ", ".join(f"#{number}" for number in sorted(standing.open))
    if final is Final.NONE:
        ever = [f"#{number}" for number in sorted(case.pulls) if case.existed(number, end)]
        left = ", ".join([*ever, *sorted(standing.branches)])
        return f"nothing was expected, and there is {left}" if left else ""
    if final is Final.EXACTLY_ONE_OPEN:
        count = len(standing.open)
        return (
            "" if count == 1 else f"one open PR was expected, and there are {count} ({still_open or 'none'})"
        )
    merged = _merged_in_last_epoch(case, end)
    if final is Final.CLOSED:
        left = still_open or ", ".join(f"merged #{event.number}" for event in merged)
        return f"a closed PR was expected, and there is {left}" if left else ""
    if standing.open:
        return f"a merged PR was expected, and {still_open} is still open"
    if len(merged) != 1:
        return f"one merged PR was expected, and there are {len(merged)}"
    return "a merged PR was expected, and its record is gone" if standing.record is False else ""


def _merged_in_last_epoch(case: Case, end: int) -> list[Event]:
    """The merges of the latest epoch in which the node had any PR: after a reinstall that finds itself
    registered already, that is the one before."""
    own = [
        (epoch, entry)
        for entry, epoch in zip(case.order[:end], case.epochs[:end], strict=True)
        if isinstance(entry, Event) and case.is_own_pull(entry)
    ]
    return [event for epoch, event in own if epoch == own[-1][0] and event.type == "pull-request-merged"]


def _judge_state(final: Final, point: str) -> Callable[[Case], Look]:
    def judge(case: Case) -> Look:
        end = case.position(point) if point else len(case.order)
        wrong = _state_wrong(case, final, end)
        last = [e for e in case.order[:end] if isinstance(e, Event) and case.is_own_pull(e)][-1:]
        return Look(end, (case.finding(wrong, *last),) if wrong else ())

    return judge


def _in_order(case: Case) -> Look:
    """The first of each named thing is there, and they come in the order that was named."""
    findings: list[Finding] = []
    before: tuple[int, str] | None = None
    for step in case.expect.order:
        at = next((i for i, entry in enumerate(case.order) if _is(case, entry, step)), None)
        if at is None:
            findings.append(Finding(f"{step} never happened"))
            continue
        if before is not None and at < before[0]:
            text = f"the first {step} came before the first {before[1]}"
            findings.append(case.finding(text, case.order[at], case.order[before[0]]))
        before = (at, step)
    return Look(len(case.expect.order), tuple(findings))


def _is(case: Case, entry: Entry, step: str) -> bool:
    if isinstance(entry, MachineEvent):
        return entry.kind.value == step
    if entry.type != step or entry.type == "request":
        return entry.type == step and case.by_machine(entry)
    return case.is_own_pull(entry) if entry.number is not None else True


def _inside(case: Case, window: Window, events: tuple[Event, ...]) -> list[Event]:
    chosen = set(map(id, events))
    return [e for i in case.span(window) if isinstance(e := case.order[i], Event) and id(e) in chosen]


def _machine_saw(case: Case, window: Window) -> int:
    """How many entries of the timeline are in a window. A quiet window in which the machine did nothing
    either (no boot, no unit) shows nothing, so these count as what was looked at."""
    return sum(isinstance(case.order[i], MachineEvent) for i in case.span(window))


def _judge_quiet(window: Window) -> Callable[[Case], Look]:
    def judge(case: Case) -> Look:
        asked = _inside(case, window, case.machine_requests)
        if window.user_agent is not None:
            asked = [e for e in asked if re.search(window.user_agent, e.user_agent or "")]
        text = f"{len(asked)} request(s){_where(window)}"
        return Look(
            _machine_saw(case, window) + len(asked), (case.finding(text, *asked[:5]),) if asked else ()
        )

    return judge


def _judge_only_reads(window: Window) -> Callable[[Case], Look]:
    def judge(case: Case) -> Look:
        effects = _inside(case, window, case.machine_effects)
        text = f"{len(effects)} write(s){_where(window)}: {', '.join(sorted({e.type for e in effects}))}"
        looked_at = len(_inside(case, window, case.machine_requests))
        return Look(looked_at, (case.finding(text, *effects[:5]),) if effects else ())

    return judge


def _where(window: Window) -> str:
    start, end = window.start or "the beginning", window.end or "the end"
    return f" between {start} and {end}"


def expected_rules(case: Case) -> tuple[Rule, ...]:
    """The rules that the case's expectations amount to."""
    expect = case.expect
    rules = [Rule(f"state-at:{point}", _judge_state(final, point)) for point, final in expect.states.items()]
    if expect.order:
        rules.append(Rule("order", _in_order))
    rules += [Rule(f"no-requests:{_name(w)}", _judge_quiet(w)) for w in expect.no_requests]
    rules += [Rule(f"only-reads:{_name(w)}", _judge_only_reads(w)) for w in expect.only_reads]
    rules.append(Rule("final-state", _judge_final))
    return tuple(rules)


def _judge_final(case: Case) -> Look:
    if case.expect.final is None:
        raise MissingEvidence("the scenario does not say what there must be in the end (expect.final)")
    return _judge_state(case.expect.final, "")(case)


def _name(window: Window) -> str:
    return f"{window.start}..{window.end}"
