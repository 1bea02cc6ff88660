from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zeta_self_register.readings import (
    ENTRY_LIMIT,
    IP_ROUTES_4,
    READ_LIMIT,
    Missing,
    Unreadable,
    collect,
    one_line,
)

# How long an example takes says something of the machine, not of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
Recorded = Callable[[str], Any]  # a `RecordedMachine` of conftest.py


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"  Samsung  SSD \n", "Samsung SSD"),
        (b"a\0b", "a b"),
        (b"\xff\xfe", "��"),
        ("ab\u202ecd".encode(), "ab cd"),
        (b"\x1b[31mred", "[31mred"),
        ("\ud800x", "x"),
        (b"", None),
        (b" \n\0", None),
        (b"x" * 10_000_000, "x" * 200),
    ],
)
def test_text_of_unknown_origin_is_one_bounded_line(raw: Any, text: str) -> None:
    assert one_line(raw) == text


@UNHURRIED
@given(st.one_of(st.binary(max_size=400), st.text(max_size=400)), st.integers(1, 300))
def test_one_line_is_always_printable_and_bounded(raw: Any, limit: int) -> None:
    text = one_line(raw, limit)
    assert text is None or (text.isprintable() and 0 < len(text) <= limit and text == text.strip())


class Huge:
    def read(self, path: str) -> Any:
        return b"x" * (READ_LIMIT + 1) if path == "/proc/cpuinfo" else b""

    def listdir(self, path: str) -> Any:
        return [str(number) for number in range(ENTRY_LIMIT + 1)] if path == "/sys/block" else []

    def run(self, argv: Any) -> Any:
        return b""


def test_what_is_larger_than_any_machine_is_not_read() -> None:
    readings = collect(Huge())
    assert isinstance(readings.file("/proc/cpuinfo"), Unreadable)
    assert isinstance(readings.folder("/sys/block"), Unreadable)


def test_readings_tell_missing_from_unreadable(recorded: Recorded) -> None:
    readings = recorded("laptop").look()
    assert readings.file("/proc/device-tree/model") == Missing()
    assert readings.file("/sys/class/dmi/id/product_uuid") == Unreadable("Permission denied")
    assert readings.file("/etc/shadow") == Unreadable("not looked at")
    assert recorded("container").look().command(IP_ROUTES_4) == Missing()


def test_readings_are_a_value(recorded: Recorded) -> None:
    assert recorded("laptop").look() == recorded("laptop").look()
    with pytest.raises(TypeError):
        recorded("laptop").look().files["/proc/cpuinfo"] = b""


def test_death_is_not_swallowed() -> None:
    class Death(BaseException):
        pass

    class Dying(Huge):
        def read(self, path: str) -> Any:
            raise Death

    with pytest.raises(Death):
        collect(Dying())
