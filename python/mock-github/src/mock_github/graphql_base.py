"""What all GraphQL answers share: the asker, ids of nodes, connections with pages.

A view is an object whose attributes and methods bear the names of the schema's fields; graphql-core's own resolver
finds them. `TYPE` is the GraphQL type of a view, for interfaces and unions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from mock_github.access import Caller
from mock_github.change import Change
from mock_github.clock import stamp
from mock_github.sites import Site
from mock_github.wire import Refused

T = TypeVar("T")
Info = Any


class Ask:
    """One GraphQL request: the step it is part of, who asks, and under which addresses the answers live."""

    def __init__(self, change: Change, caller: Caller, site: Site) -> None:
        self.change = change
        self.caller = caller
        self.site = site


class View:
    TYPE = ""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask


def node_id(prefix: str, *parts: object) -> str:
    text = ":".join(str(part) for part in parts)
    return f"{prefix}_{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}"


def node_parts(node: str) -> tuple[str, list[str]]:
    """The prefix of a node id and what is in it; ("", []) for something that is none."""
    prefix, _, coded = node.partition("_")
    try:
        text = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", []
    return prefix, text.split(":", 1)


def when(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else stamp(milliseconds)


def _cursor(index: int) -> str:
    return base64.b64encode(f"cursor:v2:{index}".encode()).decode()


def _index(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("cursor:v2:"))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise Refused(
            422, f"`{cursor}` does not appear to be a valid cursor.", kind="INVALID_CURSOR_ARGUMENTS"
        ) from None


class PageInfo:
    def __init__(self, start: int, end: int, total: int) -> None:
        self.hasPreviousPage = start > 0
        self.hasNextPage = end < total
        self.startCursor = _cursor(start) if end > start else None
        self.endCursor = _cursor(end - 1) if end > start else None


class Edge(Generic[T]):
    def __init__(self, cursor: str, node: T) -> None:
        self.cursor = cursor
        self.node = node


class Connection(Generic[T]):
    """A page of a list. Pages are cut when they are asked for: a connection may be asked for `totalCount` alone."""

    def __init__(
        self,
        items: Iterable[Any],
        view: Callable[[Any], T],
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> None:
        self._items: Sequence[Any] = list(items)
        self._view = view
        self._page = (first, after, last, before)
        self.totalCount = len(self._items)

    def _bounds(self) -> tuple[int, int]:
        _, after, _, before = self._page
        return _index(after) + 1 if after else 0, min(
            _index(before), self.totalCount
        ) if before else self.totalCount

    def _range(self) -> tuple[int, int]:
        first, _, last, _ = self._page
        for name, count in (("first", first), ("last", last)):
            if count is not None and not 0 <= count <= 100:
                message = f"Requesting {count} records exceeds the `{name}` limit of 100 records."
                raise Refused(422, message, kind="EXCESSIVE_PAGINATION")
        start, end = self._bounds()
        if first is not None:
            end = min(end, start + first)
        if last is not None:
            start = max(start, end - last)
        return min(start, end), end

    def _checked(self) -> tuple[int, int]:
        if self._page[0] is None and self._page[2] is None:
            message = "You must provide a `first` or `last` value to properly paginate the connection."
            raise Refused(422, message, kind="MISSING_PAGINATION_BOUNDARIES")
        return self._range()

    @property
    def nodes(self) -> list[T]:
        start, end = self._checked()
        return [self._view(item) for item in self._items[start:end]]

    @property
    def edges(self) -> list[Edge[T]]:
        start, end = self._checked()
        return [Edge(_cursor(i), self._view(self._items[i])) for i in range(start, end)]

    @property
    def pageInfo(self) -> PageInfo:
        start, end = self._range()
        return PageInfo(start, end, self.totalCount)


def nothing(
    first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
) -> Connection[None]:
    """An empty connection: the mock's repositories have no labels, assignees or review requests."""
    return Connection((), lambda item: None, first, after, last, before)
