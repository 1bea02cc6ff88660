"""REST: from a method and a path to the function that answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from msgspec.structs import replace

from mock_github import rest_apps, rest_discussion, rest_git, rest_pulls, rest_repos
from mock_github.access import Caller
from mock_github.change import Change
from mock_github.rest_call import Call, Route
from mock_github.sites import site_of
from mock_github.wire import Refused, Request, Response, json_response, unknown_to_mock

_TABLES: Sequence[Sequence[Route]] = (
    rest_apps.ROUTES,
    rest_repos.ROUTES,
    rest_git.ROUTES,
    rest_pulls.ROUTES,
    rest_discussion.ROUTES,
    rest_git.COMMIT_ROUTES,  # last: a ref in a path may have slashes
)


def _compiled(template: str) -> re.Pattern[str]:
    """{name} is one part of a path, {name:path} any number of them."""
    pattern = re.sub(r"\{(\w+):path\}", r"(?P<\1>.+)", template)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))


_ROUTES = [(method, _compiled(template), handler) for table in _TABLES for method, template, handler in table]


def answer(change: Change, caller: Caller, request: Request) -> Response:
    path = request.path.removeprefix("/api/v3")
    path = _by_name(change, path)
    method = "GET" if request.method == "HEAD" else request.method
    for wanted, pattern, handler in _ROUTES:
        if wanted == method and (found := pattern.fullmatch(path)):
            parts = {name: unquote(value) for name, value in found.groupdict().items()}
            if moved := _moved(change, parts, path, request):
                return moved
            call = Call(change, caller, request, path, parts, site_of(request))
            return _with_permissions(handler(call), call)
    raise unknown_to_mock(f"{request.method} {path}")


def _with_permissions(response: Response, call: Call) -> Response:
    """Names the permission that sufficed, as GitHub does for every caller."""
    if call.accepted is None:
        return response
    return replace(response, headers=(*response.headers, ("x-accepted-github-permissions", call.accepted)))


def _by_name(change: Change, path: str) -> str:
    """/repositories/ID/… as /repos/OWNER/NAME/…: the form in which GitHub writes links to further pages."""
    found = re.match(r"/repositories/(\d+)(?=/|$)", path)
    if found is None:
        return path
    for repository in change.world.repositories.values():
        if repository.id == int(found[1]):
            return f"/repos/{repository.full_name}{path[found.end() :]}"
    raise Refused(404, "Not Found")


def _moved(change: Change, parts: Mapping[str, str], path: str, request: Request) -> Response | None:
    name = f"{parts.get('owner')}/{parts.get('repo')}"
    new = change.world.moved.get(name.lower())
    repository = change.world.repository(new) if new else None
    if repository is None:
        return None
    rest = path.removeprefix(f"/repos/{name}")
    query = f"?{request.query}" if request.query else ""
    url = f"{site_of(request).api}/repositories/{repository.id}{rest}{query}"
    body = {"message": "Moved Permanently", "url": url, "documentation_url": "https://docs.github.com/rest"}
    status = 301 if request.method in ("GET", "HEAD") else 307
    return json_response(status, body, ("location", url))
