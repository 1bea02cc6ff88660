"""Every planted bad agent is caught by the exploration, for the right reason; the real one is not, anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bad_agents
import pytest
from bad_agents import BUGS, HARMLESS
from stages import explored

STAGES = list({bug.stage.name: bug.stage for bug in (*BUGS, *HARMLESS)}.values())


def ids(bugs):
    """Names for pytest."""
    return [bug.name for bug in bugs]


@pytest.mark.parametrize("bug", BUGS, ids=ids(BUGS))
def test_a_bad_agent_is_caught(bug):
    with bad_agents.planted(bug) as met:
        found = explored(bug.stage)
    assert len(met) == len(bug.plants), f"a change was never put to the test: {dict(met)}"
    assert all(met.values()), f"a change made no difference: {dict(met)}"
    assert bug.rule in {text.partition(":")[0] for text in found.findings}, found.findings


@pytest.mark.parametrize("stage", STAGES, ids=[stage.name for stage in STAGES])
def test_the_real_agent_passes_there(stage):
    found = explored(stage)
    assert found.findings == {}
    assert found.complete


@pytest.mark.parametrize("bug", HARMLESS, ids=ids(HARMLESS))
def test_what_makes_no_difference_was_there_and_made_none(bug):
    with bad_agents.planted(bug) as met:
        found = explored(bug.stage)
    assert met
    assert all(met.values())
    assert found.findings == {}
    assert found.complete


def test_a_bad_agent_runs_as_a_process(tmp_path):
    """`signed-out-is-0` needs no GitHub to be seen: the real program says 75 where it says 0."""
    for file, content in (("settings.toml", settings(tmp_path)), ("stamp.json", STAMP)):
        (tmp_path / file).write_text(content)
    environment = {**os.environ, "ZETA_SELF_REGISTER_SETTINGS": str(tmp_path / "settings.toml")}
    bad = [bad_agents.__file__, "--as", "signed-out-is-0", "--", "register"]
    good = ["-m", "zeta_self_register", "register"]
    status = [
        subprocess.run([sys.executable, *argv], env=environment, timeout=60, check=False).returncode
        for argv in (bad, good)
    ]
    assert status == [0, 75]


STAMP = '{"schema": 1, "installed_at": "2026-01-01T00:00:00Z"}'


def settings(folder: Path) -> str:
    """Settings of a node whose files are all in one folder, and which is not signed in."""
    return f"""
repository = "acme/cluster"
operator = "alice"
node_name = "node-a"
state_folder = "{folder}/state"
intent_file = "{folder}/intent.json"
install_stamp = "{folder}/stamp.json"
token_file = "{folder}/no-token"
"""
