"""Where GitHub's token comes from, and what is said when it is not there.

systemd hands it over as a credential (`LoadCredential=`); a credential that could not be loaded carries the word
`absent`, so that this program can say so instead of the unit failing without a word.  Without systemd the same
files are read directly, which takes root.  The token is kept out of every message.

Three kinds: one raw token, gh's `hosts.yml`, and, when the settings name a GitHub App, that App's private key.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from zeta_self_register import github_app
from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.github import GitHub, is_token
from zeta_self_register.plain_yaml import NotPlainYaml, load
from zeta_self_register.settings import Settings

ABSENT = b"absent"
RAW_CREDENTIAL = "github-token"
HOSTS_CREDENTIAL = "gh-hosts"
APP_CREDENTIAL = "github-app-key"
DEFAULT_TOKEN_FILE = "/etc/zeta-self-register/github-token"
DEFAULT_APP_KEY_FILE = "/etc/zeta-self-register/github-app-key.pem"


class SignedOut(Refused):
    """Nobody has signed in on this machine yet."""

    def __init__(self, line: str) -> None:
        super().__init__(Exit.NOT_NOW, line)


def sign_in(
    effects: Effects, settings: Settings, repository: str, command: str, credentials: str | None
) -> GitHub:
    """The repository, with the token that was read now.  `credentials` is systemd's folder.

    Raises SignedOut (75) while nobody has signed in yet, Refused (78) for a file that cannot be used, and what
    `github_app.installation_token` raises.
    """
    if settings.app_id is None:
        token, requests = read_token(effects, settings, credentials), 0
    else:
        key, _ = _content(effects, _key_places(settings, credentials))
        token, requests = github_app.installation_token(effects, settings, repository, key, command)
    github = GitHub(effects, settings.api_url, repository, token, command)
    github.requests = requests
    return github


def read_token(effects: Effects, settings: Settings, credentials: str | None) -> str:
    """The token that is kept.  Raises SignedOut or Refused."""
    content, path = _content(effects, _places(settings, credentials))
    return _token_in(content, path, settings)


def _content(effects: Effects, places: list[str]) -> tuple[bytes, str]:
    """What the first of these files holds, and which one it is."""
    for path in places:
        try:
            content = effects.read(path)
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise Refused(
                Exit.MISCONFIGURED, f"{path}: the token cannot be read ({error.strerror}); run this as root"
            ) from None
        except OSError as error:
            raise Refused(
                Exit.MISCONFIGURED, f"{path}: the token cannot be read ({error.strerror})"
            ) from error
        if content.strip() != ABSENT:
            return content, path
    raise SignedOut(
        f"not signed in to GitHub yet: no token in {', '.join(places)}; waits for the credentials to be restored"
    )


def _places(settings: Settings, credentials: str | None) -> list[str]:
    if credentials is not None:
        return [f"{credentials}/{RAW_CREDENTIAL}", f"{credentials}/{HOSTS_CREDENTIAL}"]
    if settings.token_file is not None:
        return [settings.token_file]
    return [DEFAULT_TOKEN_FILE, f"{settings.home}/.config/gh/hosts.yml"]


def _key_places(settings: Settings, credentials: str | None) -> list[str]:
    if credentials is not None:
        return [f"{credentials}/{APP_CREDENTIAL}"]
    return [settings.app_key_file or DEFAULT_APP_KEY_FILE]


def _token_in(content: bytes, path: str, settings: Settings) -> str:
    text = content.decode("utf-8", errors="replace").strip()
    if not text:
        raise SignedOut(f"{path}: the token is empty; waits for the credentials to be restored")
    token = text if is_token(text) else _from_hosts(text, path, settings)
    if not is_token(token):
        raise Refused(Exit.MISCONFIGURED, f"{path}: holds neither one token nor gh's hosts.yml")
    return token


def _from_hosts(text: str, path: str, settings: Settings) -> str:
    """gh's file: `HOST: {oauth_token: …}`."""
    host = (urlsplit(settings.api_url).hostname or "").removeprefix("api.")
    try:
        # Without tags and aliases, which gh does not write: a user's file that root reads.
        hosts = load(text.encode())
    except NotPlainYaml:
        raise Refused(Exit.MISCONFIGURED, f"{path}: holds neither one token nor gh's hosts.yml") from None
    entry = hosts.get(host) if isinstance(hosts, dict) else None
    token = entry.get("oauth_token") if isinstance(entry, dict) else None
    if not isinstance(token, str) or not token:
        raise SignedOut(f"{path}: not signed in to {host} yet; waits for `gh auth login`")
    return token
