"""How each shape is drawn, around its own middle."""

from __future__ import annotations

import math

from bootproof.page.model import Shape


def _star(points: int, outer: float, inner: float) -> str:
    corners = []
    for n in range(points * 2):
        radius, angle = (inner if n % 2 else outer), math.pi * n / points
        corners.append(f"{radius * math.sin(angle):.1f} {-radius * math.cos(angle):.1f}")
    return f"M{'L'.join(corners)}Z"


DRAWN = {
    Shape.TICK: '<path d="M-1 -7H1V7H-1Z"/>',
    Shape.SQUARE: '<path d="M-5 -5H5V5H-5Z"/>',
    Shape.CROSS: '<path class="line halo" d="M-5 -5L5 5M-5 5L5 -5"/><path class="line" d="M-5 -5L5 5M-5 5L5 -5"/>',
    Shape.HALF: '<circle class="hollow" r="5.5"/><path d="M0 -5.5A5.5 5.5 0 0 0 0 5.5Z"/>',
    Shape.STAR: f'<path d="{_star(5, 11, 4.6)}"/>',
    Shape.DOT: '<circle r="3"/>',
    Shape.DIAMOND: '<path d="M0 -9L8 0L0 9L-8 0Z"/>',
    Shape.PERSON: '<path class="hollow" d="M0 -7L7 6H-7Z"/>',
    Shape.RESTART: '<path d="M-6 -7L7 0L-6 7Z"/>',
    Shape.BUTTON: '<circle class="hollow" r="7"/><circle r="2.5"/>',
    Shape.BOLT: '<path d="M3 -11L-6 2H-1L-3 11L6 -2H1Z"/>',
    Shape.STOP: '<path d="M-2.5 -8H2.5V8H-2.5Z"/>',
    Shape.RING: '<circle class="hollow" r="5"/>',
}

MEANINGS = (
    (Shape.STAR, "a pull request is opened by the machine"),
    (Shape.SQUARE, "a request that changed something, or the change"),
    (Shape.TICK, "a request that changed nothing"),
    (Shape.CROSS, "a fault, or a kill"),
    (Shape.HALF, "an answer that never arrived"),
    (Shape.PERSON, "what people did"),
    (Shape.DIAMOND, "a durable write to the marker"),
    (Shape.DOT, "a look at it; or the system is up"),
    (Shape.RING, "skipped, or nothing came of it"),
    (Shape.RESTART, "the guest reset the machine"),
    (Shape.BUTTON, "reset button"),
    (Shape.BOLT, "power cut"),
    (Shape.STOP, "power off"),
)
"""The legend."""


def symbol(shape: Shape) -> str:
    """One shape by itself, as a small picture that says nothing to a screen reader."""
    return (
        '<svg class="symbol" viewBox="-12 -12 24 24" width="20" height="20" aria-hidden="true">'
        f'<g class="mark {shape.value}">{DRAWN[shape]}</g></svg>'
    )
