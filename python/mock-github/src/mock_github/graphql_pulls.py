"""GraphQL: pull requests, their files, commits, comments and reviews."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from mock_github import graphql_commits, graphql_repository, graphql_timeline
from mock_github.access import can_see, role
from mock_github.clock import stamp
from mock_github.git_objects import Change as Diff
from mock_github.git_objects import CommitInfo
from mock_github.graphql_base import Ask, Connection, Info, View, node_id, nothing, when
from mock_github.graphql_people import Person, ReactionGroupView, association, no_reactions, person
from mock_github.requirements import (
    MergeStatus,
    merge_status,
    merge_tree,
    pull_commits,
    pull_diff,
    review_decision,
)
from mock_github.state import Comment, Permission, PullRequest, PullState, Repository, Review
from mock_github.wire import unknown_to_mock


def pull_connection(
    ask: Ask,
    home: Repository,
    pulls: Iterable[PullRequest],
    *,
    states: list[str] | None = None,
    headRefName: str | None = None,
    baseRefName: str | None = None,
    orderBy: dict[str, str] | None = None,
    labels: list[str] | None = None,
    **page: Any,
) -> Connection[PullView]:
    found = [
        pull
        for pull in pulls
        if (states is None or pull.state.value in states)
        and (headRefName is None or pull.head_ref == headRefName)
        and (baseRefName is None or pull.base_ref == baseRefName)
        and not labels
    ]
    keys = {"CREATED_AT": lambda p: p.number, "UPDATED_AT": lambda p: (p.updated_at, p.number)}
    order = orderBy or {"field": "CREATED_AT", "direction": "ASC"}
    if order["field"] not in keys:
        raise unknown_to_mock(f"pull requests ordered by {order['field']}")
    found.sort(key=keys[order["field"]], reverse=order["direction"] == "DESC")
    return Connection(found, lambda pull: PullView(ask, home, pull), **page)


class PullView(View):
    TYPE = "PullRequest"
    locked = includesCreatedEdit = isInMergeQueue = isMergeQueueEnabled = False
    milestone = None

    def __init__(self, ask: Ask, home: Repository, pull: PullRequest) -> None:
        super().__init__(ask)
        self.home = home
        self.pull = pull
        self.id = node_id("PR", home.id, pull.number)
        self.databaseId = pull.id
        self.fullDatabaseId = str(pull.id)
        self.number = pull.number
        self.resourcePath = f"/{home.full_name}/pull/{pull.number}"
        self.url = ask.site.html + self.resourcePath
        self.title = pull.title
        self.body = self.bodyText = pull.body or ""
        self.state = pull.state.value
        self.isDraft = pull.draft
        self.closed = pull.state is not PullState.OPEN
        self.merged = pull.state is PullState.MERGED
        self.createdAt = self.publishedAt = stamp(pull.created_at)
        self.updatedAt = stamp(pull.updated_at)
        self.closedAt = when(pull.closed_at)
        self.mergedAt = when(pull.merged_at)
        self.baseRefName = pull.base_ref
        self.baseRefOid = pull.base_sha
        self.headRefName = pull.head_ref
        self.headRefOid = pull.head_sha
        self.isCrossRepository = pull.head_repository != home.full_name
        self.maintainerCanModify = pull.maintainer_can_modify
        self.viewerDidAuthor = pull.author == ask.caller.login
        self.authorAssociation = association(home, pull.author)
        self.reviewDecision = review_decision(home, pull)

    @property
    def repository(self) -> graphql_repository.RepositoryView:
        return graphql_repository.RepositoryView(self.ask, self.home)

    baseRepository = repository

    @property
    def _source(self) -> Repository | None:
        source = self.ask.change.world.repository(self.pull.head_repository)
        return source if source and can_see(self.ask.caller, source) else None

    @property
    def headRepository(self) -> graphql_repository.RepositoryView | None:
        return graphql_repository.RepositoryView(self.ask, self._source) if self._source else None

    @property
    def headRepositoryOwner(self) -> Person | None:
        return person(self.ask, self.pull.head_repository.partition("/")[0])

    def _ref(self, home: Repository | None, branch: str) -> graphql_commits.RefView | None:
        sha = home.branch(branch) if home else None
        return graphql_commits.RefView(self.ask, home, f"refs/heads/{branch}", sha) if home and sha else None

    @property
    def headRef(self) -> graphql_commits.RefView | None:
        return self._ref(self._source, self.pull.head_ref)

    @property
    def baseRef(self) -> graphql_commits.RefView | None:
        return self._ref(self.home, self.pull.base_ref)

    @property
    def author(self) -> Person | None:
        return person(self.ask, self.pull.author)

    @property
    def mergedBy(self) -> Person | None:
        return person(self.ask, self.pull.merged_by)

    def _commit(self, sha: str | None) -> graphql_commits.CommitView | None:
        return graphql_commits.CommitView(self.ask, self.home, sha) if sha else None

    @property
    def mergeCommit(self) -> graphql_commits.CommitView | None:
        return self._commit(self.pull.merge_commit)

    @property
    def potentialMergeCommit(self) -> graphql_commits.CommitView | None:
        change, pull, home = self.ask.change, self.pull, self.home
        tree = merge_tree(change.world, home, pull) if pull.state is PullState.OPEN else None
        base = home.branch(pull.base_ref)
        if pull.unknown_reads or tree is None or base is None:
            return None
        message = f"Merge {pull.head_sha} into {base}"
        who = replace(change.web_flow(), at=pull.updated_at // 1000)
        return self._commit(change.git.add_commit(tree, (base, pull.head_sha), who, message))

    def _looked(self) -> MergeStatus:
        """The merge status; asking for it is what makes GitHub compute it, for the next reader."""
        change = self.ask.change
        current = change.pull(self.home, self.pull.number)
        if current.state is PullState.OPEN and current.unknown_reads and self.pull.unknown_reads:
            if current.unknown_reads == self.pull.unknown_reads:
                seen = replace(current, unknown_reads=current.unknown_reads - 1)
                change.store_pull(self.home, seen, touch=False)
            return MergeStatus.UNKNOWN
        return merge_status(change.world, self.home, self.pull)

    @property
    def mergeable(self) -> str:
        status = self._looked()
        if status is MergeStatus.UNKNOWN:
            return "UNKNOWN"
        return "CONFLICTING" if status is MergeStatus.DIRTY else "MERGEABLE"

    @property
    def mergeStateStatus(self) -> str:
        return self._looked().value

    @property
    def autoMergeRequest(self) -> AutoMergeView | None:
        return AutoMergeView(self) if self.pull.auto_merge else None

    @property
    def _can_push(self) -> bool:
        have = role(self.home, self.ask.caller.login)
        return have is not None and have.allows(Permission.WRITE)

    @property
    def viewerCanEnableAutoMerge(self) -> bool:
        return (
            self._can_push and self.home.auto_merge_allowed and not self.pull.auto_merge and not self.closed
        )

    @property
    def viewerCanDisableAutoMerge(self) -> bool:
        return self._can_push and self.pull.auto_merge is not None

    @property
    def _diff(self) -> list[Diff]:
        return pull_diff(self.ask.change.git, self.home, self.pull)

    @property
    def changedFiles(self) -> int:
        return len(self._diff)

    @property
    def additions(self) -> int:
        return sum(self.ask.change.git.line_counts(diff)[0] for diff in self._diff)

    @property
    def deletions(self) -> int:
        return sum(self.ask.change.git.line_counts(diff)[1] for diff in self._diff)

    def files(self, info: Info, **page: Any) -> Connection[ChangedFileView]:
        return Connection(self._diff, lambda diff: ChangedFileView(self.ask, diff), **page)

    def commits(self, info: Info, **page: Any) -> Connection[PullCommitView]:
        commits = pull_commits(self.ask.change.git, self.home, self.pull)
        return Connection(commits, lambda commit: PullCommitView(self, commit), **page)

    @property
    def statusCheckRollup(self) -> graphql_commits.RollupView | None:
        return graphql_commits.CommitView(self.ask, self.home, self.pull.head_sha).statusCheckRollup

    def comments(
        self, info: Info, orderBy: dict[str, str] | None = None, **page: Any
    ) -> Connection[CommentView]:
        comments = list(self.pull.comments)
        if orderBy:
            comments.sort(key=lambda c: (c.updated_at, c.id), reverse=orderBy["direction"] == "DESC")
        return Connection(comments, lambda comment: CommentView(self, comment), **page)

    def timelineItems(self, info: Info, **arguments: Any) -> graphql_timeline.TimelineConnection:
        return graphql_timeline.timeline(self, **arguments)

    def reviews(
        self, info: Info, states: list[str] | None = None, author: str | None = None, **page: Any
    ) -> Connection[ReviewView]:
        found = [
            review
            for review in self.pull.reviews
            if (states is None or review.state in states) and (author is None or review.author == author)
        ]
        return Connection(found, lambda review: ReviewView(self, review), **page)

    def latestReviews(self, info: Info, **page: Any) -> Connection[ReviewView]:
        latest = {review.author: review for review in self.pull.reviews}
        return Connection(latest.values(), lambda review: ReviewView(self, review), **page)

    def _none(self, info: Info, **page: Any) -> Connection[None]:
        return nothing(**page)

    reviewRequests = assignees = labels = _none

    @property
    def reactionGroups(self) -> list[ReactionGroupView]:
        return no_reactions()


class AutoMergeView(View):
    authorEmail = None

    def __init__(self, pull: PullView) -> None:
        super().__init__(pull.ask)
        assert pull.pull.auto_merge is not None
        self.pullRequest = pull
        self.plan = pull.pull.auto_merge
        self.enabledAt = stamp(self.plan.enabled_at)
        self.mergeMethod = self.plan.method.upper()
        self.commitHeadline = self.plan.headline
        self.commitBody = self.plan.body

    @property
    def enabledBy(self) -> Person | None:
        return person(self.ask, self.plan.enabled_by)


class ChangedFileView(View):
    def __init__(self, ask: Ask, diff: Diff) -> None:
        super().__init__(ask)
        self.path = diff.path
        self.additions, self.deletions = ask.change.git.line_counts(diff)
        self.changeType = "ADDED" if not diff.before else "DELETED" if not diff.after else "MODIFIED"


class PullCommitView(View):
    TYPE = "PullRequestCommit"

    def __init__(self, pull: PullView, commit: CommitInfo) -> None:
        super().__init__(pull.ask)
        self.pullRequest = pull
        self.commit = graphql_commits.CommitView(pull.ask, pull.home, commit.sha)
        self.id = node_id("PURC", pull.home.id, f"{pull.number}:{commit.sha}")
        self.resourcePath = f"{pull.resourcePath}/commits/{commit.sha}"
        self.url = pull.ask.site.html + self.resourcePath


class Remark(View):
    """What comments and reviews have in common."""

    includesCreatedEdit = False

    def __init__(self, pull: PullView, remark: Comment | Review) -> None:
        super().__init__(pull.ask)
        self.pullRequest = pull
        self.login = remark.author
        self.databaseId = remark.id
        self.body = remark.body
        self.viewerDidAuthor = remark.author == pull.ask.caller.login
        self.authorAssociation = association(pull.home, remark.author)

    @property
    def author(self) -> Person | None:
        return person(self.ask, self.login)

    @property
    def reactionGroups(self) -> list[ReactionGroupView]:
        return no_reactions()


class CommentView(Remark):
    TYPE = "IssueComment"
    isMinimized = False
    minimizedReason = None

    def __init__(self, pull: PullView, comment: Comment) -> None:
        super().__init__(pull, comment)
        self.id = node_id("IC", pull.home.id, comment.id)
        self.fullDatabaseId = str(comment.id)
        self.bodyText = comment.body
        self.createdAt = stamp(comment.created_at)
        self.updatedAt = stamp(comment.updated_at)
        self.resourcePath = f"{pull.resourcePath}#issuecomment-{comment.id}"
        self.url = pull.ask.site.html + self.resourcePath

    @property
    def repository(self) -> graphql_repository.RepositoryView:
        return self.pullRequest.repository


class ReviewView(Remark):
    TYPE = "PullRequestReview"

    def __init__(self, pull: PullView, review: Review) -> None:
        super().__init__(pull, review)
        self.id = node_id("PRR", pull.home.id, review.id)
        self.state = review.state
        self.createdAt = self.updatedAt = self.submittedAt = stamp(review.submitted_at)
        self.commit = graphql_commits.CommitView(pull.ask, pull.home, review.commit)
        self.resourcePath = f"{pull.resourcePath}#pullrequestreview-{review.id}"
        self.url = pull.ask.site.html + self.resourcePath
