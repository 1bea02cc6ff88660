"""Who asks, and what they may see and do."""

from __future__ import annotations

import base64
import binascii

import msgspec
from msgspec.structs import replace

from mock_github import apps
from mock_github.state import Permission, Repository, Token
from mock_github.wire import Refused, Request, not_found
from mock_github.world import World

_LEVELS = {"read": 1, "write": 2, "admin": 3}
NOT_ACCESSIBLE = "Resource not accessible by personal access token"
NOT_FOR_APPS = "Resource not accessible by integration"
ARCHIVED = "Repository was archived so is read-only."


class Caller(msgspec.Struct, frozen=True):
    """`login` and `token` are None for somebody without credentials; `app` is who signed a GitHub App's request."""

    login: str | None = None
    token: Token | None = None
    app: int | None = None

    @property
    def name(self) -> str:
        """The login of an authenticated caller; 401 for any other."""
        if self.login is None:
            raise Refused(401, "Requires authentication", kind="UNAUTHORIZED")
        return self.login


def token_of(request: Request) -> str | None:
    """The token that a request carries: as bearer, as token, or as the password of Basic (git does that)."""
    scheme, _, value = (request.header("authorization") or "").partition(" ")
    value = value.strip()
    if scheme.lower() in ("bearer", "token"):
        return value
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return password if password and password != "x-oauth-basic" else user
    return None


def without_repositories(world: World, request: Request) -> World:
    """The world in which this request's token has been granted no repository; a token that is unknown stays so."""
    text = token_of(request)
    token = world.tokens.get(text) if text else None
    if text is None or token is None:
        return world
    return replace(world, tokens=world.tokens.set(text, replace(token, repositories=())))


def authenticate(world: World, request: Request) -> Caller:
    """Raises 401 Bad credentials for a token that is unknown or expired."""
    text = token_of(request)
    if apps.is_for_apps(request.path):
        login, app = apps.signer(world, text or "")
        return Caller(login, app=app)
    if text is None:
        return Caller()
    token = known(world, text)
    if token is None or token.expired:
        raise Refused(401, "Bad credentials", kind="UNAUTHORIZED")
    return Caller(token.login, token)


def login_of(world: World, request: Request) -> str | None:
    """Whose request it is by what it shows, an expired token included; None for nobody that is known."""
    text = token_of(request) or ""
    if apps.is_for_apps(request.path):
        try:
            return apps.signer(world, text)[0]
        except Refused:
            return None
    token = known(world, text)
    return token.login if token else None


def known(world: World, text: str) -> Token | None:
    """The token of this text, expired or not."""
    return world.tokens.get(text) or apps.token_of(world, text)


def not_accessible(caller: Caller) -> str:
    """What GitHub says to a token that may not."""
    installed = caller.token is not None and caller.token.installation
    return NOT_FOR_APPS if installed else NOT_ACCESSIBLE


def role(repository: Repository, login: str | None) -> Permission | None:
    """What a person may do there: the owner everything, collaborators what was given, others read what is public."""
    if login is not None:
        if login.lower() == repository.owner.lower():
            return Permission.ADMIN
        given = repository.collaborators.get(login.lower())
        if given is not None:
            return given
    return None if repository.private else Permission.READ


def _covers(token: Token | None, repository: Repository) -> bool:
    if token is None or token.repositories is None or token.classic:
        return True
    return repository.key in {name.lower() for name in token.repositories}


def can_see(caller: Caller, repository: Repository) -> bool:
    if not repository.private:
        return True
    return role(repository, caller.login) is not None and _covers(caller.token, repository)


def visible(world: World, caller: Caller, full_name: str) -> Repository:
    """The repository, or 404: GitHub does not tell what is hidden from what does not exist."""
    repository = world.repository(full_name)
    if repository is None or not can_see(caller, repository):
        raise not_found()
    return repository


def require(
    caller: Caller,
    repository: Repository,
    permission: str,
    level: str = "write",
    *,
    needs: Permission = Permission.READ,
) -> None:
    """403 unless the token has the permission there and its owner the role `needs`; 403 too for writes to an archive.

    `permission` is a fine-grained one: contents, pull_requests, statuses, administration, issues, metadata.
    """
    writes = level != "read"
    if writes and caller.login is None:
        raise Refused(401, "Requires authentication", kind="UNAUTHORIZED")
    token = caller.token
    if token is not None and not token.classic and (writes or repository.private):
        granted = "read" if permission == "metadata" else token.permissions.get(permission, "")
        if not _covers(token, repository) or _LEVELS.get(granted, 0) < _LEVELS[level]:
            accepted = ("x-accepted-github-permissions", f"{permission}={level}")
            raise Refused(403, not_accessible(caller), kind="FORBIDDEN", headers=(accepted,))
    if not writes:
        return
    have = role(repository, caller.login)
    if have is None or not have.allows(needs):
        raise Refused(
            403,
            "Must have admin rights to Repository." if needs is Permission.ADMIN else not_accessible(caller),
            kind="FORBIDDEN",
        )
    if repository.archived:
        raise Refused(403, ARCHIVED, kind="FORBIDDEN")
