"""What the commands print: lines for people, one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from zeta_self_register.decide import TABLE
from zeta_self_register.decision import Action, Decision
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.local import Files
from zeta_self_register.local_files import Marker, MarkerState, Reading, Wishes
from zeta_self_register.node import Node
from zeta_self_register.plain_text import line, printable
from zeta_self_register.remote import PullState, Snapshot, Unknown
from zeta_self_register.schema_check import Problem
from zeta_self_register.tick import Run
from zeta_self_register.wishing import Done


def as_json(value: dict[str, Any]) -> str:
    """The one form of machine-readable output: an object, sorted keys, two spaces; in ASCII, fit for a terminal too."""
    return json.dumps(msgspec.to_builtins(value), indent=2, sort_keys=True)


def as_line(value: dict[str, Any]) -> str:
    """The same on one line, for a stream of them."""
    return msgspec.json.encode(value, order="sorted").decode()


def run_as_table(command: str, node: Node, run: Run) -> dict[str, Any]:
    """A tick or a plan, for programs."""
    subject = node.subject
    return {
        "command": command,
        "repository": node.who.repository,
        "operator": subject.operator or None,
        "node": node.who.node,
        "requests": run.requests,
        **decision_as_table(run.last),
        "decisions": [{"row": d.row, "action": d.action.value, "reason": d.reason} for d in run.decisions],
    }


def decision_as_table(decision: Decision) -> dict[str, Any]:
    """One decision, for programs."""
    return {
        "status": int(decision.status),
        "row": decision.row,
        "action": decision.action.value,
        "reason": decision.reason,
        "pull_request": decision.pull.number if decision.pull is not None else None,
    }


def refusal_as_table(command: str, refused: Refused) -> dict[str, Any]:
    """A run that could not go on, for programs."""
    return {
        "command": command,
        "status": int(refused.status),
        "row": None,
        "action": "nothing",
        "reason": refused.line,
    }


def wish_lines(done: Done) -> str:
    """What an operator's command came to, and the tick after it, for people."""
    lines = [done.said]
    if done.refused is not None:
        lines.append(f"not yet: {done.refused.line}")
    elif done.decisions:
        lines.append(f"now: {done.decisions[-1].reason}")
    return "\n".join(map(line, lines))


def wish_as_table(command: str, done: Done) -> dict[str, Any]:
    """The same, for programs: `status` is the command's, `tick` what came of the run after it."""
    tick = None
    if done.refused is not None:
        tick = {"status": int(done.refused.status), "reason": done.refused.line}
    elif done.decisions:
        tick = decision_as_table(done.decisions[-1])
    return {"command": command, "status": 0, "reason": done.said, "tick": tick}


def plan_line(decision: Decision) -> str:
    """What a run would do now and why, for people."""
    if decision.action is Action.NOTHING:
        return printable(f"would do nothing (exit {int(decision.status)}): {decision.reason}")
    return printable(f"would {decision.action.value}: {decision.reason}")


def decision_table() -> str:
    """The decision table as Markdown."""
    head = "| row | local | remote | does |\n|---|---|---|---|\n"
    return head + "".join(f"| {row.name} | {row.local} | {row.remote} | {row.does} |\n" for row in TABLE)


def status_lines(
    node: Node, files: Files, remote: Snapshot | Unknown | None, following: Decision | Refused
) -> str:
    """One screen for a tired person: how it stands in one word, then why, then what comes next."""
    subject = node.subject
    wishes = ", ".join(wishes_in_words(files.wishes))
    attempt = f"{files.attempt.phase.value} on branch {files.attempt.branch}" if files.attempt else ""
    rows = [
        ("State", standing(files, remote, following)),
        ("Node", f"{node.who.node} of {subject.operator or '(the token tells)'} in {node.who.repository}"),
        ("GitHub", _remote(node, remote)),
        ("Marker", _marker(files)),
        ("Attempt", attempt),
        ("Wanted", wishes),
        ("Next run", following.line if isinstance(following, Refused) else plan_line(following)),
    ]
    return "\n".join(f"{name:<9} {line(text)}" for name, text in rows if text)


def standing(files: Files, remote: Snapshot | Unknown | None, following: Decision | Refused) -> str:
    """How the node stands, in a few words; a reason to act comes before everything else."""
    if following.status is Exit.HELD:
        return "HELD: it goes on when a person has done what the last line says"
    if following.status is Exit.MISCONFIGURED:
        return "MISCONFIGURED: mend what the last line names"
    if not isinstance(remote, Snapshot):
        last = f" (it was {files.marker.state.value})" if files.marker else ""
        return f"UNKNOWN: GitHub could not be asked{last}; it is tried again by itself"
    pull = next((p for p in remote.pulls if p.state is PullState.OPEN), None)
    if pull is not None:
        return f"IN FLIGHT: #{pull.number} is open, the steward follows it"
    if isinstance(following, Decision) and following.row in ("retired", "removed"):
        return "RETIRED: it does not register itself"
    if remote.record is not None:
        return "REGISTERED"
    if files.wishes.move_from is not None:
        return "MOVING: its record gets the present name; it goes on by itself"
    if files.marker is not None and files.marker.state is MarkerState.REGISTERED:
        return "DRIFTED: it was registered, and its record is gone; it goes on by itself"
    return "NOT REGISTERED YET: nothing has to be done, it goes on by itself"


def wishes_in_words(wishes: Wishes) -> list[str]:
    """What the operator wants and has not got yet, by the command that asked for it."""
    wanted = {
        "pause": wishes.paused,
        "reset": wishes.reset,
        f"adopt #{wishes.adopt}": wishes.adopt,
        f"rename from {wishes.move_from}": wishes.move_from,
        "deregister": wishes.removal,
    }
    return [name for name, there in wanted.items() if there]


def status_as_table(
    node: Node, files: Files, remote: Snapshot | Unknown | None, following: Decision | Refused
) -> dict[str, Any]:
    """The same, for programs."""
    marker = msgspec.to_builtins(files.marker) if files.marker is not None else None
    plan = (
        {"status": int(following.status), "reason": following.line}
        if isinstance(following, Refused)
        else decision_as_table(following)
    )
    return {
        "command": "status",
        "repository": node.who.repository,
        "operator": node.subject.operator or None,
        "node": node.who.node,
        "marker": {"found": files.marker_reading.value, "content": marker},
        "state": standing(files, remote, following).partition(":")[0].lower(),
        "wishes": msgspec.to_builtins(files.wishes),
        "attempt": msgspec.to_builtins(files.attempt) if files.attempt is not None else None,
        "github": _remote_as_table(remote),
        "next": plan,
    }


def _marker(files: Files) -> str:
    meanings = {
        Reading.ABSENT: "none",
        Reading.OLD: "one of the old shell version: a hint, GitHub decides",
        Reading.BROKEN: "broken: counts as none, GitHub decides",
        Reading.NEWER: "written by a newer version of this program",
        Reading.UNREADABLE: "cannot be read by this user",
    }
    if files.marker is None:
        return meanings.get(files.marker_reading, "none")
    return _marker_text(files.marker)


def _marker_text(marker: Marker) -> str:
    pull = (
        f", #{marker.pull_request.number} {marker.pull_request.url}"
        if marker.pull_request is not None
        else ""
    )
    return f"{marker.state.value}{pull} (written {marker.written_at})"


def _remote(node: Node, remote: Snapshot | Unknown | None) -> str:
    if remote is None:
        return "not asked"
    if isinstance(remote, Unknown):
        return f"unknown: {remote.reason}"
    record = "on" if remote.record is not None else "not on"
    parts = [f"node.yaml is {record} {node.settings.base_branch}"]
    parts += [f"#{pull.number} {pull.state.value.lower()}" for pull in remote.pulls[:5]]
    parts.append(f"branch adds {remote.branch.content.value}" if remote.branch is not None else "no branch")
    return "; ".join(parts)


def _remote_as_table(remote: Snapshot | Unknown | None) -> dict[str, Any] | None:
    if remote is None:
        return None
    if isinstance(remote, Unknown):
        return {"known": False, "reason": remote.reason}
    pulls = [{"number": p.number, "state": p.state.value, "url": p.url} for p in remote.pulls]
    return {
        "known": True,
        "record": remote.record.blob if remote.record is not None else None,
        "retired": remote.retired,
        "branch": remote.branch.content.value if remote.branch is not None else None,
        "pull_requests": pulls,
    }


class Validation(msgspec.Struct, frozen=True):
    """One checked node.yaml; `place` is where it is in the repository, None if it is in none."""

    file: str
    place: str | None
    problems: tuple[Problem, ...]
    advice: tuple[Problem, ...]

    @property
    def valid(self) -> bool:
        """Whether all who read the record can use it."""
        return not self.problems


def validation_lines(checked: Sequence[Validation]) -> str:
    """One line a problem, and one a file that has none."""
    lines = []
    for one in checked:
        lines += [f"{one.file}: {problem}" for problem in one.problems] or [f"{one.file}: valid"]
        lines += [f"{one.file}: advice: {problem}" for problem in one.advice]
    return "".join(f"{line}\n" for line in lines)


def validation_as_table(checked: Sequence[Validation]) -> dict[str, Any]:
    """The same, for programs."""
    files = [{**msgspec.to_builtins(one), "valid": one.valid} for one in checked]
    return {"command": "validate", "valid": all(one.valid for one in checked), "files": files}


EXITS = {
    Exit.DONE: "done, or nothing to do",
    Exit.NOT_NOW: "not now: something is awaited, the next tick tries again",
    Exit.HELD: "held or not permitted: a person has to decide",
    Exit.MISCONFIGURED: "misconfigured: mend the settings or files that the line names",
}
