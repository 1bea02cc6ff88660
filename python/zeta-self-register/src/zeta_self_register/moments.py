"""When something was noted, in the two clocks that can be trusted, and how long ago that is.

The machine's wall clock may stand in 1970 or far ahead, so it is never used: within one boot the monotonic
clock counts, across boots the server's own `Date`.
"""

from __future__ import annotations

import msgspec


class Moment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point in time.  `server_time` is GitHub's, in seconds since 1970."""

    boot_id: str
    monotonic: float
    server_time: float


def age(noted: Moment, now: Moment) -> float | None:
    """Seconds that have certainly passed between the two; None for a note from the future, which is void."""
    if noted.boot_id == now.boot_id:
        passed = now.monotonic - noted.monotonic
    else:
        # `Date` has whole seconds: one may be missing at either end.
        passed = now.server_time - noted.server_time - 1.0
        if -2.0 <= passed < 0:
            passed = 0.0
    return passed if passed >= 0 else None
