"""The whole state as one immutable value, and a world in a few lines: users, repositories, tokens, protection.

It compares by value and can be hashed. A change makes a new value that shares all the rest; `mock_github.step` is the
function from a world and a request to the next world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypedDict, Unpack

import msgspec
from msgspec.structs import replace

from mock_github.clock import DEFAULT_START, milliseconds_of
from mock_github.frozen import FrozenMap
from mock_github.git_objects import GitObjects, Signature, first_commit
from mock_github.state import Installation, Limits, Permission, Protection, Repository, Token, Usage, User

DEFAULT_PERMISSIONS: Mapping[str, str] = {"contents": "write", "pull_requests": "write", "metadata": "read"}


class RepositorySettings(TypedDict, total=False):
    """See `state.Repository`."""

    private: bool
    description: str | None
    archived: bool
    auto_merge_allowed: bool
    merge_commit_allowed: bool
    squash_merge_allowed: bool
    rebase_merge_allowed: bool
    delete_branch_on_merge: bool


class World(msgspec.Struct, frozen=True):
    """All there is. `now` is in milliseconds since 1970; repositories are keyed by their full name in lower case."""

    git: GitObjects
    now: int = DEFAULT_START
    next_id: int = 1001
    requests: int = 0
    events: int = 0
    users: FrozenMap[str, User] = FrozenMap()
    tokens: FrozenMap[str, Token] = FrozenMap()
    installations: FrozenMap[int, Installation] = FrozenMap()
    repositories: FrozenMap[str, Repository] = FrozenMap()
    moved: FrozenMap[str, str] = FrozenMap()
    limits: Limits = Limits()
    usage: FrozenMap[str, Usage] = FrozenMap()
    mergeable_after_reads: int = 1

    @classmethod
    def from_seed(cls, folder: Path | str) -> World:
        """The world that a seed folder describes; `seed.SeedError` says in one line what is wrong with it."""
        from mock_github.seed import read_seed

        return read_seed(Path(folder))

    def at(self, milliseconds: int) -> World:
        """The same world at another time (milliseconds since 1970)."""
        return replace(self, now=milliseconds)

    def without_counters(self) -> World:
        """The same world with nothing that merely counts (time, ids, requests, events, what limits were used), for
        telling whether two runs came to the same place."""
        return replace(self, now=0, next_id=0, requests=0, events=0, usage=FrozenMap())

    def repository(self, full_name: str) -> Repository | None:
        return self.repositories.get(full_name.lower())

    def user(self, login: str) -> User | None:
        return self.users.get(login.lower())

    def with_stored(self, repository: Repository) -> World:
        return replace(self, repositories=self.repositories.set(repository.key, repository))

    def with_user(
        self, login: str, *, name: str | None = None, email: str | None = None, organization: bool = False
    ) -> World:
        user = User(
            id=self.next_id,
            login=login,
            name=name,
            email=email or f"{login}@users.noreply.github.com",
            organization=organization,
            created_at=self.now,
        )
        return replace(self, next_id=self.next_id + 1, users=self.users.set(login.lower(), user))

    def with_repository(
        self,
        full_name: str,
        *,
        files: Mapping[str, bytes | str] | None = None,
        default_branch: str = "main",
        collaborators: Mapping[str, str] | None = None,
        fork_of: str | None = None,
        message: str = "Initial commit",
        **settings: Unpack[RepositorySettings],
    ) -> World:
        """A repository with one commit of `files`, or a fork with its parent's branches. The owner becomes a user.

        `collaborators` maps logins to read, triage, write, maintain or admin; they become users too.
        """
        owner, _, name = full_name.partition("/")
        world = self
        for login in (owner, *(collaborators or {})):
            if world.user(login) is None:
                world = world.with_user(login)
        refs = (
            world._forked(full_name, fork_of)
            if fork_of
            else world._begun(owner, default_branch, files, message)
        )
        repository = Repository(
            id=world.next_id,
            owner=owner,
            name=name,
            default_branch=default_branch,
            refs=refs,
            roots=frozenset(refs.values()),
            created_at=world.now,
            pushed_at=world.now,
            updated_at=world.now,
            fork_of=fork_of,
            collaborators=_roles(collaborators or {}),
            **settings,
        )
        return replace(world.with_stored(repository), next_id=world.next_id + 1)

    def _forked(self, full_name: str, parent: str) -> FrozenMap[str, str]:
        found = self.repository(parent)
        if found is None:
            raise ValueError(f"{full_name} is to be a fork of {parent}, which is not there yet")
        return found.refs

    def _begun(
        self, owner: str, branch: str, files: Mapping[str, bytes | str] | None, message: str
    ) -> FrozenMap[str, str]:
        who = self.users[owner.lower()]
        signature = Signature(who.name or who.login, who.noreply, self.now // 1000)
        data = {
            path: text.encode() if isinstance(text, str) else text for path, text in (files or {}).items()
        }
        return FrozenMap({f"refs/heads/{branch}": first_commit(self.git, data, signature, message)})

    def with_token(
        self,
        token: str,
        *,
        login: str,
        permissions: Mapping[str, str] | None = None,
        repositories: Sequence[str] | None = None,
        expired: bool = False,
        classic: bool = False,
    ) -> World:
        """A fine-grained token (or a classic one). Unless said otherwise it may write contents and pull requests, in
        every repository that its owner can. The owner becomes a user."""
        world = self if self.user(login) else self.with_user(login)
        value = Token(
            login=world.users[login.lower()].login,
            permissions=FrozenMap(dict(DEFAULT_PERMISSIONS if permissions is None else permissions)),
            repositories=None if repositories is None else tuple(repositories),
            expired=expired,
            classic=classic,
        )
        return replace(world, tokens=world.tokens.set(token, value))

    def with_installation(
        self,
        number: int,
        *,
        app: int,
        slug: str,
        public_key: str,
        repositories: Sequence[str],
        permissions: Mapping[str, str] | None = None,
    ) -> World:
        """A GitHub App, installed in these repositories; `public_key` (PEM) is of the RSA key that it signs with.
        Unless said otherwise it may write contents and pull requests there. It acts as the user `slug[bot]`."""
        value = Installation(
            id=number,
            app=app,
            slug=slug,
            public_key=public_key,
            permissions=FrozenMap(dict(DEFAULT_PERMISSIONS if permissions is None else permissions)),
            repositories=tuple(repositories),
        )
        world = self if self.user(value.login) else self.with_user(value.login)
        for name in repositories:
            home = world.repositories[name.lower()]
            given = home.collaborators.set(value.login, Permission.WRITE)
            world = world.with_stored(replace(home, collaborators=given))
        return replace(world, installations=world.installations.set(number, value))

    def with_protection(
        self,
        full_name: str,
        pattern: str = "main",
        *,
        required_checks: Sequence[str] | None = None,
        strict: bool = False,
        required_approvals: int | None = None,
        enforce_admins: bool = False,
        allow_force_pushes: bool = False,
        allow_deletions: bool = False,
    ) -> World:
        """A branch protection rule; `pattern` is a branch name or a glob."""
        repository = self.repositories[full_name.lower()]
        rule = Protection(
            id=self.next_id,
            pattern=pattern,
            required_checks=None if required_checks is None else tuple(required_checks),
            strict=strict,
            required_approvals=required_approvals,
            enforce_admins=enforce_admins,
            allow_force_pushes=allow_force_pushes,
            allow_deletions=allow_deletions,
        )
        repository = replace(repository, protections=(*repository.protections, rule))
        repositories = self.repositories.set(repository.key, repository)
        return replace(self, next_id=self.next_id + 1, repositories=repositories)

    def with_renamed(self, old: str, new: str) -> World:
        """The repository under a new name; the old one is redirected."""
        repository = self.repositories[old.lower()]
        owner, _, name = new.partition("/")
        repository = replace(repository, owner=owner, name=name)
        repositories = self.repositories.without(old.lower()).set(repository.key, repository)
        return replace(self, repositories=repositories, moved=self.moved.set(old.lower(), new))

    def with_branch(self, full_name: str, branch: str, sha: str | None = None) -> World:
        """A further branch, at a commit or where the default branch is."""
        repository = self.repositories[full_name.lower()]
        tip = sha or repository.refs[f"refs/heads/{repository.default_branch}"]
        refs = repository.refs.set(f"refs/heads/{branch}", tip)
        return self.with_stored(replace(repository, refs=refs, roots=repository.roots | {tip}))

    def with_limits(self, **limits: int) -> World:
        """Other limits than GitHub's; see `state.Limits` for their names."""
        return replace(self, limits=replace(self.limits, **limits))


def _roles(collaborators: Mapping[str, str]) -> FrozenMap[str, Permission]:
    return FrozenMap({login.lower(): Permission(role) for login, role in collaborators.items()})


def empty_world(*, clock: datetime | float | None = None) -> World:
    """A GitHub with nobody in it, at a time (a datetime with a zone, or seconds since 1970; 2026-01-01 if not said)."""
    return World(git=GitObjects(), now=milliseconds_of(clock))
