"""Every planted bad agent is caught by the exploration, for the right reason; the real one is not, anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import bad_agents
import planted as on_machines
import pytest
from bugs import BUGS, HARMLESS, MACHINES, UNSEEN, planted
from covered_rows import BESIDE, NEED_NONE, covered
from stages import STAGES, explored
from zeta_self_register.decide import TABLE

pytestmark = pytest.mark.slow

USED = sorted({bug.stage for bug in (*BUGS, *HARMLESS)})


def ids(bugs):
    """Names for pytest."""
    return [bug.name for bug in bugs]


@pytest.mark.parametrize("bug", BUGS, ids=ids(BUGS))
def test_a_bad_agent_is_caught(bug):
    with planted(bug) as met:
        found = explored(STAGES[bug.stage])
    assert len(met) == len(bug.plants), f"a change was never put to the test: {dict(met)}"
    assert all(met.values()), f"a change made no difference: {dict(met)}"
    assert bug.rule in {text.partition(":")[0] for text in found.findings}, found.findings


@pytest.mark.parametrize("stage", USED)
def test_the_real_agent_passes_there(stage):
    found = explored(STAGES[stage])
    assert found.findings == {}
    assert found.complete


@pytest.mark.parametrize("bug", HARMLESS, ids=ids(HARMLESS))
def test_what_makes_no_difference_was_there_and_made_none(bug):
    with planted(bug) as met:
        found = explored(STAGES[bug.stage])
    assert met
    assert all(met.values())
    assert found.findings == {}
    assert found.complete


def test_each_row_of_the_table_has_a_bad_agent_or_a_reason_to_have_none():
    """So that they grow by one with each new row."""
    rows = {row.name for row in TABLE}
    assert rows - set(covered()) == set(NEED_NONE), "plant a bug in the row, or say why none can be seen"
    assert set(covered()) <= rows
    assert set(BESIDE.values()) <= {bug.name for bug in BUGS}


def test_bad_agents_have_names_of_their_own():
    names = [bug.name for bug in (*BUGS, *HARMLESS)]
    assert len(names) == len(set(names))


def test_what_is_said_of_the_other_layers_is_of_bad_agents_that_there_are():
    assert {*UNSEEN, *MACHINES} <= {bug.name for bug in BUGS}
    assert set(MACHINES.values()) <= set(on_machines.BUGS)


def test_a_line_of_the_matrix_is_filled_by_a_run(monkeypatch, capsys):
    """A bug that changes nothing is not caught, and the exit status says so."""
    caught, missed = BUGS[0], replace(BUGS[0], name="none", plants=())
    for bugs, status in (((caught,), 0), ((caught, missed), 1)):
        monkeypatch.setattr(bad_agents, "BUGS", bugs)
        assert bad_agents.main([]) == status
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if "NOT CAUGHT" in line] == [
        "none"
    ]


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
