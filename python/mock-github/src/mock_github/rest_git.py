"""REST: refs, branches, commits, comparisons and git's own objects."""

from __future__ import annotations

from mock_github import refs, shapes
from mock_github.access import require
from mock_github.clock import stamp
from mock_github.requirements import diff_since_fork, protection_of
from mock_github.rest_call import Call, Route
from mock_github.revisions import resolve
from mock_github.shapes import Shape
from mock_github.state import Permission, Repository
from mock_github.wire import Refused, Response, json_response, not_found


def commit_sha(call: Call, home: Repository, name: str) -> str:
    """The commit that a name means; 422 in GitHub's words if there is none."""
    sha = resolve(call.change.git, home, name)
    if sha is None or call.change.git.kind(sha) != "commit":
        raise Refused(422, f"No commit found for SHA: {name}")
    return sha


def _ref(call: Call, home: Repository, name: str) -> Shape:
    return shapes.git_ref(call.change.git, call.site, home, name, home.refs[name])


def get_ref(call: Call) -> Response:
    home = call.may("contents", "read")
    name = f"refs/{call.parts['ref']}"
    if name not in home.refs:
        raise not_found()
    return json_response(200, _ref(call, home, name))


def matching_refs(call: Call) -> Response:
    home = call.may("contents", "read")
    prefix = f"refs/{call.parts.get('ref', '')}"
    found = sorted(name for name in home.refs if name.startswith(prefix))
    return json_response(200, [_ref(call, home, name) for name in found])


def create_ref(call: Call) -> Response:
    home = call.may("contents", needs=Permission.WRITE)
    name, sha = call.required(call.body(), "ref", "sha")
    refs.create_ref(call.change, home, name, sha, by=call.caller.name)
    shape = _ref(call, call.repository(), name)
    return json_response(201, shape, ("location", shape["url"]))


def update_ref(call: Call) -> Response:
    home = call.may("contents", needs=Permission.WRITE)
    body = call.body()
    (sha,) = call.required(body, "sha")
    name = f"refs/{call.parts['ref']}"
    refs.update_ref(call.change, home, name, sha, by=call.caller.name, force=bool(body.get("force")))
    return json_response(200, _ref(call, call.repository(), name))


def delete_ref(call: Call) -> Response:
    home = call.may("contents", needs=Permission.WRITE)
    refs.delete_ref(call.change, home, f"refs/{call.parts['ref']}", by=call.caller.name)
    return Response(204)


def list_branches(call: Call) -> Response:
    home = call.may("contents", "read")
    names = sorted(n.removeprefix("refs/heads/") for n in home.refs if n.startswith("refs/heads/"))
    if "protected" in call.query:
        wanted = call.query["protected"] == "true"
        names = [name for name in names if (protection_of(home, name) is not None) == wanted]
    return call.paged(names, lambda name: _branch(call, home, name))


def _branch(call: Call, home: Repository, name: str) -> Shape:
    sha = home.refs[f"refs/heads/{name}"]
    api = shapes.repository_api(call.site, home)
    rule = protection_of(home, name)
    contexts = list(rule.required_checks or ()) if rule else []
    checks = {
        "url": f"{api}/branches/{name}/protection/required_status_checks",
        "enforcement_level": ("everyone" if rule.enforce_admins else "non_admins")
        if contexts and rule
        else "off",
        "contexts": contexts,
        "contexts_url": f"{api}/branches/{name}/protection/required_status_checks/contexts",
        "checks": [{"context": context, "app_id": None} for context in contexts],
    }
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{api}/commits/{sha}"},
        "protected": rule is not None,
        "protection": {"enabled": rule is not None, "required_status_checks": checks},
        "protection_url": f"{api}/branches/{name}/protection",
    }


def get_branch(call: Call) -> Response:
    home = call.may("contents", "read")
    name = call.parts["branch"]
    sha = home.branch(name)
    if sha is None:
        raise Refused(404, "Branch not found")
    info = call.change.git.commit(sha)
    links = {
        "self": f"{shapes.repository_api(call.site, home)}/branches/{name}",
        "html": f"{call.site.html}/{home.full_name}/tree/{name}",
    }
    shape = _branch(call, home, name) | {
        "commit": shapes.commit(call.change.world, call.site, home, info),
        "_links": links,
    }
    return json_response(200, shape)


def list_commits(call: Call) -> Response:
    home = call.may("contents", "read")
    git, query = call.change.git, call.query
    start = resolve(git, home, query.get("sha", "HEAD"))
    if start is None or git.kind(start) != "commit":
        raise not_found()
    found = git.log(start)
    if "path" in query:
        found = [info for info in found if git.touches(info, query["path"])]
    if "since" in query:
        found = [info for info in found if stamp(info.committer.at * 1000) >= query["since"]]
    if "until" in query:
        found = [info for info in found if stamp(info.committer.at * 1000) <= query["until"]]
    for side in ("author", "committer"):
        if side in query:
            raise Refused(501, f"mock-github does not know commits filtered by {side}")
    return call.paged(found, lambda info: shapes.commit(call.change.world, call.site, home, info))


def get_commit(call: Call) -> Response:
    home = call.may("contents", "read")
    git = call.change.git
    info = git.commit(commit_sha(call, home, call.parts["ref"]))
    if "application/vnd.github.sha" in (call.request.header("accept") or ""):
        return Response(200, (("content-type", "application/vnd.github.sha"),), info.sha.encode())
    before = git.commit(info.parents[0]).tree if info.parents else None
    files = [shapes.diff_entry(git, call.site, home, diff, info.sha) for diff in git.diff(before, info.tree)]
    added, removed = sum(f["additions"] for f in files), sum(f["deletions"] for f in files)
    stats = {"total": added + removed, "additions": added, "deletions": removed}
    shape = shapes.commit(call.change.world, call.site, home, info)
    return json_response(200, {**shape, "stats": stats, "files": files})


def compare(call: Call) -> Response:
    home = call.may("contents", "read")
    git, world, site = call.change.git, call.change.world, call.site
    left, dots, right = call.parts["basehead"].partition("...")
    if not dots:
        raise not_found()
    base, head = (_side(call, home, name) for name in (left, right))
    fork = git.merge_base(base, head)
    if fork is None:
        raise Refused(404, f"No common ancestor between {left} and {right}.")
    ahead = git.log(head, without=base)[::-1]
    behind = len(git.log(base, without=head))
    states = {(0, 0): "identical", (1, 0): "ahead", (0, 1): "behind", (1, 1): "diverged"}
    html = f"{site.html}/{home.full_name}/compare/{left}...{right}"
    diffs = diff_since_fork(git, base, head)
    body = {
        "url": f"{shapes.repository_api(site, home)}/compare/{left}...{right}",
        "html_url": html,
        "permalink_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": shapes.commit(world, site, home, git.commit(base)),
        "merge_base_commit": shapes.commit(world, site, home, git.commit(fork)),
        "status": states[int(bool(ahead)), int(bool(behind))],
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "commits": [shapes.commit(world, site, home, info) for info in ahead[:250]],
        "files": [shapes.diff_entry(git, site, home, diff, head) for diff in diffs[:300]],
    }
    return json_response(200, body)


def _side(call: Call, home: Repository, name: str) -> str:
    owner, colon, branch = name.partition(":")
    where = home
    if colon and owner.lower() != home.owner.lower():
        family = {home.full_name, home.fork_of}
        others = [r for r in call.change.world.repositories.values() if r.owner.lower() == owner.lower()]
        found = [r for r in others if r.fork_of in family or r.full_name in family]
        if not found:
            raise not_found()
        where = found[0]
        require(call.caller, where, "contents", "read")
    sha = resolve(call.change.git, where, branch if colon else name)
    if sha is None:
        raise not_found()
    return sha


def get_git_commit(call: Call) -> Response:
    home = call.may("contents", "read")
    sha = call.parts["sha"]
    if not home.has_commit(call.change.git, sha):
        raise not_found()
    return json_response(200, shapes.git_commit(call.site, home, call.change.git.commit(sha)))


def get_tree(call: Call) -> Response:
    home = call.may("contents", "read")
    git = call.change.git
    sha = resolve(git, home, call.parts["sha"]) or call.parts["sha"]
    if git.kind(sha) == "commit":
        sha = git.commit(sha).tree
    if git.kind(sha) != "tree" or not home.has_object(git, sha):
        raise not_found()
    entries = git.walk_all(sha) if "recursive" in call.query else git.entries(sha).items()
    api = shapes.repository_api(call.site, home)
    listed = [shapes.tree_entry(git, call.site, home, path, entry) for path, entry in entries]
    return json_response(
        200, {"sha": sha, "url": f"{api}/git/trees/{sha}", "tree": listed, "truncated": False}
    )


def get_blob(call: Call) -> Response:
    home = call.may("contents", "read")
    git, sha = call.change.git, call.parts["sha"]
    if git.kind(sha) != "blob" or not home.has_object(git, sha):
        raise not_found()
    return json_response(200, shapes.blob(git, call.site, home, sha))


ROUTES: list[Route] = [
    ("GET", "/repos/{owner}/{repo}/git/ref/{ref:path}", get_ref),
    ("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref:path}", matching_refs),
    ("GET", "/repos/{owner}/{repo}/git/matching-refs/", matching_refs),
    ("POST", "/repos/{owner}/{repo}/git/refs", create_ref),
    ("PATCH", "/repos/{owner}/{repo}/git/refs/{ref:path}", update_ref),
    ("DELETE", "/repos/{owner}/{repo}/git/refs/{ref:path}", delete_ref),
    ("GET", "/repos/{owner}/{repo}/git/commits/{sha}", get_git_commit),
    ("GET", "/repos/{owner}/{repo}/git/trees/{sha:path}", get_tree),
    ("GET", "/repos/{owner}/{repo}/git/blobs/{sha}", get_blob),
    ("GET", "/repos/{owner}/{repo}/branches", list_branches),
    ("GET", "/repos/{owner}/{repo}/branches/{branch:path}", get_branch),
    ("GET", "/repos/{owner}/{repo}/compare/{basehead:path}", compare),
]
COMMIT_ROUTES: list[Route] = [
    ("GET", "/repos/{owner}/{repo}/commits", list_commits),
    ("GET", "/repos/{owner}/{repo}/commits/{ref:path}", get_commit),
]
