"""Recorded machines for the tests of what is read of the hardware."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from recorded_machine import RecordedMachine, recorded_machine


@pytest.fixture(name="recorded")
def _recorded() -> Callable[[str], RecordedMachine]:
    return recorded_machine
