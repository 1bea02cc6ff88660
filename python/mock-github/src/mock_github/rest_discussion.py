"""REST: comments, reviews, statuses, and what happened to a pull request."""

from __future__ import annotations

from mock_github import discussion, shapes, shapes_pulls
from mock_github.clock import stamp
from mock_github.limits import charge_content
from mock_github.requirements import latest_statuses, rollup
from mock_github.rest_call import Call, Route
from mock_github.rest_git import commit_sha
from mock_github.state import Comment, Permission, PullRequest, Repository
from mock_github.wire import Refused, Response, json_response, not_found, validation_failed


def list_comments(call: Call) -> Response:
    home = call.may("pull_requests", "read")
    pull = call.pull(home)
    found = [c for c in pull.comments if _since(call, c)]
    return call.paged(found, lambda c: shapes_pulls.comment(call.change.world, call.site, home, pull, c))


def _since(call: Call, comment: Comment) -> bool:
    since = call.query.get("since")
    return since is None or stamp(comment.updated_at) >= since


def create_comment(call: Call) -> Response:
    home = call.may("pull_requests")
    pull = call.pull(home)
    body = call.body().get("body")
    if not isinstance(body, str) or not body:
        raise validation_failed("IssueComment", "missing_field", "body")
    change = call.change
    change.world = charge_content(change.world, call.caller, pull=False)
    comment = discussion.add_comment(change, home, pull, by=call.caller.name, body=body)
    shape = shapes_pulls.comment(change.world, call.site, home, pull, comment)
    return json_response(201, shape, ("location", shape["url"]))


def _comment(call: Call) -> tuple[Repository, PullRequest, Comment]:
    home = call.repository()
    found = discussion.find_comment(home, call.number("id"))
    if found is None:
        raise not_found()
    return home, *found


def get_comment(call: Call) -> Response:
    call.may("pull_requests", "read")
    home, pull, comment = _comment(call)
    return json_response(200, shapes_pulls.comment(call.change.world, call.site, home, pull, comment))


def _own_comment(call: Call) -> tuple[Repository, PullRequest, Comment]:
    home, pull, comment = _comment(call)
    own = comment.author == call.caller.login
    call.may("pull_requests", needs=Permission.READ if own else Permission.WRITE)
    return home, pull, comment


def update_comment(call: Call) -> Response:
    home, pull, comment = _own_comment(call)
    (body,) = call.required(call.body(), "body")
    edited = discussion.edit_comment(call.change, home, pull, comment, by=call.caller.name, body=body)
    return json_response(200, shapes_pulls.comment(call.change.world, call.site, home, pull, edited))


def delete_comment(call: Call) -> Response:
    home, pull, comment = _own_comment(call)
    discussion.delete_comment(call.change, home, pull, comment, by=call.caller.name)
    return Response(204)


def list_reviews(call: Call) -> Response:
    home = call.may("pull_requests", "read")
    pull = call.pull(home)
    return call.paged(
        pull.reviews, lambda r: shapes_pulls.review(call.change.world, call.site, home, pull, r)
    )


def create_review(call: Call) -> Response:
    home = call.may("pull_requests")
    pull = call.pull(home)
    body = call.body()
    states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
    if body.get("event") not in states:
        raise Refused(501, "mock-github does not know pending reviews")
    review = discussion.add_review(
        call.change, home, pull, by=call.caller.name, state=states[body["event"]], body=body.get("body") or ""
    )
    return json_response(200, shapes_pulls.review(call.change.world, call.site, home, pull, review))


def list_events(call: Call) -> Response:
    home = call.may("pull_requests", "read")
    items = call.pull(home).timeline
    return call.paged(items, lambda i: shapes_pulls.issue_event(call.change.world, call.site, home, i))


def create_status(call: Call) -> Response:
    home = call.may("statuses", needs=Permission.WRITE)
    body = call.body()
    status = discussion.add_status(
        call.change,
        home,
        call.parts["sha"],
        by=call.caller.name,
        state=str(body.get("state")),
        context=body.get("context") or "default",
        description=body.get("description"),
        target_url=body.get("target_url"),
    )
    shape = shapes_pulls.status(call.change.world, call.site, home, call.parts["sha"], status)
    return json_response(201, shape, ("location", shape["url"]))


def list_statuses(call: Call) -> Response:
    home = call.may("statuses", "read")
    sha = commit_sha(call, home, call.parts["ref"])
    found = home.statuses.get(sha, ())[::-1]
    return call.paged(found, lambda s: shapes_pulls.status(call.change.world, call.site, home, sha, s))


def combined_status(call: Call) -> Response:
    home = call.may("statuses", "read")
    sha = commit_sha(call, home, call.parts["ref"])
    world, site = call.change.world, call.site
    found = latest_statuses(home, sha)
    api = shapes.repository_api(site, home)
    body = {
        "state": rollup(found) or "pending",
        "statuses": [shapes_pulls.status(world, site, home, sha, one, creator=False) for one in found],
        "sha": sha,
        "total_count": len(found),
        "repository": shapes.repository(world, site, home, Permission.READ),
        "commit_url": f"{api}/commits/{sha}",
        "url": f"{api}/commits/{sha}/status",
    }
    return json_response(200, body)


ROUTES: list[Route] = [
    ("GET", "/repos/{owner}/{repo}/issues/{number}/comments", list_comments),
    ("POST", "/repos/{owner}/{repo}/issues/{number}/comments", create_comment),
    ("GET", "/repos/{owner}/{repo}/issues/comments/{id}", get_comment),
    ("PATCH", "/repos/{owner}/{repo}/issues/comments/{id}", update_comment),
    ("DELETE", "/repos/{owner}/{repo}/issues/comments/{id}", delete_comment),
    ("GET", "/repos/{owner}/{repo}/pulls/{number}/reviews", list_reviews),
    ("POST", "/repos/{owner}/{repo}/pulls/{number}/reviews", create_review),
    ("GET", "/repos/{owner}/{repo}/issues/{number}/events", list_events),
    ("POST", "/repos/{owner}/{repo}/statuses/{sha}", create_status),
    ("GET", "/repos/{owner}/{repo}/commits/{ref:path}/statuses", list_statuses),
    ("GET", "/repos/{owner}/{repo}/commits/{ref:path}/status", combined_status),
]
