"""A pull request, read from GitHub's answer."""

from __future__ import annotations

import datetime
from typing import Any

from zeta_self_register import comments, queries
from zeta_self_register.answers import Outcome
from zeta_self_register.exits import Exit
from zeta_self_register.forms import MAX_PAGES, record_of, typed, unknown
from zeta_self_register.github import GitHub
from zeta_self_register.remote import Pull, PullState, Unknown

PUSHED_TO = "Head branch was pushed to"
"""How GitHub's reason begins when it switched auto-merge off because of a push."""


def only_ours(pull: Pull, record: str, moved: str | None) -> bool:
    """A pull request changes the record and nothing else but what is moved."""
    return record in pull.paths and set(pull.paths) <= {record, moved}


def read_pull(github: GitHub, node: dict[str, Any]) -> Pull | Unknown:
    """The pull request of a node of an answer, with older comments if there are any.  Raises one of FORM_ERRORS."""
    kinds = comments.kinds_in(node["comments"]["nodes"])
    state = PullState(node["state"])
    info = node["comments"]["pageInfo"]
    if info["hasPreviousPage"] and state is not PullState.MERGED:
        older = _older_comments(github, node["number"], info["startCursor"])
        if isinstance(older, Unknown):
            return older
        kinds |= older
    unlisted = ("…",) if node["files"]["totalCount"] > len(node["files"]["nodes"]) else ()
    reopenings = [event for event in node["events"]["nodes"] if event["__typename"] == "ReopenedEvent"]
    # A deleted account has no login.
    reopened_by = tuple(event["actor"]["login"] if event["actor"] else "" for event in reopenings)
    return typed(
        Pull,
        node_id=node["id"],
        number=node["number"],
        url=node["url"],
        state=state,
        base=node["baseRefName"],
        branch=node["headRefName"],
        branch_exists=node["headRef"] is not None,
        head_oid=node["headRefOid"],
        record=record_of(node["head"]["nodes"][0]["commit"]["record"]) if node["head"]["nodes"] else None,
        created_at=_seconds(node["createdAt"]),
        closed_at=_maybe_seconds(node["closedAt"]),
        merged_at=_maybe_seconds(node["mergedAt"]),
        reopened=len(reopened_by),
        paths=(*(f["path"] for f in node["files"]["nodes"]), *unlisted),
        comment_kinds=kinds,
        mergeable=node["mergeable"],
        merge_state=node["mergeStateStatus"],
        auto_merge=node["autoMergeRequest"] is not None,
        title=node["title"],
        draft=node["isDraft"],
        reopened_by=reopened_by,
        switched_off=_switched_off(node["events"]["nodes"]),
    )


def _switched_off(events: list[dict[str, Any]]) -> bool:
    """Whether the last word on auto-merge is that somebody switched it off.

    GitHub itself switches it off when a pull request is closed, which reopening makes up for, and when somebody
    without the right to write pushes to its branch; that is no word on auto-merge.
    """
    if not events or events[-1]["__typename"] != "AutoMergeDisabledEvent":
        return False
    return not (events[-1]["reason"] or "").startswith(PUSHED_TO)


def _older_comments(github: GitHub, number: int, before: str) -> frozenset[str] | Unknown:
    kinds: frozenset[str] = frozenset()
    for _ in range(MAX_PAGES):
        answer = github.look(queries.COMMENTS, {"number": number, "before": before})
        if answer.outcome is not Outcome.OK:
            return unknown(answer)
        page = answer.data["repository"]["pullRequest"]["comments"]
        kinds |= comments.kinds_in(page["nodes"])
        if not page["pageInfo"]["hasPreviousPage"]:
            return kinds
        before = page["pageInfo"]["startCursor"]
    return Unknown(Exit.NOT_NOW, f"pull request #{number} has too many comments to look at")


def _seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def _maybe_seconds(text: str | None) -> float | None:
    return None if text is None else _seconds(text)
