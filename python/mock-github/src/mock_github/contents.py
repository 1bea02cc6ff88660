"""Files on branches: commits made from changed files, however they were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mock_github import refs
from mock_github.change import Change
from mock_github.git_objects import FILE, Entry, Signature
from mock_github.state import Repository
from mock_github.wire import Refused


def refuse_path(path: str) -> str | None:
    """Why git would not take this path, or None."""
    parts = path.split("/")
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return "path contains a malformed path component"
    return "path contains a .git component" if any(part.lower() == ".git" for part in parts) else None


def commit_files(
    change: Change,
    repository: Repository,
    branch: str,
    *,
    by: str,
    message: str,
    put: Mapping[str, bytes] | None = None,
    remove: Iterable[str] = (),
    author: Signature | None = None,
    committer: Signature | None = None,
    signed: bool = True,
) -> str:
    """Commits onto a branch that exists and moves it; the new commit's sha. 422 for a path git does not take.

    Without an author it is the user `by`; without a committer GitHub itself, which signs.
    """
    git = change.git
    tip = repository.branch(branch)
    if tip is None:
        raise Refused(404, f"Branch {branch} not found", kind="NOT_FOUND")
    changes: dict[str, Entry | None] = dict.fromkeys(remove)
    parent_tree = git.commit(tip).tree
    for path, data in (put or {}).items():
        old = git.find(parent_tree, path)
        mode = old[0] if old and old[0] & 0o170000 == 0o100000 else FILE
        changes[path] = (mode, git.add_blob(data))
    for path in changes:
        if reason := refuse_path(path):
            raise Refused(422, reason)
    tree, who = git.edit(parent_tree, changes), author or change.signature(by)
    seal = committer or author or change.web_flow()
    commit = git.add_commit(tree, (tip,), who, message, committer=seal, signed=signed)
    if reason := refs.push_refusal(change, repository, f"refs/heads/{branch}", commit, by):
        raise Refused(409, f"Repository rule violations found\n\n{reason}\n", detail=reason)
    refs.move_ref(change, repository.full_name, f"refs/heads/{branch}", commit, by=by)
    return commit
