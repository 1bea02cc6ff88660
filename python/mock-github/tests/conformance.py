"""What both files of conformance cases share: each case names a behaviour of GitHub, and checks it through HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

HOME = "/repos/acme/cluster"


def row(behaviour: str) -> pytest.MarkDecorator:
    """Names the behaviour that a case shows."""
    return pytest.mark.parametrize("row", [behaviour])


def refused(answer: httpx.Response, status: int, message: str) -> dict[str, Any]:
    """Checks the shape of GitHub's error bodies: the status is a string in them."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["message"]) == (status, message)
    assert body["status"] == str(status)
    assert body["documentation_url"]
    return body
