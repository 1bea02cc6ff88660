"""What the guest's own journal says of some units, asked for over the command port; nothing is put into the guest.

Asked at the end of a boot, it tells of that boot and of those before it, as far as their journals reached the disk:
after a power cut, what came last is missing. systemd keeps silent about an exit status that the unit counts as
success; that of a unit's last run is asked for beside the journal.

A line says when it was written by the uptime of its boot. The uptime when it was asked for, beside the host's time,
makes that a time of the host, whatever the guest's clock says; only for boots in which nobody asked is the guest's
clock believed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bootproof.machine import Machine
from bootproof.timeline import now_utc, read_lines

IN_FOLDER = "units.jsonl"
"""What its file is called in a run's folder of evidence."""

_PROPERTIES = "Id,ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic,ExecMainCode,ExecMainStatus"
_CLOCKS = "cat /proc/sys/kernel/random/boot_id && cut -d ' ' -f 1 /proc/uptime && date +%s.%N"
_FIELDS = (
    "MESSAGE,MESSAGE_ID,UNIT,EXIT_CODE,EXIT_STATUS,INVOCATION_ID,"
    "_SYSTEMD_UNIT,_SYSTEMD_INVOCATION_ID,_BOOT_ID,_PID"
)


class Asked(msgspec.Struct, frozen=True):
    """One answer as it came; `at` is the host's time when it was asked for."""

    at: datetime
    text: str


class Line(msgspec.Struct, frozen=True):
    """One line of the journal: the program's `own`, or systemd's about the unit. `at` is the host's time; `exact` says
    that it does not rest on the guest's clock."""

    at: datetime
    exact: bool
    boot_id: str
    unit: str
    run: str
    """systemd's id of this start of the unit, if the line has one."""
    text: str
    own: bool
    message_id: str = ""
    code: str = ""
    """`exited` or `killed`, where the line tells how a process ended, and `status` with which status or signal."""
    status: str = ""


class LastRun(msgspec.Struct, frozen=True):
    """How the last process of a unit ended, by `systemctl show`: `killed` by signal `status`, or with that status."""

    unit: str
    boot_id: str
    start: datetime
    end: datetime
    killed: bool
    status: int


class Journal(msgspec.Struct, frozen=True):
    """All that was learned. `complete` are the boots in which it was asked for, and until when it tells;
    `units` were asked about, whether anything is known of them or not."""

    units: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    last_runs: tuple[LastRun, ...] = ()
    complete: dict[str, datetime] = {}


class UnitJournal:
    """Asks, and keeps each answer as a line of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, machine: Machine, units: Sequence[str]) -> None:
        """Keeps what the machine says of these units now. Raises MachineError if it says nothing."""
        before = now_utc()
        clocks = machine.run(_CLOCKS, check=False).stdout
        # A guest that is emulated takes its time to answer; in the middle the error is smallest.
        at = before + (now_utc() - before) / 2
        said = (clocks + machine.run(question(units), timeout=30, check=False).stdout).decode(
            errors="replace"
        )
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(Asked(at, said)) + b"\n")


def question(units: Sequence[str]) -> str:
    """The shell script that answers it."""
    names = [shlex.quote(unit) for unit in units]
    only = " ".join(f"-u {name}" for name in names)
    return (
        f"systemctl show -p {_PROPERTIES} {' '.join(names)}"
        f" && journalctl -q -o json --output-fields={_FIELDS} {only}"
    )


def read_unit_journal(path: Path) -> Journal:
    """What was kept; nothing if nobody asked. Raises HarnessError when the file is torn."""
    if not path.exists():
        return Journal()
    return understood(read_lines(path, msgspec.json.Decoder(Asked).decode))


class _Now(NamedTuple):
    """When an answer was given, by three clocks."""

    host: datetime
    boot_id: str
    uptime: float
    guest_is_ahead: timedelta


def understood(answers: Iterable[Asked]) -> Journal:
    """All answers together; each line once. What is no answer (the boot ended meanwhile, say) tells nothing."""
    heard = [(now, asked.text.splitlines()[3:]) for asked in answers if (now := _now(asked)) is not None]
    last_of_boot = {now.boot_id: now for now, _ in heard}
    lines: dict[tuple[str, str, str], Line] = {}
    last_runs: list[LastRun] = []
    units: dict[str, None] = {}
    for now, rest in heard:
        entries = [entry for text in rest if text.startswith("{") and (entry := _json(text))]
        for entry in entries:
            if line := _line(entry, last_of_boot, now):
                lines[(line.boot_id, str(entry.get("__MONOTONIC_TIMESTAMP")), line.text)] = line
        blocks = "\n".join(text for text in rest if not text.startswith("{")).split("\n\n")
        units.update(dict.fromkeys(text[3:] for text in rest if text.startswith("Id=")))
        last_runs += [found for block in blocks if (found := _last_run(block, now))]
    ordered = sorted(lines.values(), key=lambda line: line.at)
    return Journal(
        tuple(units), tuple(ordered), tuple(last_runs), {boot: now.host for boot, now in last_of_boot.items()}
    )


def _now(asked: Asked) -> _Now | None:
    try:
        boot_id, uptime, clock = asked.text.splitlines()[:3]
        ahead = datetime.fromtimestamp(float(clock), UTC) - asked.at
        return _Now(asked.at, boot_id, float(uptime), ahead)
    except (ValueError, OverflowError, OSError):
        return None


def _json(text: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None


def _line(entry: dict[str, Any], last_of_boot: dict[str, _Now], now: _Now) -> Line | None:
    def said(key: str) -> str:
        value = entry.get(key, "")
        return value if isinstance(value, str) else "(not text)"

    hexadecimal = said("_BOOT_ID")
    boot_id = "-".join(
        hexadecimal[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    )
    try:
        uptime, clock = (int(said(f"__{name}_TIMESTAMP")) for name in ("MONOTONIC", "REALTIME"))
    except ValueError:
        return None
    known = last_of_boot.get(boot_id)
    if known is not None:
        at = known.host - timedelta(seconds=known.uptime - uptime / 1e6)
    else:
        at = datetime.fromtimestamp(clock / 1e6, UTC) - now.guest_is_ahead
    of_systemd = said("_PID") == "1"
    return Line(
        at=at,
        exact=known is not None,
        boot_id=boot_id,
        unit=said("UNIT") if of_systemd else said("_SYSTEMD_UNIT"),
        run=said("INVOCATION_ID") if of_systemd else said("_SYSTEMD_INVOCATION_ID"),
        text=said("MESSAGE"),
        own=not of_systemd,
        message_id=said("MESSAGE_ID") if of_systemd else "",
        code=said("EXIT_CODE"),
        status=said("EXIT_STATUS"),
    )


def _last_run(block: str, now: _Now) -> LastRun | None:
    """One unit's block of properties; None if nothing of it has run to its end in this boot."""
    told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    try:
        start, end = (int(told[f"ExecMain{what}TimestampMonotonic"]) / 1e6 for what in ("Start", "Exit"))
        code, status = int(told["ExecMainCode"]), int(told["ExecMainStatus"])
    except (KeyError, ValueError):
        return None
    if not end:
        return None
    began, ended = (now.host - timedelta(seconds=now.uptime - uptime) for uptime in (start, end))
    # CLD_KILLED, CLD_DUMPED
    return LastRun(told.get("Id", ""), now.boot_id, began, ended, code in (2, 3), status)
