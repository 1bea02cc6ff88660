"""Path A: a folder in which a node's agents tell each other how its registration stands.

    nodes/NODE/self-registered.marker          how it stands, in the words and the form of the shell version
    nodes/NODE/register-pr-in-flight.lock      who is at work on a pull request, since when, and until when that counts
    nodes/NODE/last-seen.iso                   when this program last looked

All of it is told, none of it is read here: what others write cannot move this program.  A lock that is over has a
`ttl` of 0; one whose owner died is over by itself.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass

from zeta_self_register.exits import Exit
from zeta_self_register.local import Files
from zeta_self_register.local_files import MarkerState
from zeta_self_register.plain_text import printable
from zeta_self_register.remote import Snapshot, Unknown

ACTING_SECONDS = 600
"""A run does not take longer: `TimeoutStartSec=` of the units."""
IN_FLIGHT_SECONDS = 3600
"""Until the steward has certainly looked again: twice its longest pause."""
LOCK = "register-pr-in-flight.lock"


class Standing(enum.Enum):
    """How the registration stands, in the words of the shell version."""

    UNAUTHENTICATED = "unauthenticated"
    CONVERGED = "converged"
    CHECK_FAILED = "check-failed"
    CONVERGING = "converging"
    THROTTLED = "throttled"
    REGISTERING = "registering"
    PR_FAILED = "pr-failed"
    """Held or misconfigured: a person has to do something."""
    PR_OPENED = "pr-opened"


@dataclass(frozen=True)
class Told:
    """What came of one run.  `now` in seconds since 1970."""

    now: float
    process: int
    node: str
    record: str
    status: Exit
    row: str
    reason: str
    standing: Standing
    marker: MarkerState | None
    pull_request: int | None
    attempted_at: float | None
    requests: int


def standing(
    files: Files, remote: Snapshot | Unknown | None, status: Exit, row: str, *, signed_out: bool
) -> Standing:
    """How things stand after a run that ended so."""
    state = files.marker.state if files.marker is not None else None
    if signed_out:
        return Standing.UNAUTHENTICATED
    if status in (Exit.HELD, Exit.MISCONFIGURED):
        return Standing.PR_FAILED
    if isinstance(remote, Unknown):
        return Standing.CHECK_FAILED
    if state in (MarkerState.REGISTERED, MarkerState.RETIRED) and status is Exit.DONE:
        return Standing.CONVERGED
    if row == "throttled":
        return Standing.THROTTLED
    if state is MarkerState.PR_OPEN:
        return Standing.PR_OPENED
    return Standing.CONVERGING if files.attempt is None else Standing.REGISTERING


def folder_of(root: str, node: str) -> str:
    """The node's folder below the one that the settings name."""
    return f"{root}/nodes/{node}"


def files_of(told: Told) -> dict[str, bytes]:
    """The files that tell it, by name."""
    in_flight = told.standing in (Standing.PR_OPENED, Standing.REGISTERING)
    return {
        "self-registered.marker": _marker(told),
        LOCK: lock(told.process, told.now, IN_FLIGHT_SECONDS if in_flight else 0),
        "last-seen.iso": f"{_iso(told.now)}\n".encode(),
    }


def lock(process: int, now: float, seconds: int) -> bytes:
    """The lock's content: whose it is, since when (seconds since 1970), and for how many seconds it counts."""
    return f"pid={process}\ntime={now:.0f}\nttl={seconds}\n".encode()


def _marker(told: Told) -> bytes:
    lines = {
        "state": told.standing.value,
        "observed-at": _iso(told.now),
        "node-path": told.record,
        "detail": printable(told.reason),
        "last-pr-attempt-epoch": "" if told.attempted_at is None else f"{told.attempted_at:.0f}",
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items() if value).encode()


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
