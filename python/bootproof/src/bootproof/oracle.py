"""The oracle: whether a run kept its promises, worked out from records alone.

The same functions judge a simulated run, a process and a machine, and evidence that was kept from any of
them: events of the mock, a timeline of the machine, and what is expected. Nothing here does I/O or waits.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootproof.oracle_case import (
    Before,
    Case,
    CaseFile,
    Event,
    Expectations,
    Final,
    Registration,
    Seeded,
    Window,
    as_events,
    read_case_file,
    read_events,
)
from bootproof.oracle_expect import expected_rules
from bootproof.oracle_rules import ALWAYS, Look, Rule
from bootproof.timeline import MachineEvent, MachineKind
from bootproof.verdict import HarnessError, Interruption, Landing, RuleResult, Verdict, worst

__all__ = [
    "ALWAYS",
    "Before",
    "Case",
    "CaseFile",
    "Event",
    "Expectations",
    "Final",
    "Look",
    "Registration",
    "Rule",
    "Seeded",
    "Window",
    "as_events",
    "interruptions",
    "judge",
    "read_case_file",
    "read_events",
    "verdict_of",
]


def judge(case: Case, further: Iterable[Rule] = (), *, finished: bool = True) -> tuple[RuleResult, ...]:
    """Applies the rules that always hold, those that the case expects, and `further` ones. A run that was not
    `finished` is judged by the first alone: what was expected of its end says nothing about its middle."""
    expected = expected_rules(case) if finished else ()
    return tuple(_apply(rule, case) for rule in (*ALWAYS, *expected, *further))


def _apply(rule: Rule, case: Case) -> RuleResult:
    try:
        look = rule.judge(case)
    except HarnessError as error:
        return RuleResult(rule.id, 0, error=str(error))
    return RuleResult(rule.id, look.looked_at, look.findings, note=look.note)


def verdict_of(results: Iterable[RuleResult]) -> Verdict:
    return worst(result.verdict for result in results)


def interruptions(case: Case) -> tuple[Interruption, ...]:
    """The faults, kills and cuts that were aimed at the run, and whether they took effect in time."""
    landings = {"fault-landed": Landing.LANDED, "fault-missed": Landing.TOO_LATE}
    faults = [Interruption(_kind(e), landings[e.type]) for e in case.events if e.type in landings]
    broken_off = [
        Interruption(_broken_off(event), event.landing)
        for event in case.timeline
        if event.kind in (MachineKind.CUT, MachineKind.KILL) and event.landing is not None
    ]
    return tuple(faults + broken_off)


def _broken_off(event: MachineEvent) -> str:
    loses = f" ({event.loses.value})" if event.loses is not None else ""
    return f"{event.name or event.kind.value}{loses}"


def _kind(event: Event) -> str:
    fault = event.fault
    return str(fault.get("kind", "fault")) if isinstance(fault, dict) else str(fault)
