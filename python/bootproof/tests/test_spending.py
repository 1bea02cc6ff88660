"""How much of a run was installing and booting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bootproof import spending
from bootproof.timeline import MachineEvent, MachineKind
from bootproof.timeline import MachineKind as K

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def at(*events: tuple[float, MachineKind]) -> list[MachineEvent]:
    return [MachineEvent(kind=kind, at=BEGUN + timedelta(seconds=seconds)) for seconds, kind in events]


def test_a_machine_that_goes_on_has_not_booted():
    went_on = MachineEvent(kind=K.POWER_ON, at=BEGUN, detail="saved")
    assert spending.booting([went_on, *at((1, K.MULTI_USER), (60, K.RESET), (90, K.MULTI_USER))]) == 30


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        ((), 0),
        (((0, K.POWER_ON), (20, K.BOOT), (30, K.MULTI_USER), (90, K.POWER_OFF)), 30),
        # the installer's own boot is a part of the installation
        (((0, K.INSTALL_STARTED), (1, K.POWER_ON), (70, K.INSTALL_FINISHED), (75, K.POWER_OFF)), 70),
        (((0, K.INSTALL_STARTED), (1, K.POWER_ON), (40, K.INSTALL_FAILED)), 40),
        (((0, K.POWER_ON), (30, K.MULTI_USER), (50, K.RESET), (75, K.MULTI_USER)), 55),
        # the power went before it was up: not a boot that can be compared
        (((0, K.POWER_ON), (20, K.CUT), (21, K.POWER_ON), (51, K.MULTI_USER)), 30),
        (((0, K.MULTI_USER),), 0),
    ],
)
def test_seconds_of_installing_and_booting(events, seconds):
    assert spending.booting(at(*events)) == seconds
