"""The rules that hold in every scenario. Each is a function of the case that says how much it looked at.

Only what the machine did can break them: a person may open a second PR by hand, the machine may not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from bootproof.oracle_case import Case, Entry, Event
from bootproof.timeline import ClaimState, MachineEvent, MachineKind, MarkerClaim
from bootproof.verdict import Finding, MissingEvidence


@dataclass(frozen=True)
class Look:
    """What a rule saw: how many things it judged, and what was wrong with them."""

    looked_at: int
    findings: tuple[Finding, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Rule:
    id: str
    judge: Callable[[Case], Look]


def at_most_one_open(case: Case) -> Look:
    """At any time at most one PR of the node is open; the machine may not be the one that makes it two."""
    looked_at, findings = 0, []
    opened: dict[int, Event] = {}
    for entry, standing in zip(case.order, case.standings, strict=True):
        if not isinstance(entry, Event) or not case.is_own_pull(entry) or entry.number is None:
            continue
        looked_at += 1
        if entry.type not in ("pull-request-opened", "pull-request-reopened"):
            continue
        others = sorted(standing.open - {entry.number})
        if others and case.by_machine(entry):
            names = ", ".join(f"#{number}" for number in others)
            evidence = [opened[number] for number in others if number in opened]
            findings.append(case.finding(f"#{entry.number} was opened while {names} was", *evidence, entry))
        opened[entry.number] = entry
    return Look(looked_at, tuple(findings))


def one_per_epoch(case: Case) -> Look:
    """In an epoch (from an install, a reset by the operator, or a removal of the record) the machine opens
    no PR when there has been one."""
    looked_at, findings = 0, []
    earlier = max(case.before.of_this_epoch, default=None)
    last: tuple[int, int, int | None, tuple[Event, ...]] | None = (
        None if earlier is None else (0, 0, earlier, ())
    )
    for position, (entry, epoch) in enumerate(zip(case.order, case.epochs, strict=True)):
        if not isinstance(entry, Event) or entry.type != "pull-request-opened" or not case.is_own_pull(entry):
            continue
        looked_at += 1
        if last is not None and last[1] == epoch and case.by_machine(entry):
            if any(standing.record is None for standing in case.standings[last[0] : position]):
                raise MissingEvidence(
                    "the record was touched on the base, and neither log says whether that removed it"
                )
            text = f"#{entry.number} is a second PR in the epoch that had #{last[2]}"
            findings.append(case.finding(text, *last[3], entry))
        last = (position, epoch, entry.number, (entry,))
    return Look(looked_at, tuple(findings))


_ALLOWS_ANOTHER = {MachineKind.INSTALL_FINISHED, MachineKind.OPERATOR_RESET}


def not_too_soon(case: Case) -> Look:
    """Between two PRs that the machine opens lies the time that was asked for, whatever became of the first;
    an install or the operator's reset allows another one at once."""
    apart = timedelta(seconds=case.registration.seconds_between)
    looked_at, findings = 0, []
    seeded = [
        (s.at, s.number) for s in (*case.before.open, *case.before.ended) if s.at and s.number in case.pulls
    ]
    last: tuple[datetime, int | None, tuple[Event, ...]] | None = (*max(seeded), ()) if seeded else None
    for entry in case.order:
        if isinstance(entry, MachineEvent):
            last = None if entry.kind in _ALLOWS_ANOTHER else last
        elif entry.type == "pull-request-opened" and case.is_own_pull(entry):
            looked_at += 1
            if last is not None and entry.at - last[0] < apart and case.by_machine(entry):
                text = f"#{entry.number} was opened {(entry.at - last[0]).total_seconds():.0f} s after #{last[1]}"
                findings.append(case.finding(text, *last[2], entry))
            last = (entry.at, entry.number, (entry,))
    return Look(looked_at, tuple(findings))


_INSTALLING = {
    MachineKind.INSTALL_STARTED,
    MachineKind.INSTALL_STEP,
    MachineKind.INSTALL_FINISHED,
    MachineKind.INSTALL_FAILED,
    MachineKind.INSTALL_ABANDONED,
}
_RUN_ENDS = {MachineKind.POWER_OFF, MachineKind.CUT}
_RUN_BEGINS = {MachineKind.POWER_ON, MachineKind.RESET}


def runs(order: Iterable[Entry]) -> list[range]:
    """The positions of each run of the machine, from one power-on or reset to the next. A boot that was
    recorded without either begins a run too: after an install, or after another boot."""
    bounds, booted, installing, index = [0], False, False, -1
    for index, entry in enumerate(order):
        if not isinstance(entry, MachineEvent):
            continue
        again = entry.kind is MachineKind.BOOT and (booted or installing)
        if entry.kind in _RUN_BEGINS or again:
            bounds.append(index)
        elif entry.kind in _RUN_ENDS:
            bounds.append(index + 1)
        if entry.kind in _RUN_BEGINS | _RUN_ENDS or again:
            booted = installing = False
        booted |= entry.kind is MachineKind.BOOT
        installing |= entry.kind in _INSTALLING
    bounds.append(index + 1)
    return [range(a, b) for a, b in pairwise(bounds) if a < b]


def nothing_before_installed(case: Case) -> Look:
    """The machine sends no request before the first boot of a system whose install was finished. A run in
    which the installer showed itself is the installer's from its beginning to its end."""
    installed, findings = case.before.installed, []
    if not installed and not any(event.kind in _INSTALLING for event in case.timeline):
        raise MissingEvidence("the timeline does not say when the install began or finished")
    for run in runs(case.order):
        entries = [case.order[index] for index in run]
        steps = [e for e in entries if isinstance(e, MachineEvent) and e.kind in _INSTALLING]
        asked = [e for e in entries if isinstance(e, Event) and e.type == "request" and case.by_machine(e)]
        if asked and (steps or not installed):
            first = f"{asked[0].method} {asked[0].path}"
            where = "in a run of the installer" if steps else "before the first boot of an installed system"
            findings.append(case.finding(f"{len(asked)} request(s) {where}, the first: {first}", *asked[:5]))
        if steps and steps[-1].kind is not MachineKind.INSTALL_ABANDONED:
            installed = steps[-1].kind is MachineKind.INSTALL_FINISHED
    return Look(len(case.machine_requests), tuple(findings))


# The machine's clock is set from the host's, and file times are whole seconds on some file systems.
CLOCK_SKEW = timedelta(seconds=2)


def markers_were_true(case: Case) -> Look:
    """What a marker claims was true at some moment of the boot that wrote it, before it was written (or,
    where that is not known, seen)."""
    looked_at, findings, silent = 0, [], 0
    for position, entry in enumerate(case.order):
        if not isinstance(entry, MachineEvent) or entry.kind is not MachineKind.MARKER_SEEN:
            continue
        if entry.claim is None:
            silent += 1
            continue
        looked_at += 1
        wrong = _untrue(case, entry.claim, position)
        if wrong:
            findings.append(case.finding(f"a marker claims {wrong}", entry))
    return Look(looked_at, tuple(findings), f"{silent} marker(s) claimed nothing" if silent else "")


def _untrue(case: Case, claim: MarkerClaim, seen: int) -> str:
    """Why a claim is not true, or an empty string."""
    boots = [i for i, e in enumerate(case.order[:seen]) if isinstance(e, MachineEvent) and e.boot_id]
    written_in = [i for i in boots if getattr(case.order[i], "boot_id", "") == claim.boot_id]
    if claim.boot_id and boots and not written_in:
        return f"to be of boot {claim.boot_id}, which the machine had not had"
    begin, end = 0, seen
    if written_in:
        # More than one only where a saved machine went on more than once: its boot keeps its id.
        first, last = (
            next(run for run in runs(case.order) if i in run) for i in (written_in[0], written_in[-1])
        )
        begin, end = first.start, min(seen, last.stop)
    if claim.written_at is not None:
        limit = claim.written_at + CLOCK_SKEW
        end = next((i for i in range(begin, end) if case.order[i].at > limit), end)
    held = [*case.standings[max(0, begin - 1) : begin], *case.standings[begin:end]] or [case.at_first]
    if claim.pull_request is not None:
        if claim.pull_request not in case.pulls:
            return f"#{claim.pull_request}, which is no PR of this node"
        if not case.existed(claim.pull_request, end):
            return f"#{claim.pull_request}, which did not exist yet"
    if claim.state is ClaimState.PR_OPEN and not any(claim.pull_request in s.open for s in held):
        return f"#{claim.pull_request} to be open, and it was not"
    if claim.state is ClaimState.REGISTERED and not any(s.record for s in held):
        if any(s.record is None for s in held):
            raise MissingEvidence(
                "neither log says whether the record was on the base when the marker was written"
            )
        return "the record to be on the base, and it was not"
    return ""


def nobody_elses(case: Case) -> Look:
    """The machine touches its own branch, its own PR and its own record, and nothing besides."""
    wrong = ((event, _not_its_own(case, event)) for event in case.machine_effects)
    findings = tuple(case.finding(text, event) for event, text in wrong if text)
    return Look(len(case.machine_effects), findings)


def _not_its_own(case: Case, event: Event) -> str:
    own = case.registration
    if event.repository != own.repository:
        return f"{event.type} in {event.repository}"
    if event.type.startswith("branch-"):
        return _foreign_branch(case, event)
    if event.type == "pull-request-opened":
        return _foreign_pull(case, event)
    if not event.type.startswith(("pull-request-", "auto-merge-", "comment-")):
        return f"{event.type}, of which no rule knows whom it touches"
    pull = case.pulls.get(event.number or 0)
    if pull is None:
        return f"{event.type} on #{event.number}, which is no PR of this node"
    if event.type in ("pull-request-closed", "pull-request-edited") and pull.by not in own.logins:
        return f"{event.type} on #{event.number}, which {pull.by} opened"
    if event.type in ("comment-edited", "comment-deleted"):
        written = [e for e in case.events if e.type == "comment-created" and e.comment == event.comment]
        if not any(case.by_machine(e) for e in written):
            return f"{event.type} of a comment on #{event.number} that the machine did not write"
    return ""


def _foreign_branch(case: Case, event: Event) -> str:
    own, allowed = case.registration, {case.registration.record, *case.registration.also_paths}
    strange = sorted(set(event.paths) - allowed - case.pushed_by_people)
    request = case.request_of(event)
    # A PR that somebody retargeted just before it was merged is merged there.
    merged = any(
        e.type == "pull-request-merged" and case.is_own_pull(e) and e.request == event.request
        for e in case.events
    )
    if event.branch == own.base and not merged:
        return f"{event.type} of {event.branch}, other than by merging its PR"
    if event.type == "branch-created" and event.branch not in own.makes:
        return f"branch-created: {event.branch} is not {' or '.join(own.makes)}"
    if not merged and not own.has_branch(event.branch):
        return f"{event.type}: {event.branch} is no branch of this node"
    # Bringing a branch up to date takes the base's changes into it; they are nobody's doing.
    updated = event.after in case.base_commits or (
        request is not None
        and (
            (request.path or "").endswith("/update-branch")
            or "updatepullrequestbranch" in (request.operation or "").lower()
        )
    )
    # On the base itself each commit is one of the base's: what is merged there is what the PR brought.
    excused = updated and event.branch != own.base
    if strange and not excused and event.type != "branch-deleted":
        return f"{event.type} of {event.branch} touches {', '.join(strange)}"
    return ""


def _foreign_pull(case: Case, event: Event) -> str:
    own, branch = case.registration, case.registration.branch_of(event.head)
    if branch not in own.makes or event.base != own.base:
        makes = " or ".join(own.makes)
        return f"#{event.number} was opened from {event.head} to {event.base}, not {makes} to {own.base}"
    strange = sorted(set(event.paths) - {own.record, *own.also_paths} - case.pushed_by_people)
    return f"#{event.number} touches {', '.join(strange)}" if strange else ""


def one_comment_per_kind(case: Case) -> Look:
    """The machine says a thing once on a PR."""
    kind_of = case.registration.comment_kind
    first: dict[tuple[int | None, str], Event | None] = {
        (number, kind_of(body)): None for number, body in case.before.comments
    }
    looked_at, findings = 0, []
    for event in case.machine_effects:
        if event.type != "comment-created":
            continue
        looked_at += 1
        kind = kind_of(event.body or "")
        earlier = first.setdefault((event.number, kind), event)
        if earlier is not event:
            text = f"#{event.number} got another comment of the kind {_shortened(kind)}"
            findings.append(case.finding(text, *([earlier] if earlier else []), event))
    return Look(looked_at, tuple(findings))


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 40 else line[:37] + "...")


def reopened_once(case: Case) -> Look:
    """The machine reopens a PR once: whoever closes it again means it."""
    first: dict[int | None, Event | None] = dict.fromkeys(case.before.reopened)
    looked_at, findings = 0, []
    for event in case.machine_effects:
        if event.type != "pull-request-reopened" or not case.is_own_pull(event):
            continue
        looked_at += 1
        earlier = first.setdefault(event.number, event)
        if earlier is not event:
            text = f"#{event.number} was reopened again"
            findings.append(case.finding(text, *([earlier] if earlier else []), event))
    return Look(looked_at, tuple(findings))


def leaves_switched_off(case: Case) -> Look:
    """Where a person switched auto-merge off, the machine neither switches it on again nor merges by itself."""
    off: dict[int | None, Event | None] = dict.fromkeys(case.before.switched_off)
    looked_at, findings = 0, []
    for event in case.events:
        if event.repository != case.registration.repository:
            continue
        if not case.by_machine(event):
            if event.type == "auto-merge-disabled":
                off[event.number] = event
            elif event.type in ("auto-merge-enabled", "pull-request-reopened"):
                off.pop(event.number, None)
        elif event.type in ("auto-merge-enabled", "pull-request-merged"):
            looked_at += 1
            if event.number in off:
                did = "armed" if event.type == "auto-merge-enabled" else "merged"
                before = off[event.number]
                text = f"#{event.number} was {did} after somebody had switched auto-merge off"
                findings.append(case.finding(text, *([before] if before else []), event))
    return Look(looked_at, tuple(findings))


def leaves_the_record(case: Case) -> Look:
    """What somebody made of the record on the base stays: the machine merges nothing that changes it there, and removes
    it only by the PR that is there for that."""
    own, looked_at, findings = case.registration, 0, []
    for before, entry in zip((case.at_first, *case.standings), case.order, strict=False):
        if not isinstance(entry, Event) or not case.by_machine(entry):
            continue
        if entry.type != "branch-moved" or entry.branch != own.base or own.record not in entry.paths:
            continue
        looked_at += 1
        if before.record is False:
            continue
        if before.record is None or entry.removed is None:
            raise MissingEvidence(
                "the log does not say whether the record was there, and whether it was removed"
            )
        if own.record not in entry.removed:
            findings.append(case.finding("the record was there already, and was changed", entry))
        elif own.removal_branch is None:
            findings.append(case.finding("the record was removed, and nobody had asked for that", entry))
    return Look(looked_at, tuple(findings))


def taken_back(case: Case) -> Look:
    """The machine closes a PR of the node only beside another one that is open, that was merged or that a person
    closed, or while the record is on the base: what it has asked for is not taken back."""
    settled = set(case.before.settled)
    looked_at, findings = 0, []
    for entry, standing in zip(case.order, case.standings, strict=True):
        if not isinstance(entry, Event) or entry.number is None or not case.is_own_pull(entry):
            continue
        closed = entry.type == "pull-request-closed"
        if entry.type == "pull-request-reopened":
            settled.discard(entry.number)
        elif entry.type == "pull-request-merged" or (closed and not case.by_machine(entry)):
            settled.add(entry.number)
        elif closed:
            looked_at += 1
            if not (standing.open | settled) - {entry.number} and not standing.record:
                if standing.record is None:
                    raise MissingEvidence("the log does not say whether the record was on the base")
                findings.append(case.finding(f"#{entry.number} was closed, and there is no other one", entry))
    return Look(looked_at, tuple(findings))


def only_its_own_logins(case: Case) -> Look:
    """The program under test acts under no login but those that its token was given for."""
    own = case.registration
    asked = [e for e in case.machine_requests if re.search(own.user_agent, e.user_agent or "")]
    ids = {event.request for event in asked}
    acts = [e for e in case.events if e.request in ids and e.by is not None]
    wrong = [event for event in acts if event.by not in own.logins]
    text = f"{len(wrong)} event(s) under {', '.join(sorted({str(e.by) for e in wrong}))}"
    return Look(len(acts), (case.finding(text, *wrong[:5]),) if wrong else ())


ALWAYS: tuple[Rule, ...] = (
    Rule("at-most-one-open", at_most_one_open),
    Rule("one-per-epoch", one_per_epoch),
    Rule("not-too-soon", not_too_soon),
    Rule("nothing-before-installed", nothing_before_installed),
    Rule("markers-were-true", markers_were_true),
    Rule("nobody-elses", nobody_elses),
    Rule("one-comment-per-kind", one_comment_per_kind),
    Rule("reopened-once", reopened_once),
    Rule("leaves-switched-off", leaves_switched_off),
    Rule("leaves-the-record", leaves_the_record),
    Rule("taken-back", taken_back),
    Rule("only-its-own-logins", only_its_own_logins),
)
