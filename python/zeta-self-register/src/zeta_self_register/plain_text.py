"""Text that came from elsewhere, fit to be shown: it cannot move a terminal's cursor or forge a journal's line."""

from __future__ import annotations

LONGEST = 1000
"""Characters of a line that a person is to read."""


def line(text: str, limit: int = LONGEST) -> str:
    """The same, and cut where it is so long that nobody would read it."""
    return printable(text if len(text) <= limit else f"{text[:limit]}…")


def printable(text: str) -> str:
    """The same text in one line; control characters, line ends, and what turns the direction of writing are escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
