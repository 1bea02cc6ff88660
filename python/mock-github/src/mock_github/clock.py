"""The mock's time: whole milliseconds since 1970, UTC. It is given, never read here."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

DEFAULT_START = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@lru_cache(4096)
def stamp(milliseconds: int) -> str:
    """As GitHub writes times: 2026-01-01T00:00:00Z."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact(milliseconds: int) -> str:
    """RFC 3339 with milliseconds, for the event log."""
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


@lru_cache(64)
def _http_date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def http_date(milliseconds: int) -> str:
    """As the Date header has it."""
    return _http_date(milliseconds // 1000)


def milliseconds_of(when: datetime | float | int | None) -> int:
    """From a datetime with a zone, or seconds since 1970; None is the default start."""
    if when is None:
        return DEFAULT_START
    seconds = when.timestamp() if isinstance(when, datetime) else float(when)
    return round(seconds * 1000)
