"""What a run would have taken anyway: the seconds in which its machine did nothing but install and boot."""

from collections.abc import Sequence

from bootproof.saved import SAVED
from bootproof.timeline import MachineEvent, MachineKind

_BEGINS = {MachineKind.INSTALL_STARTED, MachineKind.POWER_ON, MachineKind.RESET}
_ENDS = {MachineKind.INSTALL_FINISHED, MachineKind.INSTALL_FAILED, MachineKind.MULTI_USER}
_BREAKS_OFF = {MachineKind.CUT, MachineKind.POWER_OFF}


def booting(timeline: Sequence[MachineEvent]) -> float:
    """Seconds of whole installations, each with its own boot, and from each power-on or reset to multi-user. A machine
    that goes on from where it was saved has not booted."""
    total, begun = 0.0, None
    for event in timeline:
        if event.kind in _BEGINS and event.detail != SAVED and begun is None:
            begun = event.at
        elif event.kind in _ENDS and begun is not None:
            total += (event.at - begun).total_seconds()
            begun = None
        elif event.kind in _BREAKS_OFF:
            begun = None
    return total
