"""A run that waits says why once, not at every tick of the timer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from zeta_self_register import journal
from zeta_self_register.journal import Journal


@pytest.fixture
def said(tmp_path):
    """Where it is kept what was said."""
    return tmp_path / "said-steward"


def run(path, *lines):
    """One process that says these lines."""
    one = Journal(path)
    for line in lines:
        one.say(line)


def test_the_next_run_says_only_what_is_new(said, capsys):
    run(said, "armed: waits for checks")
    run(said, "armed: waits for checks")
    run(said, "armed: waits for checks", "registered: merged")
    run(said, "registered: merged")
    assert capsys.readouterr().err == "armed: waits for checks\nregistered: merged\n"


def test_what_is_true_again_is_said_again(said, capsys):
    for line in ("a", "b", "a"):
        run(said, line)
    assert capsys.readouterr().err == "a\nb\na\n"


def test_how_many_seconds_are_left_makes_no_new_line(said, capsys):
    for left in (250, 120, 3):
        run(said, f"waits {left} s more for #12")
    run(said, "waits 3 s more for #13")
    assert capsys.readouterr().err == "waits 250 s more for #12\nwaits 3 s more for #13\n"


def test_every_boot_says_it_once(said, capsys, monkeypatch, tmp_path):
    for boot in ("one", "two"):
        monkeypatch.setattr(journal, "BOOT_ID", tmp_path / boot)
        (tmp_path / boot).write_text(boot)
        run(said, "a")
        run(said, "a")
    assert capsys.readouterr().err == "a\na\n"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\n\n"])
def test_a_broken_file_says_more_and_nothing_is_lost(said, capsys, content):
    said.write_bytes(content)
    run(said, "a")
    run(said, "a")
    assert capsys.readouterr().err == "a\n"


def test_where_nothing_can_be_kept_everything_is_said(tmp_path, capsys):
    for _ in range(2):
        run(tmp_path / "gone" / "said", "a")
        run(None, "b")
    assert capsys.readouterr().err == "a\nb\n" * 2


def test_under_systemd_a_missing_token_is_said_once_and_by_hand_every_time(tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f'repository = "acme/cluster"\noperator = "alice"\nnode_name = "node-a"\nstate_folder = "{tmp_path}"\n'
        f'token_file = "{tmp_path}/none"\nrequire_install_stamp = false\n'
    )
    command = [sys.executable, "-m", "zeta_self_register", "--settings", str(settings), "steward"]
    systemd = {"JOURNAL_STREAM": "8:1", "STATE_DIRECTORY": str(tmp_path)}
    for further, times in ((systemd, 1), ({}, 3)):
        ends = [
            subprocess.run(command, env=os.environ | further, capture_output=True, text=True, check=False)
            for _ in range(3)
        ]
        assert [end.returncode for end in ends] == [75] * 3
        assert "".join(end.stderr for end in ends).count("not signed in to GitHub yet") == times
