"""GraphQL: what happened to a pull request, in the order it happened."""

from __future__ import annotations

from typing import Any

from mock_github import graphql_commits, graphql_pulls
from mock_github.clock import stamp
from mock_github.graphql_base import Connection, View, node_id
from mock_github.graphql_people import Person, person
from mock_github.requirements import pull_commits
from mock_github.state import TimelineItem


class TimelineConnection(Connection[Any]):
    """`totalCount` is of all items of the wanted types, `filteredCount` of those between the cursors, `pageCount` of
    the page."""

    updatedAt = ""

    @property
    def filteredCount(self) -> int:
        start, end = self._bounds()
        return max(0, end - start)

    @property
    def pageCount(self) -> int:
        start, end = self._range()
        return end - start


def timeline(
    pull: graphql_pulls.PullView,
    itemTypes: list[str] | None = None,
    since: str | None = None,
    skip: int | None = None,
    **page: Any,
) -> TimelineConnection:
    """Types that never occur in the mock (labels, assignments, …) are known, and have no items."""
    items: list[tuple[str, int, Any, str]] = []
    for commit in pull_commits(pull.ask.change.git, pull.home, pull.pull):
        view = graphql_pulls.PullCommitView(pull, commit)
        items.append((stamp(commit.committer.at * 1000), 0, view, "PULL_REQUEST_COMMIT"))
    for comment in pull.pull.comments:
        items.append(
            (stamp(comment.created_at), comment.id, graphql_pulls.CommentView(pull, comment), "ISSUE_COMMENT")
        )
    for review in pull.pull.reviews:
        items.append(
            (
                stamp(review.submitted_at),
                review.id,
                graphql_pulls.ReviewView(pull, review),
                "PULL_REQUEST_REVIEW",
            )
        )
    for item in pull.pull.timeline:
        items.append((stamp(item.at), item.id, MomentView(pull, item), item.kind.value))
    wanted = [
        (at, order, view)
        for at, order, view, kind in items
        if (itemTypes is None or kind in itemTypes) and (since is None or at > since)
    ]
    wanted.sort(key=lambda entry: entry[:2])
    connection = TimelineConnection([view for *_, view in wanted[skip or 0 :]], lambda view: view, **page)
    connection.updatedAt = stamp(pull.pull.updated_at)
    return connection


class MomentView(View):
    """Any of the *Event types; each has only those of these fields that the schema gives it."""

    reason = None

    def __init__(self, pull: graphql_pulls.PullView, item: TimelineItem) -> None:
        super().__init__(pull.ask)
        words = item.kind.value.split("_")
        self.TYPE = "".join(word.capitalize() for word in words)
        self.item = item
        self.pullRequest = self.closable = pull
        self.id = node_id("TE", pull.home.id, item.id)
        self.databaseId = item.id
        self.createdAt = stamp(item.at)
        self.resourcePath = f"{pull.resourcePath}#event-{item.id}"
        self.url = pull.ask.site.html + self.resourcePath
        self.headRefName = pull.headRefName
        self.mergeRefName = pull.baseRefName
        self.previousTitle = self.previousRefName = item.before or ""
        self.currentTitle = self.currentRefName = item.after or ""

    @property
    def actor(self) -> Person | None:
        return person(self.ask, self.item.actor)

    enabler = disabler = actor

    @property
    def headRef(self) -> graphql_commits.RefView | None:
        return self.pullRequest.headRef

    ref = headRef

    @property
    def mergeRef(self) -> graphql_commits.RefView | None:
        return self.pullRequest.baseRef

    def _commit(self, sha: str | None) -> graphql_commits.CommitView | None:
        return graphql_commits.CommitView(self.ask, self.pullRequest.home, sha) if sha else None

    @property
    def beforeCommit(self) -> graphql_commits.CommitView | None:
        return self._commit(self.item.before)

    @property
    def afterCommit(self) -> graphql_commits.CommitView | None:
        return self._commit(self.item.after)

    commit = afterCommit
