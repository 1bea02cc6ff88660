"""bootproof torture as a command: wrong input is one line, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bootproof.cli import main

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="torture knows x86-64 only")

MOCK = """
[[repositories]]
name = "acme/cluster"
collaborators = { alice = "write", bob = "write" }

[[tokens]]
token = "github_pat_0123456789"
login = "LOGIN"
"""
JUDGED = """
[registration]
repository = "acme/cluster"
record = "nodes/a.yaml"
branch = "register-a"
user_agent = "^toy/"
logins = ["alice"]
"""


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments that every campaign has."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seed" / "repos" / "acme" / "cluster").mkdir(parents=True)
    (tmp_path / "seed" / "mock.toml").write_text(MOCK.replace("LOGIN", "alice"))
    (tmp_path / "bobs").mkdir()
    shutil.copytree(tmp_path / "seed" / "repos", tmp_path / "bobs" / "repos")
    (tmp_path / "bobs" / "mock.toml").write_text(MOCK.replace("LOGIN", "bob"))
    (tmp_path / "case.toml").write_text(JUDGED)
    (tmp_path / "settings").write_text("url = {url}\n")
    return ["torture", "--seed", "seed", "--case", "case.toml"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["--seed", "none", "--", "true"],
            "none/mock.toml: there is no such file; a seed folder has a mock.toml",
        ),
        (["--case", "none", "--", "true"], "cannot read none"),
        (["--seed", "bobs", "--", "true"], "the seed has no token for alice (the case's logins)"),
        (["--", "no-such-agent", "{api}"], "no-such-agent: command not found"),
        (["--then", "no-such-steward", "--", "true"], "no-such-steward: command not found"),
        (["--then", "", "--", "true"], "--then is empty"),
        (["--then", "a 'b", "--", "true"], "No closing quotation"),
        (["--", "true", "{tokn}"], "unknown placeholder {tokn}; the nearest is {token}"),
        (["--env", "A={stats}", "--", "true"], "unknown placeholder {stats}; the nearest is {state}"),
        (["--env", "A", "--", "true"], "--env takes NAME=VALUE, not 'A'"),
        (["--http", "--", "true", "{ca}"], "unknown placeholder {ca}"),
        (["--file", "settings", "--", "true"], "unknown placeholder {url}"),
        (["--file", "none", "--", "true"], "none: No such file or directory"),
        (
            ["--http", "--", "true"],
            "nothing to break: it neither wrote to {state} nor called {api} (exit status 0)",
        ),
        (
            ["--http", "--limit", "0.5", "--", "sh", "-c", "echo I wait; sleep 60"],
            "the unbroken run did not end within 0.5 s: I wait",
        ),
        (["--http", "--", "sh", "-c", "rmdir {state}"], "the agent removed {state} itself"),
    ],
)
def test_wrong_input_is_one_line_and_exit_status_2(
    given: list[str], arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*given, *arguments]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("bootproof: ")]
    assert len(told) == 1
    assert text in told[0]


def test_another_processor_is_refused(
    given: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert main([*given, "--", "true"]) == 2
    assert "x86-64 Linux only, not aarch64" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_stopped_kills_what_runs_tells_what_was_found_and_leaves_nothing(
    given: list[str], tmp_path: Path, number: int
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    # Ends at once the first time; after a kill that leaves the file, it sleeps.
    agent = "test -e {state}/a && exec sleep 61; echo > {state}/a"
    command = [sys.executable, "-m", "bootproof.cli", *given, "--http", "-j", "4", "--", "sh", "-c", agent]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as campaign:
        assert campaign.stderr is not None
        while "runs to judge" not in campaign.stderr.readline():
            assert campaign.poll() is None
        sleeping = children(campaign.pid)
        while not any(name.startswith("sleep") for name in sleeping.values()):
            sleeping = children(campaign.pid)
        campaign.send_signal(number)
        out, _ = campaign.communicate(timeout=20)
    assert campaign.returncode == 130
    assert "stopped: " in out
    assert "runs were judged" in out
    assert list(temporary.iterdir()) == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in sleeping)


def children(pid: int) -> dict[int, str]:
    """Its children by number, and what each runs."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        # Threads and processes come and go meanwhile.
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_text()
    return found


def test_help_teaches_torture(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["torture", "--help"])
    out = capsys.readouterr().out
    assert "{token_file}" in out
    assert "Exit status: 0 every point holds" in out
