"""GraphQL: refs, commits, trees, blobs, comparisons, statuses."""

from __future__ import annotations

from typing import Any

from mock_github import graphql_pulls, graphql_repository
from mock_github.clock import stamp
from mock_github.git_objects import FOLDER, CommitInfo, Entry, Signature
from mock_github.graphql_base import Ask, Connection, Info, View, node_id
from mock_github.graphql_people import Person, person, person_by_email
from mock_github.requirements import latest_statuses, protection_of, rollup
from mock_github.revisions import resolve
from mock_github.state import PullRequest, Repository, Status
from mock_github.wire import not_found, unknown_to_mock

_TEXT_LIMIT = 512_000
_ISO = "%Y-%m-%dT%H:%M:%SZ"


class GitThing(View):
    """What commits, trees and blobs have in common."""

    PREFIX = ""

    def __init__(self, ask: Ask, home: Repository, oid: str) -> None:
        super().__init__(ask)
        self.home = home
        self.oid = oid
        self.abbreviatedOid = oid[:7]
        self.id = node_id(self.PREFIX, home.id, oid)
        self.commitResourcePath = f"/{home.full_name}/commit/{oid}"
        self.commitUrl = f"{ask.site.html}{self.commitResourcePath}"

    @property
    def repository(self) -> graphql_repository.RepositoryView:
        return graphql_repository.RepositoryView(self.ask, self.home)


class BlobView(GitThing):
    TYPE, PREFIX = "Blob", "B"

    @property
    def _data(self) -> bytes:
        return self.ask.change.git.blob(self.oid)

    @property
    def byteSize(self) -> int:
        return len(self._data)

    @property
    def isBinary(self) -> bool:
        return b"\0" in self._data[:8000]

    @property
    def isTruncated(self) -> bool:
        return len(self._data) > _TEXT_LIMIT

    @property
    def text(self) -> str | None:
        return None if self.isBinary else self._data[:_TEXT_LIMIT].decode(errors="replace")


class TreeView(GitThing):
    TYPE, PREFIX = "Tree", "T"

    def __init__(self, ask: Ask, home: Repository, oid: str, path: str = "") -> None:
        super().__init__(ask, home, oid)
        self._path = path

    @property
    def entries(self) -> list[TreeEntryView]:
        inside = f"{self._path}/" if self._path else ""
        items = self.ask.change.git.entries(self.oid).items()
        return [TreeEntryView(self.ask, self.home, f"{inside}{name}", entry) for name, entry in items]


class TreeEntryView(View):
    def __init__(self, ask: Ask, home: Repository, path: str, entry: Entry) -> None:
        super().__init__(ask)
        self.home = home
        self.path = path
        self.name = path.rpartition("/")[2]
        self.extension = f".{self.name.rpartition('.')[2]}" if "." in self.name else ""
        self.mode, self.oid = entry
        self.type = "tree" if self.mode == FOLDER else "commit" if self.mode == 0o160000 else "blob"

    @property
    def object(self) -> GitThing | None:
        if self.type == "tree":
            return TreeView(self.ask, self.home, self.oid, self.path)
        return BlobView(self.ask, self.home, self.oid) if self.type == "blob" else None

    @property
    def size(self) -> int:
        return len(self.ask.change.git.blob(self.oid)) if self.type == "blob" else 0

    @property
    def repository(self) -> graphql_repository.RepositoryView:
        return graphql_repository.RepositoryView(self.ask, self.home)


class GitActorView(View):
    def __init__(self, ask: Ask, who: Signature) -> None:
        super().__init__(ask)
        self.name = who.name
        self.email = who.email
        self.date = stamp(who.at * 1000)

    @property
    def user(self) -> Person | None:
        return person_by_email(self.ask, self.email)

    def avatarUrl(self, info: Info, size: int | None = None) -> str:
        return f"{self.ask.site.html}/avatars/e/{self.email}"


class GpgSignatureView:
    TYPE = "GpgSignature"
    email = "noreply@github.com"
    isValid = True
    keyId = "B5690EEEBB952194"
    payload = ""
    signature = "-----BEGIN PGP SIGNATURE-----"
    signer = None
    state = "VALID"
    wasSignedByGitHub = True

    def __init__(self, at: str) -> None:
        self.verifiedAt = at


class CommitView(GitThing):
    TYPE, PREFIX = "Commit", "C"

    def __init__(self, ask: Ask, home: Repository, oid: str) -> None:
        super().__init__(ask, home, oid)
        self.info: CommitInfo = ask.change.git.commit(oid)
        self.message = self.info.message
        headline, _, body = self.message.partition("\n")
        self.messageHeadline = headline
        self.messageBody = body.strip("\n")
        self.authoredDate = stamp(self.info.author.at * 1000)
        self.committedDate = stamp(self.info.committer.at * 1000)
        self.authoredByCommitter = self.info.author.email == self.info.committer.email
        self.committedViaWeb = self.info.committer.email == "noreply@github.com"
        self.resourcePath = self.commitResourcePath
        self.url = self.commitUrl

    @property
    def author(self) -> GitActorView:
        return GitActorView(self.ask, self.info.author)

    @property
    def committer(self) -> GitActorView:
        return GitActorView(self.ask, self.info.committer)

    def authors(self, info: Info, **page: Any) -> Connection[GitActorView]:
        return Connection([self.info.author], lambda who: GitActorView(self.ask, who), **page)

    @property
    def signature(self) -> GpgSignatureView | None:
        return GpgSignatureView(self.committedDate) if self.info.signed else None

    @property
    def tree(self) -> TreeView:
        return TreeView(self.ask, self.home, self.info.tree)

    def file(self, info: Info, path: str) -> TreeEntryView | None:
        entry = self.ask.change.git.find(self.info.tree, path)
        return TreeEntryView(self.ask, self.home, path, entry) if entry and path else None

    def parents(self, info: Info, **page: Any) -> Connection[CommitView]:
        return Connection(self.info.parents, lambda sha: CommitView(self.ask, self.home, sha), **page)

    def history(
        self,
        info: Info,
        path: str | None = None,
        since: str | None = None,
        until: str | None = None,
        **page: Any,
    ) -> Connection[CommitView]:
        git = self.ask.change.git
        commits = git.log(self.oid)
        if path:
            commits = [c for c in commits if git.touches(c, path)]
        commits = [c for c in commits if not since or stamp(c.committer.at * 1000) >= since]
        commits = [c for c in commits if not until or stamp(c.committer.at * 1000) <= until]
        return Connection(commits, lambda c: CommitView(self.ask, self.home, c.sha), **page)

    def _line_counts(self) -> tuple[int, int, int]:
        git = self.ask.change.git
        parent = git.commit(self.info.parents[0]).tree if self.info.parents else None
        counts = [git.line_counts(diff) for diff in git.diff(parent, self.info.tree)]
        return len(counts), sum(added for added, _ in counts), sum(removed for _, removed in counts)

    @property
    def changedFiles(self) -> int:
        return self._line_counts()[0]

    @property
    def changedFilesIfAvailable(self) -> int:
        git = self.ask.change.git
        parent = git.commit(self.info.parents[0]).tree if self.info.parents else None
        return len(git.diff(parent, self.info.tree))

    @property
    def additions(self) -> int:
        return self._line_counts()[1]

    @property
    def deletions(self) -> int:
        return self._line_counts()[2]

    @property
    def _statuses(self) -> list[Status]:
        return latest_statuses(self.ask.change.repository(self.home.full_name), self.oid)

    @property
    def statusCheckRollup(self) -> RollupView | None:
        return RollupView(self, self._statuses) if self._statuses else None

    @property
    def status(self) -> StatusView | None:
        return StatusView(self, self._statuses) if self._statuses else None

    def associatedPullRequests(self, info: Info, orderBy: object = None, **page: Any) -> Connection[Any]:
        git, home = self.ask.change.git, self.home
        pulls = [
            p
            for p in home.pulls.values()
            if git.is_ancestor(self.oid, p.head_sha) and not git.is_ancestor(self.oid, p.base_sha)
        ]
        return Connection(pulls, lambda p: graphql_pulls.PullView(self.ask, home, p), **page)


class StatusContextView(View):
    TYPE = "StatusContext"

    def __init__(self, commit: CommitView, status: Status) -> None:
        super().__init__(commit.ask)
        self.commit = commit
        self.status = status
        self.id = node_id("SC", commit.home.id, status.id)
        self.context = status.context
        self.state = status.state.upper()
        self.description = status.description
        self.targetUrl = status.target_url
        self.createdAt = stamp(status.created_at)

    @property
    def creator(self) -> Person | None:
        return person(self.ask, self.status.creator)

    def avatarUrl(self, info: Info, size: int = 40) -> str:
        return f"{self.ask.site.html}/avatars/s/{self.status.creator}"

    def isRequired(
        self, info: Info, pullRequestId: str | None = None, pullRequestNumber: int | None = None
    ) -> bool:
        home = self.commit.home
        pulls: list[PullRequest] = [
            p
            for p in home.pulls.values()
            if p.number == pullRequestNumber or node_id("PR", home.id, p.number) == pullRequestId
        ]
        rule = protection_of(home, pulls[0].base_ref) if pulls else None
        return self.context in (rule.required_checks or ()) if rule else False


class RollupView(View):
    def __init__(self, commit: CommitView, statuses: list[Status]) -> None:
        super().__init__(commit.ask)
        self.commit = commit
        self.statuses = statuses
        self.id = node_id("SCR", commit.home.id, commit.oid)
        self.state = (rollup(statuses) or "expected").upper()

    def contexts(self, info: Info, **page: Any) -> Connection[StatusContextView]:
        return Connection(self.statuses, lambda s: StatusContextView(self.commit, s), **page)


class StatusView(View):
    def __init__(self, commit: CommitView, statuses: list[Status]) -> None:
        super().__init__(commit.ask)
        self.commit = commit
        self.id = node_id("S", commit.home.id, commit.oid)
        self.state = (rollup(statuses) or "expected").upper()
        self.contexts = [StatusContextView(commit, s) for s in statuses]

    def context(self, info: Info, name: str) -> StatusContextView | None:
        return next((c for c in self.contexts if c.context == name), None)


class RefView(View):
    TYPE = "Ref"

    def __init__(self, ask: Ask, home: Repository, ref: str, sha: str) -> None:
        super().__init__(ask)
        self.home, self.ref, self.sha = home, ref, sha
        self.id = node_id("REF", home.id, ref)
        parts = ref.split("/", 2)
        self.prefix = "/".join(parts[:2]) + "/"
        self.name = ref.removeprefix(self.prefix)

    @property
    def repository(self) -> graphql_repository.RepositoryView:
        return graphql_repository.RepositoryView(self.ask, self.home)

    @property
    def target(self) -> GitThing:
        return git_thing(self.ask, self.home, self.sha)

    def compare(self, info: Info, headRef: str) -> ComparisonView:
        head = resolve(self.ask.change.git, self.home, headRef)
        if head is None or self.ask.change.git.kind(head) != "commit":
            raise not_found()
        return ComparisonView(self.ask, self.home, self.sha, head)

    def associatedPullRequests(self, info: Info, **arguments: Any) -> Connection[Any]:
        pulls = [
            p
            for p in self.home.pulls.values()
            if f"refs/heads/{p.head_ref}" == self.ref and p.head_repository == self.home.full_name
        ]
        return graphql_pulls.pull_connection(self.ask, self.home, pulls, **arguments)

    @property
    def branchProtectionRule(self) -> graphql_repository.ProtectionView | None:
        rule = protection_of(self.home, self.name) if self.prefix == "refs/heads/" else None
        return graphql_repository.ProtectionView(self.ask, self.home, rule) if rule else None


class ComparisonCommits(Connection[CommitView]):
    @property
    def authorCount(self) -> int:
        return len({commit.author.email for commit in self._items})


class ComparisonView(View):
    def __init__(self, ask: Ask, home: Repository, base: str, head: str) -> None:
        super().__init__(ask)
        self.home, self.base, self.head = home, base, head
        self.id = node_id("CMP", home.id, f"{base}...{head}")
        self._ahead = ask.change.git.log(head, without=base)
        self.aheadBy = len(self._ahead)
        self.behindBy = len(ask.change.git.log(base, without=head))
        names = {
            (False, False): "IDENTICAL",
            (True, False): "AHEAD",
            (False, True): "BEHIND",
            (True, True): "DIVERGED",
        }
        self.status = names[bool(self.aheadBy), bool(self.behindBy)]

    @property
    def baseTarget(self) -> CommitView:
        return CommitView(self.ask, self.home, self.base)

    @property
    def headTarget(self) -> CommitView:
        return CommitView(self.ask, self.home, self.head)

    def commits(self, info: Info, **page: Any) -> ComparisonCommits:
        return ComparisonCommits(self._ahead[::-1], lambda c: CommitView(self.ask, self.home, c.sha), **page)


def git_thing(ask: Ask, home: Repository, sha: str) -> GitThing:
    kind = ask.change.git.kind(sha)
    views: dict[str | None, type[GitThing]] = {"commit": CommitView, "tree": TreeView, "blob": BlobView}
    if kind not in views:
        raise unknown_to_mock(f"git objects of type {kind}")
    return views[kind](ask, home, sha)
