"""Signing in as a GitHub App: its key signs, GitHub answers with a token for an hour, and nothing is kept.

PyJWT signs (RS256).  It is on every node already, since gidgethub needs it, and the key is handed to it in memory;
`openssl dgst -sign` would be another program, which wants the key in a file.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from zeta_self_register.answers import Answer, Outcome
from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.github import GitHub, is_token
from zeta_self_register.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SIGNED_BEFORE_SECONDS = 60
"""GitHub's advice: `iat` a minute back, for clocks that differ."""
SIGNATURE_SECONDS = 540
"""GitHub takes no signature for more than ten minutes."""
CLOCK_TOLERANCE_SECONDS = 30.0


def sign(key: bytes, app_id: str, now: float) -> str:
    """The App's JSON web token, by GitHub's rules; `now` in seconds since 1970.  Raises ValueError for a bad key."""
    import jwt  # 50 ms, for Apps only

    claims = {"iat": int(now) - SIGNED_BEFORE_SECONDS, "exp": int(now) + SIGNATURE_SECONDS, "iss": app_id}
    return jwt.encode(claims, _loaded(key), algorithm="RS256")


@lru_cache(maxsize=1)
def _loaded(key: bytes) -> RSAPrivateKey:
    """The key, checked; that takes 0.2 s, so the second signature of a run has it from here."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        loaded = load_pem_private_key(key, password=None)
    except Exception:
        # Whatever the library says may quote the key.
        raise ValueError("no RSA private key in PEM") from None
    if not isinstance(loaded, RSAPrivateKey):
        raise ValueError("no RSA private key in PEM")
    return loaded


def installation_token(
    effects: Effects, settings: Settings, repository: str, key: bytes, command: str
) -> tuple[str, int]:
    """A token for one repository and an hour, and how many requests it took.  Raises Refused.

    This machine's clock may be wrong, and GitHub then takes no signature of it: the second one is by GitHub's own.
    """
    now, requests = effects.wall_clock(), 0
    while True:
        github = GitHub(effects, settings.api_url, repository, _signed(settings, key, now), command)
        answer = github.installation_token(settings.app_installation_id or 0)
        requests += github.requests
        if answer.outcome is Outcome.OK:
            return _token(answer), requests
        theirs = answer.server_time
        clock_is_wrong = theirs is not None and abs(theirs - now) > CLOCK_TOLERANCE_SECONDS
        if theirs is None or not clock_is_wrong or answer.outcome is not Outcome.DENIED or requests > 1:
            raise _refused(answer, repository)
        now = theirs


def _signed(settings: Settings, key: bytes, now: float) -> str:
    try:
        return sign(key, str(settings.app_id), now)
    except ValueError as error:
        raise Refused(
            Exit.MISCONFIGURED,
            f"the App's key: {error}; download a new one from the App's settings on GitHub",
        ) from None


def _token(answer: Answer) -> str:
    token = answer.data.get("token") if isinstance(answer.data, dict) else None
    if not isinstance(token, str) or not is_token(token):
        raise Refused(Exit.NOT_NOW, "GitHub's answer has no token for the App; the next tick tries again")
    return token


def _refused(answer: Answer, repository: str) -> Refused:
    if answer.outcome is Outcome.DENIED:
        return Refused(
            answer.status,
            "GitHub gives the App no token: check `app_id`, `app_installation_id`, and that the key is this App's",
        )
    if answer.outcome is Outcome.LOOK_AGAIN:
        return Refused(
            Exit.HELD,
            f"{answer.reason}: install the App on {repository} with Contents and Pull requests, read and write",
        )
    return Refused(answer.status, f"no token for the App: {answer.reason}")
