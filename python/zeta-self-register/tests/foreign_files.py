"""The parsers of files that lie on the machine: this program's own, the installer's, the operator's, credentials."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from foreign_port import Foreign, Parser, answer_of, hold, line
from garbling import Form
from small_machine import TOKEN
from zeta_self_register import credentials, local, metrics, settings, who
from zeta_self_register.credentials import DEFAULT_APP_KEY_FILE, DEFAULT_TOKEN_FILE, sign_in
from zeta_self_register.exits import Refused
from zeta_self_register.github import is_token
from zeta_self_register.identity import NO_IDENTITY
from zeta_self_register.local_files import (
    Attempt,
    Intent,
    Marker,
    MarkerState,
    NotedComment,
    Pause,
    Phase,
    PullRequestRef,
    Reading,
    RefusedAutoMerge,
    Removal,
    Reopening,
    Stamp,
    State,
    Wishes,
    decode,
    encode,
)
from zeta_self_register.moments import Moment
from zeta_self_register.settings import DEFAULT_PATH, Settings
from zeta_self_register.simulated import MACHINE
from zeta_self_register.starts import OWN_IDENTITY, STARTS

AT = Settings()
HOSTNAME = "/proc/sys/kernel/hostname"
APP = STARTS["github-app"]["files"]
NOTED = Moment("boot-1", 10.0, 1_767_225_000.0)
OPEN_MARKER = Marker(
    state=MarkerState.PR_OPEN,
    repository="acme/cluster",
    operator="alice",
    node="node-a",
    identity=OWN_IDENTITY,
    pull_request=PullRequestRef(1, "https://github.test/acme/cluster/pull/1", "register-node-node-a"),
    boot_id="boot-1",
    written_at="2026-01-01T00:00:00Z",
    server_time=1_767_225_600.0,
    reason="#1 is open",
)
DONE_MARKER = msgspec.structs.replace(
    OPEN_MARKER,
    state=MarkerState.REGISTERED,
    identity=NO_IDENTITY,
    pull_request=None,
    record_seen="0" * 40,
    etag='"e"',
)
OLD_MARKERS = (
    b"https://github.com/acme/cluster/pull/7\n",
    b"ci-dry-run\n",
    b"state=pr-opened\nobserved-at=2026-01-01T00:00:00Z\nnode-path=x\ndetail=y\n",
)
ATTEMPT = Attempt(
    phase=Phase.PULL_REQUEST,
    repository="acme/cluster",
    operator="alice",
    node="node-a",
    branch="register-node-node-a",
    noted=NOTED,
)
STATE = State(
    comments=(NotedComment(pull_request=1, kind="joined", noted=NOTED),),
    reopening=Reopening(pull_request=1, noted=NOTED),
    pause=Pause(noted=NOTED, seconds=60.0, attempts=1),
    auto_merge_refused=RefusedAutoMerge(pull_request=1, head="0" * 40, reason="r"),
    ignore_prs_up_to=3,
)
WISHES = (
    Wishes(paused=True),
    Wishes(reset=True, adopt=2, move_from="maintainers/alice/cluster-nodes/b/node.yaml"),
    Wishes(removal=Removal(ignore_prs_up_to=2)),
)
INTENT = encode(Intent(operator="alice", repository="acme/cluster", node="node-a"))
STAMP = encode(Stamp(installed_at="2026-01-01T00:00:00Z"))
SETTINGS = (
    MACHINE[DEFAULT_PATH],
    b'repository = "acme/cluster"\nnode_name = "node-a"\nroles = ["worker"]\nmode = "live"\ncluster = ["a:1"]\n'
    b'request_lifetime_seconds = 300\nrequire_install_stamp = false\napi_url = "https://h/api/v3"\n'
    b'on_closed = "hold"\nmerge_method = "squash"\ncluster_state_folder = "/run/x"\n',
    b'app_id = 1\napp_installation_id = 2\napp_key_file = "/k.pem"\n',
)
HOSTS = (
    b"github.com:\n    user: alice\n    oauth_token: gho_abc123\n    git_protocol: https\n"
    b"    users:\n        alice:\n            oauth_token: gho_abc123\n",
    b'"github.com": {"oauth_token": "gho_abc123"}\n',
)


def _kept(path: str, kind: type[msgspec.Struct]) -> Callable[[bytes], bool]:
    """One of the program's own files, among the others as they are on a fresh machine."""

    def read(content: bytes) -> bool:
        try:
            files = local.read_files(Foreign({path: content}), AT)
        except Refused as refused:
            line(refused.line)
            return False
        reading, value = decode(content, kind)
        if kind is Marker:
            hold((files.marker is not None) == (reading is Reading.VALID), f"marker: {reading}")
        if value is None:
            return False
        hold(decode(encode(value), kind) == (Reading.VALID, value), "what was read cannot be written again")
        return True

    return read


def _old_marker(content: bytes) -> bool:
    path = AT.old_markers[0]
    files = local.read_files(Foreign({AT.marker: content, path: content}), AT)
    hold(files.marker is None or content.lstrip()[:1] == b"{", "an old marker counts")
    return files.marker_reading is Reading.OLD


def _intent(content: bytes) -> bool:
    return _named({AT.intent_file: content, HOSTNAME: b"node-a\n"})


def _hostname(content: bytes) -> bool:
    return _named({HOSTNAME: content, AT.intent_file: b""} if not content else {HOSTNAME: content})


def _named(files: dict[str, bytes]) -> bool:
    configured = msgspec.structs.replace(AT, repository=None if AT.intent_file in files else "acme/cluster")
    try:
        found = who.resolve(Foreign(files), configured, None, None)
    except Refused as refused:
        line(refused.line)
        return False
    for name in (found.repository, found.node, found.operator or "x"):
        hold(name.isascii() and name.isprintable() and ".." not in name.split("/"), f"a name: {name!r}")
    return True


def _stamp(content: bytes) -> bool:
    return local.is_stamped(Foreign({AT.install_stamp: content}), AT)


def _os_release(content: bytes) -> bool:
    return local.is_installer(Foreign({"/etc/os-release": content}))


def _settings(content: bytes) -> bool:
    return _configured(Foreign({DEFAULT_PATH: content}), {})


def _environment(content: bytes) -> bool:
    """As the shell version had them: one `NAME=value` a line."""
    pairs = (one.partition("=") for one in content.decode("utf-8", "surrogateescape").split("\n"))
    return _configured(Foreign(), {name: value for name, _, value in pairs})


def _configured(port: Foreign, environment: dict[str, str]) -> bool:
    try:
        found = settings.load(port, DEFAULT_PATH, environment, must_exist=False)
    except Refused as refused:
        line(refused.line)
        return False
    hold(found.state_folder.startswith("/") and found.request_lifetime_seconds >= 150, "unsafe settings")
    return True


def _token(content: bytes) -> bool:
    try:
        token = credentials.read_token(Foreign({DEFAULT_TOKEN_FILE: content}), AT, None)
    except Refused as refused:
        line(refused.line)
        return False
    hold(is_token(token), "no word for a header")
    return True


def _app_key(content: bytes) -> bool:
    """With an answer at hand, so that a good key makes a token."""
    answer = answer_of(b'201\ndate: Thu, 01 Jan 2026 00:00:00 GMT\n\n{"token": "ghs_x"}')
    return _signed_in(Foreign({DEFAULT_APP_KEY_FILE: content}, answers=[answer]))


def _app_answer(content: bytes) -> bool:
    answers = [answer_of(content), answer_of(content)]
    return _signed_in(Foreign({DEFAULT_APP_KEY_FILE: APP[DEFAULT_APP_KEY_FILE]}, answers=answers))


def _signed_in(port: Foreign) -> bool:
    configured = msgspec.structs.replace(AT, app_id=11, app_installation_id=21)
    try:
        sign_in(port, configured, "acme/cluster", "register", None)
    except Refused as refused:
        line(refused.line)
        hold("PRIVATE KEY" not in refused.line, "the key is quoted")
        return False
    return True


def _earlier_metrics(content: bytes) -> bool:
    return metrics.last_success(content) > 0


JSON, LINES = Form.JSON, Form.LINES
FILES = (
    Parser("registered.json", JSON, (encode(OPEN_MARKER), encode(DONE_MARKER)), _kept(AT.marker, Marker)),
    Parser("a marker of the shell version", LINES, OLD_MARKERS, _old_marker),
    Parser("attempt.json", JSON, (encode(ATTEMPT),), _kept(local.attempt_path(AT), Attempt)),
    Parser("state.json", JSON, (encode(STATE),), _kept(local.state_path(AT), State)),
    Parser("wishes.json", JSON, tuple(map(encode, WISHES)), _kept(local.wishes_path(AT), Wishes)),
    Parser("the installer's intent", JSON, (INTENT,), _intent),
    Parser("the installer's stamp", JSON, (STAMP,), _stamp),
    Parser("os-release", LINES, (b"ID=nixos\n", b'NAME="x"\nVARIANT_ID="installer"\n'), _os_release),
    Parser("the hostname", Form.BYTES, (b"node-a\n", b"nixos"), _hostname),
    Parser("settings.toml", LINES, SETTINGS, _settings),
    Parser(
        "the shell version's variables",
        LINES,
        (
            b"ZETA_SELF_REGISTER_REPO_SLUG=acme/cluster\nZETA_SELF_REGISTER_MODE=live\n"
            b"ZETA_SELF_REGISTER_MIN_PR_INTERVAL=60\nZETA_SELF_REGISTER_MARKER=/x\n",
        ),
        _environment,
    ),
    Parser("a raw token", Form.BYTES, (TOKEN.encode(), b"absent"), _token),
    Parser("gh's hosts.yml", LINES, HOSTS, _token, turn=300),
    Parser("a GitHub App's key", LINES, (APP[DEFAULT_APP_KEY_FILE],), _app_key, turn=40),
    Parser(
        "an App's token, GitHub's answer",
        Form.ANSWER,
        (b'201\ndate: Thu, 01 Jan 2026 00:00:00 GMT\n\n{"token": "ghs_x", "expires_at": "x"}',),
        _app_answer,
        turn=100,
    ),
    Parser(
        "metrics that were told before",
        LINES,
        (f"# HELP x\n{metrics.LAST_SUCCESS} 1767225600\n".encode(),),
        _earlier_metrics,
    ),
)
