"""A run in which much happens, written down by hand: an installation, boots, faults, a power cut, people, a marker."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bootproof.oracle import CaseFile, Registration
from bootproof.timeline import ClaimState, MachineEvent, MachineKind, MarkerClaim
from bootproof.unit_journal import Asked
from bootproof.verdict import Finding, Interruption, Landing, Loses, Row, RuleResult, Verdict

K = MachineKind
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOOTS = tuple(f"{n}{n}{n}{n}0000-1111-2222-3333-444444444444" for n in range(1, 5))
UNIT = "agent.service"
REGISTRATION = Registration(
    repository="acme/cluster",
    record="node.yaml",
    branch="register-node-a",
    user_agent="^agent/",
    logins=("alice",),
)
# What systemd calls these in its catalogue.
STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
STARTED = "39f53479d3a045ac8e11786248231fbf"
FAILED = "be02cf6855d2428ba40df7e9d022f03d"
EXITED = "98e322203f7a4ed290d09fe03c09fe15"


def moment(second: float) -> datetime:
    return START + timedelta(seconds=second)


@dataclass
class Recording:
    """Each method records that something happened at that second of the run."""

    folder: Path
    timeline: list[MachineEvent] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Asked] = field(default_factory=list)
    held: dict[str, Any] = field(default_factory=dict)

    def machine(self, second: float, kind: MachineKind, **fields: Any) -> None:
        seq = len(self.events)
        self.timeline.append(MachineEvent(kind=kind, at=moment(second), after_seq=seq, **fields))

    def log(self, second: float, kind: str, **fields: Any) -> None:
        at = moment(second).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.events.append({"seq": len(self.events) + 1, "at": at, "type": kind, **fields})

    def asks(self, second: float, path: str, *effects: dict[str, Any], **answer: Any) -> None:
        name, by, took = f"r{len(self.events) + 1}", answer.pop("by", "alice"), answer.pop("took", 0.2)
        agent = answer.pop("user_agent", "agent/1")
        self.log(second, "request", request=name, method="POST", path=path, user_agent=agent, by=by)
        if "fault" in answer:
            self.log(second, "fault-landed", request=name, fault=answer["fault"])
        for effect in effects:
            self.log(second, request=name, by=by, repository="acme/cluster", **effect)
        self.held = {"request": name, "status": 200, "delivered": True, "by": by, **answer}
        if took is not None:
            self.answers_held(second + took)

    def answers_held(self, second: float) -> None:
        self.log(second, "response", **self.held)

    def marker(self, second: float, boot: str, text: str, age: float | None = None) -> None:
        claim = MarkerClaim(ClaimState.PR_OPEN, 1, boot) if text else None
        self.machine(second, K.MARKER_SEEN, text=text, boot_id=boot, claim=claim, seconds=age)

    def journal(
        self, second: float, boot: str, booted: float, *entries: dict[str, Any], last_run: str = ""
    ) -> None:
        """Asked for at this second of the run, in a boot that began at second `booted`."""
        clock = moment(second).timestamp() + 3600  # the guest's clock is an hour ahead
        lines = [boot, f"{second - booted:.2f}", f"{clock:.9f}", *last_run.splitlines(), ""]
        self.answers.append(Asked(moment(second), "\n".join([*lines, *map(json.dumps, entries)])))

    def save(self) -> None:
        (self.folder / "consoles" / "node-a").mkdir(parents=True)
        (self.folder / "disks").mkdir()
        (self.folder / "disks" / "disk.raw").write_bytes(b"\0")
        (self.folder / "consoles" / "node-a" / "uefi-variables.fd").write_bytes(b"\0")
        (self.folder / "consoles" / "node-a" / "console.log").write_text(
            "\x1b[1mlogin:\x1b[0m \x1b]0;x\x07<b>&\x00\n"
        )
        _write(self.folder / "timeline.jsonl", map(msgspec.json.encode, self.timeline))
        _write(self.folder / "events.jsonl", map(msgspec.json.encode, self.events))
        _write(self.folder / "units.jsonl", map(msgspec.json.encode, self.answers))
        (self.folder / "case.json").write_bytes(msgspec.json.encode(CaseFile(registration=REGISTRATION)))


def _write(path: Path, lines: Any) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def entry(
    boot: str, uptime: float, text: str, message_id: str = "", run: str = "run-1", **fields: Any
) -> dict[str, Any]:
    """A line of the journal as `journalctl -o json` has it: systemd's about the unit, or the unit's own."""
    clock = moment(100 + uptime).timestamp() + 3600
    common = {
        "__MONOTONIC_TIMESTAMP": str(round(uptime * 1e6)),
        "__REALTIME_TIMESTAMP": str(round(clock * 1e6)),
        "_BOOT_ID": boot.replace("-", ""),
        "MESSAGE": text,
    }
    if message_id:
        return {**common, "_PID": "1", "UNIT": UNIT, "MESSAGE_ID": message_id, "INVOCATION_ID": run, **fields}
    return {**common, "_PID": "77", "_SYSTEMD_UNIT": UNIT, "_SYSTEMD_INVOCATION_ID": run, **fields}


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    folder = tmp_path / "evidence"
    folder.mkdir()
    return Recording(folder)


@pytest.fixture
def eventful(recording: Recording) -> Callable[[str], Row]:
    """Records the run with a word in each place where others choose what is written."""

    def record(word: str = "") -> Row:
        _installs(recording)
        _registers(recording, word)
        _goes_on(recording, word)
        recording.save()
        return row(recording.folder, word)

    return record


def _installs(recording: Recording) -> None:
    recording.machine(0, K.INSTALL_STARTED)
    recording.machine(0.5, K.POWER_ON, detail="stick")
    recording.machine(80, K.INSTALL_FINISHED)
    recording.machine(85, K.POWER_OFF, detail="guest")


def _registers(recording: Recording, word: str) -> None:
    """In the first boot, until the power is cut while an answer is held: nothing is left of its journal."""
    first, second = BOOTS[:2]
    recording.machine(90, K.POWER_ON, detail="disk")
    recording.machine(95, K.BOOT, boot_id=first)
    recording.machine(99, K.MULTI_USER)
    recording.asks(101, f"/graphql{word}", fault={"kind": f"drop-after{word}"}, delivered=False)
    opened = {
        "kind": "pull-request-opened",
        "number": 1,
        "head": f"acme:register-node-a{word}",
        "paths": ["node.yaml"],
    }
    recording.asks(103, "/repos/acme/cluster/pulls", opened, took=None, delivered=False, status=201)
    recording.machine(105, K.CUT, detail=f"the answer{word}", landing=Landing.LANDED, loses=Loses.PAGE_CACHE)
    recording.answers_held(105.5)
    recording.machine(106, K.POWER_ON, detail="disk")
    recording.machine(110, K.BOOT, boot_id=second)
    recording.machine(114, K.MULTI_USER)
    recording.asks(120, "/graphql")
    recording.marker(125, second, f'{{"{word}": 1}}', age=4.0)
    recording.machine(126, K.POINT, name=f"registered{word}")
    recording.machine(127, K.UNIT_STATE, name=UNIT, state="exit status 75")
    recording.journal(
        130,
        second,
        106,
        entry(second, 12, "Starting", STARTING),
        entry(second, 15, f"says{word}"),
        entry(second, 16, "Finished", STARTED),
        last_run=f"Id={UNIT}\nExecMainStartTimestampMonotonic=12000000\nExecMainExitTimestampMonotonic=16000000\n"
        "ExecMainCode=1\nExecMainStatus=75\n",
    )


def _goes_on(recording: Recording, word: str) -> None:
    """A reset by button, one by the guest, people, a kill, and time that passes."""
    _, second, third, fourth = BOOTS
    recording.machine(131, K.RESET, detail="host")
    recording.machine(136, K.BOOT, boot_id=third)
    recording.marker(140, third, f'{{"{word}": 1}}', age=19.0)
    recording.log(
        141, "comment-created", by="maria", repository="acme/cluster", number=1, comment=1, body=word
    )
    recording.asks(142, "/x", by="maria", user_agent=f"curl{word}")
    recording.machine(143, K.KILL, detail=f"a request{word}", landing=Landing.TOO_LATE)
    recording.journal(
        145,
        third,
        131,
        entry(third, 8, f"skipped, unmet condition check{word}", STARTED, run=""),
        entry(third, 11, "Starting", STARTING, run="run-3"),
        entry(third, 12, "Main process exited", EXITED, run="run-3", EXIT_CODE="killed", EXIT_STATUS="9"),
        entry(third, 12, "Failed", FAILED, run="run-3"),
        entry(second, 15, f"says{word}"),
    )
    recording.machine(146, K.RESET, detail="guest")
    recording.machine(150, K.BOOT, boot_id=fourth)
    recording.machine(151, K.POWER_OFF, detail="guest")
    recording.machine(152, K.CLOCK_FORWARD, seconds=300.0)
    recording.log(460, "fault-missed", fault={"kind": f"slow{word}"})
    recording.machine(161, K.FAULTS_ENDED)


def row(folder: Path | None, word: str = "", **fields: Any) -> Row:
    rules = (
        RuleResult(f"twin{word}", 2, (Finding(f"#2 was opened{word}", ("3", "t5")),)),
        RuleResult("marker", 0, error=f"no marker{word}"),
        RuleResult("comment", 0),
    )
    known: dict[str, Any] = {
        "scenario": f"reboot[x{word}]",
        "machine": f"debian{word}",
        "verdict": Verdict.VIOLATED,
        "pull_requests_opened": 1,
        "boots": 4,
        "requests": 3,
        "seconds": 161.0,
        "reason": f"AssertionError: no{word}",
        "rules": rules,
        "interruptions": (Interruption("cut", Landing.LANDED), Interruption("kill", Landing.TOO_LATE)),
        "evidence": str(folder) if folder is not None else None,
    }
    return Row(**{**known, **fields})


@pytest.fixture
def a_row() -> Callable[..., Row]:
    return row
