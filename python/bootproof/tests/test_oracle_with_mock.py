"""The oracle on what the mock really logs, for a small program over HTTP and persons beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from bootproof import spending
from bootproof.evidence import Site
from bootproof.oracle import Case, Final, Registration, as_events, judge, read_events
from bootproof.timeline import ClaimState, MachineKind, MarkerClaim
from bootproof.verdict import Row, Verdict
from mock_github.people import AsUser
from mock_github.server import MockServer
from mock_github.world import empty_world

REPOSITORY = "acme/cluster"
RECORD = "nodes/node-a/node.yaml"
TOKEN = "github_pat_0123456789"


class Agent:
    """Does what it is told over HTTP, under the token of alice."""

    def __init__(self, url: str) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "User-Agent": "agent/1"}
        self.http = httpx.Client(base_url=f"{url}/repos/{REPOSITORY}", headers=headers, trust_env=False)

    def ask(self, method: str, path: str, **body: str) -> httpx.Response:
        return self.http.request(method, path, json=body).raise_for_status()

    def branch(self, name: str, path: str = RECORD) -> None:
        sha = self.http.get("/git/ref/heads/main").raise_for_status().json()["object"]["sha"]
        self.ask("POST", "/git/refs", ref=f"refs/heads/{name}", sha=sha)
        content = base64.b64encode(b"kind: ClusterNode").decode()
        self.ask("PUT", f"/contents/{path}", message="m", branch=name, content=content)

    def registers(self, name: str = "register-node-a", path: str = RECORD) -> None:
        self.branch(name, path)
        self.ask("POST", "/pulls", title="t", head=name, base="main")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[Site, MockServer, Agent]]:
    people = {"alice": "write", "bob": "write"}
    world = empty_world().with_repository(
        REPOSITORY, files={"README.md": "x"}, collaborators=people, private=True
    )
    world = world.with_token(TOKEN, login="alice")
    site = Site(tmp_path / "site", "with-mock")
    site.registration = Registration(
        repository=REPOSITORY,
        record=RECORD,
        branch="register-node-a",
        user_agent="^agent/",
        logins=("alice",),
    )
    site.secret(TOKEN)
    site.timeline.record(MachineKind.INSTALL_FINISHED)
    site.timeline.record(MachineKind.POWER_ON)
    site.timeline.boot("boot-1")
    with MockServer(world, tls=False, event_log=site.event_log) as server:
        site.follow(server)
        agent = Agent(server.url)
        yield site, server, agent
        agent.http.close()


def claim(site: Site, state: ClaimState, number: int) -> None:
    site.timeline.marker_seen("{}", "boot-1", MarkerClaim(state, number, "boot-1"))


def broken(row: Row) -> dict[str, list[str]]:
    return {
        r.rule: [f.text for f in r.findings] or [str(r.error)] for r in row.rules if r.findings or r.error
    }


def stray(person: AsUser) -> None:
    """Another pull request for the record, from another branch."""
    person.create_branch(REPOSITORY, "by-hand")
    person.push_file(REPOSITORY, RECORD, "x", branch="by-hand")
    person.open_pull(REPOSITORY, "by-hand")


def test_the_row_says_how_long_the_program_ran(
    scene: tuple[Site, MockServer, Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _, agent = scene
    agent.registers()
    monkeypatch.setattr(spending, "running", lambda journal, timeline: 7 if timeline else 0)
    assert site.judged(finished=True).running == 7


def test_a_journal_that_cannot_be_read_hides_no_verdict(scene: tuple[Site, MockServer, Agent]) -> None:
    site, _, agent = scene
    agent.registers()
    site.attach("units.jsonl", b'{"at": ')
    row = site.judged(finished=True)
    assert (row.running, row.reason) == (0, "")
    assert row.rules


def test_a_whole_life_holds(scene: tuple[Site, MockServer, Agent]) -> None:
    site, server, agent = scene
    bob = server.as_user("bob")
    agent.registers()
    claim(site, ClaimState.PR_OPEN, 1)
    site.timeline.point("in flight")
    agent.ask("POST", "/issues/1/comments", body="joined")
    bob.push_file(REPOSITORY, "flake.nix", "x")
    agent.ask("PUT", "/pulls/1/update-branch")
    bob.close(REPOSITORY, 1)
    agent.ask("PATCH", "/pulls/1", state="open")
    bob.comment(REPOSITORY, 1, "fine")
    bob.merge(REPOSITORY, 1)
    claim(site, ClaimState.REGISTERED, 1)
    agent.http.delete("/git/refs/heads/register-node-a").raise_for_status()
    bob.delete_file(REPOSITORY, RECORD)
    agent.registers()
    stray(server.as_user("alice"))
    agent.ask("PATCH", "/pulls/3", state="closed")
    agent.ask("PUT", "/pulls/2/merge")
    site.expect(final=Final.MERGED, states={"in flight": Final.EXACTLY_ONE_OPEN})
    site.expect(order=("boot", "pull-request-opened", "pull-request-merged"))
    row = site.judged(finished=True)
    assert broken(row) == {}
    assert (row.verdict, row.pull_requests_opened, row.boots) == (Verdict.HOLDS, 2, 1)
    assert not [result.rule for result in row.rules if result.vacuous]


def test_a_twin_on_another_branch_and_a_stranger_file(scene: tuple[Site, MockServer, Agent]) -> None:
    site, _, agent = scene
    agent.registers()
    agent.registers("register-node-a-20240101T120000Z")
    agent.branch("feature", "flake.nix")
    claim(site, ClaimState.REGISTERED, 2)
    site.expect(final=Final.EXACTLY_ONE_OPEN)
    found = broken(site.judged(finished=True))
    assert found.keys() == {
        "at-most-one-open",
        "one-per-epoch",
        "nobody-elses",
        "markers-were-true",
        "final-state",
    }
    assert any("feature" in text for text in found["nobody-elses"])


def test_the_log_alone_tells_a_removal_from_a_change(scene: tuple[Site, MockServer, Agent]) -> None:
    site, server, agent = scene
    agent.registers()
    server.as_user("bob").merge(REPOSITORY, 1)
    agent.http.delete("/git/refs/heads/register-node-a").raise_for_status()
    server.as_user("bob").push_file(REPOSITORY, RECORD, "edited")
    assert site.judged(finished=False).verdict is Verdict.HOLDS
    server.as_user("bob").delete_file(REPOSITORY, RECORD)
    agent.registers()
    site.expect(final=Final.EXACTLY_ONE_OPEN)
    row = site.judged(finished=True)
    assert (broken(row), row.verdict) == ({}, Verdict.HOLDS)


def test_the_log_and_the_events_in_memory_are_judged_alike(scene: tuple[Site, MockServer, Agent]) -> None:
    site, server, agent = scene
    agent.registers()
    assert site.registration is not None
    events = as_events(server.events())
    assert read_events(site.event_log) == events
    case = Case(events, site.timeline.events, site.registration)
    assert {result.rule for result in judge(case) if result.looked_at} >= {"nobody-elses", "one-per-epoch"}
