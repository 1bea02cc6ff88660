"""REST: the user, the repository, its files, and GitHub about itself."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from msgspec.structs import replace

from mock_github import access, contents, limits, shapes
from mock_github.git_objects import FOLDER, Signature
from mock_github.rest_call import Call, Route
from mock_github.revisions import resolve
from mock_github.state import Permission, Repository
from mock_github.wire import Refused, Response, json_response, not_found, unknown_to_mock

_SETTINGS = {
    "description": "description",
    "archived": "archived",
    "private": "private",
    "default_branch": "default_branch",
    "allow_auto_merge": "auto_merge_allowed",
    "allow_merge_commit": "merge_commit_allowed",
    "allow_squash_merge": "squash_merge_allowed",
    "allow_rebase_merge": "rebase_merge_allowed",
    "delete_branch_on_merge": "delete_branch_on_merge",
}


def get_user(call: Call) -> Response:
    if call.caller.token is not None and call.caller.token.installation:
        raise Refused(403, access.NOT_FOR_APPS)
    return json_response(200, shapes.full_user(call.site, call.change.user(call.caller.name)))


def get_user_by_login(call: Call) -> Response:
    return json_response(200, shapes.full_user(call.site, call.change.user(call.parts["login"])))


def get_repository(call: Call) -> Response:
    return _repository(call, call.may("metadata", "read"))


def _repository(call: Call, home: Repository) -> Response:
    have = access.role(home, call.caller.login)
    return json_response(200, shapes.full_repository(call.change.world, call.site, home, have))


def patch_repository(call: Call) -> Response:
    home = call.repository()
    body = call.body()
    if body.get("archived") is False and home.archived:
        call.may("administration", "read")
    else:
        call.may("administration", needs=Permission.ADMIN)
    if unknown := body.keys() - _SETTINGS.keys() - {"name"}:
        raise unknown_to_mock(f"repository settings {', '.join(sorted(unknown))}")
    if body.get("name") not in (None, home.name):
        raise unknown_to_mock("renaming a repository by REST")
    if "default_branch" in body and home.branch(body["default_branch"]) is None:
        raise Refused(422, "Validation Failed", [f"The branch {body['default_branch']} was not found."])
    given: dict[str, Any] = {field: body[name] for name, field in _SETTINGS.items() if name in body}
    home = call.change.store(replace(home, updated_at=call.change.now, **given))
    call.change.emit("repository-edited", by=call.caller.name, repository=home.full_name)
    return _repository(call, home)


def get_contents(call: Call) -> Response:
    home = call.may("contents", "read")
    git = call.change.git
    ref = call.query.get("ref", home.default_branch)
    sha = resolve(git, home, ref)
    if sha is None or git.kind(sha) != "commit":
        raise Refused(404, f"No commit found for the ref {ref}")
    path = call.parts.get("path", "").strip("/")
    entry = git.find(git.commit(sha).tree, path)
    if entry is None:
        raise not_found()
    if entry[0] == FOLDER:
        items = [
            shapes.content(git, call.site, home, f"{path}/{name}".lstrip("/"), inner, ref)
            for name, inner in git.entries(entry[1]).items()
        ]
        return json_response(200, items)
    if "raw" in (call.request.header("accept") or ""):
        kind = ("content-type", "application/vnd.github.raw; charset=utf-8")
        return Response(200, (kind,), git.blob(entry[1]))
    return json_response(200, shapes.file_content(git, call.site, home, path, entry, ref))


def _identity(call: Call, given: object) -> Signature | None:
    if not isinstance(given, dict) or not given.get("name") or not given.get("email"):
        return None
    return Signature(str(given["name"]), str(given["email"]), call.change.now // 1000)


def _target(call: Call, body: dict[str, Any]) -> tuple[Repository, str]:
    """The repository and the branch to write to; a branch that is not there is told before all else."""
    home = call.may("contents", needs=Permission.WRITE)
    branch = str(body.get("branch") or home.default_branch).removeprefix("refs/heads/")
    if home.branch(branch) is None:
        raise Refused(404, f"Branch {branch} not found")
    return home, branch


def put_contents(call: Call) -> Response:
    body = call.body()
    home, branch = _target(call, body)
    git, path = call.change.git, call.parts["path"].strip("/")
    old = git.find(git.commit(home.branch(branch) or "").tree, path)
    message, coded = call.required(body, "message", "content")
    if old is not None and body.get("sha") is None:
        raise Refused(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if old is not None and body["sha"] != old[1]:
        raise Refused(409, f"{path} does not match {body['sha']}")
    try:
        data = base64.b64decode(coded, validate=False)
    except binascii.Error:
        raise Refused(422, "content is not valid Base64") from None
    sha = _commit(call, home, branch, message, body, put={path: data})
    entry = git.find(git.commit(sha).tree, path)
    assert entry is not None
    answer = {
        "content": shapes.content(git, call.site, home, path, entry, branch),
        "commit": shapes.git_commit(call.site, home, git.commit(sha)),
    }
    return json_response(200 if old else 201, answer)


def delete_contents(call: Call) -> Response:
    body = call.body() or dict(call.query)
    home, branch = _target(call, body)
    git, path = call.change.git, call.parts["path"].strip("/")
    message, sha = call.required(body, "message", "sha")
    old = git.find(git.commit(home.branch(branch) or "").tree, path)
    if old is None:
        raise not_found()
    if sha != old[1]:
        raise Refused(409, f"{path} does not match {sha}")
    made = _commit(call, home, branch, message, body, remove=[path])
    return json_response(
        200, {"content": None, "commit": shapes.git_commit(call.site, home, git.commit(made))}
    )


def _commit(
    call: Call, home: Repository, branch: str, message: str, body: dict[str, Any], **files: Any
) -> str:
    change = call.change
    change.world = limits.charge_content(change.world, call.caller, pull=False)
    author = _identity(call, body.get("author"))
    committer = _identity(call, body.get("committer"))
    return contents.commit_files(
        change,
        change.repository(home.full_name),
        branch,
        by=call.caller.name,
        message=message,
        author=author or committer,
        committer=committer,
        signed=author is None and committer is None,
        **files,
    )


def rate_limit(call: Call) -> Response:
    shown = {}
    for resource in ("core", "graphql"):
        window = limits.window(call.change.world, call.caller, resource)
        shown[resource] = {
            "limit": window.limit,
            "used": window.used,
            "remaining": window.remaining,
            "reset": window.reset,
        }
    idle = {"limit": 30, "used": 0, "remaining": 30, "reset": shown["core"]["reset"]}
    return json_response(200, {"resources": {**shown, "search": idle}, "rate": shown["core"]})


def meta(call: Call) -> Response:
    return json_response(200, {"verifiable_password_authentication": False})


ROUTES: list[Route] = [
    ("GET", "/user", get_user),
    ("GET", "/users/{login}", get_user_by_login),
    ("GET", "/rate_limit", rate_limit),
    ("GET", "/meta", meta),
    ("GET", "/repos/{owner}/{repo}", get_repository),
    ("PATCH", "/repos/{owner}/{repo}", patch_repository),
    ("GET", "/repos/{owner}/{repo}/contents", get_contents),
    ("GET", "/repos/{owner}/{repo}/contents/", get_contents),
    ("GET", "/repos/{owner}/{repo}/contents/{path:path}", get_contents),
    ("PUT", "/repos/{owner}/{repo}/contents/{path:path}", put_contents),
    ("DELETE", "/repos/{owner}/{repo}/contents/{path:path}", delete_contents),
]
