"""One REST call: what a handler is given, and the questions all handlers ask of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec

from mock_github import access
from mock_github.access import Caller
from mock_github.change import Change
from mock_github.sites import Site
from mock_github.state import Permission, PullRequest, Repository
from mock_github.wire import Refused, Request, Response, json_response, not_found

T = TypeVar("T")
PAGE, MOST = 30, 100


class Call:
    def __init__(
        self, change: Change, caller: Caller, request: Request, path: str, parts: dict[str, str], site: Site
    ) -> None:
        """`path` is the path by names, whatever form the client used; `parts` are what its route names."""
        self.change = change
        self.caller = caller
        self.request = request
        self.path = path
        self.parts = parts
        self.site = site
        self.query = request.parameters()
        self.accepted: str | None = None

    def repository(self) -> Repository:
        """The repository of the path, if the caller may see it; else 404."""
        return access.visible(self.change.world, self.caller, f"{self.parts['owner']}/{self.parts['repo']}")

    def may(
        self, permission: str, level: str = "write", *, needs: Permission = Permission.READ
    ) -> Repository:
        """The repository of the path, if the caller may do this there."""
        repository = self.repository()
        self.accepted = f"{permission}={level}"
        access.require(self.caller, repository, permission, level, needs=needs)
        return repository

    def pull(self, repository: Repository) -> PullRequest:
        return self.change.pull(repository, self.number("number"))

    def number(self, name: str) -> int:
        text = self.parts[name]
        if not text.isdecimal():
            raise not_found()
        return int(text)

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent (none is {}); 400 for anything else."""
        if not self.request.body.strip():
            return {}
        try:
            value = msgspec.json.decode(self.request.body)
        except msgspec.DecodeError:
            raise Refused(400, "Problems parsing JSON") from None
        if not isinstance(value, dict):
            raise Refused(400, "Body should be a JSON object")
        return value

    def required(self, body: dict[str, Any], *names: str) -> list[str]:
        """The string fields of these names; 422 in GitHub's words for one that is missing or no string."""
        for name in names:
            if body.get(name) is None:
                raise Refused(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
            if not isinstance(body[name], str):
                raise Refused(
                    422, f"Invalid request.\n\nFor 'properties/{name}', {body[name]!r} is not a string."
                )
        return [body[name] for name in names]

    def paged(self, items: Sequence[T], shape: Callable[[T], object]) -> Response:
        """One page of a list, with a Link header to the others."""
        size = min(max(_number(self.query.get("per_page"), PAGE), 1), MOST)
        page = max(_number(self.query.get("page"), 1), 1)
        last = max(1, -(-len(items) // size))
        shown = [shape(item) for item in items[(page - 1) * size : page * size]]
        links = []
        if page > 1:
            links += [("prev", min(page - 1, last)), ("first", 1)]
        if page < last:
            links += [("next", page + 1), ("last", last)]
        if not links:
            return json_response(200, shown)
        text = ", ".join(f'<{self._page_address(number)}>; rel="{name}"' for name, number in links)
        return json_response(200, shown, ("link", text))

    def _page_address(self, number: int) -> str:
        given = [(k, v) for k, v in parse_qsl(self.request.query, keep_blank_values=True) if k != "page"]
        path = self.path
        if "repo" in self.parts:
            name = f"/repos/{self.parts['owner']}/{self.parts['repo']}"
            path = f"/repositories/{self.repository().id}{path.removeprefix(name)}"
        return f"{self.site.api}{path}?{urlencode([*given, ('page', str(number))])}"


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise


Handler = Callable[[Call], Response]
Route = tuple[str, str, Handler]
