"""Exit statuses, after sysexits.h; the units and whatever else calls this program rely on them."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """What the caller should make of it."""

    DONE = 0
    """Done, or nothing to do."""
    NOT_NOW = 75
    """EX_TEMPFAIL: something is awaited; the next tick tries again by itself."""
    HELD = 77
    """EX_NOPERM: a person has to decide or to permit something."""
    MISCONFIGURED = 78
    """EX_CONFIG: the settings or files of this machine have to be mended."""


class Refused(Exception):
    """A run that cannot go on, with the one line that says why and what to do."""

    def __init__(self, status: Exit, line: str) -> None:
        super().__init__(line)
        self.status = status
        self.line = line
