"""What the tests of the tick run on."""

from __future__ import annotations

import pytest
from small_machine import SmallMachine, fresh_machine


@pytest.fixture
def machine() -> SmallMachine:
    """A freshly installed node of a cluster that has never seen it."""
    return fresh_machine()
