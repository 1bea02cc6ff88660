"""The checksum of ext4 and of its journal (Castagnoli's polynomial), which Python does not have."""

from __future__ import annotations

from functools import lru_cache

START = 0xFFFFFFFF


def _table() -> tuple[int, ...]:
    found = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        found.append(value)
    return tuple(found)


_TABLE = _table()


# The same blocks come again in thousands of states.
@lru_cache(maxsize=1 << 16)
def crc32c(data: bytes, value: int = START) -> int:
    """Goes on from `value`; not inverted at the end, as the file system wants it."""
    table = _TABLE
    for byte in data:
        value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
    return value
