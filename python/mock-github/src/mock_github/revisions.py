"""From what a client calls a commit to the commit."""

from __future__ import annotations

import re

from mock_github.git_objects import GitObjects
from mock_github.state import Repository


def resolve(git: GitObjects, home: Repository, expression: str) -> str | None:
    """The object that a git revision names: a sha, a ref, HEAD, any of them with ~n, or `commit:path`."""
    revision, colon, path = expression.partition(":")
    found = re.fullmatch(r"(.+?)(?:~(\d+)|(\^))?", revision)
    if found is None:
        return None
    sha = _named(git, home, found[1])
    for _ in range(int(found[2] or (1 if found[3] else 0))):
        if sha is None or git.kind(sha) != "commit":
            return None
        sha = next(iter(git.commit(sha).parents), None)
    if not colon or sha is None:
        return sha
    entry = git.find(git.commit(sha).tree, path.strip("/"))
    return entry[1] if entry else None


def _named(git: GitObjects, home: Repository, name: str) -> str | None:
    if name == "HEAD":
        return home.branch(home.default_branch)
    for ref in (name, f"refs/{name}", f"refs/heads/{name}", f"refs/tags/{name}"):
        if ref in home.refs:
            return home.refs[ref]
    if re.fullmatch(r"[0-9a-f]{40}", name) and home.has_commit(git, name):
        return name
    if re.fullmatch(r"[0-9a-f]{7,39}", name):
        known = {sha for root in home.roots for sha in git.ancestors(root) if sha.startswith(name)}
        return known.pop() if len(known) == 1 else None
    return None
