"""The journal's lines: a run that waits says why once, not at every tick of the timer.

What the last run of the same command said in this boot lies in a file beside the marker.  It decides nothing: losing it
repeats some lines.
"""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path

from zeta_self_register.plain_text import printable

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SECONDS_LEFT = re.compile(r"\b[0-9]+ s\b")


class Journal:
    """Standard error, which systemd puts into the journal; `path` is None where every line is wanted."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._said: list[str] = []
        self._before = frozenset(self._read(path)) if path is not None else frozenset()

    def say(self, line: str) -> None:
        """Prints it, unless the last run said the same, however many seconds were left then."""
        same = _SECONDS_LEFT.sub("… s", line)
        if same not in self._before:
            print(printable(line), file=sys.stderr, flush=True)  # noqa: T201 - this is the journal
        self._said.append(same)
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.write_text("\n".join((_boot(), *self._said)))

    @staticmethod
    def _read(path: Path) -> list[str]:
        try:
            boot, *lines = path.read_text().split("\n")
        except (OSError, ValueError):
            return []
        return lines if boot == _boot() else []


def _boot() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
