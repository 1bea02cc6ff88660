"""Pull requests: opened, edited, closed, reopened, merged, merged by themselves."""

from __future__ import annotations

from msgspec.structs import replace

from mock_github import refs
from mock_github.change import Change
from mock_github.git_objects import CommitInfo
from mock_github.merge import merge_trees
from mock_github.requirements import (
    MergeStatus,
    behind_refusal,
    diff_since_fork,
    is_behind,
    merge_tree,
    missing_requirement,
    protection_of,
    pull_commits,
    settled_status,
)
from mock_github.state import AutoMerge, Moment, PullRequest, PullState, Repository
from mock_github.wire import Refused, validation_failed

NOT_MERGEABLE = "Pull Request is not mergeable"


def head_of(change: Change, base: Repository, head: str) -> tuple[Repository, str]:
    """The repository and branch that `head` ("branch" or "owner:branch") names, seen from the base repository."""
    owner, colon, branch = head.rpartition(":")
    if not colon or owner.lower() == base.owner.lower():
        return base, branch
    for other in change.world.repositories.values():
        family = base.fork_of in (other.full_name, other.fork_of) if base.fork_of else False
        if other.owner.lower() == owner.lower() and (other.fork_of == base.full_name or family):
            return other, branch
    raise validation_failed("PullRequest", "invalid", "head")


def _open_twin(repository: Repository, head: Repository, branch: str, base: str) -> PullRequest | None:
    for pull in repository.pulls.values():
        same_head = pull.head_repository == head.full_name and pull.head_ref == branch
        if same_head and pull.base_ref == base and pull.state is PullState.OPEN:
            return pull
    return None


def _tips_to_join(
    change: Change, repository: Repository, source: Repository, branch: str, base: str
) -> tuple[str, str]:
    """The tips of head and base; 422 where GitHub sees nothing to be asked for."""
    git = change.git
    head_sha, base_sha = source.branch(branch), repository.branch(base)
    if base_sha is None:
        raise validation_failed("PullRequest", "invalid", "base")
    if head_sha is None:
        raise validation_failed("PullRequest", "invalid", "head")
    if _open_twin(repository, source, branch, base):
        message = f"A pull request already exists for {source.owner}:{branch}."
        raise validation_failed("PullRequest", "custom", message=message)
    if git.is_ancestor(head_sha, base_sha):
        label = branch if source.key == repository.key else f"{source.owner}:{branch}"
        raise validation_failed("PullRequest", "custom", message=f"No commits between {base} and {label}")
    if git.merge_base(base_sha, head_sha) is None:
        message = f"The {branch} branch has no history in common with {base}"
        raise validation_failed("PullRequest", "custom", message=message)
    return head_sha, base_sha


def open_pull(
    change: Change,
    repository: Repository,
    *,
    by: str,
    title: str,
    head: tuple[Repository, str],
    base: str,
    body: str | None = None,
    draft: bool = False,
    maintainer_can_modify: bool = False,
) -> PullRequest:
    """Opens one; 422 if the branches do not allow it or an open one has the same head and base."""
    source, branch = head
    head_sha, base_sha = _tips_to_join(change, repository, source, branch, base)
    pull = PullRequest(
        id=change.new_id(),
        number=repository.next_number,
        title=title,
        body=body,
        author=by,
        head_repository=source.full_name,
        head_ref=branch,
        head_sha=head_sha,
        base_ref=base,
        base_sha=base_sha,
        draft=draft,
        state=PullState.OPEN,
        created_at=change.now,
        updated_at=change.now,
        unknown_reads=change.world.mergeable_after_reads,
        maintainer_can_modify=maintainer_can_modify and source.key != repository.key,
    )
    current = change.repository(repository.full_name)
    change.store(replace(current, next_number=pull.number + 1, roots=current.roots | {head_sha}))
    change.store_pull(repository, pull)
    paths = tuple(diff.path for diff in diff_since_fork(change.git, base_sha, head_sha))
    refs.report(change, "pull-request-opened", repository, pull, by=by, base=base, paths=paths)
    return pull


def close_pull(change: Change, repository: Repository, pull: PullRequest, *, by: str) -> PullRequest:
    """Closes it; one that is closed stays as it is."""
    return refs.mark_closed(change, repository, pull, by=by) if pull.state is PullState.OPEN else pull


def reopen_pull(change: Change, repository: Repository, pull: PullRequest, *, by: str) -> PullRequest:
    """Opens a closed one again; 422 unless its branch is where it was and no other one took its place."""
    if pull.state is PullState.OPEN:
        return pull
    if pull.state is PullState.MERGED:
        raise _state_error(
            "state cannot be changed. The pull request cannot be reopened because it was merged."
        )
    source = change.world.repository(pull.head_repository)
    tip = source.branch(pull.head_ref) if source else None
    if source is None or tip is None:
        raise _state_error(f"state cannot be changed. The {pull.head_ref} branch has been deleted.")
    if tip != pull.head_sha:
        raise _state_error(
            f"state cannot be changed. The {pull.head_ref} branch was force-pushed or recreated."
        )
    if repository.branch(pull.base_ref) is None:
        raise _state_error(f"state cannot be changed. The {pull.base_ref} branch has been deleted.")
    if twin := _open_twin(repository, source, pull.head_ref, pull.base_ref):
        raise _state_error(
            f"state cannot be changed. There is already an open pull request, #{twin.number}, "
            f"from {pull.head_ref} to {pull.base_ref}."
        )
    item = change.moment(Moment.REOPENED, by)
    unknown = change.world.mergeable_after_reads
    timeline = (*pull.timeline, item)
    again = replace(pull, state=PullState.OPEN, closed_at=None, timeline=timeline, unknown_reads=unknown)
    again = change.store_pull(repository, again)
    refs.report(change, "pull-request-reopened", repository, again, by=by)
    return again


def _state_error(message: str) -> Refused:
    return validation_failed("PullRequest", "invalid", "state", message)


def edit_pull(
    change: Change,
    repository: Repository,
    pull: PullRequest,
    *,
    by: str,
    title: str | None = None,
    body: str | None = None,
    base: str | None = None,
) -> PullRequest:
    """Changes what is given (None: left as it is)."""
    edited = pull
    if title is not None and title != pull.title:
        item = change.moment(Moment.RENAMED_TITLE, by, pull.title, title)
        edited = replace(edited, title=title, timeline=(*edited.timeline, item))
    if body is not None:
        edited = replace(edited, body=body)
    if base is not None and base != pull.base_ref:
        tip = repository.branch(base)
        if tip is None:
            raise validation_failed("PullRequest", "invalid", "base")
        source = change.world.repository(pull.head_repository)
        if source and _open_twin(repository, source, pull.head_ref, base):
            message = (
                f"A pull request already exists for base branch '{base}' and head branch '{pull.head_ref}'"
            )
            raise validation_failed("PullRequest", "invalid", "base", message)
        item = change.moment(Moment.BASE_REF_CHANGED, by, pull.base_ref, base)
        edited = replace(
            edited,
            base_ref=base,
            base_sha=tip,
            timeline=(*edited.timeline, item),
            unknown_reads=change.world.mergeable_after_reads,
        )
    if edited == pull:
        return pull
    edited = change.store_pull(repository, edited)
    change.emit("pull-request-edited", by=by, repository=repository.full_name, number=pull.number)
    return edited


def merge_pull(
    change: Change,
    repository: Repository,
    pull: PullRequest,
    *,
    by: str,
    method: str = "merge",
    expected_head: str | None = None,
    headline: str | None = None,
    body: str | None = None,
) -> PullRequest:
    """Merges now, by `merge`, `squash` or `rebase`; 405 if it cannot be merged, 409 if the head is another one."""
    allowed = {
        "merge": (repository.merge_commit_allowed, "Merge commits"),
        "squash": (repository.squash_merge_allowed, "Squash merges"),
        "rebase": (repository.rebase_merge_allowed, "Rebase merges"),
    }
    if method not in allowed:
        raise Refused(422, f"Invalid request.\n\nInvalid merge_method: {method}")
    if pull.state is not PullState.OPEN or pull.draft:
        raise Refused(405, NOT_MERGEABLE)
    if expected_head and expected_head != pull.head_sha:
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    tree = merge_tree(change.world, repository, pull)
    base = repository.branch(pull.base_ref)
    if tree is None or base is None:
        raise Refused(405, NOT_MERGEABLE)
    if not allowed[method][0]:
        raise Refused(405, f"{allowed[method][1]} are not allowed on this repository.")
    if reason := missing_requirement(repository, pull):
        raise Refused(405, reason)
    if is_behind(change.git, repository, pull):
        raise Refused(405, behind_refusal(repository, pull))
    commit = _merge_commit(change, repository, pull, by, method, base, tree, headline, body)
    done = refs.mark_merged(change, repository, pull, commit=commit, base=base, by=by)
    refs.move_ref(change, repository.full_name, f"refs/heads/{pull.base_ref}", commit, by=by)
    done = change.pull(repository, done.number)
    refs.report_merged(change, repository, done, by=by)
    _delete_merged_branch(change, repository, done, by)
    return change.pull(repository, done.number)


def _merge_commit(
    change: Change,
    repository: Repository,
    pull: PullRequest,
    by: str,
    method: str,
    base: str,
    tree: str,
    headline: str | None,
    body: str | None,
) -> str:
    git = change.git
    if method == "rebase":
        tip = base
        for commit in pull_commits(git, repository, pull):
            tip = _replay(change, commit, tip, by)
        return tip
    if method == "squash":
        first = headline or f"{pull.title} (#{pull.number})"
        author, parents = change.signature(pull.author), (base,)
    else:
        first = (
            headline or f"Merge pull request #{pull.number} from {refs.head_label(pull).replace(':', '/', 1)}"
        )
        author, parents = change.signature(by), (base, pull.head_sha)  # type: ignore[assignment]
    rest = pull.title if body is None and method == "merge" else body
    message = f"{first}\n\n{rest}" if rest else first
    return git.add_commit(tree, parents, author, message, committer=change.web_flow(), signed=True)


def _replay(change: Change, commit: CommitInfo, onto: str, by: str) -> str:
    git = change.git
    if len(commit.parents) != 1:
        return onto
    tree = merge_trees(git, git.commit(commit.parents[0]).tree, git.commit(onto).tree, commit.tree)
    if tree is None:
        raise Refused(405, "This branch can't be rebased")
    return git.add_commit(tree, (onto,), commit.author, commit.message, committer=change.signature(by))


def _delete_merged_branch(change: Change, repository: Repository, pull: PullRequest, by: str) -> None:
    current = change.repository(repository.full_name)
    same = pull.head_repository == repository.full_name
    if not (current.delete_branch_on_merge and same) or protection_of(current, pull.head_ref):
        return
    for other in current.pulls.values():
        if other.base_ref == pull.head_ref and other.state is PullState.OPEN:
            edit_pull(change, current, other, by=by, base=pull.base_ref)
    refs.move_ref(change, repository.full_name, f"refs/heads/{pull.head_ref}", None, by=by)


def enable_auto_merge(
    change: Change,
    repository: Repository,
    pull: PullRequest,
    *,
    by: str,
    method: str = "merge",
    expected_head: str | None = None,
    headline: str | None = None,
    body: str | None = None,
) -> PullRequest:
    """Has GitHub merge it once it may; refused (by message) where it could be merged now or never."""
    if pull.state is not PullState.OPEN:
        raise Refused(422, "Pull request Can't enable auto-merge for this pull request")
    if expected_head and expected_head != pull.head_sha:
        raise Refused(422, "Head branch was modified. Review and try the merge again.", kind="STALE_DATA")
    if not repository.auto_merge_allowed:
        raise Refused(422, "Pull request Auto merge is not allowed for this repository")
    if protection_of(repository, pull.base_ref) is None:
        raise Refused(422, "Pull request Protected branch rules not configured for this branch")
    status = settled_status(change.world, repository, pull)
    if status in (MergeStatus.CLEAN, MergeStatus.UNSTABLE):
        raise Refused(422, f"Pull request Pull request is in {status.value.lower()} status")
    return _set_auto_merge(change, repository, pull, AutoMerge(by, change.now, method, headline, body), by=by)


def disable_auto_merge(change: Change, repository: Repository, pull: PullRequest, *, by: str) -> PullRequest:
    if pull.auto_merge is None:
        raise Refused(422, "Can't disable auto-merge for this pull request")
    return _set_auto_merge(change, repository, pull, None, by=by)


def _set_auto_merge(
    change: Change, repository: Repository, pull: PullRequest, plan: AutoMerge | None, *, by: str
) -> PullRequest:
    kind, event = (
        (Moment.AUTO_MERGE_ENABLED, "auto-merge-enabled")
        if plan
        else (Moment.AUTO_MERGE_DISABLED, "auto-merge-disabled")
    )
    timeline = (*pull.timeline, change.moment(kind, by))
    pull = change.store_pull(repository, replace(pull, auto_merge=plan, timeline=timeline))
    change.emit(event, by=by, repository=repository.full_name, number=pull.number)
    return pull


def settle(change: Change) -> None:
    """Merges every pull request that waits for its requirements and now has them. Called after each effect."""
    for repository in list(change.world.repositories.values()):
        for number, pull in repository.pulls.items():
            if pull.auto_merge is None or pull.state is not PullState.OPEN:
                continue
            current = change.repository(repository.full_name)
            pull = change.pull(current, number)
            plan = pull.auto_merge
            ready = settled_status(change.world, current, pull) in (MergeStatus.CLEAN, MergeStatus.UNSTABLE)
            if plan and ready:
                merge_pull(
                    change,
                    current,
                    pull,
                    by=plan.enabled_by,
                    method=plan.method,
                    headline=plan.headline,
                    body=plan.body,
                )
