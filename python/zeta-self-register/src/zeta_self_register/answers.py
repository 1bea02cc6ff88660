"""What one answer of GitHub means: pure functions of status, headers and body.

An answer that is not understood is never "no".  For a read it is unknown; for a write it may have taken effect.
"""

from __future__ import annotations

import email.utils
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import gidgethub.sansio
import msgspec

from zeta_self_register.effects import Response
from zeta_self_register.exits import Exit

_NOTHING_MISSING = re.compile(r"is in (clean|unstable|has.hooks) status", re.IGNORECASE)
EARLIEST, LATEST = 946_684_800.0, 4_102_444_800.0
"""2000 and 2100.  At the end of year 9999 the next second has no date any more."""
PULL_NOT_SHOWN = "GitHub does not show the pull request that the marker names"
MAX_PAUSE_SECONDS = 3600.0
SECONDARY_PAUSE_SECONDS = 60.0
"""GitHub's documentation: without a retry-after, wait at least a minute, then longer each time."""


class Outcome(enum.Enum):
    """The ways in which a request can end."""

    OK = "ok"
    LOOK_AGAIN = "look again"
    """Refused because things are not as we saw them: exists already, moved."""
    UNCHANGED = "unchanged"
    """What was asked for is still what the ETag names."""
    DENIED = "denied"
    PAUSED = "paused"
    NOT_SENT = "not sent"
    LOST = "lost"
    """No answer, or one that does not say: a write may have taken effect."""


@dataclass(frozen=True)
class Answer:
    """The meaning of one answer.  `data` is the decoded body of an OK one."""

    outcome: Outcome
    reason: str = ""
    status: Exit = Exit.NOT_NOW
    pause_seconds: float | None = None
    data: Any = None
    server_time: float | None = None
    etag: str | None = None


def server_time(headers: Mapping[str, str]) -> float | None:
    """The server's clock in seconds since 1970, from `Date`; None when it does not say, or a time that cannot be."""
    try:
        said = email.utils.parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError, IndexError):
        return None
    return said if EARLIEST <= said < LATEST else None


def interpret(response: Response) -> Answer:
    """Understands a REST or GraphQL answer."""
    clock = server_time(response.headers)
    try:
        data = msgspec.json.decode(response.body) if response.body else None
        understood = True
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        data, understood = None, False
    if 200 <= response.status < 300:
        if not understood:
            return Answer(Outcome.LOST, f"GitHub's answer is not JSON (HTTP {response.status})")
        if isinstance(data, dict) and "errors" in data:
            return _graphql_errors(data, response.headers, clock)
        return Answer(Outcome.OK, data=data, server_time=clock, etag=response.headers.get("etag"))
    if response.status == 304:
        return Answer(Outcome.UNCHANGED, "GitHub says that nothing has changed", server_time=clock)
    if 300 <= response.status < 400:
        return _redirect(response)
    message = _message(data)
    if response.status in (403, 429):
        paused = _limit(response, message, clock)
        if paused is not None:
            return paused
    return replace(_refusal(response, message), server_time=clock)


def can_be_merged_now(answer: Answer) -> bool:
    """Auto-merge is refused because nothing is missing any more ("… is in clean status")."""
    return answer.outcome is Outcome.LOOK_AGAIN and _NOTHING_MISSING.search(answer.reason) is not None


def _refusal(response: Response, message: str) -> Answer:
    status = response.status
    if not message:
        # A proxy in between may have passed the request on.
        return Answer(Outcome.LOST, f"HTTP {status} does not look like GitHub's answer")
    if status == 401:
        return _denied(
            "GitHub does not accept the token (expired or revoked?): sign in again, then run `status`"
        )
    if status == 403:
        needed = _one_line(response.headers.get("x-accepted-github-permissions"))
        hint = (
            f"grant it {needed}"
            if needed
            else "see the token's permissions: contents and pull requests, write"
        )
        return _denied(f"GitHub refuses it: {message or 'forbidden'}; {hint}")
    if status == 404:
        return _denied(
            "GitHub shows no such thing to this token: check `repository` in the settings, "
            "and that the token may see it"
        )
    if status in (409, 422):
        return Answer(Outcome.LOOK_AGAIN, f"GitHub refuses it: {message}", Exit.NOT_NOW)
    if status == 405 and message.startswith("Base branch was modified"):
        return Answer(Outcome.LOOK_AGAIN, f"GitHub refuses it: {message}")
    if status == 405:
        return _denied(f"GitHub refuses it: {message}")
    return Answer(Outcome.LOST, f"GitHub answered HTTP {status}: {message}")


def _denied(reason: str, status: Exit = Exit.HELD) -> Answer:
    return Answer(Outcome.DENIED, reason, status)


def _redirect(response: Response) -> Answer:
    target = response.headers.get("location", "")
    try:
        host = urlsplit(target).hostname or "another address"
    except ValueError:
        host = "what is no address"
    return _denied(
        f"GitHub redirects to {ascii(host[:200])[1:-1]}; it is not followed, so that the token stays here: "
        "correct `repository` or `api_url` in the settings",
        Exit.MISCONFIGURED,
    )


def _limit(response: Response, message: str, clock: float | None) -> Answer | None:
    """Either rate limit, or None for a 403 that means something else."""
    headers = response.headers
    retry_after = headers.get("retry-after", "")
    if retry_after.isdecimal():
        return _paused("GitHub asks for a pause", float(retry_after))
    try:
        limit = gidgethub.sansio.RateLimit.from_http(headers)
    except (ValueError, OverflowError, OSError):
        limit = None  # no numbers, or none that is a time
    if limit is not None and limit.remaining == 0:
        now = clock if clock is not None else limit.reset_datetime.timestamp() - SECONDARY_PAUSE_SECONDS
        return _paused("GitHub's hourly limit is used up", limit.reset_datetime.timestamp() - now)
    if response.status == 429 or "rate limit" in message.lower() or "abuse" in message.lower():
        return _paused("GitHub limits the rate of requests", SECONDARY_PAUSE_SECONDS)
    return None


def _paused(reason: str, seconds: float) -> Answer:
    bounded = min(max(seconds, 1.0), MAX_PAUSE_SECONDS)
    return Answer(Outcome.PAUSED, reason, Exit.NOT_NOW, bounded)


def _graphql_errors(data: dict[str, Any], headers: Mapping[str, str], clock: float | None) -> Answer:
    errors = data["errors"]
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    kind, message = str(first.get("type", "")), _one_line(first.get("message"))
    if kind == "RATE_LIMITED":
        return _paused("GitHub's hourly limit is used up", SECONDARY_PAUSE_SECONDS)
    if kind == "STALE_DATA":
        return Answer(Outcome.LOOK_AGAIN, message)
    if kind == "NOT_FOUND" and first.get("path") == ["repository", "known"]:
        return Answer(
            Outcome.LOST,
            f"{PULL_NOT_SHOWN}: waits; if the repository was made anew, remove the marker",
        )
    if kind == "NOT_FOUND":
        return _denied(
            f"GitHub says: {message} It does not exist or the token may not see it: "
            "check `repository` in the settings and the token's repositories"
        )
    if kind == "FORBIDDEN":
        needed = _one_line(headers.get("x-accepted-github-permissions"))
        return _denied(f"GitHub refuses it: {message}" + (f"; grant the token {needed}" if needed else ""))
    if kind == "UNPROCESSABLE":
        return Answer(Outcome.LOOK_AGAIN, message, Exit.HELD)
    return Answer(
        Outcome.LOST, f"GitHub answered with an error: {message or 'without a message'}", server_time=clock
    )


def _message(data: Any) -> str:
    """GitHub's message and the first of its reasons, in one line."""
    if not isinstance(data, dict):
        return ""
    parts = [_one_line(data.get("message"))]
    errors = data.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict) and error.get("message"):
            parts.append(_one_line(error["message"]))
            break
    return ": ".join(part for part in parts if part)


def _one_line(text: Any, limit: int = 200) -> str:
    printable = "".join(c if c.isprintable() else " " for c in str(text or ""))
    return " ".join(printable.split())[:limit]
