"""Of several rows that come to an equal disk, one goes on with it: the leader, whichever worker it runs on."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bootproof.verdict import RuleResult


def leader(folder: Path, state: str, row: str) -> str:
    """The row that goes on with this state of the disk: this one, if it asks first. All workers share the folder."""
    folder.mkdir(exist_ok=True)
    mine = folder / f"of-{row}"
    mine.write_text(row)
    with contextlib.suppress(FileExistsError):
        (folder / state).hardlink_to(mine)  # never there without its content
    return (folder / state).read_text()


def judged_there(disk: str, leads: str) -> RuleResult:
    """What the verdict on a row does not say, which has left the rest to its leader."""
    note = f"the disk that {disk} is the same as in {leads}: what comes of it is judged there"
    return RuleResult("equal-disks", 1, note=note)
