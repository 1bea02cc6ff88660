"""Python's garbage collector, told that millions of values are here to stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 200_000
"""New objects between two looks at the young ones: the default of 700 finds nothing to free, again and again."""
RARELY = 1_000
"""Looks at the young ones between two at the middle-aged; all are looked at as rarely again."""


@contextmanager
def patient_collector() -> Iterator[None]:
    """Looks for garbage rarely: an exploration keeps nearly all that it makes, and looking took a fifth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, RARELY, RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
