"""REST: what a GitHub App asks in its own name."""

from __future__ import annotations

from typing import Any

from mock_github import access, apps, shapes
from mock_github.clock import stamp
from mock_github.rest_call import Call, Route
from mock_github.state import Installation
from mock_github.wire import Refused, Response, json_response, not_found

_RANK = {"read": 1, "write": 2, "admin": 3}
NO_SUCH_REPOSITORY = (
    "There is at least one repository that does not exist or is not accessible to the parent installation."
)


def create_token(call: Call) -> Response:
    """A token of an installation, for all of its repositories and permissions, or for fewer."""
    world = call.change.world
    home = world.installations.get(call.number("installation"))
    if home is None or home.app != call.caller.app:
        raise not_found()
    body = call.body()
    permissions, repositories = _permissions(home, body), _repositories(home, body)
    answer: dict[str, Any] = {
        "token": apps.issue(world, home, permissions, repositories),
        "expires_at": stamp(world.now + apps.LIFETIME),
        "permissions": permissions,
        "repository_selection": "selected",
    }
    if "repositories" in body:
        found = [call.change.repository(name) for name in repositories]
        answer["repositories"] = [
            shapes.full_repository(world, call.site, one, access.role(one, home.login)) for one in found
        ]
    return json_response(201, answer)


def _permissions(home: Installation, body: dict[str, Any]) -> dict[str, str]:
    asked = body.get("permissions")
    if asked is None:
        return dict(home.permissions)
    for name, level in asked.items():
        if _RANK.get(level, 9) > _RANK.get(home.permissions.get(name, ""), 0):
            raise Refused(422, "The permissions requested are not granted to this installation.")
    return {"metadata": "read", **asked}


def _repositories(home: Installation, body: dict[str, Any]) -> list[str]:
    """They are asked for by name, without the owner."""
    asked = body.get("repositories")
    if asked is None:
        return list(home.repositories)
    by_name = {name.partition("/")[2].lower(): name for name in home.repositories}
    if any(name.lower() not in by_name for name in asked):
        raise Refused(422, NO_SUCH_REPOSITORY)
    return [by_name[name.lower()] for name in asked]


ROUTES: list[Route] = [("POST", "/app/installations/{installation}/access_tokens", create_token)]
