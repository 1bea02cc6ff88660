"""Faults as data: which request they meet, and what becomes of it."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from pathlib import Path

import msgspec

from mock_github.step import Arrival

Pattern = lru_cache(256)(re.compile)


class FaultKind(Enum):
    """`*-before` has no effect on GitHub; `*-after` took effect, and the client is not told. `no-permission` is
    answered as if the token had been granted no repository."""

    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    LATE = "late"
    ERROR_BEFORE = "5xx-before"
    ERROR_AFTER = "5xx-after"
    PRIMARY_LIMIT = "primary-limit"
    SECONDARY_LIMIT = "secondary-limit"
    NO_PERMISSION = "no-permission"
    STALE_READ = "stale-read"
    SLOW = "slow"
    WRONG_CERTIFICATE = "wrong-certificate"
    REDIRECT = "redirect"
    NOT_JSON = "not-json"
    HUGE = "huge"
    BASE_MODIFIED = "base-modified"


class BadCertificate(Enum):
    """What is wrong with a certificate: `elsewhere` is neither for this name nor of an authority that anybody knows."""

    ELSEWHERE = "elsewhere"
    EXPIRED = "expired"
    OTHER_NAME = "other-name"
    UNKNOWN_AUTHORITY = "unknown-authority"


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests are meant: all that agree with every given part.

    `path` is a regular expression for the whole path, `operation` a GraphQL operation's name, `user_agent` a part of
    that header, `kind` rest, graphql or git. `nth` counts the requests that agree, from 1, since the match was set.
    """

    method: str | None = None
    path: str | None = None
    operation: str | None = None
    user_agent: str | None = None
    kind: str | None = None
    nth: int | None = None

    def agrees(self, arrival: Arrival) -> bool:
        """Whether a request is meant, its place in the order aside."""
        request = arrival.request
        return (
            (self.method is None or self.method == request.method)
            and (self.path is None or Pattern(self.path).fullmatch(request.path) is not None)
            and (self.operation is None or self.operation == arrival.operation)
            and (self.user_agent is None or self.user_agent in (request.header("user-agent") or ""))
            and (self.kind is None or self.kind == arrival.kind.value)
        )


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault. It meets `times` matching requests (from the match's nth on), then no more.

    seconds      how long an answer is `slow`, or after what time a `late` request takes effect (`inf`: when
                 `MockServer.land` says)
    status       of 5xx (502), limits (403), redirect (302) and not-json (200) if it is to be another one
    retry_after  seconds, for secondary-limit; None sends no such header. For primary-limit, until the hour is over
    to           where a redirect leads
    size         bytes of a huge answer
    writes       how many effects a stale-read does not know of yet
    certificate  what is wrong with a wrong-certificate

    wrong-certificate is shown to the next `times` connections: no request is known yet when it is, so that only
    `times` and the match's `nth` (counting connections) are heeded.
    """

    kind: FaultKind
    match: Match = Match()
    times: int = 1
    seconds: float = 5.0
    status: int | None = None
    retry_after: int | None = None
    to: str = "https://elsewhere.invalid/"
    size: int = 64 * 1024 * 1024
    writes: int = 1
    certificate: BadCertificate = BadCertificate.ELSEWHERE


class Counter:
    """How often a match was met so far, and whether it is its turn."""

    def __init__(self, match: Match, times: int | None) -> None:
        self.match = match
        self.times = times
        self.seen = 0
        self.used = 0

    def takes(self) -> bool:
        """Counts one request (or connection) that agrees; whether it is one of those that are meant."""
        self.seen += 1
        if self.seen < (self.match.nth or 1) or (self.times is not None and self.used >= self.times):
            return False
        self.used += 1
        return True


class Armed(Counter):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.match, fault.times)
        self.fault = fault

    def meets(self, arrival: Arrival) -> bool:
        """Whether this fault is for such requests at all."""
        if self.fault.kind is FaultKind.WRONG_CERTIFICATE:
            return False
        if self.fault.kind is FaultKind.STALE_READ and not arrival.reads:
            return False
        return self.match.agrees(arrival)


def read_faults(path: Path) -> list[Fault]:
    """A JSON list of faults from a file; ValueError says what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Fault])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}: {error}") from error
