"""Where something may be written. Needs nothing but Python, so that `./prove` can ask before anything is installed."""

from __future__ import annotations

import tempfile
from pathlib import Path

STAMP = ".bootproof-report"
"""Marks a folder as an earlier report of ours, which may be written over."""


def objection(folder: Path) -> str:
    """Why no report can be written there, in one line; empty if one can. Makes the folder if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / STAMP).exists():
            return f"{folder} holds something else than an earlier report; name another folder"
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return unwritable(folder)


def unwritable(folder: Path) -> str:
    """Why nothing can be put into this folder, or into the one that it would be made in; empty if something can."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        return f"{there} is no folder"
    try:
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return f"nothing can be written to {there}: {error.strerror}"
