"""A GitHub App: it signs for itself, and is given tokens that say less than it may, for an hour."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from mock_github import wire
from mock_github.seed import read_seed
from mock_github.step import step
from mock_github.world import World

HOME = "/repos/acme/cluster"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.fixture
def installed(world: World) -> World:
    return world.with_repository("acme/other", private=True).with_installation(
        21, app=7, slug="zeta", public_key=PUBLIC, repositories=["acme/cluster"]
    )


def signed(world: World, *, key: Any = KEY, app: str = "7", issued: float = -60, expires: float = 540) -> str:
    """As an app signs: times are seconds from the world's now."""
    now = world.now // 1000
    claims = {"iss": app, "iat": now + int(issued), "exp": now + int(expires)}
    return jwt.encode(claims, key, algorithm="RS256")


def asked(world: World, token: str, body: object = None, number: int = 21) -> wire.Response:
    path = f"/app/installations/{number}/access_tokens"
    return step(world, wire.request("POST", path, token=token, json=body))[1]


def get(world: World, path: str, token: str) -> wire.Response:
    return step(world, wire.request("GET", path, token=token))[1]


def test_a_token_says_who_what_where_and_until_when(installed: World) -> None:
    answer = asked(
        installed, signed(installed), {"repositories": ["cluster"], "permissions": {"contents": "write"}}
    )
    assert answer.status == 201
    said = answer.json()
    assert said["expires_at"] == "2026-01-01T01:00:00Z"
    assert said["permissions"] == {"contents": "write", "metadata": "read"}
    assert [home["full_name"] for home in said["repositories"]] == ["acme/cluster"]
    token = said["token"]
    assert get(installed, HOME, token).status == 200
    viewer = wire.request("POST", "/graphql", token=token, json={"query": "{viewer{login}}"})
    assert step(installed, viewer)[1].json() == {"data": {"viewer": {"login": "zeta[bot]"}}}
    assert get(installed, "/user", token).json()["message"] == "Resource not accessible by integration"
    assert get(installed, "/repos/acme/other", token).status == 404
    late = installed.at(installed.now + 3_600_000)
    assert get(late, HOME, token).json()["message"] == "Bad credentials"


def test_giving_one_out_changes_nothing_and_repeats(installed: World) -> None:
    request = wire.request("POST", "/app/installations/21/access_tokens", token=signed(installed), json={})
    after, first, events = step(installed, request)
    assert after.without_counters() == installed.without_counters()
    assert step(installed, request)[1].body == first.body
    assert [(e.type, e.by) for e in events] == [("request", "zeta[bot]"), ("response", "zeta[bot]")]


def test_it_may_do_what_it_was_given_and_acts_as_the_bot(installed: World) -> None:
    body = {"repositories": ["cluster"], "permissions": {"contents": "read"}}
    reader = asked(installed, signed(installed), body).json()["token"]
    writer = asked(installed, signed(installed)).json()["token"]
    tip = get(installed, f"{HOME}/git/ref/heads/main", reader).json()["object"]["sha"]
    ref = {"ref": "refs/heads/topic", "sha": tip}
    refused = step(installed, wire.request("POST", f"{HOME}/git/refs", token=reader, json=ref))[1]
    assert refused.status == 403
    assert refused.json()["message"] == "Resource not accessible by integration"
    _, made, events = step(installed, wire.request("POST", f"{HOME}/git/refs", token=writer, json=ref))
    assert made.status == 201
    assert {event.by for event in events} == {"zeta[bot]"}


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ({"key": STRANGER}, 401, "could not be decoded"),
        ({"app": "8"}, 404, "Integration not found"),
        ({"issued": -700, "expires": -100}, 401, "must be a numeric value representing the future time"),
        ({"issued": 300, "expires": 800}, 401, "'Issued at' claim"),
        ({"issued": -60, "expires": 3600}, 401, "too far in the future"),
    ],
)
def test_a_bad_signature_is_refused_in_githubs_words(
    installed: World, how: dict[str, Any], status: int, said: str
) -> None:
    answer = asked(installed, signed(installed, **how))
    assert answer.status == status
    assert said in answer.json()["message"]


def test_what_is_no_signature_at_all(installed: World) -> None:
    none = jwt.encode({"iss": "7", "iat": 0, "exp": 1}, "", algorithm="none")
    shared = jwt.encode({"iss": "7", "iat": 0, "exp": 1}, "x" * 32, algorithm="HS256")
    for text in ("", "github_pat_zeta", none, shared):
        answer = asked(installed, text)
        assert (answer.status, answer.json()["message"]) == (401, "A JSON web token could not be decoded")
    assert get(installed, HOME, signed(installed)).status == 401, "it is not for anything else"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"repositories": ["other"]}, 422),
        ({"permissions": {"administration": "write"}}, 422),
        ({"permissions": {"contents": "admin"}}, 422),
    ],
)
def test_more_than_the_installation_has(installed: World, body: object, status: int) -> None:
    assert asked(installed, signed(installed), body).status == status


def test_another_apps_installation_does_not_exist(installed: World) -> None:
    world = installed.with_installation(
        22, app=9, slug="other", public_key=PUBLIC, repositories=["acme/other"]
    )
    assert asked(world, signed(world), number=22).status == 404
    assert asked(world, signed(world), number=5).status == 404


def test_a_changed_token_is_none(installed: World) -> None:
    token = asked(installed, signed(installed)).json()["token"]
    for other in (token[:-1] + ("0" if token[-1] != "0" else "1"), token.replace("ghs_7_", "ghs_7_A")):
        assert get(installed, HOME, other).status == 401


def test_from_a_seed_folder(tmp_path: Any) -> None:
    (tmp_path / "repos/acme/cluster").mkdir(parents=True)
    (tmp_path / "mock.toml").write_text(
        '[[repositories]]\nname = "acme/cluster"\n[[installations]]\nid = 21\napp = 7\nslug = "zeta"\n'
        f"public-key = '''{PUBLIC}'''\nrepositories = ['acme/cluster']\n"
    )
    world = read_seed(tmp_path)
    assert asked(world, signed(world)).status == 201
