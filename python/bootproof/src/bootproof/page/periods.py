"""When the machine was on: from each power-on or reset to what ended it."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bootproof.page.evidence import Evidence
from bootproof.timeline import MachineEvent, MachineKind
from bootproof.verdict import Landing

K = MachineKind


class Ending(enum.Enum):
    """How a time with power ended."""

    GUEST = "guest reset"
    BUTTON = "reset button"
    CUT = "power cut"
    OFF = "power off"
    UNKNOWN = "end not known"


@dataclass(frozen=True)
class Period:
    """One of them. `boot` is the system's boot id, empty where none came up or the installer ran; `up` is when its
    shell answered, `multi_user` when it was all there. What ends in `_by` names the evidence."""

    start: float
    end: float = 0.0
    installer: bool = False
    boot: str = ""
    up: float | None = None
    multi_user: float | None = None
    ending: Ending = Ending.UNKNOWN
    detail: str = ""
    landing: Landing | None = None
    began_by: tuple[str, ...] = ()
    up_by: tuple[str, ...] = ()
    multi_user_by: tuple[str, ...] = ()
    ended_by: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As people speak of it."""
        return "the installer" if self.installer else f"boot {self.boot[:8]}" if self.boot else "no system"


def periods(evidence: Evidence) -> tuple[Period, ...]:
    return tuple(_periods(evidence))


def _periods(evidence: Evidence) -> Iterator[Period]:
    now: Period | None = None
    installing = False
    for event in evidence.timeline:
        at, kind, by = evidence.at(event), event.kind, evidence.sources(event)
        if kind is K.INSTALL_STARTED:
            installing = True
        elif kind in (K.INSTALL_FINISHED, K.INSTALL_FAILED, K.INSTALL_ABANDONED):
            installing = False
        if now is not None and _ends(now, event):
            yield _ended(now, event, at, by)
            now = None
        if now is None and kind in (K.POWER_ON, K.RESET, K.BOOT):
            now = Period(at, installer=installing or event.detail == "stick", began_by=by)
        if now is not None and kind is K.BOOT:
            now = replace(now, boot=event.boot_id, up=at, installer=False, up_by=by)
        elif now is not None and kind is K.MULTI_USER:
            now = replace(now, multi_user=at, multi_user_by=by)
    if now is not None:
        yield replace(now, end=evidence.end)


def _ends(now: Period, event: MachineEvent) -> bool:
    """A boot of another id, or a power-on, shows that something ended it that nobody recorded."""
    if event.kind is K.BOOT:
        return now.boot not in ("", event.boot_id)
    return event.kind in (K.RESET, K.CUT, K.POWER_OFF, K.POWER_ON)


def _ended(now: Period, event: MachineEvent, at: float, by: tuple[str, ...]) -> Period:
    by_button = event.kind is K.RESET and event.detail == "host"
    endings = {
        K.RESET: Ending.BUTTON if by_button else Ending.GUEST,
        K.CUT: Ending.CUT,
        K.POWER_OFF: Ending.OFF,
    }
    ending = endings.get(event.kind, Ending.UNKNOWN)
    detail = {
        Ending.CUT: _cut(event),
        Ending.OFF: f"by the {event.detail}" if event.detail else "",
    }.get(ending, "")
    return replace(now, end=at, ending=ending, detail=detail, landing=event.landing, ended_by=by)


def _cut(event: MachineEvent) -> str:
    aimed = f"aimed at {event.detail}" if event.detail else ""
    loses = f"loses {event.loses.value}" if event.loses is not None else ""
    return ", ".join(filter(None, (aimed, loses)))
