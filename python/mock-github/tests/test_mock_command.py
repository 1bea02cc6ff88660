"""The command and its seeds."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from mock_github import World
from mock_github.cli import main
from mock_github.seed import SeedError

SEED = """
mergeable-after-reads = 2
[limits]
primary = 7
[[users]]
login = "alice"
name = "Alice"
[[repositories]]
name = "acme/cluster"
private = true
branches = ["wip"]
collaborators = { alice = "admin", "zeta-bot" = "write" }
allow-auto-merge = true
[[repositories.protection]]
pattern = "main"
required-checks = ["ci"]
[[repositories]]
name = "alice/cluster"
fork-of = "acme/cluster"
[[tokens]]
token = "github_pat_x"
login = "zeta-bot"
permissions = { contents = "read" }
repositories = ["acme/cluster"]
"""


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    files = tmp_path / "seed" / "repos" / "acme" / "cluster" / "nodes"
    files.mkdir(parents=True)
    (files / "a.yaml").write_text("name: a\n")
    (tmp_path / "seed" / "mock.toml").write_text(SEED)
    return tmp_path / "seed"


def serve(seed: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mock_github.cli", "serve", "--seed", str(seed), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_seed_becomes_a_world(seed: Path) -> None:
    world = World.from_seed(seed)
    home = world.repositories["acme/cluster"]
    assert set(home.refs) == {"refs/heads/main", "refs/heads/wip"}
    assert world.git.find(world.git.commit(home.refs["refs/heads/main"]).tree, "nodes/a.yaml")
    assert (home.private, home.auto_merge_allowed, home.protections[0].required_checks) == (
        True,
        True,
        ("ci",),
    )
    assert world.repositories["alice/cluster"].fork_of == "acme/cluster"
    assert (world.limits.primary, world.mergeable_after_reads) == (7, 2)
    assert world.users["alice"].name == "Alice"
    assert world.tokens["github_pat_x"].permissions == {"contents": "read"}
    assert World.from_seed(seed) == world


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "mock.toml"),
        ("[[users]]\nname = 'x'", "login"),
        ("unheard = 1", "unheard"),
        ("[limits]\nunheard = 1", "unheard"),
        ("[[repositories]]\nname = 'a'", "owner/name"),
        ("[[repositories]]\nname = 'a/b'", "no such folder"),
        ("[[repositories]]\nname = 'a/b'\nfork-of = 'c/d'", "not there yet"),
        ("[[repositories]]\nname = 'a/b'\ncollaborators = { x = 'king' }", "king"),
        ("[[tokens]]\ntoken = 't'\nlogin = 'x'\nrepositories = ['a/b']", "a/b"),
    ],
)
def test_what_is_wrong_with_a_seed_is_said_in_one_line(
    tmp_path: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mock.toml").write_text(text)
    with pytest.raises(SeedError) as caught:
        World.from_seed(tmp_path)
    assert says in str(caught.value)
    assert main(["serve", "--seed", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"mock-github: {caught.value}\n")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("stopper", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped_and_leaves_nothing(
    tmp_path: Path, seed: Path, stopper: signal.Signals
) -> None:
    ready, ca, log, faults = (
        tmp_path / name for name in ("ready.json", "ca.pem", "events.jsonl", "faults.json")
    )
    faults.write_text('[{"kind": "not-json", "match": {"path": "/user"}}]')
    options = ["--tls", "--ready-file", ready, "--ca-out", ca, "--event-log", log, "--faults", faults]
    running = serve(seed, *map(str, options), "--name", "mock.test")
    assert running.stdout is not None
    line = running.stdout.readline().split()
    told = json.loads(ready.read_text())
    assert line == [told["url"], f"ca={ca}"]
    assert (told["pid"], told["ca"]) == (running.pid, str(ca))
    trust = ssl.create_default_context(cafile=ca)
    headers = {"authorization": "Bearer github_pat_x"}
    assert httpx.get(told["url"] + "/user", headers=headers, verify=trust).text.startswith("<!DOCTYPE")
    found = httpx.get(
        told["url"] + "/api/v3/repos/acme/cluster/contents/nodes", headers=headers, verify=trust
    ).json()
    assert [entry["name"] for entry in found] == ["a.yaml"]
    os.kill(running.pid, stopper)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "faults.json", "seed"]
    assert len(log.read_text().splitlines()) == 5


@pytest.mark.parametrize("port", ["99999", "-1", "http", "²"])
def test_a_port_that_is_none(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--seed", ".", f"--port={port}"])
    assert ended.value.code == 2
    assert f"{port}: a port is a number from 0 to 65535" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = capsys.readouterr().out
    for word in ("mock.toml", "[[tokens]]", "drop-after", "wrong-certificate", "--ready-file", "/graphql"):
        assert word in text
    assert main(["schema"]) == 0
    assert "type PullRequest" in capsys.readouterr().out
