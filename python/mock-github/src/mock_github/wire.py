"""Requests and responses as plain values, and the bodies that every part of GitHub answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

DOCS = "https://docs.github.com/rest"


class Request(msgspec.Struct, frozen=True):
    """`path` is decoded only by who routes it; `query` has no question mark; header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def parameters(self) -> dict[str, str]:
        """The query string's parameters; of a repeated one, the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True)) if self.query else {}


class Response(msgspec.Struct, frozen=True):
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None


def request(
    method: str,
    target: str,
    *,
    token: str | None = None,
    json: object = None,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request as a client would send it. `target` is a path with or without a query."""
    split = urlsplit(target)
    fields = {key.lower(): value for key, value in (headers or {}).items()}
    if token is not None:
        fields.setdefault("authorization", f"Bearer {token}")
    if json is not None:
        body = msgspec.json.encode(json)
        fields.setdefault("content-type", "application/json")
    return Request(method, split.path, split.query, tuple(fields.items()), body)


def json_response(status: int, value: object, *headers: tuple[str, str]) -> Response:
    kind = ("content-type", "application/json; charset=utf-8")
    return Response(status, (kind, *headers), msgspec.json.encode(value))


class Refused(Exception):
    """GitHub says no: the HTTP status and message of REST, and the type that GraphQL gives the same refusal.

    `headers` are added to a REST answer. Raised inside a step; it never leaves one.
    """

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[object] | None = None,
        *,
        kind: str = "UNPROCESSABLE",
        headers: tuple[tuple[str, str], ...] = (),
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.kind = kind
        self.headers = headers
        self.detail = detail

    def for_graphql(self) -> str:
        return self.detail or self.message

    def response(self) -> Response:
        body: dict[str, object] = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        return json_response(
            self.status, {**body, "documentation_url": DOCS, "status": str(self.status)}, *self.headers
        )


def validation_failed(
    resource: str, code: str, field: str | None = None, message: str | None = None
) -> Refused:
    """422 Validation Failed, with one error in GitHub's shape."""
    error: dict[str, str] = {"resource": resource, "code": code}
    if field:
        error["field"] = field
    if message:
        error["message"] = message
    return Refused(422, "Validation Failed", [error], detail=message)


def not_found() -> Refused:
    return Refused(404, "Not Found", kind="NOT_FOUND")


def unknown_to_mock(what: str) -> Refused:
    """501: GitHub may well know this; the mock does not, and does not guess."""
    return Refused(501, f"mock-github does not know {what}", kind="NOT_IMPLEMENTED")
