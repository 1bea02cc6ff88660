"""What a run would have taken anyway: the seconds in which its machine did nothing but install and boot, and those in
which the program under test ran."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from bootproof.saved import SAVED
from bootproof.timeline import MachineEvent, MachineKind
from bootproof.unit_journal import Journal

_BEGINS = {MachineKind.INSTALL_STARTED, MachineKind.POWER_ON, MachineKind.RESET}
_ENDS = {MachineKind.INSTALL_FINISHED, MachineKind.INSTALL_FAILED, MachineKind.MULTI_USER}
_BREAKS_OFF = {MachineKind.CUT, MachineKind.POWER_OFF}

Span = tuple[datetime, datetime]


def booting(timeline: Sequence[MachineEvent]) -> float:
    """Seconds of whole installations, each with its own boot, and from each power-on or reset to multi-user. A machine
    that goes on from where it was saved has not booted."""
    return _covered(_boots(timeline))


def running(journal: Journal, timeline: Sequence[MachineEvent]) -> float:
    """Seconds beside these in which a unit of the program ran, as far as the guest's journal tells."""
    runs: dict[tuple[str, str, str], list[datetime]] = defaultdict(list)
    for line in journal.lines:
        if line.run:
            runs[line.unit, line.boot_id, line.run].append(line.at)
    boots = _boots(timeline)
    return _covered([*boots, *((min(times), max(times)) for times in runs.values())]) - _covered(boots)


def _boots(timeline: Sequence[MachineEvent]) -> list[Span]:
    spans: list[Span] = []
    begun: datetime | None = None
    for event in timeline:
        if event.kind in _BEGINS and event.detail != SAVED and begun is None:
            begun = event.at
        elif event.kind in _ENDS and begun is not None:
            spans.append((begun, event.at))
            begun = None
        elif event.kind in _BREAKS_OFF:
            begun = None
    return spans


def _covered(spans: Iterable[Span]) -> float:
    """Seconds that lie in at least one of them."""
    total, until = 0.0, None
    for begins, ends in sorted(spans):
        since = begins if until is None else max(begins, until)
        total += max(0.0, (ends - since).total_seconds())
        until = ends if until is None else max(ends, until)
    return total
