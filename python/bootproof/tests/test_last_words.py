"""What a console said last: pure text."""

from __future__ import annotations

import pytest
from bootproof.last_words import last_words, panicked

DEATH = "[   23.620167] Kernel panic - not syncing: sysrq triggered crash"
DUMP = ["[   23.623051] CPU: 0 PID: 214", "[   23.623869] Call Trace:", "[   23.638134]  vpanic+0xc5/0x283"]
END = "[   23.670189] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---"


def test_what_a_kernel_dies_of() -> None:
    assert (
        panicked("[ 1.0] Kernel panic - not syncing: Attempted to kill init!\n") == "Attempted to kill init!"
    )
    assert panicked("[ 1.0] Kernel panic - not syncing\n") == "Kernel panic - not syncing"
    assert panicked("a line\nanother one") == ""


def test_the_last_lines_without_empty_ones() -> None:
    assert last_words("one\r\n\r\ntwo\r\n  three\r\n\r\n", 2) == ["two", "  three"]
    assert last_words("", 2) == []


@pytest.mark.parametrize("after", [[], DUMP[:1], DUMP, [*DUMP, "["], [*DUMP, END]])
def test_a_death_is_the_last_word_however_much_of_its_dump_was_printed(after: list[str]) -> None:
    assert last_words("\n".join(["login:", "sysrq: Trigger a crash", DEATH, *after]), 2) == [
        "sysrq: Trigger a crash",
        DEATH,
    ]


@pytest.mark.parametrize("later", ["login:", "[    0.000000] Linux version 6.12"])
def test_a_death_that_another_boot_followed_is_not(later: str) -> None:
    assert last_words("\n".join([DEATH, *DUMP, later, "[    1.0] up"]), 2) == [later, "[    1.0] up"]
