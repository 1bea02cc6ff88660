"""GitHub Apps: who signed a request, and the short-lived tokens that an installation is given.

A token says by itself what it is for and until when, as GitHub's own do since 2026, so that giving one out changes
nothing in the world.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from mock_github.frozen import FrozenMap
from mock_github.state import Installation, Token
from mock_github.wire import Refused
from mock_github.world import World

if TYPE_CHECKING:
    from jwt.types import Options

LIFETIME = 3_600_000
LONGEST_SIGNATURE = 600
"""Seconds from now to `exp`; the minute more is what GitHub's clock and the client's may differ by."""
NOT_DECODED = "A JSON web token could not be decoded"
EXPIRED = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time "
    "at which the assertion expires"
)
TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
NOT_YET = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"


class _Said(msgspec.Struct, frozen=True):
    """What an installation's token holds."""

    installation: int
    expires: int
    permissions: dict[str, str]
    repositories: list[str]


def is_for_apps(path: str) -> bool:
    """Whether a request is one that an app signs instead of showing a token."""
    return re.match(r"(/api/v3)?/app(/|$)", path) is not None


def signer(world: World, text: str) -> tuple[str, int]:
    """The login and id of the app whose key signed this JSON web token; 401 for a bad one, 404 for a stranger's."""
    import jwt  # with all of cryptography, for apps only

    try:
        claims = jwt.decode(text, options={"verify_signature": False})
        issuer, issued, expires = str(claims["iss"]), int(claims["iat"]), int(claims["exp"])
    except (jwt.PyJWTError, KeyError, ValueError, TypeError):
        raise Refused(401, NOT_DECODED) from None
    app = next((one for one in world.installations.values() if str(one.app) == issuer), None)
    if app is None:
        raise Refused(404, "Integration not found")
    try:
        jwt.decode(text, app.public_key, algorithms=["RS256"], options=_ONLY_SIGNATURE)
    except jwt.PyJWTError:
        raise Refused(401, NOT_DECODED) from None
    now = world.now / 1000
    if issued > now + 1:
        raise Refused(401, NOT_YET)
    if expires <= now:
        raise Refused(401, EXPIRED)
    if expires > now + LONGEST_SIGNATURE + 60:
        raise Refused(401, TOO_FAR)
    return app.login, app.app


# Times are compared with the world's, not with the clock of whoever runs the mock.
_ONLY_SIGNATURE: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}


def issue(world: World, home: Installation, permissions: dict[str, str], repositories: list[str]) -> str:
    """A token for an hour."""
    said = _Said(home.id, world.now + LIFETIME, permissions, repositories)
    payload = base64.urlsafe_b64encode(msgspec.json.encode(said)).decode().rstrip("=")
    return f"ghs_{home.app}_{payload}.{_seal(home, payload)}"


def token_of(world: World, text: str) -> Token | None:
    """The token of an installation, if it is one that was given out."""
    found = re.fullmatch(r"ghs_\d+_([A-Za-z0-9_-]+)\.([0-9a-f]{64})", text)
    if found is None:
        return None
    try:
        said = msgspec.json.decode(base64.urlsafe_b64decode(found[1] + "=="), type=_Said)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return None
    home = world.installations.get(said.installation)
    if home is None or found[2] != _seal(home, found[1]):
        return None
    return Token(
        login=home.login,
        permissions=FrozenMap(said.permissions),
        repositories=tuple(said.repositories),
        expired=world.now >= said.expires,
        installation=True,
    )


def _seal(home: Installation, payload: str) -> str:
    return hashlib.sha256(f"{home.public_key}\0{payload}".encode()).hexdigest()
