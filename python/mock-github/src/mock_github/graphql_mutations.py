"""GraphQL: what changes things."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from mock_github import contents, discussion, pulls, refs
from mock_github.access import can_see, require
from mock_github.graphql_base import Ask, Edge, Info, View, node_id, node_parts
from mock_github.graphql_commits import CommitView, RefView
from mock_github.graphql_people import person
from mock_github.graphql_pulls import CommentView, PullView
from mock_github.state import Permission, PullRequest, Repository
from mock_github.wire import Refused, unknown_to_mock

Input = dict[str, Any]
Payload = dict[str, Any]


def _unresolved(node: str) -> Refused:
    return Refused(404, f"Could not resolve to a node with the global id of '{node}'", kind="NOT_FOUND")


def repository_by_id(ask: Ask, number: str) -> Repository | None:
    for home in ask.change.world.repositories.values():
        if str(home.id) == number and can_see(ask.caller, home):
            return home
    return None


def _repository(ask: Ask, node: str) -> Repository:
    prefix, parts = node_parts(node)
    home = repository_by_id(ask, parts[0]) if prefix == "R" and parts else None
    if home is None:
        raise _unresolved(node)
    return home


def _pull(ask: Ask, node: str) -> tuple[Repository, PullRequest]:
    prefix, parts = node_parts(node)
    home = repository_by_id(ask, parts[0]) if prefix == "PR" and len(parts) == 2 else None
    pull = home.pulls.get(int(parts[1])) if home else None
    if home is None or pull is None:
        raise _unresolved(node)
    return home, pull


def _ref(ask: Ask, node: str) -> tuple[Repository, str]:
    prefix, parts = node_parts(node)
    home = repository_by_id(ask, parts[0]) if prefix == "REF" and len(parts) == 2 else None
    if home is None or parts[1] not in home.refs:
        raise _unresolved(node)
    return home, parts[1]


class MutationRoot(View):
    """One method per mutation. `input` is the schema's word."""

    def _answer(self, input: Input, **fields: Any) -> Payload:  # noqa: A002
        actor = person(self.ask, self.ask.caller.login)
        return {"clientMutationId": input.get("clientMutationId"), "actor": actor, **fields}

    def _view(self, home: Repository, number: int) -> PullView:
        change = self.ask.change
        home = change.repository(home.full_name)
        return PullView(self.ask, home, home.pulls[number])

    def _ref_view(self, home: Repository, name: str) -> RefView:
        home = self.ask.change.repository(home.full_name)
        return RefView(self.ask, home, name, home.refs[name])

    def _committable(self, branch: Input) -> tuple[Repository, str]:
        if branch.get("id"):
            home, name = _ref(self.ask, branch["id"])
            return home, name.removeprefix("refs/heads/")
        full_name, name = branch.get("repositoryNameWithOwner") or "", branch.get("branchName") or ""
        if not full_name or not name:
            raise Refused(422, "A branch id, or a repository name and a branch name, must be given")
        found = self.ask.change.world.repository(full_name)
        if found is None or not can_see(self.ask.caller, found):
            message = f"Could not resolve to a Repository with the name '{full_name}'."
            raise Refused(404, message, kind="NOT_FOUND")
        return found, name.removeprefix("refs/heads/")

    def createCommitOnBranch(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, branch = self._committable(input["branch"])
        require(self.ask.caller, home, "contents", needs=Permission.WRITE)
        tip = home.branch(branch)
        if tip is None:
            message = f'No ref found with name "{branch}" in the "{home.full_name}" repository'
            raise Refused(404, message, kind="NOT_FOUND")
        expected = input["expectedHeadOid"]
        if tip != expected:
            message = f'Expected branch to point to "{expected}" but it did not. Pull and try again.'
            raise Refused(409, message, kind="STALE_DATA")
        files = input.get("fileChanges") or {}
        put = {
            item["path"]: _decoded(item["contents"], item["path"]) for item in files.get("additions") or ()
        }
        remove = [item["path"] for item in files.get("deletions") or ()]
        for path in remove:
            if self.ask.change.git.find(self.ask.change.git.commit(tip).tree, path) is None:
                raise Refused(
                    422, f"A file with the path '{path}' could not be found.", kind="FILE_NOT_FOUND"
                )
        words = input["message"]
        message = f"{words['headline']}\n\n{words['body']}" if words.get("body") else words["headline"]
        sha = contents.commit_files(
            self.ask.change, home, branch, by=self.ask.caller.name, message=message, put=put, remove=remove
        )
        ref = self._ref_view(home, f"refs/heads/{branch}")
        return self._answer(input, commit=CommitView(self.ask, ref.home, sha), ref=ref)

    def createRef(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home = _repository(self.ask, input["repositoryId"])
        require(self.ask.caller, home, "contents", needs=Permission.WRITE)
        name = input["name"]
        if name in home.refs:
            raise Refused(422, f'A ref named "{name}" already exists in the repository.')
        refs.create_ref(self.ask.change, home, name, input["oid"], by=self.ask.caller.name)
        return self._answer(input, ref=self._ref_view(home, name))

    def updateRef(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, name = _ref(self.ask, input["refId"])
        require(self.ask.caller, home, "contents", needs=Permission.WRITE)
        force = bool(input.get("force"))
        refs.update_ref(self.ask.change, home, name, input["oid"], by=self.ask.caller.name, force=force)
        return self._answer(input, ref=self._ref_view(home, name))

    def deleteRef(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, name = _ref(self.ask, input["refId"])
        require(self.ask.caller, home, "contents", needs=Permission.WRITE)
        refs.delete_ref(self.ask.change, home, name, by=self.ask.caller.name)
        return self._answer(input)

    def createPullRequest(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home = _repository(self.ask, input["repositoryId"])
        require(self.ask.caller, home, "pull_requests")
        head = input["headRefName"].removeprefix("refs/heads/")
        source, branch = pulls.head_of(self.ask.change, home, head)
        if input.get("headRepositoryId"):
            source = _repository(self.ask, input["headRepositoryId"])
        if source.branch(branch) is None:
            nothing = f"No commits between {input['baseRefName']} and {branch}"
            message = (
                f"Head sha can't be blank, Base sha can't be blank, {nothing}, Head ref must be a branch"
            )
            raise Refused(422, message)
        pull = pulls.open_pull(
            self.ask.change,
            home,
            by=self.ask.caller.name,
            title=input["title"],
            head=(source, branch),
            base=input["baseRefName"].removeprefix("refs/heads/"),
            body=input.get("body"),
            draft=bool(input.get("draft")),
            maintainer_can_modify=input.get("maintainerCanModify", True) is not False,
        )
        return self._answer(input, pullRequest=self._view(home, pull.number))

    def _writable_pull(self, input: Input, **wanted: Any) -> tuple[Repository, PullRequest]:  # noqa: A002
        home, pull = _pull(self.ask, input["pullRequestId"])
        if self.ask.caller.login != pull.author and "needs" not in wanted:
            wanted["needs"] = Permission.TRIAGE
        require(self.ask.caller, home, wanted.pop("permission", "pull_requests"), **wanted)
        return home, pull

    def updatePullRequest(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, pull = self._writable_pull(input)
        change, by = self.ask.change, self.ask.caller.name
        if input.get("maintainerCanModify") is not None:
            raise unknown_to_mock("updatePullRequest with maintainerCanModify")
        given = {"title": input.get("title"), "body": input.get("body"), "base": input.get("baseRefName")}
        with change.all_or_nothing():
            pull = pulls.edit_pull(change, home, pull, by=by, **given)
            if input.get("state") == "CLOSED":
                pulls.close_pull(change, change.repository(home.full_name), pull, by=by)
            elif input.get("state") == "OPEN":
                pulls.reopen_pull(change, change.repository(home.full_name), pull, by=by)
        return self._answer(input, pullRequest=self._view(home, pull.number))

    def closePullRequest(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, pull = self._writable_pull(input)
        pulls.close_pull(self.ask.change, home, pull, by=self.ask.caller.name)
        return self._answer(input, pullRequest=self._view(home, pull.number))

    def reopenPullRequest(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, pull = self._writable_pull(input)
        pulls.reopen_pull(self.ask.change, home, pull, by=self.ask.caller.name)
        return self._answer(input, pullRequest=self._view(home, pull.number))

    def _merge_arguments(self, input: Input) -> dict[str, Any]:  # noqa: A002
        if input.get("authorEmail"):
            raise unknown_to_mock("authorEmail of a merge")
        return {
            "by": self.ask.caller.name,
            "method": (input.get("mergeMethod") or "MERGE").lower(),
            "expected_head": input.get("expectedHeadOid"),
            "headline": input.get("commitHeadline"),
            "body": input.get("commitBody"),
        }

    def mergePullRequest(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, pull = self._writable_pull(input, permission="contents", needs=Permission.WRITE)
        pulls.merge_pull(self.ask.change, home, pull, **self._merge_arguments(input))
        return self._answer(input, pullRequest=self._view(home, pull.number))

    def enablePullRequestAutoMerge(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, pull = self._writable_pull(input, needs=Permission.WRITE)
        require(self.ask.caller, home, "contents", needs=Permission.WRITE)
        pulls.enable_auto_merge(self.ask.change, home, pull, **self._merge_arguments(input))
        return self._answer(input, pullRequest=self._view(home, pull.number))

    def disablePullRequestAutoMerge(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, pull = self._writable_pull(input, needs=Permission.WRITE)
        pulls.disable_auto_merge(self.ask.change, home, pull, by=self.ask.caller.name)
        return self._answer(input, pullRequest=self._view(home, pull.number))

    def addComment(self, info: Info, input: Input) -> Payload:  # noqa: A002
        home, pull = _pull(self.ask, input["subjectId"])
        require(self.ask.caller, home, "pull_requests")
        comment = discussion.add_comment(
            self.ask.change, home, pull, by=self.ask.caller.name, body=input["body"]
        )
        view = self._view(home, pull.number)
        edge = Edge(node_id("CUR", comment.id), CommentView(view, comment))
        return self._answer(input, commentEdge=edge, subject=view)


def _decoded(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Refused(422, f"Contents of {path} are not valid Base64") from None
