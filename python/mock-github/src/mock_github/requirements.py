"""What a pull request changes, and whether it may be merged: conflicts, required checks, approvals."""

from __future__ import annotations

from enum import Enum
from fnmatch import fnmatchcase

from mock_github.git_objects import Change as Diff
from mock_github.git_objects import CommitInfo, GitObjects
from mock_github.merge import merge_commits
from mock_github.state import Protection, PullRequest, PullState, Repository, Status
from mock_github.world import World


class MergeStatus(Enum):
    """GraphQL's MergeStateStatus (REST has the same words in lower case)."""

    UNKNOWN = "UNKNOWN"
    DIRTY = "DIRTY"
    DRAFT = "DRAFT"
    BLOCKED = "BLOCKED"
    BEHIND = "BEHIND"
    UNSTABLE = "UNSTABLE"
    CLEAN = "CLEAN"


def protection_of(repository: Repository, branch: str) -> Protection | None:
    """The rule that governs a branch: an exact name before a pattern, else the first that matches."""
    exact = [rule for rule in repository.protections if rule.pattern == branch]
    matching = [rule for rule in repository.protections if fnmatchcase(branch, rule.pattern)]
    return next(iter(exact + matching), None)


def latest_statuses(repository: Repository, sha: str) -> list[Status]:
    """The newest status of each context, newest first."""
    latest = {status.context: status for status in repository.statuses.get(sha, ())}
    return sorted(latest.values(), key=lambda status: -status.id)


def rollup(statuses: list[Status]) -> str | None:
    """failure, pending or success of them all; None if there are none. An error counts as a failure."""
    states = {status.state for status in statuses}
    if not states:
        return None
    if states & {"failure", "error"}:
        return "failure"
    return "pending" if "pending" in states else "success"


def base_tip(repository: Repository, pull: PullRequest) -> str:
    """The commit that a pull request is compared with: the base as it is now, for a finished one as it was then."""
    if pull.state is PullState.OPEN:
        return repository.branch(pull.base_ref) or pull.base_sha
    return pull.base_sha


def pull_commits(git: GitObjects, repository: Repository, pull: PullRequest) -> list[CommitInfo]:
    """What the pull request would add to its base, oldest first."""
    return git.log(pull.head_sha, without=base_tip(repository, pull))[::-1]


def pull_diff(git: GitObjects, repository: Repository, pull: PullRequest) -> list[Diff]:
    return diff_since_fork(git, base_tip(repository, pull), pull.head_sha)


def diff_since_fork(git: GitObjects, base: str | None, head: str) -> list[Diff]:
    """The files that `head` changed since it left `base` (a three-dot diff)."""
    fork = git.merge_base(base, head) if base else None
    return git.diff(git.commit(fork).tree if fork else None, git.commit(head).tree)


def missing_requirement(repository: Repository, pull: PullRequest) -> str | None:
    """What the base branch's protection still asks for, in GitHub's words; None if nothing."""
    rule = protection_of(repository, pull.base_ref)
    if rule is None:
        return None
    states = {status.context: status.state for status in latest_statuses(repository, pull.head_sha)}
    for context in rule.required_checks or ():
        if context not in states:
            return f'Required status check "{context}" is expected.'
        if states[context] == "pending":
            return f'Required status check "{context}" is pending.'
        if states[context] != "success":
            return f'Required status check "{context}" is failing.'
    if rule.required_approvals:
        if review_decision(repository, pull) == "CHANGES_REQUESTED":
            return "Changes have been requested."
        if approvals(pull) < rule.required_approvals:
            people = "review is" if rule.required_approvals == 1 else "reviews are"
            return f"At least {rule.required_approvals} approving {people} required by reviewers with write access."
    return None


def is_behind(git: GitObjects, repository: Repository, pull: PullRequest) -> bool:
    """Whether the protection wants the base's newest commits in the branch, and they are not there."""
    rule = protection_of(repository, pull.base_ref)
    return bool(rule and rule.strict) and not git.is_ancestor(base_tip(repository, pull), pull.head_sha)


def behind_refusal(repository: Repository, pull: PullRequest) -> str:
    """Merging a branch that is behind is refused as if its checks, green as they are, had not been seen."""
    rule = protection_of(repository, pull.base_ref)
    wanted = (rule.required_checks or ()) if rule else ()
    if len(wanted) == 1:
        return f'Required status check "{wanted[0]}" is expected.'
    return f"{len(wanted)} of {len(wanted)} required status checks are expected."


def _last_opinions(pull: PullRequest) -> dict[str, str]:
    return {review.author: review.state for review in pull.reviews if review.state != "COMMENTED"}


def approvals(pull: PullRequest) -> int:
    return sum(state == "APPROVED" for state in _last_opinions(pull).values())


def review_decision(repository: Repository, pull: PullRequest) -> str | None:
    """GraphQL's reviewDecision; None where no review is asked for and none was given."""
    opinions = _last_opinions(pull)
    if "CHANGES_REQUESTED" in opinions.values():
        return "CHANGES_REQUESTED"
    rule = protection_of(repository, pull.base_ref)
    wanted = rule.required_approvals if rule else None
    if not wanted:
        return None
    return "APPROVED" if approvals(pull) >= wanted else "REVIEW_REQUIRED"


def merge_tree(world: World, repository: Repository, pull: PullRequest) -> str | None:
    """The tree that merging would give, None for a conflict."""
    return merge_commits(world.git, base_tip(repository, pull), pull.head_sha)


def merge_status(world: World, repository: Repository, pull: PullRequest) -> MergeStatus:
    """As GitHub would say now; UNKNOWN while it has not looked yet, and for a pull request that is not open."""
    if pull.unknown_reads > 0 or pull.state is not PullState.OPEN:
        return MergeStatus.UNKNOWN
    return settled_status(world, repository, pull)


def settled_status(world: World, repository: Repository, pull: PullRequest) -> MergeStatus:
    """The status of an open pull request once it has been computed."""
    if merge_tree(world, repository, pull) is None:
        return MergeStatus.DIRTY
    if pull.draft:
        return MergeStatus.DRAFT
    if missing_requirement(repository, pull):
        return MergeStatus.BLOCKED
    if is_behind(world.git, repository, pull):
        return MergeStatus.BEHIND
    if rollup(latest_statuses(repository, pull.head_sha)) in ("failure", "pending"):
        return MergeStatus.UNSTABLE
    return MergeStatus.CLEAN
