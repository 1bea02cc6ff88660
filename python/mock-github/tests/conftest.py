"""A small cluster's GitHub, a server for it, and a client for the server."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from mock_github.server import MockServer
from mock_github.world import World, empty_world

TOKEN, ADMIN = "github_pat_zeta", "github_pat_alice"
HOME = "/repos/acme/cluster"


class Client:
    """What a test asks of the server: REST by method and path below the repository, GraphQL by document."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def send(self, method: str, path: str, **body: Any) -> httpx.Response:
        return self.http.request(method, HOME + path, json=body)

    def graphql(self, query: str, **variables: Any) -> Any:
        response = self.http.post("/graphql", json={"query": query, "variables": variables})
        assert response.status_code == 200, response.text
        return response.json()

    def tip(self, branch: str = "main") -> str:
        sha = self.get(f"{HOME}/git/ref/heads/{branch}").json()["object"]["sha"]
        assert isinstance(sha, str)
        return sha

    def branch(self, name: str, *, path: str | None = None, text: str = "x\n") -> str:
        """A branch off main with one new file, named after the branch unless said otherwise; its sha."""
        self.send("POST", "/git/refs", ref=f"refs/heads/{name}", sha=self.tip())
        coded = base64.b64encode(text.encode()).decode()
        where = path or f"files/{name}"
        self.send("PUT", f"/contents/{where}", message=f"Add {where}", content=coded, branch=name)
        return self.tip(name)

    def pull(self, name: str = "topic", **fields: Any) -> int:
        """A pull request from a new branch; its number."""
        self.branch(name)
        answer = self.send("POST", "/pulls", title=name, head=name, base="main", **fields)
        assert answer.status_code == 201, answer.text
        number = answer.json()["number"]
        assert isinstance(number, int)
        return number

    def with_token(self, token: str | None) -> Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        http = httpx.Client(base_url=self.http.base_url, headers=headers)
        return Client(http)


@pytest.fixture(scope="session")
def world() -> World:
    return (
        empty_world()
        .with_user("zeta-bot", name="Zeta")
        .with_repository(
            "acme/cluster",
            files={
                "README.md": "# cluster\n",
                "nodes/a/node.yaml": "name: a\n",
                "lines.txt": "1\n2\n3\n4\n5\n",
            },
            private=True,
            collaborators={"zeta-bot": "write", "alice": "admin"},
        )
        .with_token(TOKEN, login="zeta-bot", repositories=["acme/cluster"])
        .with_token(
            ADMIN,
            login="alice",
            permissions={
                "contents": "write",
                "pull_requests": "write",
                "statuses": "write",
                "administration": "write",
            },
        )
    )


@pytest.fixture
def start(start_mock_github: Callable[..., MockServer]) -> Callable[..., MockServer]:
    """Plain HTTP unless said otherwise: the tests of TLS are their own."""
    return lambda world, **options: start_mock_github(world, **{"tls": False, **options})


@pytest.fixture
def server(start: Callable[..., MockServer], world: World) -> MockServer:
    return start(world)


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """A client of a server, as the bot unless another token is given."""
    opened: list[httpx.Client] = []

    def opener(server: MockServer, token: str | None = TOKEN, **headers: str) -> Client:
        trust: Any = ssl.create_default_context(cadata=server.ca_pem.decode()) if server.ca_pem else False
        given = {**headers, **({"authorization": f"Bearer {token}"} if token else {})}
        opened.append(httpx.Client(base_url=server.url, headers=given, verify=trust, timeout=20))
        return Client(opened[-1])

    yield opener
    for http in opened:
        http.close()


@pytest.fixture
def client(connect: Callable[..., Client], server: MockServer) -> Client:
    return connect(server)


@pytest.fixture
def admin(connect: Callable[..., Client], server: MockServer) -> Client:
    return connect(server, ADMIN)


class Kit:
    """For cases that need a server of their own making."""

    def __init__(
        self, world: World, start: Callable[..., MockServer], connect: Callable[..., Client]
    ) -> None:
        self.world = world
        self.start, self.connect = start, connect

    def begin(self, world: World | None = None, **options: Any) -> Client:
        """A client of a new server."""
        self.server = self.start(world or self.world, **options)
        return self.connect(self.server)

    def client(self, token: str | None) -> Client:
        return self.connect(self.server, token)


@pytest.fixture
def kit(world: World, start: Callable[..., MockServer], connect: Callable[..., Client]) -> Kit:
    return Kit(world, start, connect)
