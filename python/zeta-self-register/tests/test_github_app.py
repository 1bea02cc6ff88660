"""Signed in as a GitHub App: its key signs, a token for an hour comes of it, and nothing of the two is kept."""

from __future__ import annotations

import json

import jwt
import pytest
from bootproof.leaks import search_bytes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from zeta_self_register import starts
from zeta_self_register.credentials import DEFAULT_APP_KEY_FILE, SignedOut
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.github_app import sign
from zeta_self_register.settings import Settings, from_table

TOKEN_FILE = "/etc/zeta-self-register/github-token"
MARKER = "/var/lib/zeta-self-register/registered.json"
START = starts.STARTS["github-app"]
KEY: bytes = START["files"][DEFAULT_APP_KEY_FILE]
SIGNED = "POST /app/installations/21/access_tokens"


def pem(key, encryption=None) -> bytes:
    """A private key as a file."""
    how = encryption or serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


@pytest.fixture
def app(machine):
    """A node that is signed in as an App, and whose clock is right."""
    installed = START["app"]
    machine.world = machine.world.with_installation(
        installed["installation"],
        app=installed["app"],
        slug=installed["slug"],
        public_key=installed["public_key"],
        repositories=["acme/cluster"],
    )
    machine.files |= START["files"]
    del machine.files[TOKEN_FILE]
    machine.clock = machine.world.now / 1000
    return machine


def refused(machine) -> Refused:
    """How a run ends that cannot sign in; nothing has changed."""
    before = machine.world.repository("acme/cluster")
    with pytest.raises(Refused) as caught:
        machine.tick()
    assert machine.world.repository("acme/cluster") == before
    assert caught.value.line.isprintable()
    assert "PRIVATE KEY" not in caught.value.line
    return caught.value


def test_it_registers_as_the_bot_with_one_request_more(app):
    assert app.tick().last.status is Exit.DONE
    assert app.sent()[0] == SIGNED
    assert len(app.sent()) == 7
    (pull,) = app.pulls()
    assert pull["user"]["login"] == "zeta[bot]"
    assert json.loads(app.files[MARKER])["operator"] == "alice"


def test_the_token_is_for_one_repository_and_what_is_needed(app):
    app.tick()
    assert json.loads(app.requests[0].body) == {
        "repositories": ["cluster"],
        "permissions": {"contents": "write", "pull_requests": "write"},
    }


@pytest.mark.parametrize("clock", [0.0, 4e9, 1_767_225_600.0 - 3600])
def test_a_wrong_clock_costs_one_more_request(app, clock):
    app.clock = clock
    assert app.tick().last.status is Exit.DONE
    assert app.sent()[:3] == [SIGNED, SIGNED, "POST /graphql"]
    assert len(app.pulls()) == 1


def test_a_lost_answer_does_no_harm(app):
    app.fate = lambda number, _request: "lost after" if number == 1 else None
    assert refused(app).status is Exit.NOT_NOW
    assert app.tick().last.status is Exit.DONE
    assert len(app.pulls()) == 1


def test_a_key_that_is_not_there_yet(app):
    del app.files[DEFAULT_APP_KEY_FILE]
    with pytest.raises(SignedOut, match=r"not signed in to GitHub yet: no token in .*github-app-key\.pem"):
        app.tick()
    assert app.requests == []


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"github_pat_x",
        KEY[:200],
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(
            rsa.generate_private_key(public_exponent=65537, key_size=2048),
            serialization.BestAvailableEncryption(b"password"),
        ),
    ],
    ids=["empty", "a token", "torn", "elliptic", "encrypted"],
)
def test_a_key_that_is_none(app, key):
    app.files[DEFAULT_APP_KEY_FILE] = key
    told = refused(app)
    assert told.status is Exit.MISCONFIGURED
    assert "no RSA private key" in told.line
    assert app.requests == []


def test_another_apps_key_is_said_at_once(app):
    app.files[DEFAULT_APP_KEY_FILE] = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    told = refused(app)
    assert told.status is Exit.HELD
    assert "check `app_id`, `app_installation_id`, and that the key is this App's" in told.line
    assert len(app.requests) == 1, "the clock is right, so a second signature would be refused as well"


@pytest.mark.parametrize("setting", ["app_id = 8", "app_installation_id = 5"])
def test_an_app_or_an_installation_that_does_not_exist(app, setting):
    path = "/etc/zeta-self-register/settings.toml"
    name = setting.partition(" ")[0]
    kept = [line for line in app.files[path].decode().splitlines() if not line.startswith(name)]
    app.files[path] = "\n".join([*kept, setting]).encode()
    assert refused(app).status is Exit.HELD


def test_an_app_that_is_not_installed_there(app):
    app.world = app.world.with_repository("acme/else", private=True)
    app.files["/etc/zeta-self-register/settings.toml"] = app.files[
        "/etc/zeta-self-register/settings.toml"
    ].replace(b"acme/cluster", b"acme/else")
    told = refused(app)
    assert told.status is Exit.HELD
    assert "install the App on acme/else" in told.line


@pytest.mark.parametrize("table", [{"app_id": 7}, {"app_installation_id": 21}])
def test_half_an_app_is_misconfigured(table):
    with pytest.raises(Refused, match="belong together") as caught:
        from_table(table, "settings.toml")
    assert caught.value.status is Exit.MISCONFIGURED


def test_a_client_id_will_do_as_well():
    assert from_table({"app_id": "Iv23abc", "app_installation_id": 1}, "").app_id == "Iv23abc"
    assert Settings().app_id is None


def test_the_signature_is_by_githubs_rules():
    said = jwt.decode(sign(KEY, "7", 1000.9), options={"verify_signature": False})
    assert said == {"iss": "7", "iat": 940, "exp": 1540}
    assert jwt.get_unverified_header(sign(KEY, "7", 0.0))["alg"] == "RS256"


def test_neither_key_nor_signature_nor_token_is_written_down(app):
    app.tick()
    app.tick("steward")
    sent = {request.headers["authorization"].partition(" ")[2] for request in app.requests}
    assert len(sent) >= 2, "the signature, and the token that came of it"
    secrets = [*(text.encode() for text in sent), KEY.splitlines()[3]]
    kept = {path: content for path, content in app.files.items() if path != DEFAULT_APP_KEY_FILE}
    for secret in secrets:
        for path, content in kept.items():
            assert search_bytes(path, content, secret) == ()
        assert search_bytes("lines", "\n".join(app.lines).encode(), secret) == ()
        bodies = b"\n".join(request.url.encode() + request.body for request in app.requests)
        assert search_bytes("bodies", bodies, secret) == ()
