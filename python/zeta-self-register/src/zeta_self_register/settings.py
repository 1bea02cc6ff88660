"""What the operator configured: the TOML file, below it the old environment variables, below those defaults."""

from __future__ import annotations

import difflib
import enum
import re
import tomllib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from zeta_self_register import names
from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit, Refused

_SECONDS = re.compile(r"[0-9]{1,12}")
DEFAULT_PATH = "/etc/zeta-self-register/settings.toml"

ENVIRONMENT = {
    "ZETA_SELF_REGISTER_REPO_SLUG": "repository",
    "ZETA_SELF_REGISTER_MARKER": "old_marker",
    "ZETA_SELF_REGISTER_MODE": "mode",
    "ZETA_SELF_REGISTER_MIN_PR_INTERVAL": "min_pr_interval_seconds",
}
"""The variables of the shell version, and the setting that each one stands for."""


class Mode(enum.Enum):
    """Whether writes are made at all.  There is no third word, so that no typing error switches a test mode on."""

    LIVE = "live"
    DRY_RUN = "dry-run"


class OnClosed(enum.Enum):
    """What to do when a person closed the pull request without merging it."""

    REOPEN_ONCE = "reopen-once"
    HOLD = "hold"


class OnDrift(enum.Enum):
    """What to do when a registered node's record is gone from the base branch."""

    REPAIR = "repair"
    HOLD = "hold"


class Merge(enum.Enum):
    """How far the steward goes: arm auto-merge (or merge when that is what is left), or leave it to people."""

    AUTO = "auto"
    NEVER = "never"


class MergeMethod(enum.Enum):
    """GitHub's three ways to merge, or the first of them that the repository allows.

    A merge commit comes first: it makes the branch's commit a part of the base, so that GitHub itself refuses every
    later pull request of that branch ("No commits between"), a second machine's and a late request's too.
    """

    AUTO = "auto"
    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings with their defaults.  Times are seconds, paths absolute."""

    repository: str | None = None
    operator: str | None = None
    node_name: str | None = None
    base_branch: str = "main"
    roles: tuple[str, ...] = ()
    """Roles of the node; without any, what the flake's host is called, or `worker`."""
    flake_host: str | None = None
    flake_commit: str | None = None
    mode: Mode = Mode.LIVE

    api_url: str = "https://api.github.com"
    ca_file: str | None = None
    token_file: str | None = None
    app_id: int | str | None = None
    """A GitHub App's id (or client id), to sign in as it instead of with a token that is kept."""
    app_installation_id: int | None = None
    app_key_file: str | None = None
    home: str = "/home/zeta"

    cluster_state_folder: str | None = None
    """Path A: where other agents of this machine are told how the registration stands; usual is
    `/run/zeta-cluster-state`."""
    metrics_file: str | None = None
    """A file for node_exporter's textfile collector; usual is `/run/zeta-self-register/zeta_self_register.prom`."""

    state_folder: str = "/var/lib/zeta-self-register"
    old_marker: str | None = None
    intent_file: str = "/etc/zeta-self-register/intent.json"
    install_stamp: str = "/var/lib/zeta-install/complete.json"
    require_install_stamp: bool = True

    cluster: tuple[str, ...] = ()
    """Where somebody has to answer before a new registration is begun: `HOST:PORT` or URLs."""
    cluster_timeout_seconds: int = 5
    """The time limit of each of them."""

    on_closed: OnClosed = OnClosed.REOPEN_ONCE
    on_drift: OnDrift = OnDrift.REPAIR
    merge: Merge = Merge.AUTO
    merge_method: MergeMethod = MergeMethod.AUTO

    request_lifetime_seconds: int = 300
    """Q: the longest that a request can live between being sent and taking effect; our side gives up after 120."""
    min_pr_interval_seconds: int = 86_400
    """At most one new pull request of this node in this time."""

    @property
    def marker(self) -> str:
        """The receipt that the register unit's condition looks at."""
        return f"{self.state_folder}/registered.json"

    @property
    def old_markers(self) -> tuple[str, ...]:
        """Where the shell version kept its markers: hints, never a gate."""
        first = self.old_marker or f"{self.state_folder}/self-registered.marker"
        return (first, f"{self.home}/.config/zeta/self-registered.marker")


def load(effects: Effects, path: str, environment: Mapping[str, str], *, must_exist: bool) -> Settings:
    """Reads and checks the settings.  Raises Refused (78) with one line that says what to mend."""
    try:
        text = effects.read(path).decode()
        table = tomllib.loads(text)
    except FileNotFoundError:
        if must_exist:
            raise _wrong(f"{path}: not there; write it, or name another with --settings FILE") from None
        table = {}
    except OSError as error:
        raise _wrong(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise _wrong(f"{path}: is not UTF-8 text; write it as TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"{path}: is not TOML: {error}") from None
    except (RecursionError, ValueError):  # a number of more digits than Python reads is no TOMLDecodeError
        raise _wrong(f"{path}: is nested too deep, or has a number that is too long") from None
    return from_table({**_from_environment(environment), **table}, path)


def from_table(table: Mapping[str, Any], where: str) -> Settings:
    """Checks one table of settings.  Raises Refused (78)."""
    known = set(Settings.__struct_fields__)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are: {', '.join(sorted(known))}"
            raise _wrong(f"{where}: unknown setting {key!r}{hint}")
    try:
        settings = msgspec.convert(dict(table), Settings)
    except UnicodeEncodeError:
        raise _wrong(f"{where}: a variable of the environment is not UTF-8 text") from None
    except msgspec.ValidationError as error:
        raise _wrong(f"{where}: {_plain(str(error))}") from None
    _check(settings, where)
    return settings


def _check(settings: Settings, where: str) -> None:
    try:
        if settings.repository is not None:
            names.parse_repository(settings.repository)
        if settings.operator is not None:
            names.parse_operator(settings.operator)
        if settings.node_name is not None:
            names.parse_node_name(settings.node_name)
    except names.InvalidName as error:
        raise _wrong(f"{where}: {error}") from None
    _check_address(settings.api_url, where)
    if (settings.app_id is None) != (settings.app_installation_id is None):
        raise _wrong(f"{where}: app_id and app_installation_id belong together: set both, or none")
    for field in (
        "ca_file",
        "token_file",
        "app_key_file",
        "cluster_state_folder",
        "metrics_file",
        "home",
        "state_folder",
        "old_marker",
        "intent_file",
        "install_stamp",
    ):
        path = getattr(settings, field)
        if path is not None and not path.startswith("/"):
            raise _wrong(f"{where}: {field} must be an absolute path, not {path!r}")
    for target in settings.cluster:
        if not _is_target(target):
            raise _wrong(f"{where}: cluster has {target!r}: write HOST:PORT or an https:// address")
    if settings.install_stamp.startswith(f"{settings.state_folder}/"):
        raise _wrong(
            f"{where}: install_stamp must lie outside state_folder, so that no restore brings it back"
        )
    for field, least in (
        ("request_lifetime_seconds", 150),
        ("min_pr_interval_seconds", 1),
        ("cluster_timeout_seconds", 1),
    ):
        if getattr(settings, field) < least:
            raise _wrong(f"{where}: {field} must be at least {least}")


def _check_address(text: str, where: str) -> None:
    """What is not printed here may be a password."""
    try:
        url = urlsplit(text)
        host, secret = url.hostname, url.username or url.password
    except ValueError:
        host, url, secret = None, urlsplit(""), None
    if secret:
        raise _wrong(f"{where}: api_url must not hold a name or a password; the token has a file of its own")
    local = host in {"localhost", "127.0.0.1", "::1"}
    if not host or not (url.scheme == "https" or (url.scheme == "http" and local)):
        raise _wrong(f"{where}: api_url must be an https:// address, not {text!r}")
    if url.query or url.fragment:
        raise _wrong(f"{where}: api_url must end with its path, such as https://HOST/api/v3")
    if host in {"github.com", "www.github.com"}:
        raise _wrong(f"{where}: api_url is of GitHub's pages: use https://api.github.com")


def _is_target(text: str) -> bool:
    try:
        url = urlsplit(text if "://" in text else f"tcp://{text}")
        port = url.port
    except ValueError:
        return False
    if url.scheme == "tcp":
        return bool(url.hostname) and port is not None and url.netloc == text
    return url.scheme in ("http", "https") and bool(url.hostname) and url.username is None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, field in ENVIRONMENT.items():
        text = environment.get(variable)
        if text is None or text == "":
            continue
        if field == "min_pr_interval_seconds":
            if not _SECONDS.fullmatch(text):
                raise _wrong(f"{variable} must be a number of seconds, not {text!r}")
            found[field] = int(text)
        else:
            found[field] = text
    return found


def _plain(message: str) -> str:
    """msgspec's own words, with the key in front: "expected `int`, got `str` - at `$.x`"."""
    text, _, place = message.partition(" - at `$.")
    return f"{place.rstrip('`')}: {text}" if place else text


def _wrong(line: str) -> Refused:
    return Refused(Exit.MISCONFIGURED, line)
