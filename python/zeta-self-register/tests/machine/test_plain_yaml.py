from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zeta_self_register.plain_yaml import NotPlainYaml, dump, is_plain, load

# How long an example takes says something of the machine, not of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
HERE = Path(__file__).parent
HOSTILE: list[str] = [*json.loads((HERE / "hostile.json").read_text()), "x" * 1_000_000]


@UNHURRIED
@given(st.text())
def test_every_text_survives_every_reader(text: str) -> None:
    """Ours and a YAML 1.1 reader; what the 1.2 core schema would take for something else is in quotes."""
    whole = text.encode("utf-8", "replace").decode()
    raw = dump({"a": text, "b": [text]})
    assert raw.isascii()
    assert load(raw) == yaml.safe_load(raw) == {"a": whole, "b": [whole]}


@pytest.mark.parametrize(("text", "whole"), [("\ud800", "?"), ("a " * 500, "a " * 500)])
def test_half_a_character_is_replaced_and_a_long_text_stays_on_its_line(text: str, whole: str) -> None:
    raw = dump({"a": text})
    assert raw.count(b"\n") == 1
    assert load(raw) == {"a": whole}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_what_any_reader_could_mistake_is_quoted(text: str) -> None:
    assert not is_plain(text) or text == "x" * 1_000_000


CORE_1_2 = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)"
    r"|\.(nan|NaN|NAN)|null|Null|NULL|~|true|True|TRUE|false|False|FALSE"
)


@UNHURRIED
@given(st.from_regex(CORE_1_2, fullmatch=True))
def test_what_yaml_1_2_takes_for_a_number_is_quoted(text: str) -> None:
    assert not is_plain(text)


def test_numbers_and_booleans_are_read_as_such_but_macs_and_dates_stay_text() -> None:
    raw = b"[1, 22, -3, 6.12, yes, off, null, 010, 12:34:56:12:34:56, 2026-06-14, 0x10, 1e3, .inf, '7']"
    assert load(raw) == [
        *(1, 22, -3, 6.12, True, False, None),
        *("010", "12:34:56:12:34:56", "2026-06-14", "0x10", "1e3", ".inf", "7"),
    ]


def test_load_says_what_it_refuses() -> None:
    with pytest.raises(NotPlainYaml, match="more than one document"):
        load(b"a\n---\nb")
