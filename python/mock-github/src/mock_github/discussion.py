"""What people and programs say about a pull request or a commit: comments, reviews, statuses."""

from __future__ import annotations

from msgspec.structs import replace

from mock_github.change import Change
from mock_github.state import Comment, PullRequest, Repository, Review, Status
from mock_github.wire import Refused, validation_failed

STATUS_STATES = ("error", "failure", "pending", "success")
_MAX_STATUSES = 1000


def add_comment(change: Change, repository: Repository, pull: PullRequest, *, by: str, body: str) -> Comment:
    if not body:
        raise validation_failed("IssueComment", "missing_field", "body")
    comment = Comment(change.new_id(), by, body, change.now, change.now)
    change.store_pull(repository, replace(pull, comments=(*pull.comments, comment)))
    change.emit(
        "comment-created",
        by=by,
        repository=repository.full_name,
        number=pull.number,
        comment=comment.id,
        body=body,
    )
    return comment


def find_comment(repository: Repository, comment_id: int) -> tuple[PullRequest, Comment] | None:
    for pull in repository.pulls.values():
        for comment in pull.comments:
            if comment.id == comment_id:
                return pull, comment
    return None


def edit_comment(
    change: Change, repository: Repository, pull: PullRequest, comment: Comment, *, by: str, body: str
) -> Comment:
    edited = replace(comment, body=body, updated_at=change.now)
    comments = tuple(edited if old.id == comment.id else old for old in pull.comments)
    change.store_pull(repository, replace(pull, comments=comments))
    change.emit(
        "comment-edited",
        by=by,
        repository=repository.full_name,
        number=pull.number,
        comment=comment.id,
        body=body,
    )
    return edited


def delete_comment(
    change: Change, repository: Repository, pull: PullRequest, comment: Comment, *, by: str
) -> None:
    comments = tuple(old for old in pull.comments if old.id != comment.id)
    change.store_pull(repository, replace(pull, comments=comments))
    change.emit(
        "comment-deleted", by=by, repository=repository.full_name, number=pull.number, comment=comment.id
    )


def add_review(
    change: Change, repository: Repository, pull: PullRequest, *, by: str, state: str, body: str = ""
) -> Review:
    """A person's opinion: APPROVED, CHANGES_REQUESTED or COMMENTED. 422 for approving one's own."""
    if by.lower() == pull.author.lower() and state != "COMMENTED":
        verb = "approve" if state == "APPROVED" else "request changes on"
        raise Refused(422, "Unprocessable Entity", [f"Can not {verb} your own pull request"])
    review = Review(change.new_id(), by, state, body, pull.head_sha, change.now)
    change.store_pull(repository, replace(pull, reviews=(*pull.reviews, review)))
    change.emit("review-submitted", by=by, repository=repository.full_name, number=pull.number, state=state)
    return review


def add_status(
    change: Change,
    repository: Repository,
    sha: str,
    *,
    by: str,
    state: str,
    context: str = "default",
    description: str | None = None,
    target_url: str | None = None,
) -> Status:
    """Sets one status of a commit; 422 for a commit that is not there or a state that is none."""
    if not repository.has_commit(change.git, sha):
        raise Refused(422, f"No commit found for SHA: {sha}")
    if state not in STATUS_STATES:
        raise validation_failed("Status", "custom", "state", "state is not included in the list")
    known = repository.statuses.get(sha, ())
    if sum(status.context == context for status in known) >= _MAX_STATUSES:
        raise validation_failed(
            "Status", "custom", message="This SHA and context has reached the maximum number of statuses."
        )
    status = Status(change.new_id(), context, state, description, target_url, by, change.now)
    change.store(replace(repository, statuses=repository.statuses.set(sha, (*known, status))))
    change.emit(
        "status-created", by=by, repository=repository.full_name, after=sha, context=context, state=state
    )
    return status
