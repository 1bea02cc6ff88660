"""Beginnings that the exploration takes beside a fresh node in an empty cluster: one for each row that needs one."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from zeta_self_register.credentials import DEFAULT_APP_KEY_FILE, DEFAULT_TOKEN_FILE
from zeta_self_register.identity import Identity, identity
from zeta_self_register.local_files import Attempt, Marker, MarkerState, Phase, PullRequestRef, encode
from zeta_self_register.moments import Moment
from zeta_self_register.readings import DMI_UUID, Readings
from zeta_self_register.settings import DEFAULT_PATH, Settings

_MARKER = Settings().marker
_ATTEMPT = f"{Settings().state_folder}/attempt.json"
_WISHES = f"{Settings().state_folder}/wishes.json"
_RECORD = "maintainers/alice/cluster-nodes/node-a/node.yaml"
OTHER_NAME = "maintainers/alice/cluster-nodes/node-z/node.yaml"
_OLD_BRANCH = "register-node-a-20250101T000000Z"
_LONG_AGO = 1_700_000_000.0


def _record(node: str = "node-a", operator: str = "alice", mac: str | None = None) -> str:
    """A record as the shell version wrote it, without an identity."""
    hardware = f'  hardware:\n    network:\n      mac: "{mac}"\n' if mac else ""
    return (
        "apiVersion: zeta.lucent-financial-group.com/v1\nkind: ClusterNode\n"
        f"metadata:\n  name: {node}\n  namespace: zeta-cluster\n"
        f"spec:\n  hostname: {node}\n  maintainer: {operator}\n  roles: [worker]\n{hardware}"
    )


OURS = _record(mac="52:54:00:aa:bb:cc")
ANOTHERS = _record(mac="52:54:00:11:22:33")


NO_IDENTITY = identity(Readings(), "acme/cluster")
UUID = b"5f0c1a52-9e7b-4c3d-8a61-2b3c4d5e6f70\n"
OWN_IDENTITY = identity(Readings({DMI_UUID: UUID}), "acme/cluster")


def _marker(
    state: MarkerState, number: int | None, node: str = "node-a", who: Identity = NO_IDENTITY
) -> bytes:
    pull = None if number is None else PullRequestRef(number, "https://github.com/acme/cluster/pull/1", "b")
    marker = Marker(
        state=state,
        repository="acme/cluster",
        operator="alice",
        node=node,
        identity=who,
        pull_request=pull,
        boot_id="boot-before",
        written_at="2023-11-14T22:13:20Z",
        server_time=_LONG_AGO,
        reason="an earlier life",
    )
    return encode(marker)


def _noted(at: float, branch: str = "register-node-node-a") -> bytes:
    attempt = Attempt(
        phase=Phase.PULL_REQUEST,
        repository="acme/cluster",
        operator="alice",
        node="node-a",
        branch=branch,
        noted=Moment("boot-before", 0.0, at),
    )
    return encode(attempt)


_SETTINGS = b'repository = "acme/cluster"\noperator = "alice"\n'
_HOLDS = _SETTINGS + b'on_drift = "hold"\n'

_TELLS = b"""repository = "acme/cluster"
operator = "alice"
cluster_state_folder = "/run/zeta-cluster-state"
metrics_file = "/run/zeta-self-register/zeta_self_register.prom"
"""
_AS_APP = b"""repository = "acme/cluster"
operator = "alice"
app_id = 7
app_installation_id = 21
"""


_PRIVATE = (
    "MIIEogIBAAKCAQEAmGb4Adykv9xrnqXw3Cg4B/kyJutCNzYrEocv46Urf6NqX7WEF3jHHoubEj0VyJRmKzmr5tPnvHFzc2XKp6w+"
    "5IkABzllSrjmf95IyxCHpDjGEYfhXTETKSb//qbclCLMVCkaSu/KTkrHYglFe8gcJReSRoDJapGqfrUzaWub/mNlXTlqGSBkdEC0"
    "NLCGHQb0oFWhZiZeoGQEqL7uPJqeuCB50MJgKXUcRLwmFdFeju0Zn7les24+R+7/pVYSkg2pzFkEsbSOLqBde3rrVZsf5gDm6leL"
    "8zf85nXQZ1VhxbNagnzbXJ8YRKFIbBv4c6/B2m12LraU+uxfHtx7pQX9AwIDAQABAoIBAAwzmkGT58DQpfEiugD2W14QDnrdNQT0"
    "mkg2eJgSPkRO0hJtlvDGI7MHXFf+egMAFpn5WRD3AEOvFZ40lSANg0+KxGzPpJNx8Epmgo93eFSmkv0OUvXCGxWdYLuDon9dtdw7"
    "GjbLsffItuPbeCur3sz9cSGh5/5XQT45xa74BZo9PUW+nuTF/KWNYTZ3L8W3d9ns6xbA5ffC5TZkBuCIueiK/rCPFeBOCQlxVy5K"
    "R6ck5Wjrkah6CpCPk4ltKtIEVFjxU36H8JjLbbWHVRagJIj++fCuU1KBFywiGwVB2zxMhfWOlLdIK4Mr7fG7YN1NE5RFMdQVsw4j"
    "L8Jc4hp7tWECgYEA1OKRM1ZONCSEprfzsf9f+8qHxZd8PSMMJbWpY2frZFWBMT+mBFvaGCUxH29SrHf9oKCfEi0Cki+N/sDdAt30"
    "F50nScTwwwdWgueAMgV4Xo2x01/aPkBS+4r/wfMBLzuFLjhLQ5h35BhPb0Zs2gcnLQQVFre0QCd8rbvG3M6Xt5MCgYEAt0SN7xHR"
    "Sj3HVaenM/4S0YpJ7isSs2+80Xg4RH9SXAl87JIx84U0r/AA3yYOxlEQ6lgYqSA4fV/AYfvoC8qVrKn3HMFemOm27Fbw/A877EXw"
    "YOO2iKUqG39n2ePeTBkY79XaPu09XUlHf8fk9COMAKVSj+ZF2X5JTObukN2pKtECgYBB5uGMQutyuNtXwRpvv96207u0L3EGfBMG"
    "mXYWj9UO+mlEFbAPKWAamWjbklrFiV+6mf6kYcqp9o6+jnXcrVki9kNzUsQ1m8/sNj45PfhFTRf/l2y4WLFXrW//WnrDZGmWJVcn"
    "VcvHkL8Gc4a+9/fot5rPrY7fTVoLblXhhRLygQKBgHVZ23zDLv3YE0UAxqsfPROZ9n8ga6gkm4aR8Y3C7YzrsmeVsZCaskMabqR1"
    "LS7GCAvW/2uEq0d0wa68bDjorvDSIN7z30wRE8XAYi004A0KN8MC7QYQpKbY7TnzlIur4nDowghbR1jtrG/hIvVFscdUFUr5i66a"
    "E/u/P/HZThKRAoGAbcxfy2AzonCs78l+keLX3YqFhjR9w4Ppx1w33qRFZ7qasZhRmKPP9NOCQtKtWJ4AJ1A2Bny9qtJripQN4+U5"
    "UVUQ7djujU2xcZdfJKZmPOWWlwJk5qF6tLcWEW/+rY01xA+MvwBEhsySijrfCOPiDuvbT/1RrTEBjGECgP4CbNc="
)
_PUBLIC = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmGb4Adykv9xrnqXw3Cg4B/kyJutCNzYrEocv46Urf6NqX7WEF3jHHoub"
    "Ej0VyJRmKzmr5tPnvHFzc2XKp6w+5IkABzllSrjmf95IyxCHpDjGEYfhXTETKSb//qbclCLMVCkaSu/KTkrHYglFe8gcJReSRoDJ"
    "apGqfrUzaWub/mNlXTlqGSBkdEC0NLCGHQb0oFWhZiZeoGQEqL7uPJqeuCB50MJgKXUcRLwmFdFeju0Zn7les24+R+7/pVYSkg2p"
    "zFkEsbSOLqBde3rrVZsf5gDm6leL8zf85nXQZ1VhxbNagnzbXJ8YRKFIbBv4c6/B2m12LraU+uxfHtx7pQX9AwIDAQAB"
)
"""A key as a GitHub App has one.  It is nobody's, and always the same, so that a run repeats to the byte."""


def _pem(what: str, content: str) -> str:
    lines = "\n".join(content[start : start + 64] for start in range(0, len(content), 64))
    return f"-----BEGIN {what}-----\n{lines}\n-----END {what}-----\n"


def _as_app() -> dict[str, Any]:
    key = _pem("RSA PRIVATE KEY", _PRIVATE).encode()
    return {
        "says": "signed in as a GitHub App, by a clock that may be wrong",
        "files": {DEFAULT_PATH: _AS_APP, DEFAULT_TOKEN_FILE: None, DEFAULT_APP_KEY_FILE: key},
        "app": {"app": 7, "installation": 21, "slug": "zeta", "public_key": _pem("PUBLIC KEY", _PUBLIC)},
    }


_LEAVES_CLOSED = b'repository = "acme/cluster"\noperator = "alice"\non_closed = "hold"\n'

_MERGING = ("pull-request-merged", "auto-merge-enabled")
"""Events that are a person's doing where merging is left to people."""

STARTS: Mapping[str, Mapping[str, Any]] = {
    "installer": {
        "says": "the installer's own system",
        "files": {"/etc/os-release": b"ID=nixos\nVARIANT_ID=installer\n"},
        "held": True,
        "forbidden": "requests",
    },
    "no-stamp": {
        "says": "an unfinished install",
        "files": {Settings().install_stamp: None},
        "held": True,
        "forbidden": "requests",
    },
    "marker-unreadable": {
        "says": "a marker that cannot be read",
        "files": {_MARKER: errno.EACCES},
        "forbidden": "requests",
        "held": True,
    },
    "marker-newer": {
        "says": "a marker of a newer version",
        "files": {_MARKER: b'{"schema": 99}'},
        "forbidden": "requests",
        "held": True,
    },
    "marker-foreign": {
        "says": "a marker of another machine",
        "files": {_MARKER: _marker(MarkerState.REGISTERED, 1, "node-b")},
        "held": True,
        "forbidden": "changes",
    },
    "marker-empty": {"says": "an empty marker", "files": {_MARKER: b""}},
    "note-from-future": {"says": "a note from the future", "files": {_ATTEMPT: _noted(4e9)}},
    "note-broken": {"says": "a note that cannot be read", "files": {_ATTEMPT: b'{"schema"'}},
    "drift": {
        "says": "registered long ago, and the record is gone",
        "files": {_MARKER: _marker(MarkerState.REGISTERED, None)},
    },
    "drift-held": {
        "says": "the same, with the policy to hold",
        "files": {_MARKER: _marker(MarkerState.REGISTERED, None), DEFAULT_PATH: _HOLDS},
        "held": True,
        "forbidden": "changes",
    },
    "record-of-another": {
        "says": "another machine's record",
        "base": {_RECORD: ANOTHERS},
        "held": True,
        "forbidden": "changes",
    },
    "record-ours": {"says": "this machine's record, and an empty disk", "base": {_RECORD: OURS}},
    "name-taken": {
        "says": "the name under another operator",
        "base": {"maintainers/bob/cluster-nodes/node-a/node.yaml": _record(operator="bob")},
        "held": True,
        "forbidden": "changes",
    },
    "other-name": {
        "says": "this machine under another name",
        "base": {OTHER_NAME: _record("node-z", mac="52:54:00:aa:bb:cc")},
        "held": True,
        "forbidden": "changes",
    },
    "archived": {"says": "an archived repository", "archived": True, "held": True, "forbidden": "changes"},
    "pull-of-another": {
        "says": "another machine's open pull request on our branch",
        "pulls": [{"branch": "register-node-node-a", "files": {_RECORD: ANOTHERS}}],
        "held": True,
        "forbidden": "changes",
    },
    "closed-of-another": {
        "says": "another machine's closed pull request on our branch",
        "pulls": [{"branch": "register-node-node-a", "files": {_RECORD: ANOTHERS}, "closed": True}],
        "held": True,
        "forbidden": "changes",
    },
    "pull-found": {
        "says": "an open pull request of ours, and an empty disk",
        "pulls": [{"branch": "register-node-node-a", "files": {_RECORD: OURS}}],
    },
    "pull-draft": {
        "says": "an open pull request of ours that is a draft",
        "pulls": [{"branch": "register-node-node-a", "files": {_RECORD: OURS}, "draft": True}],
        "never": _MERGING,
        "held": True,
        "merged_at_last": False,
    },
    "pull-conflict": {
        "says": "an open pull request of ours, and a file on the base where its folder would be",
        "pulls": [{"branch": "register-node-node-a", "files": {_RECORD: OURS}}],
        "later": {"maintainers/alice/cluster-nodes": "a file\n"},
        "held": True,
        "merged_at_last": False,
    },
    "merge-never": {
        "says": "the policy to leave merging to people",
        "files": {DEFAULT_PATH: _SETTINGS + b'merge = "never"\n'},
        "never": _MERGING,
    },
    "cluster": {
        "says": "the settings name places of the cluster that may not answer yet",
        "files": {DEFAULT_PATH: _SETTINGS + b'cluster = ["10.0.0.1:6443", "https://argo.test/"]\n'},
        "unreachable": True,
    },
    "twin-found": {
        "says": "the old installer's orphan",
        "pulls": [{"branch": _OLD_BRANCH, "files": {_RECORD: _record()}}],
    },
    "twin-of-another": {
        "says": "an old branch's pull request, another machine's",
        "pulls": [{"branch": _OLD_BRANCH, "files": {_RECORD: ANOTHERS}}],
        "held": True,
        "forbidden": "changes",
    },
    "twin-retargeted": {
        "says": "an old branch's pull request to another base",
        "pulls": [{"branch": _OLD_BRANCH, "files": {_RECORD: _record()}, "base": "release"}],
        "held": True,
        "forbidden": "changes",
        "merged_at_last": False,
    },
    "prefix": {
        "says": "an open pull request of a node whose name begins with this one's",
        "pulls": [
            {
                "branch": "register-node-node-a-2",
                "files": {"maintainers/alice/cluster-nodes/node-a-2/node.yaml": _record("node-a-2")},
            }
        ],
    },
    "github-app": _as_app(),
    "told": {
        "says": "all is told to others, and that can fail",
        "files": {DEFAULT_PATH: _TELLS},
        "read_only": True,
    },
    "wishes-broken": {
        "says": "the operator's wishes cannot be read",
        "files": {_WISHES: b"{"},
        "held": True,
        "forbidden": "requests",
    },
    "paused": {
        "says": "the operator pauses it, and lets it go on",
        "operator": {"pause": 1, "resume": 1},
    },
    "reset": {
        "says": "somebody has closed the pull request, and the operator allows another one",
        "files": {DEFAULT_PATH: _LEAVES_CLOSED},
        "pulls": [{"branch": "register-node-node-a", "files": {_RECORD: OURS}, "closed": True}],
        "operator": {"reset": 1},
    },
    "reset-late": {
        "says": "the operator allows another one at any time, and a request arrives late",
        "files": {DEFAULT_PATH: _LEAVES_CLOSED},
        "operator": {"reset": 1},
        "late": 1,
    },
    "reset-drift": {
        "says": "registered long ago, the record is gone, it holds, and the operator allows another one",
        "files": {_MARKER: _marker(MarkerState.REGISTERED, None), DEFAULT_PATH: _HOLDS},
        "held": True,
        "operator": {"reset": 1},
    },
    "adopt": {
        "says": "its own pull request is closed, one by hand is open, and the operator lets it adopt that",
        "files": {DEFAULT_PATH: _LEAVES_CLOSED},
        "pulls": [
            {"branch": "register-node-node-a", "files": {_RECORD: OURS}, "closed": True},
            {"branch": "of-a-person", "files": {_RECORD: OURS}},
        ],
        "branches": ["of-a-person"],
        "held": True,
        "merged_at_last": False,
        "operator": {"adopt 2": 1},
    },
    "adopt-of-another": {
        "says": "the one by hand is another machine's, and the operator wants it adopted all the same",
        "files": {DEFAULT_PATH: _LEAVES_CLOSED, _MARKER: _marker(MarkerState.HELD, None)},
        "pulls": [
            {"branch": "other-name", "files": {"notes.md": "nothing of a node"}},
            {"branch": "of-a-person", "files": {_RECORD: ANOTHERS}},
        ],
        "base": {"maintainers/bob/cluster-nodes/node-a/node.yaml": _record(operator="bob")},
        "held": True,
        "forbidden": "changes",
        "operator": {"adopt 2": 1},
    },
    "rename": {
        "says": "this machine under another name, and the operator moves the record",
        "base": {OTHER_NAME: _record("node-z", mac="52:54:00:aa:bb:cc")},
        "held": True,
        "operator": {"rename": 1},
    },
    "rename-late": {
        "says": "the same, and a request arrives late, and somebody closes it",
        "files": {DEFAULT_PATH: _LEAVES_CLOSED},
        "base": {OTHER_NAME: _record("node-z", mac="52:54:00:aa:bb:cc")},
        "held": True,
        "operator": {"rename": 1},
        "people": {"closes it": 1},
        "late": 1,
    },
    "former-name": {
        "says": "marker and note of this machine's former name, and the operator moves the record",
        "files": {
            _MARKER: _marker(MarkerState.REGISTERED, None, "node-z", OWN_IDENTITY),
            _ATTEMPT: _noted(4e9, "register-node-node-z"),
        },
        "base": {OTHER_NAME: _record("node-z", mac="52:54:00:aa:bb:cc")},
        "held": True,
        "operator": {"rename": 1},
    },
    "deregister": {
        "says": "registered long ago, and the operator lets the record be removed",
        "files": {_MARKER: _marker(MarkerState.REGISTERED, None)},
        "base": {_RECORD: OURS},
        "operator": {"deregister": 1},
    },
    "deregister-late": {
        "says": "the same, a request arrives late, and somebody closes it",
        "files": {_MARKER: _marker(MarkerState.REGISTERED, None)},
        "base": {_RECORD: OURS},
        "operator": {"deregister": 1},
        "people": {"closes it": 1},
        "late": 1,
    },
    "deregister-reset": {
        "says": "the operator lets the record be removed, and registered again",
        "files": {_MARKER: _marker(MarkerState.REGISTERED, None)},
        "base": {_RECORD: OURS},
        "operator": {"deregister": 1, "reset": 1},
    },
    "deregister-unregistered": {
        "says": "the operator wants a node that registers itself not to",
        "operator": {"deregister": 1},
    },
}
"""As bootproof's `Start` has them; only what differs is said."""
