"""Where labels go, so that none lies upon another: the heavier first; what has no room is left to the titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bootproof.page.text import shortened

CHARACTER = 6.2
"""How wide one is, about, in the labels' font."""
LONGEST = 28


@dataclass(frozen=True)
class Placed:
    """A label with its middle."""

    x: float
    text: str


def placed(
    wanted: Sequence[tuple[float, str, int]], left: float, right: float, apart: float = 6
) -> list[Placed]:
    """Each label that found room above its place (its middle, its text, its weight)."""
    taken: list[tuple[float, float]] = []
    found: list[Placed] = []
    for x, label, _ in sorted(wanted, key=lambda one: -one[2]):
        text = shortened(label, LONGEST)
        half = len(text) * CHARACTER / 2 + apart / 2
        middle = min(max(x, left + half), right - half)
        if all(middle + half <= start or middle - half >= end for start, end in taken):
            taken.append((middle - half, middle + half))
            found.append(Placed(middle, text))
    return sorted(found, key=lambda one: one.x)
