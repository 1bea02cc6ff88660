"""Where GitHub's token comes from, and what is said when it is not there.

systemd hands it over as a credential (`LoadCredential=`); a credential that could not be loaded carries the word
`absent`, so that this program can say so instead of the unit failing without a word.  Without systemd the same
files are read directly.  The token is kept out of every message.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import yaml

from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.settings import Settings

ABSENT = b"absent"
RAW_CREDENTIAL = "github-token"
HOSTS_CREDENTIAL = "gh-hosts"
DEFAULT_TOKEN_FILE = "/etc/zeta-self-register/github-token"


def read_token(effects: Effects, settings: Settings, credentials: str | None) -> str:
    """The token.  Raises Refused: 75 while nobody has signed in yet, 78 for a file that cannot be used."""
    looked: list[str] = []
    for path in _places(settings, credentials):
        try:
            content = effects.read(path)
        except FileNotFoundError:
            looked.append(path)
            continue
        except OSError as error:
            raise Refused(
                Exit.MISCONFIGURED, f"{path}: the token cannot be read ({error.strerror})"
            ) from error
        if content.strip() == ABSENT:
            looked.append(path)
            continue
        return _token_in(content, path, settings)
    raise Refused(
        Exit.NOT_NOW,
        f"not signed in to GitHub yet: no token in {', '.join(looked)}; waits for the credentials to be restored",
    )


def _places(settings: Settings, credentials: str | None) -> list[str]:
    if credentials is not None:
        return [f"{credentials}/{RAW_CREDENTIAL}", f"{credentials}/{HOSTS_CREDENTIAL}"]
    if settings.token_file is not None:
        return [settings.token_file]
    return [DEFAULT_TOKEN_FILE, f"{settings.home}/.config/gh/hosts.yml"]


def _token_in(content: bytes, path: str, settings: Settings) -> str:
    text = content.decode("utf-8", errors="replace").strip()
    if not text:
        raise Refused(Exit.NOT_NOW, f"{path}: the token is empty; waits for the credentials to be restored")
    token = text if _is_token(text) else _from_hosts(text, path, settings)
    if not _is_token(token):
        raise Refused(Exit.MISCONFIGURED, f"{path}: holds neither one token nor gh's hosts.yml")
    return token


def _is_token(text: str) -> bool:
    return text.isascii() and text.isprintable() and not any(c in text for c in " :{}[]'\"")


def _from_hosts(text: str, path: str, settings: Settings) -> str:
    """gh's file: `HOST: {oauth_token: …}`."""
    host = (urlsplit(settings.api_url).hostname or "").removeprefix("api.")
    try:
        hosts = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        raise Refused(Exit.MISCONFIGURED, f"{path}: holds neither one token nor gh's hosts.yml") from None
    entry = hosts.get(host) if isinstance(hosts, dict) else None
    token = entry.get("oauth_token") if isinstance(entry, dict) else None
    if not isinstance(token, str) or not token:
        raise Refused(Exit.NOT_NOW, f"{path}: not signed in to {host} yet; waits for `gh auth login`")
    return token
