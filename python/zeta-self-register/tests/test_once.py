"""What the scenarios of a run share: made by the first who asks, and gone after Ctrl-C."""

from __future__ import annotations

from pathlib import Path

import once
import pytest


def test_only_the_first_who_asks_makes_it(tmp_path: Path) -> None:
    first = once.made_once(tmp_path, "saved", Path, lambda folder: folder / "memory")
    assert first == once.made_once(tmp_path, "saved", Path, lambda folder: folder / "another")


def test_what_was_left_half_done_is_made_anew(tmp_path: Path) -> None:
    def fails(folder: Path) -> Path:
        (folder / "half").touch()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        once.made_once(tmp_path, "saved", Path, fails)
    made = once.made_once(tmp_path, "saved", Path, lambda folder: folder)
    assert [path.name for path in made.iterdir()] == ["made.json"]


def test_what_was_made_and_what_was_half_made_is_forgotten_and_evidence_stays(tmp_path: Path) -> None:
    once.made_once(tmp_path, "saved", Path, lambda folder: folder)
    with once.one_at_a_time(tmp_path, "begun") as begun:
        begun.mkdir()
    (tmp_path / "reboot").mkdir()
    once.forget(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["reboot"]
