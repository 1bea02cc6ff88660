"""Markers and notes: every form that is found has a meaning, and nothing broken means "registered"."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeta_self_register.identity import NO_IDENTITY
from zeta_self_register.local_files import (
    Attempt,
    Intent,
    Marker,
    MarkerState,
    Phase,
    Reading,
    Stamp,
    State,
    decode,
    decode_marker,
    encode,
)
from zeta_self_register.moments import Moment, age

MARKER = Marker(
    state=MarkerState.PR_OPEN,
    repository="acme/cluster",
    operator="alice",
    node="node-a",
    identity=NO_IDENTITY,
    pull_request=None,
    boot_id="b",
    written_at="2026-01-01T00:00:00Z",
    server_time=1.0,
    reason="r",
)
ATTEMPT = Attempt(
    phase=Phase.BRANCH, repository="a/b", operator="o", node="n", branch="b", noted=Moment("b", 1.0, 2.0)
)
INTENT = Intent(operator="alice", repository="acme/cluster", node="node-a")


@pytest.mark.parametrize(
    "value", [MARKER, ATTEMPT, INTENT, State(ignore_prs_up_to=3), Stamp(installed_at="now")]
)
def test_what_was_written_is_read(value: msgspec.Struct) -> None:
    assert decode(encode(value), type(value)) == (Reading.VALID, value)


@pytest.mark.parametrize(
    ("content", "reading"),
    [
        (b"", Reading.BROKEN),
        (b"\n", Reading.BROKEN),
        (b"\0" * 4096, Reading.BROKEN),
        (b"\xff\xfe\x00binary", Reading.BROKEN),
        (encode(MARKER)[:60], Reading.BROKEN),
        (encode(MARKER).replace(b'"schema": 3', b'"schema": 99'), Reading.NEWER),
        (encode(MARKER).replace(b'"schema": 3', b'"schema": 2'), Reading.BROKEN),
        (encode(MARKER).replace(b'"pr-open"', b'"done"'), Reading.BROKEN),
        (b"[" * 100_000, Reading.BROKEN),
        (b"https://github.com/acme/cluster/pull/7\n", Reading.OLD),
        (b"ci-dry-run\n", Reading.OLD),
        (b"state=pr-opened\nobserved-at=2026-01-01T00:00:00Z\nnode-path=x\ndetail=y\n", Reading.OLD),
        (b"state=converged\n", Reading.OLD),
        (b"registered\n", Reading.BROKEN),
    ],
)
def test_every_form_of_a_marker_has_a_meaning(content: bytes, reading: Reading) -> None:
    assert decode_marker(content) == (reading, None)


@given(st.binary(max_size=300))
def test_no_bytes_are_taken_for_a_marker_or_raise(content: bytes) -> None:
    assert decode_marker(content)[1] is None


@given(st.integers(0, len(encode(MARKER)) - 2))
def test_no_torn_marker_counts(length: int) -> None:
    assert decode_marker(encode(MARKER)[:length])[1] is None


def test_time_is_measured_by_clocks_that_can_be_trusted() -> None:
    noted = Moment("one", 100.0, 5000.0)
    assert age(noted, Moment("one", 160.0, 1.0)) == 60.0
    assert age(noted, Moment("two", 3.0, 5061.0)) == 60.0
    assert age(noted, Moment("two", 3.0, 5000.0)) == 0.0
    assert age(noted, Moment("one", 90.0, 9000.0)) is None
    assert age(noted, Moment("two", 3.0, 4000.0)) is None
