"""GraphQL: repositories, their refs and objects, branch protection."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from mock_github import graphql_commits, graphql_pulls
from mock_github.access import can_see, require, role
from mock_github.clock import stamp
from mock_github.graphql_base import Ask, Connection, Info, View, node_id, nothing
from mock_github.graphql_people import Person, person
from mock_github.revisions import resolve
from mock_github.state import Permission, Protection, Repository
from mock_github.wire import Refused, unknown_to_mock


class RepositoryView(View):
    TYPE = "Repository"
    isTemplate = isMirror = isDisabled = isLocked = hasWikiEnabled = hasProjectsEnabled = False
    hasDiscussionsEnabled = False
    hasIssuesEnabled = True
    homepageUrl = None
    stargazerCount = diskUsage = 0

    def __init__(self, ask: Ask, home: Repository) -> None:
        super().__init__(ask)
        self.home = home
        self.id = node_id("R", home.id)
        self.databaseId = home.id
        self.name = home.name
        self.nameWithOwner = home.full_name
        self.description = home.description
        self.resourcePath = f"/{home.full_name}"
        self.url = f"{ask.site.html}/{home.full_name}"
        self.sshUrl = f"git@{ask.site.html.partition('://')[2]}:{home.full_name}.git"
        self.createdAt = stamp(home.created_at)
        self.updatedAt = stamp(home.updated_at)
        self.pushedAt = stamp(home.pushed_at)
        self.isArchived = home.archived
        self.isPrivate = home.private
        self.visibility = "PRIVATE" if home.private else "PUBLIC"
        self.isFork = home.fork_of is not None
        self.isEmpty = not home.refs
        self.autoMergeAllowed = home.auto_merge_allowed
        self.mergeCommitAllowed = home.merge_commit_allowed
        self.squashMergeAllowed = home.squash_merge_allowed
        self.rebaseMergeAllowed = home.rebase_merge_allowed
        self.deleteBranchOnMerge = home.delete_branch_on_merge

    @property
    def owner(self) -> Person | None:
        return person(self.ask, self.home.owner)

    @property
    def isInOrganization(self) -> bool:
        return self.ask.change.user(self.home.owner).organization

    @property
    def viewerPermission(self) -> str | None:
        have = role(self.home, self.ask.caller.login)
        return have.value.upper() if have else None

    @property
    def viewerCanAdminister(self) -> bool:
        return role(self.home, self.ask.caller.login) is Permission.ADMIN

    @property
    def viewerDefaultMergeMethod(self) -> str:
        allowed = {
            "MERGE": self.mergeCommitAllowed,
            "SQUASH": self.squashMergeAllowed,
            "REBASE": self.rebaseMergeAllowed,
        }
        return next((method for method, on in allowed.items() if on), "MERGE")

    @property
    def viewerPossibleCommitEmails(self) -> list[str]:
        user = self.ask.change.user(self.ask.caller.name)
        return [user.email, user.noreply]

    def viewerDefaultCommitEmail(self, info: Info) -> str:
        return self.viewerPossibleCommitEmails[0]

    @property
    def forkCount(self) -> int:
        return sum(r.fork_of == self.home.full_name for r in self.ask.change.world.repositories.values())

    @property
    def parent(self) -> RepositoryView | None:
        found = self.ask.change.world.repository(self.home.fork_of) if self.home.fork_of else None
        return RepositoryView(self.ask, found) if found and can_see(self.ask.caller, found) else None

    def _readable(self, permission: str) -> None:
        require(self.ask.caller, self.home, permission, "read")

    def _ref(self, name: str) -> graphql_commits.RefView | None:
        sha = self.home.refs.get(name)
        return graphql_commits.RefView(self.ask, self.home, name, sha) if sha else None

    @property
    def defaultBranchRef(self) -> graphql_commits.RefView | None:
        self._readable("contents")
        return self._ref(f"refs/heads/{self.home.default_branch}")

    def ref(self, info: Info, qualifiedName: str) -> graphql_commits.RefView | None:
        self._readable("contents")
        names = (qualifiedName, f"refs/heads/{qualifiedName}", f"refs/tags/{qualifiedName}")
        return next((view for view in map(self._ref, names) if view), None)

    def refs(
        self,
        info: Info,
        refPrefix: str,
        query: str | None = None,
        direction: str | None = None,
        orderBy: dict[str, str] | None = None,
        **page: Any,
    ) -> Connection[graphql_commits.RefView]:
        self._readable("contents")
        if orderBy and orderBy["field"] != "ALPHABETICAL":
            raise unknown_to_mock(f"refs ordered by {orderBy['field']}")
        prefix = refPrefix if refPrefix.endswith("/") else f"{refPrefix}/"
        names = sorted(name for name in self.home.refs if name.startswith(prefix))
        if query:
            names = [name for name in names if query.lower() in name.removeprefix(prefix).lower()]
        if (orderBy["direction"] if orderBy else direction) == "DESC":
            names.reverse()
        return Connection(names, self._ref, **page)  # type: ignore[arg-type]

    def object(self, info: Info, expression: str | None = None, oid: str | None = None) -> object:
        self._readable("contents")
        if expression is None and oid is None:
            raise Refused(422, "An object ID or expression must be provided", kind="ARGUMENT_ERROR")
        change = self.ask.change
        sha = resolve(change.git, self.home, expression) if expression else oid
        if oid and not expression and not self.home.has_object(change.git, oid):
            return None
        if sha is None:
            return None
        path = expression.partition(":")[2].strip("/") if expression else ""
        if change.git.kind(sha) == "tree":
            return graphql_commits.TreeView(self.ask, self.home, sha, path)
        return graphql_commits.git_thing(self.ask, self.home, sha)

    def pullRequest(self, info: Info, number: int) -> graphql_pulls.PullView:
        self._readable("pull_requests")
        pull = self.home.pulls.get(number)
        if pull is None:
            message = f"Could not resolve to a PullRequest with the number of {number}."
            raise Refused(404, message, kind="NOT_FOUND")
        return graphql_pulls.PullView(self.ask, self.home, pull)

    def pullRequests(self, info: Info, **arguments: Any) -> Connection[graphql_pulls.PullView]:
        self._readable("pull_requests")
        return graphql_pulls.pull_connection(self.ask, self.home, self.home.pulls.values(), **arguments)

    def branchProtectionRules(self, info: Info, **page: Any) -> Connection[ProtectionView]:
        return Connection(
            self.home.protections, lambda rule: ProtectionView(self.ask, self.home, rule), **page
        )

    def assignableUsers(self, info: Info, query: str | None = None, **page: Any) -> Connection[Person | None]:
        logins = [self.home.owner, *self.home.collaborators]
        if query:
            logins = [login for login in logins if query.lower() in login.lower()]
        return Connection(logins, lambda login: person(self.ask, login), **page)

    def labels(self, info: Info, **page: Any) -> Connection[None]:
        return nothing(**page)


class ProtectionView(View):
    def __init__(self, ask: Ask, home: Repository, rule: Protection) -> None:
        super().__init__(ask)
        self.home = home
        self.id = node_id("BPR", home.id, rule.id)
        self.databaseId = rule.id
        self.pattern = rule.pattern
        self.isAdminEnforced = rule.enforce_admins
        self.allowsDeletions = rule.allow_deletions
        self.allowsForcePushes = rule.allow_force_pushes
        self.requiresStatusChecks = rule.required_checks is not None
        self.requiresStrictStatusChecks = rule.strict
        self.requiredStatusCheckContexts = list(rule.required_checks or ())
        self.requiresApprovingReviews = rule.required_approvals is not None
        self.requiredApprovingReviewCount = rule.required_approvals

    @property
    def repository(self) -> RepositoryView:
        return RepositoryView(self.ask, self.home)

    def matchingRefs(self, info: Info, **page: Any) -> Connection[graphql_commits.RefView]:
        prefix = "refs/heads/"
        names = [
            name
            for name in sorted(self.home.refs)
            if name.startswith(prefix) and fnmatchcase(name.removeprefix(prefix), self.pattern)
        ]
        refs = self.home.refs
        return Connection(
            names, lambda name: graphql_commits.RefView(self.ask, self.home, name, refs[name]), **page
        )
