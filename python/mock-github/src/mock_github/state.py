"""The parts of the state of a GitHub, each an immutable value (`world.World` is the whole).

Everything here is frozen, compares by value and can be hashed. A change makes a new value that shares all the rest;
`mock_github.step` is the function from a state and a request to the next state.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from mock_github.frozen import FrozenMap
from mock_github.git_objects import GitObjects


class PullState(Enum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    MERGED = "MERGED"


class Permission(Enum):
    """What a person may do in a repository, weakest first."""

    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    def allows(self, wanted: Permission) -> bool:
        order = list(Permission)
        return order.index(self) >= order.index(wanted)


class Moment(Enum):
    """Kinds of timeline items, by their name in GraphQL's PullRequestTimelineItemsItemType."""

    CLOSED = "CLOSED_EVENT"
    REOPENED = "REOPENED_EVENT"
    MERGED = "MERGED_EVENT"
    HEAD_REF_DELETED = "HEAD_REF_DELETED_EVENT"
    HEAD_REF_RESTORED = "HEAD_REF_RESTORED_EVENT"
    HEAD_REF_FORCE_PUSHED = "HEAD_REF_FORCE_PUSHED_EVENT"
    AUTO_MERGE_ENABLED = "AUTO_MERGE_ENABLED_EVENT"
    AUTO_MERGE_DISABLED = "AUTO_MERGE_DISABLED_EVENT"
    RENAMED_TITLE = "RENAMED_TITLE_EVENT"
    BASE_REF_CHANGED = "BASE_REF_CHANGED_EVENT"


class User(msgspec.Struct, frozen=True):
    id: int
    login: str
    name: str | None
    email: str
    organization: bool
    created_at: int

    @property
    def noreply(self) -> str:
        return f"{self.id}+{self.login}@users.noreply.github.com"


class Token(msgspec.Struct, frozen=True):
    """A credential. `repositories` None means every repository of the owner; `classic` tokens have no permissions;
    `installation` is a GitHub App's short-lived one."""

    login: str
    permissions: FrozenMap[str, str]
    repositories: tuple[str, ...] | None = None
    expired: bool = False
    classic: bool = False
    installation: bool = False


class Installation(msgspec.Struct, frozen=True):
    """A GitHub App where it is installed. `public_key` (PEM) is of the key that the app signs with."""

    id: int
    app: int
    slug: str
    public_key: str
    permissions: FrozenMap[str, str]
    repositories: tuple[str, ...]

    @property
    def login(self) -> str:
        """Under what name it acts."""
        return f"{self.slug}[bot]"


class Protection(msgspec.Struct, frozen=True):
    """A branch protection rule. `required_checks` None means that no checks are asked for."""

    id: int
    pattern: str
    required_checks: tuple[str, ...] | None = None
    strict: bool = False
    required_approvals: int | None = None
    enforce_admins: bool = False
    allow_force_pushes: bool = False
    allow_deletions: bool = False


class Status(msgspec.Struct, frozen=True):
    """One commit status. `state` is error, failure, pending or success."""

    id: int
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: str
    created_at: int


class Comment(msgspec.Struct, frozen=True):
    id: int
    author: str
    body: str
    created_at: int
    updated_at: int


class Review(msgspec.Struct, frozen=True):
    """`state` is APPROVED, CHANGES_REQUESTED or COMMENTED."""

    id: int
    author: str
    state: str
    body: str
    commit: str
    submitted_at: int


class TimelineItem(msgspec.Struct, frozen=True):
    """`before` and `after` are what changed: a sha, a branch name or a title, by kind."""

    id: int
    kind: Moment
    actor: str
    at: int
    before: str | None = None
    after: str | None = None


class AutoMerge(msgspec.Struct, frozen=True):
    enabled_by: str
    enabled_at: int
    method: str
    headline: str | None = None
    body: str | None = None


class PullRequest(msgspec.Struct, frozen=True):
    """`head_repository` is a full name; `unknown_reads` is for how many reads mergeability is still unknown."""

    id: int
    number: int
    title: str
    body: str | None
    author: str
    head_repository: str
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool
    state: PullState
    created_at: int
    updated_at: int
    unknown_reads: int
    closed_at: int | None = None
    merged_at: int | None = None
    merged_by: str | None = None
    merge_commit: str | None = None
    auto_merge: AutoMerge | None = None
    maintainer_can_modify: bool = False
    comments: tuple[Comment, ...] = ()
    reviews: tuple[Review, ...] = ()
    timeline: tuple[TimelineItem, ...] = ()


class Repository(msgspec.Struct, frozen=True):
    """`refs` maps full names (refs/heads/main) to shas; `roots` are all shas that a ref or PR ever pointed to: what can
    be reached from them is what the repository has. `collaborators` are people beside the owner."""

    id: int
    owner: str
    name: str
    default_branch: str
    refs: FrozenMap[str, str]
    roots: frozenset[str]
    created_at: int
    pushed_at: int
    updated_at: int
    private: bool = False
    description: str | None = None
    archived: bool = False
    auto_merge_allowed: bool = False
    merge_commit_allowed: bool = True
    squash_merge_allowed: bool = True
    rebase_merge_allowed: bool = True
    delete_branch_on_merge: bool = False
    fork_of: str | None = None
    collaborators: FrozenMap[str, Permission] = FrozenMap()
    protections: tuple[Protection, ...] = ()
    statuses: FrozenMap[str, tuple[Status, ...]] = FrozenMap()
    pulls: FrozenMap[int, PullRequest] = FrozenMap()
    next_number: int = 1

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def key(self) -> str:
        return self.full_name.lower()

    def branch(self, name: str) -> str | None:
        """The sha at the tip of a branch, or None."""
        return self.refs.get(f"refs/heads/{name}")

    def has_commit(self, git: GitObjects, sha: str) -> bool:
        if sha in self.roots:
            return True
        return git.kind(sha) == "commit" and any(git.is_ancestor(sha, root) for root in self.roots)

    def has_object(self, git: GitObjects, sha: str) -> bool:
        """Whether any commit of the repository has this commit, tree or blob."""
        if git.kind(sha) == "commit":
            return self.has_commit(git, sha)
        commits = {known for root in self.roots for known in git.ancestors(root)}
        return any(git.tree_has(git.commit(known).tree, sha) for known in commits)


class Limits(msgspec.Struct, frozen=True):
    """GitHub's documented limits: requests (and GraphQL points) an hour, content-creating requests, pull requests a
    minute (not documented; about ten in a burst trip it)."""

    primary: int = 5000
    anonymous: int = 60
    content_per_minute: int = 80
    content_per_hour: int = 500
    pulls_per_minute: int = 10
    concurrent: int = 100


class Usage(msgspec.Struct, frozen=True):
    """What one caller used in the present hour. `created` and `pulls` are times of content-creating requests."""

    window_start: int = 0
    core: int = 0
    graphql: int = 0
    created: tuple[int, ...] = ()
    pulls: tuple[int, ...] = ()
