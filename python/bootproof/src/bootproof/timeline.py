"""What happened to the machine, in one ordered record beside the mock's event log.

The host writes it: it cuts the power, hears of resets, reads the boot id, and looks at the marker. Two
clocks would leave the order of a request and a cut to chance, so an event can also carry `after_seq`: the
last line of the mock's log at that moment. Where it is missing, the order is by time, to the millisecond,
the resolution of the mock's log.
"""

from __future__ import annotations

import enum
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TextIO, TypeVar

import msgspec

from bootproof.verdict import HarnessError, Landing, Loses


class MachineKind(enum.Enum):
    INSTALL_STARTED = "install-started"
    INSTALL_STEP = "install-step"
    INSTALL_FINISHED = "install-finished"
    INSTALL_FAILED = "install-failed"
    # The installer gave up before it touched the disk: what was installed before is still there.
    INSTALL_ABANDONED = "install-abandoned"
    POWER_ON = "power-on"
    # Of the installed system only; an installer's own boot is its install-started.
    BOOT = "boot"
    MULTI_USER = "multi-user"
    UNIT_STATE = "unit-state"
    RESET = "reset"
    # The operator told the program to forget what it registered; begins an epoch.
    OPERATOR_RESET = "operator-reset"
    CUT = "cut"
    # The program was killed: by SIGKILL, or with its machine by a reboot or the reset button.
    KILL = "kill"
    POWER_OFF = "power-off"
    MARKER_SEEN = "marker-seen"
    # For a log that cannot tell a removed record from a changed one.
    RECORD_REMOVED = "record-removed"
    # The mock's clock was put forward: its log says later times than the host from here on.
    CLOCK_FORWARD = "clock-forward"
    CONSOLE = "console"
    FAULTS_ENDED = "faults-ended"
    # A moment that a scenario gives a name to, for windows such as "no requests from here to there".
    POINT = "point"


# These let the machine act: in the same millisecond they come before its requests. All others are
# observations, or end its acting, and come after.
_ENABLING = {MachineKind.POWER_ON, MachineKind.BOOT, MachineKind.RESET, MachineKind.INSTALL_STARTED}


class ClaimState(enum.Enum):
    PR_OPEN = "pr-open"
    REGISTERED = "registered"
    OTHER = "other"


class MarkerClaim(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a marker claims, whatever its format: an agent's adapter reads it out of the text. `written_at`
    is the file's time by the machine's clock, if it is known to be right within two seconds."""

    state: ClaimState
    pull_request: int | None = None
    boot_id: str = ""
    written_at: datetime | None = None


class MachineEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event. `name` is a step's, unit's or point's, or what killed a program, `text` what was read (marker,
    console), `at` UTC. `seconds` is how old the marker's file was by the machine's own clock, or by how much a clock
    was put forward."""

    kind: MachineKind
    at: datetime
    name: str = ""
    state: str = ""
    boot_id: str = ""
    text: str = ""
    detail: str = ""
    landing: Landing | None = None
    loses: Loses | None = None
    claim: MarkerClaim | None = None
    after_seq: int | None = None
    seconds: float | None = None


def now_utc() -> datetime:
    return datetime.now(UTC)


class Timeline:
    """Records machine events from any thread, in memory and, given a path, one JSON object a line.

    `last_seq` is asked for the mock's last event number at each record (see `follow`).
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        clock: Callable[[], datetime] = now_utc,
        last_seq: Callable[[], int] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._events: list[MachineEvent] = []
        self._clock = clock
        self._last_seq = last_seq
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path is not None else None

    def follow(self, last_seq: Callable[[], int]) -> None:
        """From now on, note with each event the mock's last event number, so that the order is exact."""
        self._last_seq = last_seq

    def record(self, kind: MachineKind, **fields: Any) -> MachineEvent:
        """Adds an event that happened now; `fields` are those of MachineEvent. Raises HarnessError when a
        point's name is taken: a window that ended at one of two moments would not be a window."""
        with self._lock:
            if kind is MachineKind.POINT and any(
                e.kind is kind and e.name == fields.get("name") for e in self._events
            ):
                raise HarnessError(f"the timeline already has a point {fields.get('name')!r}")
            if self._last_seq is not None:
                fields.setdefault("after_seq", self._last_seq())
            at = fields.pop("at", None) or self._clock()
            event = MachineEvent(
                kind=kind, at=at.replace(microsecond=at.microsecond // 1000 * 1000), **fields
            )
            self._events.append(event)
            if self._file is not None:
                self._file.write(_ENCODER.encode(event).decode() + "\n")
                self._file.flush()
            return event

    def point(self, name: str) -> MachineEvent:
        return self.record(MachineKind.POINT, name=name)

    def install_step(self, name: str) -> MachineEvent:
        return self.record(MachineKind.INSTALL_STEP, name=name)

    def boot(self, boot_id: str) -> MachineEvent:
        return self.record(MachineKind.BOOT, boot_id=boot_id)

    def unit_state(self, unit: str, state: str) -> MachineEvent:
        return self.record(MachineKind.UNIT_STATE, name=unit, state=state)

    def cut(self, aimed_at: str, landing: Landing | None, loses: Loses) -> MachineEvent:
        """The power went; `landing` is None where it was aimed at nothing that could be missed."""
        return self.record(MachineKind.CUT, detail=aimed_at, landing=landing, loses=loses)

    def kill(self, aimed_at: str, landing: Landing, by: str = "") -> MachineEvent:
        """The program was killed: by SIGKILL, or `by` what stopped its machine."""
        return self.record(MachineKind.KILL, name=by, detail=aimed_at, landing=landing)

    def marker_seen(
        self, text: str, boot_id: str, claim: MarkerClaim | None, age: float | None = None
    ) -> MachineEvent:
        """A marker was read in the boot `boot_id`; `claim` is None when the text claims nothing (empty,
        torn). `age` says how many seconds before it was written, where that is known."""
        return self.record(MachineKind.MARKER_SEEN, text=text, boot_id=boot_id, claim=claim, seconds=age)

    @property
    def events(self) -> tuple[MachineEvent, ...]:
        with self._lock:
            return tuple(self._events)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __enter__(self) -> Timeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(MachineEvent)


def read_timeline(path: Path) -> tuple[MachineEvent, ...]:
    """Raises HarnessError naming the line that is not a machine event."""
    return read_lines(path, _DECODER.decode)


T = TypeVar("T")


def read_lines(path: Path, decode: Callable[[bytes], T]) -> tuple[T, ...]:
    """Decodes a JSONL file. A missing file or a torn line is a HarnessError: half of the evidence is none."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise HarnessError(f"cannot read {path}: {error.strerror}") from error
    decoded = []
    for number, line in enumerate(lines, 1):
        try:
            decoded.append(decode(line))
        except msgspec.MsgspecError as error:
            raise HarnessError(f"{path}, line {number}: {error}") from error
    return tuple(decoded)


class Numbered(Protocol):
    """What the order needs of a line of the mock's log."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> datetime: ...


E = TypeVar("E", bound=Numbered)


def merge(events: Sequence[E], timeline: Sequence[MachineEvent]) -> tuple[E | MachineEvent, ...]:
    """Both records in one order. Neither is reordered in itself, whatever its clock did meanwhile."""
    times = list(accumulate((event.at for event in events), max))

    def place(event: MachineEvent) -> int:
        if event.after_seq is not None:
            return event.after_seq
        find = bisect_left if event.kind in _ENABLING else bisect_right
        index = find(times, event.at)
        return events[index - 1].seq if index else 0

    places = list(accumulate((place(event) for event in timeline), max))
    keyed: list[tuple[tuple[int, int, int], E | MachineEvent]] = [((e.seq, 0, 0), e) for e in events]
    keyed += [((places[i], 1, i), event) for i, event in enumerate(timeline)]
    keyed.sort(key=lambda item: item[0])
    return tuple(entry for _, entry in keyed)
