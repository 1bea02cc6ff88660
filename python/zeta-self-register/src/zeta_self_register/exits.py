"""Exit statuses, after sysexits.h; the units and whatever else calls this program rely on them."""

from __future__ import annotations

import enum

from zeta_self_register import plain_text


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
    """A run that cannot go on, with the one line that says why and what to do.

    The line may quote what somebody else wrote, so it is made printable and is not endless.
    """

    def __init__(self, status: Exit, line: str) -> None:
        self.status = status
        self.line = plain_text.line(line)
        super().__init__(self.line)
