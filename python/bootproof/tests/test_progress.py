"""What is going on is shown on a terminal and in a file, and comes through from worker processes."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path

import pytest
from bootproof.progress import (
    Display,
    LiveLines,
    Plain,
    Progress,
    Receiver,
    Sender,
    Silent,
    Step,
    current,
    display_for,
    note,
    phase,
    showing,
)


class Recorded:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.closed = 0

    def show(self, step: Step) -> None:
        self.steps.append(step)

    def close(self) -> None:
        self.closed += 1

    def lines(self) -> list[str]:
        return [re.sub(r"[0-9.]+ s$", "N s", str(step)) for step in self.steps]


def test_phases_nest_and_say_how_they_ended() -> None:
    display = Recorded()
    with showing(display), phase("reboot") as outer:
        with phase("boot 1"):
            note("no KVM")
        with pytest.raises(RuntimeError), phase("boot 2"):
            raise RuntimeError
        outer.result = "violated"
    assert display.lines() == [
        "reboot",
        "reboot › boot 1",
        "reboot › boot 1 › no KVM",
        "reboot › boot 1: done, N s",
        "reboot › boot 2",
        "reboot › boot 2: failed, N s",
        "reboot: violated, N s",
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_a_display_is_closed_whatever_happens(error: type[BaseException]) -> None:
    display, before = Recorded(), current()
    with pytest.raises(error), showing(display), phase("reboot"):
        raise error
    assert display.closed == 1
    assert type(current()) is type(before)
    assert display.steps[-1].progress is Progress.FAILED


def test_a_file_gets_lines_with_the_time_of_day() -> None:
    out = io.StringIO()
    with showing(display_for(out)), phase("guest"):
        pass
    assert re.fullmatch(r"\d\d:\d\d:\d\d guest\n\d\d:\d\d:\d\d guest: done, 0\.0 s\n", out.getvalue())


def test_a_terminal_gets_one_live_line_and_keeps_what_ended() -> None:
    out = io.StringIO()
    with showing(LiveLines(out)):
        with phase("reboot"), phase("boot 1"):
            pass
        assert "\x1b[?25h" in out.getvalue()  # nothing goes on, so the cursor is back
    text = out.getvalue()
    assert "reboot › boot 1  0 s" in text
    assert "reboot: done, 0.0 s\n" in text
    assert "boot 1: done" not in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


@pytest.mark.parametrize(
    ("mode", "kind"), [("auto", Plain), ("plain", Plain), ("live", LiveLines), ("off", Silent)]
)
def test_the_mode_can_be_chosen(mode: str, kind: type[Display]) -> None:
    assert isinstance(display_for(io.StringIO(), mode), kind)


def test_steps_of_other_processes_are_shown_in_their_order() -> None:
    shown = Recorded()
    receiver = Receiver(shown)
    sender = Sender(receiver.address)
    steps = [Step(("reboot", f"boot {n}"), Progress.DONE, n / 2, "ok") for n in range(200)]
    for step in steps:
        sender.show(step)
    receiver.close()
    assert shown.steps == steps
    assert not Path(receiver.address).parent.exists()
    assert not any(thread.name == "bootproof-progress" for thread in threading.enumerate())
    sender.show(steps[0])  # nobody listens any more, and nobody is the worse for it
    sender.close()
