"""How much of a run was installing and booting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bootproof import spending
from bootproof.timeline import MachineEvent, MachineKind
from bootproof.timeline import MachineKind as K
from bootproof.unit_journal import Journal, Line

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


def line(seconds: float, run: str, unit: str = "program.service") -> Line:
    moment = BEGUN + timedelta(seconds=seconds)
    return Line(moment, True, "boot-1", unit, run, "it says so", own=False)


def test_seconds_in_which_the_program_ran():
    booted = at((0, K.POWER_ON), (30, K.MULTI_USER), (90, K.POWER_OFF))
    in_the_boot_too = [line(28, "1"), line(35, "1")]
    both_at_once = [
        line(40, "2"),
        line(46, "2"),
        line(44, "3", "other.service"),
        line(50, "3", "other.service"),
    ]
    of_no_run = [line(70, ""), line(80, "")]
    said = (*in_the_boot_too, *both_at_once, *of_no_run)
    assert spending.running(Journal(lines=said), booted) == 5 + 10
    assert spending.running(Journal(), booted) == 0
