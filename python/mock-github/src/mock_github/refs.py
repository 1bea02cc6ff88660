"""Branches and tags: how they move, and what follows for pull requests when they do."""

from __future__ import annotations

from dulwich.refs import Ref, check_ref_format
from msgspec.structs import replace

from mock_github.access import role
from mock_github.change import Change
from mock_github.requirements import diff_since_fork, protection_of
from mock_github.state import Moment, Permission, PullRequest, PullState, Repository
from mock_github.wire import Refused


def create_ref(change: Change, repository: Repository, ref: str, sha: str, *, by: str) -> None:
    """POST git/refs: 422 for a bad name, an unknown object, a ref that exists or one in the way."""
    if not ref.startswith("refs/") or ref.count("/") < 2 or not check_ref_format(Ref(ref.encode())):
        raise Refused(422, f"Reference name must start with 'refs/' and be a valid name: {ref}")
    if ref in repository.refs:
        raise Refused(422, "Reference already exists")
    if not repository.has_commit(change.git, sha):
        raise Refused(422, "Object does not exist")
    if in_the_way(repository, ref):
        raise Refused(422, "Reference update failed")
    move_ref(change, repository.full_name, ref, sha, by=by)


def in_the_way(repository: Repository, ref: str) -> str | None:
    """A ref that is a folder where `ref` would be a file, or the other way round."""
    return next((o for o in repository.refs if o.startswith(f"{ref}/") or ref.startswith(f"{o}/")), None)


def update_ref(change: Change, repository: Repository, ref: str, sha: str, *, by: str, force: bool) -> None:
    """PATCH git/refs: 422 unless it is a fast-forward or forced; protection is obeyed."""
    before = repository.refs.get(ref)
    if before is None:
        raise Refused(422, "Reference does not exist")
    if not repository.has_commit(change.git, sha):
        raise Refused(422, "Object does not exist")
    forward = change.git.is_ancestor(before, sha)
    if not forward and not force:
        raise Refused(422, "Update is not a fast forward")
    if reason := push_refusal(change, repository, ref, sha, by):
        raise Refused(422, reason)
    move_ref(change, repository.full_name, ref, sha, by=by)


def delete_ref(change: Change, repository: Repository, ref: str, *, by: str) -> None:
    if ref not in repository.refs:
        raise Refused(422, "Reference does not exist")
    if ref == f"refs/heads/{repository.default_branch}":
        raise Refused(422, "Cannot delete the default branch")
    if reason := push_refusal(change, repository, ref, None, by):
        raise Refused(422, reason)
    move_ref(change, repository.full_name, ref, None, by=by)


def push_refusal(change: Change, repository: Repository, ref: str, sha: str | None, by: str) -> str | None:
    """Why a protected branch does not take this push, in GitHub's words; None if it does."""
    branch = ref.removeprefix("refs/heads/")
    rule = protection_of(repository, branch) if ref.startswith("refs/heads/") else None
    before = repository.refs.get(ref)
    if rule is None or before is None:
        return None
    if sha is None:
        return None if rule.allow_deletions else "Cannot delete this protected branch"
    if not change.git.is_ancestor(before, sha) and not rule.allow_force_pushes:
        return "Cannot force-push to this protected branch"
    if role(repository, by) is Permission.ADMIN and not rule.enforce_admins:
        return None
    if rule.required_approvals:
        return "Changes must be made through a pull request."
    states = {status.context: status.state for status in repository.statuses.get(sha, ())}
    for context in rule.required_checks or ():
        if states.get(context) != "success":
            return f'Required status check "{context}" is expected.'
    return None


def move_ref(change: Change, full_name: str, ref: str, sha: str | None, *, by: str) -> None:
    """Points a ref at a sha, or removes it (None), with everything that follows. Checks nothing."""
    repository = change.repository(full_name)
    before = repository.refs.get(ref)
    if before == sha:
        return
    refs = repository.refs.set(ref, sha) if sha else repository.refs.without(ref)
    roots = repository.roots | {sha} if sha else repository.roots
    repository = change.store(
        replace(repository, refs=refs, roots=roots, pushed_at=change.now, updated_at=change.now)
    )
    if not ref.startswith("refs/heads/"):
        return
    branch = ref.removeprefix("refs/heads/")
    _report(change, repository, branch, before, sha, by)
    _follow_head(change, repository, branch, before, sha, by)
    _follow_base(change, repository, branch, before, sha, by)


def _report(
    change: Change, repository: Repository, branch: str, before: str | None, after: str | None, by: str
) -> None:
    if after is None:
        kind, paths = "branch-deleted", []
    elif before is None:
        default = (
            repository.branch(repository.default_branch) if branch != repository.default_branch else None
        )
        kind, paths = "branch-created", diff_since_fork(change.git, default, after)
    else:
        kind, paths = (
            "branch-moved",
            change.git.diff(change.git.commit(before).tree, change.git.commit(after).tree),
        )
    change.emit(
        kind,
        by=by,
        repository=repository.full_name,
        branch=branch,
        before=before,
        after=after,
        paths=tuple(diff.path for diff in paths),
        **({"removed": tuple(d.path for d in paths if d.after is None)} if kind == "branch-moved" else {}),
    )


def _follow_head(
    change: Change, repository: Repository, branch: str, before: str | None, after: str | None, by: str
) -> None:
    """Pull requests from this branch: an open one follows it, and is closed when the branch goes."""
    for home in list(change.world.repositories.values()):
        for pull in home.pulls.values():
            if pull.head_repository.lower() != repository.key or pull.head_ref != branch:
                continue
            if after is None:
                if pull.head_sha == before:
                    gone = change.moment(Moment.HEAD_REF_DELETED, by, before)
                    pull = change.store_pull(home, replace(pull, timeline=(*pull.timeline, gone)))
                if pull.state is PullState.OPEN:
                    mark_closed(change, home, pull, by=by)
            elif pull.state is PullState.OPEN:
                _move_head(change, home, pull, after, by)


def _move_head(change: Change, home: Repository, pull: PullRequest, after: str, by: str) -> None:
    timeline = pull.timeline
    if not change.git.is_ancestor(pull.head_sha, after):
        timeline = (*timeline, change.moment(Moment.HEAD_REF_FORCE_PUSHED, by, pull.head_sha, after))
    home = change.repository(home.full_name)
    change.store(replace(home, roots=home.roots | {after}))
    base = home.branch(pull.base_ref) or pull.base_sha
    change.store_pull(
        home,
        replace(
            pull,
            head_sha=after,
            base_sha=base,
            timeline=timeline,
            unknown_reads=change.world.mergeable_after_reads,
        ),
    )


def _follow_base(
    change: Change, repository: Repository, branch: str, before: str | None, after: str | None, by: str
) -> None:
    """Pull requests into this branch: merged if the branch took their commits, closed if it goes."""
    home = change.repository(repository.full_name)
    for pull in home.pulls.values():
        if pull.base_ref != branch or pull.state is not PullState.OPEN:
            continue
        if after is None:
            mark_closed(change, home, pull, by=by)
        elif before and change.git.is_ancestor(pull.head_sha, after):
            done = mark_merged(change, home, pull, commit=after, base=before, by=by)
            report_merged(change, home, done, by=by)
        else:
            unknown = change.world.mergeable_after_reads
            change.store_pull(home, replace(pull, unknown_reads=unknown), touch=False)


def mark_closed(change: Change, home: Repository, pull: PullRequest, *, by: str) -> PullRequest:
    item = change.moment(Moment.CLOSED, by)
    base = change.repository(home.full_name).branch(pull.base_ref) or pull.base_sha
    closed = replace(
        pull,
        state=PullState.CLOSED,
        closed_at=change.now,
        base_sha=base,
        auto_merge=None,
        timeline=(*pull.timeline, item),
    )
    closed = change.store_pull(home, closed)
    report(change, "pull-request-closed", home, closed, by=by)
    return closed


def mark_merged(
    change: Change, home: Repository, pull: PullRequest, *, commit: str, base: str, by: str
) -> PullRequest:
    """`base` is the tip of the base branch before the merge. It is reported when that branch has moved."""
    merged = change.moment(Moment.MERGED, by, base, commit)
    closed = change.moment(Moment.CLOSED, by)
    done = replace(
        pull,
        state=PullState.MERGED,
        merged_at=change.now,
        closed_at=change.now,
        merged_by=by,
        merge_commit=commit,
        base_sha=base,
        auto_merge=None,
        timeline=(*pull.timeline, merged, closed),
    )
    return change.store_pull(home, done)


def report_merged(change: Change, home: Repository, pull: PullRequest, *, by: str) -> None:
    report(change, "pull-request-merged", home, pull, by=by, merge_commit=pull.merge_commit)


def report(
    change: Change, event: str, home: Repository, pull: PullRequest, *, by: str, **more: object
) -> None:
    """Logs what happened to a pull request."""
    change.emit(event, by=by, repository=home.full_name, number=pull.number, head=head_label(pull), **more)


def head_label(pull: PullRequest) -> str:
    """owner:branch, as GitHub labels a head."""
    return f"{pull.head_repository.partition('/')[0]}:{pull.head_ref}"
