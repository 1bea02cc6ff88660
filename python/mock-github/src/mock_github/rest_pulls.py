"""REST: pull requests."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from mock_github import pulls, refs, shapes, shapes_pulls
from mock_github.limits import charge_content
from mock_github.merge import merge_commits
from mock_github.requirements import pull_commits, pull_diff
from mock_github.rest_call import Call, Route
from mock_github.state import Permission, PullRequest, PullState, Repository
from mock_github.wire import Refused, Response, json_response, not_found, validation_failed


def _full(
    call: Call, home: Repository, number: int, status: int = 200, *headers: tuple[str, str]
) -> Response:
    home = call.change.repository(home.full_name)
    pull = call.change.pull(home, number)
    return json_response(status, shapes_pulls.full_pull(call.change.world, call.site, home, pull), *headers)


def list_pulls(call: Call) -> Response:
    home = call.may("pull_requests", "read")
    query = call.query
    found = list(home.pulls.values())
    state = query.get("state", "open")
    if state != "all":
        found = [pull for pull in found if (pull.state is PullState.OPEN) == (state == "open")]
    owner, colon, branch = query.get("head", "").partition(":")
    if colon:  # without an owner GitHub ignores the filter
        found = [
            pull
            for pull in found
            if pull.head_ref == branch and pull.head_repository.partition("/")[0].lower() == owner.lower()
        ]
    if "base" in query:
        found = [pull for pull in found if pull.base_ref == query["base"]]
    _sort(found, query)
    world, site = call.change.world, call.site
    return call.paged(found, lambda pull: shapes_pulls.simple_pull(world, site, home, pull))


def _sort(found: list[PullRequest], query: dict[str, str]) -> None:
    by = query.get("sort", "created")
    keys: dict[str, Any] = {
        "created": lambda pull: pull.number,
        "updated": lambda pull: (pull.updated_at, pull.number),
        "popularity": lambda pull: (len(pull.comments), pull.number),
        "long-running": lambda pull: -pull.number,
    }
    if by not in keys:
        raise validation_failed("PullRequest", "invalid", "sort")
    descending = query.get("direction", "asc" if "sort" in query and by != "created" else "desc") == "desc"
    found.sort(key=keys[by], reverse=descending)


def create_pull(call: Call) -> Response:
    home = call.may("pull_requests")
    body = call.body()
    change = call.change
    change.world = charge_content(change.world, call.caller, pull=True)
    if body.get("issue") is not None:
        raise Refused(501, "mock-github does not know pull requests made from issues")
    head, base = call.required(body, "head", "base")
    if not body.get("title"):
        raise validation_failed("PullRequest", "missing_field", "title")
    source, branch = pulls.head_of(change, home, head)
    pull = pulls.open_pull(
        change,
        home,
        by=call.caller.name,
        title=str(body["title"]),
        head=(source, branch),
        base=base,
        body=body.get("body"),
        draft=bool(body.get("draft")),
        maintainer_can_modify=body.get("maintainer_can_modify", True) is not False,
    )
    address = f"{shapes.repository_api(call.site, home)}/pulls/{pull.number}"
    return _full(call, home, pull.number, 201, ("location", address))


def get_pull(call: Call) -> Response:
    home = call.may("pull_requests", "read")
    pull = call.pull(home)
    response = _full(call, home, pull.number)
    if pull.state is PullState.OPEN and pull.unknown_reads:
        seen = replace(pull, unknown_reads=pull.unknown_reads - 1)
        call.change.store_pull(home, seen, touch=False)
    return response


def patch_pull(call: Call) -> Response:
    home = call.repository()
    pull = call.pull(home)
    by_author = call.caller.login == pull.author
    call.may("pull_requests", needs=Permission.READ if by_author else Permission.TRIAGE)
    body, by = call.body(), call.caller.name
    state = body.get("state")
    if state not in (None, "open", "closed"):
        raise validation_failed("PullRequest", "invalid", "state")
    text = {name: body.get(name) for name in ("title", "body", "base")}
    change = call.change
    pull = pulls.edit_pull(change, home, pull, by=by, **text)
    home = change.repository(home.full_name)
    if state == "closed":
        pulls.close_pull(change, home, pull, by=by)
    elif state == "open":
        pulls.reopen_pull(change, home, pull, by=by)
    return _full(call, home, pull.number)


def list_files(call: Call) -> Response:
    home = call.may("pull_requests", "read")
    pull = call.pull(home)
    git = call.change.git
    diffs = pull_diff(git, home, pull)
    return call.paged(diffs, lambda diff: shapes.diff_entry(git, call.site, home, diff, pull.head_sha))


def list_commits(call: Call) -> Response:
    home = call.may("pull_requests", "read")
    commits = pull_commits(call.change.git, home, call.pull(home))
    return call.paged(commits, lambda info: shapes.commit(call.change.world, call.site, home, info))


def is_merged(call: Call) -> Response:
    home = call.may("pull_requests", "read")
    if call.pull(home).state is not PullState.MERGED:
        raise not_found()
    return Response(204)


def merge(call: Call) -> Response:
    home = call.may("contents", needs=Permission.WRITE)
    pull = call.pull(home)
    body = call.body()
    done = pulls.merge_pull(
        call.change,
        home,
        pull,
        by=call.caller.name,
        method=body.get("merge_method") or "merge",
        expected_head=body.get("sha"),
        headline=body.get("commit_title"),
        body=body.get("commit_message"),
    )
    answer = {"sha": done.merge_commit, "merged": True, "message": "Pull Request successfully merged"}
    return json_response(200, answer)


def update_branch(call: Call) -> Response:
    """GitHub does it later; here it is done when the 202 comes."""
    home = call.may("pull_requests", needs=Permission.WRITE)
    pull = call.pull(home)
    change, git = call.change, call.change.git
    expected = call.body().get("expected_head_sha")
    if expected and expected != pull.head_sha:
        message = f"expected head sha didn’t match current head ref."  # noqa: F541
        raise Refused(422, message)
    base = home.branch(pull.base_ref)
    if base is None or git.is_ancestor(base, pull.head_sha):
        raise Refused(422, "There are no new commits on the base branch.")
    tree = merge_commits(git, pull.head_sha, base)
    if tree is None:
        raise Refused(422, "merge conflict between base and head")
    message = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    author = change.signature(call.caller.name)
    parents = (pull.head_sha, base)
    sha = git.add_commit(tree, parents, author, message, committer=change.web_flow(), signed=True)
    refs.move_ref(change, pull.head_repository, f"refs/heads/{pull.head_ref}", sha, by=call.caller.name)
    url = f"{shapes.repository_api(call.site, home)}/pulls/{pull.number}"
    return json_response(202, {"message": "Updating pull request branch.", "url": url})


ROUTES: list[Route] = [
    ("GET", "/repos/{owner}/{repo}/pulls", list_pulls),
    ("POST", "/repos/{owner}/{repo}/pulls", create_pull),
    ("GET", "/repos/{owner}/{repo}/pulls/{number}", get_pull),
    ("PATCH", "/repos/{owner}/{repo}/pulls/{number}", patch_pull),
    ("GET", "/repos/{owner}/{repo}/pulls/{number}/files", list_files),
    ("GET", "/repos/{owner}/{repo}/pulls/{number}/commits", list_commits),
    ("GET", "/repos/{owner}/{repo}/pulls/{number}/merge", is_merged),
    ("PUT", "/repos/{owner}/{repo}/pulls/{number}/merge", merge),
    ("PUT", "/repos/{owner}/{repo}/pulls/{number}/update-branch", update_branch),
]
