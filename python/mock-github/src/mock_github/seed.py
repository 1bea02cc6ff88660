"""A world from a folder: DIR/mock.toml says who and what there is, DIR/repos/OWNER/NAME/ has the files.

mergeable-after-reads = 1            # reads for which a pull request's mergeability is unknown

[limits]                             # all optional; GitHub's own unless said
primary = 5000

[[users]]
login = "alice"
name = "Alice"                       # optional, so are email and organization = true

[[repositories]]
name = "acme/cluster"                # its files: DIR/repos/acme/cluster/
private = true                       # all below are optional
default-branch = "main"
branches = ["wip"]                   # further branches, where the default branch is
collaborators = { alice = "admin", "zeta-bot" = "write" }
allow-auto-merge = true
delete-branch-on-merge = true
# archived, description, fork-of, allow-merge-commit, allow-squash-merge, allow-rebase-merge

[[repositories.protection]]
pattern = "main"
required-checks = ["ci"]             # strict, required-approvals, enforce-admins, allow-force-pushes, allow-deletions

[[tokens]]
token = "github_pat_abc"
login = "zeta-bot"
permissions = { contents = "write", pull_requests = "write" }
repositories = ["acme/cluster"]      # every one of its owner if not said; expired, classic

[[installations]]                    # of a GitHub App: it signs for itself and is given tokens
id = 21
app = 7
slug = "zeta"                        # it acts as zeta[bot]
public-key = '''-----BEGIN PUBLIC KEY-----…'''
repositories = ["acme/cluster"]      # permissions as above
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import asdict, replace

from mock_github.world import World, empty_world

Role = Literal["read", "triage", "write", "maintain", "admin"]
Level = Literal["read", "write", "admin"]


class SeedError(ValueError):
    """What is wrong with a seed, in one line."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    pass


class UserSeed(_Part, frozen=True, kw_only=True):
    login: str
    name: str | None = None
    email: str | None = None
    organization: bool = False


class ProtectionSeed(_Part, frozen=True, kw_only=True):
    pattern: str
    required_checks: list[str] | None = None
    strict: bool = False
    required_approvals: int | None = None
    enforce_admins: bool = False
    allow_force_pushes: bool = False
    allow_deletions: bool = False


class RepositorySeed(_Part, frozen=True, kw_only=True):
    name: str
    private: bool = False
    default_branch: str = "main"
    branches: list[str] = []
    collaborators: dict[str, Role] = {}
    description: str | None = None
    archived: bool = False
    fork_of: str | None = None
    allow_auto_merge: bool = False
    allow_merge_commit: bool = True
    allow_squash_merge: bool = True
    allow_rebase_merge: bool = True
    delete_branch_on_merge: bool = False
    protection: list[ProtectionSeed] = []


class TokenSeed(_Part, frozen=True, kw_only=True):
    token: str
    login: str
    permissions: dict[str, Level] | None = None
    repositories: list[str] | None = None
    expired: bool = False
    classic: bool = False


class InstallationSeed(_Part, frozen=True, kw_only=True):
    id: int
    app: int
    slug: str
    public_key: str
    repositories: list[str]
    permissions: dict[str, Level] | None = None


class Seed(_Part, frozen=True, kw_only=True):
    mergeable_after_reads: int = 1
    limits: dict[str, int] = {}
    users: list[UserSeed] = []
    repositories: list[RepositorySeed] = []
    tokens: list[TokenSeed] = []
    installations: list[InstallationSeed] = []


def read_seed(folder: Path) -> World:
    """Builds the world; SeedError for a folder that is not as the module's text says."""
    path = folder / "mock.toml"
    try:
        seed = msgspec.toml.decode(path.read_bytes(), type=Seed)
    except FileNotFoundError:
        raise SeedError(f"{path}: there is no such file; a seed folder has a mock.toml") from None
    except OSError as error:
        raise SeedError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise SeedError(f"{path}: {error}") from error
    try:
        return _build(folder, seed)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, SeedError):
            raise
        raise SeedError(f"{path}: {error}") from error


def _build(folder: Path, seed: Seed) -> World:
    world = replace(empty_world(), mergeable_after_reads=seed.mergeable_after_reads)
    world = world.with_limits(**seed.limits)
    for user in seed.users:
        world = world.with_user(**asdict(user))
    for repository in seed.repositories:
        world = _with_repository(world, folder, repository)
    for token in seed.tokens:
        for name in token.repositories or ():
            if world.repository(name) is None:
                raise SeedError(
                    f"{folder / 'mock.toml'}: a token of {token.login} names {name}, which is not there"
                )
        world = world.with_token(**asdict(token))
    for installation in seed.installations:
        given = asdict(installation)
        world = world.with_installation(given.pop("id"), **given)
    return world


def _with_repository(world: World, folder: Path, seed: RepositorySeed) -> World:
    if seed.name.count("/") != 1:
        raise SeedError(f"{folder / 'mock.toml'}: a repository's name is owner/name, not {seed.name}")
    files = folder / "repos" / seed.name
    if not seed.fork_of and not files.is_dir():
        raise SeedError(f"{files}: there is no such folder; it holds the files of {seed.name}")
    world = world.with_repository(
        seed.name,
        files=None if seed.fork_of else _files(files),
        private=seed.private,
        default_branch=seed.default_branch,
        collaborators=seed.collaborators,
        fork_of=seed.fork_of,
        description=seed.description,
        archived=seed.archived,
        auto_merge_allowed=seed.allow_auto_merge,
        merge_commit_allowed=seed.allow_merge_commit,
        squash_merge_allowed=seed.allow_squash_merge,
        rebase_merge_allowed=seed.allow_rebase_merge,
        delete_branch_on_merge=seed.delete_branch_on_merge,
    )
    for branch in seed.branches:
        world = world.with_branch(seed.name, branch)
    for rule in seed.protection:
        world = world.with_protection(seed.name, **asdict(rule))
    return world


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
