"""What GitHub's answers mean: each wrong one is one line, and none is taken for "no"."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeta_self_register.answers import Outcome, interpret
from zeta_self_register.effects import Response
from zeta_self_register.exits import Exit

DATE = {"date": "Mon, 23 Nov 2026 12:00:00 GMT"}
NOON = 1795435200


def answer(status, body, **headers):
    """How an answer is understood; `_` in header names stands for `-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return interpret(Response(status, DATE | {k.replace("_", "-"): v for k, v in headers.items()}, raw))


@pytest.mark.parametrize(
    ("status", "body", "headers", "outcome", "exit_status", "said"),
    [
        (201, {"number": 1}, {}, Outcome.OK, None, ""),
        (200, b"<html>portal</html>", {}, Outcome.LOST, Exit.NOT_NOW, "not JSON"),
        (502, b"<html>", {}, Outcome.LOST, Exit.NOT_NOW, "HTTP 502"),
        (500, {"message": "Server Error"}, {}, Outcome.LOST, Exit.NOT_NOW, "HTTP 500: Server Error"),
        (
            301,
            {},
            {"location": "https://evil.test/x"},
            Outcome.DENIED,
            Exit.MISCONFIGURED,
            "redirects to evil.test",
        ),
        (401, {"message": "Bad credentials"}, {}, Outcome.DENIED, Exit.HELD, "does not accept the token"),
        (404, {"message": "Not Found"}, {}, Outcome.DENIED, Exit.HELD, "shows no such thing"),
        (
            403,
            {"message": "Resource not accessible by personal access token"},
            {"x_accepted_github_permissions": "pull_requests=write"},
            Outcome.DENIED,
            Exit.HELD,
            "grant it pull_requests=write",
        ),
        (
            422,
            {
                "message": "Validation Failed",
                "errors": [{"message": "A pull request already exists for o:b."}],
            },
            {},
            Outcome.LOOK_AGAIN,
            Exit.NOT_NOW,
            "already exists",
        ),
        (418, b"", {}, Outcome.LOST, Exit.NOT_NOW, "does not look like GitHub's answer"),
        (
            200,
            {"errors": [{"type": "STALE_DATA", "message": "moved"}]},
            {},
            Outcome.LOOK_AGAIN,
            Exit.NOT_NOW,
            "moved",
        ),
        (
            200,
            {"errors": [{"type": "NOT_FOUND", "message": "gone."}]},
            {},
            Outcome.DENIED,
            Exit.HELD,
            "may not see it",
        ),
        (200, {"errors": [{"message": "oops"}], "data": {}}, {}, Outcome.LOST, Exit.NOT_NOW, "oops"),
        (200, {"errors": "strange"}, {}, Outcome.LOST, Exit.NOT_NOW, "without a message"),
    ],
)
def test_each_answer_has_a_meaning(status, body, headers, outcome, exit_status, said):
    understood = answer(status, body, **headers)
    assert understood.outcome is outcome
    assert said in understood.reason
    assert "\n" not in understood.reason
    if exit_status is not None:
        assert understood.status is exit_status


@pytest.mark.parametrize(
    ("status", "body", "headers", "seconds"),
    [
        (403, {}, {"retry_after": "17"}, 17),
        (429, {}, {}, 60),
        (403, {"message": "You have exceeded a secondary rate limit."}, {}, 60),
        (
            403,
            {"message": "API rate limit exceeded"},
            {"x_ratelimit_limit": "5000", "x_ratelimit_remaining": "0", "x_ratelimit_reset": str(NOON + 90)},
            90,
        ),
        (403, {}, {"retry_after": "999999"}, 3600),
        (200, {"errors": [{"type": "RATE_LIMITED", "message": "limit"}]}, {}, 60),
    ],
)
def test_both_rate_limits_are_pauses(status, body, headers, seconds):
    paused = answer(status, body, **headers)
    assert paused.outcome is Outcome.PAUSED
    assert paused.pause_seconds == seconds


@given(
    st.integers(100, 599),
    st.binary(max_size=50)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode),
    st.dictionaries(st.sampled_from(["retry-after", "location", "x-ratelimit-remaining", "date"]), st.text()),
)
def test_no_answer_raises(status, body, headers):
    understood = interpret(Response(status, headers, body))
    assert understood.outcome is not Outcome.OK or 200 <= status < 300
