"""What happened, as a log: one immutable value per event, one JSON object per line."""

from __future__ import annotations

import msgspec

from mock_github import clock

_FIELDS: dict[str, tuple[str, ...]] = {
    "request": ("method", "path", "query", "user_agent", "kind", "operation", "token"),
    "response": ("status", "delivered", "fault", "seconds"),
    "branch-created": ("repository", "branch", "before", "after", "paths"),
    "branch-moved": ("repository", "branch", "before", "after", "paths", "removed"),
    "branch-deleted": ("repository", "branch", "before", "after", "paths"),
    "pull-request-opened": ("repository", "number", "head", "base", "paths"),
    "pull-request-closed": ("repository", "number", "head"),
    "pull-request-reopened": ("repository", "number", "head"),
    "pull-request-merged": ("repository", "number", "head", "merge_commit"),
    "pull-request-edited": ("repository", "number"),
    "auto-merge-enabled": ("repository", "number"),
    "auto-merge-disabled": ("repository", "number"),
    "comment-created": ("repository", "number", "comment", "body"),
    "comment-edited": ("repository", "number", "comment", "body"),
    "comment-deleted": ("repository", "number", "comment"),
    "review-submitted": ("repository", "number", "state"),
    "status-created": ("repository", "after", "context", "state"),
    "repository-edited": ("repository",),
    "fault-landed": ("fault",),
    "fault-missed": ("fault",),
}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. Which of the optional fields are meant follows from `type` (see README).

    `at` is RFC 3339 in UTC with milliseconds; `request` is the id of the request that caused it ("r12"), None for a
    person's act; `by` is the login on whose behalf it happened. In pull request events `head` is "owner:branch". Where
    a branch moves, `removed` are those of `paths` that are no longer there.
    """

    seq: int
    at: str
    type: str
    request: str | None = None
    by: str | None = None
    method: str | None = None
    path: str | None = None
    query: str | None = None
    user_agent: str | None = None
    kind: str | None = None
    operation: str | None = None
    token: str | None = None
    status: int | None = None
    delivered: bool | None = None
    fault: str | None = None
    seconds: float | None = None
    repository: str | None = None
    branch: str | None = None
    before: str | None = None
    after: str | None = None
    paths: tuple[str, ...] = ()
    removed: tuple[str, ...] | None = None
    number: int | None = None
    head: str | None = None
    base: str | None = None
    merge_commit: str | None = None
    comment: int | None = None
    body: str | None = None
    state: str | None = None
    context: str | None = None

    def as_dict(self) -> dict[str, object]:
        names = ("seq", "at", "type", "request", "by", *_FIELDS[self.type])
        return {name: getattr(self, name) for name in names}

    def as_line(self) -> bytes:
        """One line of the event log: JSON with sorted keys and a newline."""
        return msgspec.json.encode(self.as_dict(), order="sorted") + b"\n"


def event_at(milliseconds: int, seq: int, type_: str, /, **fields: object) -> Event:
    if unknown := fields.keys() - {"request", "by", *_FIELDS[type_]}:
        raise TypeError(f"a {type_} event has no {', '.join(sorted(unknown))}")
    return Event(seq=seq, at=clock.exact(milliseconds), type=type_, **fields)  # type: ignore[arg-type]
