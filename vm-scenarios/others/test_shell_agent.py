"""Another program under test: its folder is read, and the harness finds in it what there is to be found.

The small shell agent is what many first-boot programs are: each of its steps is right, and it was never interrupted.
What is found in it is pinned here: by killing it as a process, in seconds; and by the scenarios, on machines.
"""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import agent
import agent_folder
import planted
import pytest
from bootproof.cli import main
from bootproof.verdict import HarnessError
from packing import pack
from under_test import Promise

FOLDER = Path(__file__).parent / "shell-agent"
ROOT = Path(__file__).parents[2]

TORTURED = (
    *("API={api}", "TOKEN={token}", "CA={ca}", "STATE={state}"),
    *("NODE=node-a", "REPOSITORY=acme/cluster"),
)

runs_here = pytest.mark.skipif(
    platform.machine() != "x86_64" or shutil.which("openssl") is None,
    reason="torture knows x86-64 only, and the agent speaks TLS by openssl's command",
)

PROGRAM = "files/usr/local/bin/register-once"
LOOKS_FIRST = {
    "\nask POST /git/refs ": "\n(ask GET /git/ref/heads/$branch >/dev/null) || ask POST /git/refs ",
    "\nask PUT ": '\n(ask GET "/contents/nodes/$NODE.yaml?ref=$branch" >/dev/null) || ask PUT ',
    "\nnumber=$(ask POST": '\nnumber=$(ask GET "/pulls?state=all&head=acme:$branch" | value number)\n'
    '[ -n "$number" ] || number=$(ask POST',
    '\necho "#$number"': '\n[ -n "$number" ] || exit 1\necho "#$number"',
}
"""What mends the program, as far as kills go: by each line of it, what is there instead."""

HOLDS = ""
FOUND = {
    "fresh-install": HOLDS,
    "reboot": HOLDS,
    "reboot/power-cut-while-the-pull-request-is-created": "it has not come to a pull request",
    "install-failure": "nothing-before-installed: ",
    "install-failure/the-old-installers-orphan-is-joined": "at-most-one-open: ",
    "pr-in-flight": "it has not come to a pull request",
    "pr-in-flight/a-branch-left-behind-without-a-pull-request": "it has not come to a pull request",
}
"""What each scenario says of it: a rule's finding, or how the scenario ended."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy, to be spoilt."""
    return shutil.copytree(FOLDER, tmp_path / "shell-agent")


def test_the_folder_says_how_it_gets_onto_a_machine_and_what_it_registers() -> None:
    loaded = agent_folder.load(FOLDER)
    assert (loaded.unit, loaded.tick_unit) == ("register-once.service", "register-once.service")
    assert loaded.units == ("register-once.service",)
    assert loaded.promises == {Promise.SKIPPED}
    assert loaded.registration("node-b").record == "nodes/node-b.yaml"
    assert loaded.registration("node-b").branch == "register-node-node-b"

    files = loaded.files(Path("unused"), agent.Python("3.13", "x86_64"))
    packed = pack(files, loaded.settings(b"authority"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        last = {member.name: member for member in archive}  # of two of one name, the one that stays
        secret = last["etc/register-once/settings"]
        content = archive.extractfile(secret)
        assert content is not None
        assert f"TOKEN={agent.TOKEN}\n".encode() in content.read()
    assert (secret.mode, secret.uid) == (0o600, 0)
    assert last["usr/local/bin/register-once"].mode & 0o111
    assert last["etc/github-ca.pem"].mode == 0o644


@pytest.mark.parametrize(
    ("text", "state", "number"),
    [("#7\n", "pr-open", 7), ("#\n", "unreadable", None), ("", "unreadable", None)],
)
def test_its_marker_claims_what_it_says_and_nothing_else(text: str, state: str, number: int | None) -> None:
    said = agent_folder.load(FOLDER).read_marker(text)
    assert said["state"] == state
    assert said["pull_request"] == (None if number is None else {"number": number})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("user_agent", "useragent", "unknown key useragent; did you mean user_agent?"),
        ("path =", "pth =", "unknown key pth; did you mean path?"),
        ('"skipped-once-registered"', '"never-fails"', "Invalid enum value 'never-fails'"),
        ('"etc/register-once/settings"', '"etc/settings"', "fill names etc/settings, which is not in "),
        ("unit = ", "unit ", "agent.toml: Expected '='"),
        ("\nbranch", "\n# branch", "missing required field `branch`"),
        ("#([0-9]+)", "#[0-9]+", "pull_request has no group for the number"),
        ("nodes/{node}", "nodes/{nod}", "record: unknown placeholder {nod}; the nearest is {node}"),
    ],
)
def test_a_wrong_description_is_one_line(folder: Path, old: str, new: str, said: str) -> None:
    path = folder / "agent.toml"
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(HarnessError) as error:
        agent_folder.load(folder)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_placeholder_is_told_before_anything_boots(folder: Path) -> None:
    settings = folder / "files/etc/register-once/settings"
    settings.write_text(settings.read_text().replace("{token}", "{tokn}"))
    with pytest.raises(HarnessError, match=r"unknown placeholder \{tokn\}; the nearest is \{token\}"):
        agent_folder.load(folder)


def test_a_folder_without_a_description_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"agent\.toml: No such file or directory; an agent's folder has"):
        agent_folder.load(tmp_path)


def tortured(program: Path, folder: Path) -> tuple[int, dict[str, Any]]:
    """The exit status and the report of `bootproof torture`, called as the README has it."""
    told = [argument for one in TORTURED for argument in ("--env", one)]
    where = ["--seed", str(FOLDER / "seed"), "--case", str(FOLDER / "case.toml")]
    report = folder / "found.json"
    status = main(["torture", *where, *told, "--json", str(report), "--", "sh", str(program)])
    return status, json.loads(report.read_bytes())


@runs_here
def test_killed_as_a_process_it_gets_stuck_behind_its_own_branch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = tortured(FOLDER / PROGRAM, tmp_path)
    printed = capsys.readouterr().out
    assert status == 1, printed
    assert found["requests"] == 4
    assert all(row["landed"] == row["points"] > 0 for row in found["kinds"]), printed
    rules = {line.partition(":")[0] for one in found["violations"] for line in one["broken"]}
    assert rules == {"comes-to-rest", "final-state"}, printed
    assert "POST /git/refs: HTTP/1.1 422 Unprocessable Entity" in printed


@runs_here
def test_one_that_looks_before_each_step_is_not_accused(tmp_path: Path) -> None:
    text = (FOLDER / PROGRAM).read_text()
    for old, new in LOOKS_FIRST.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    program = tmp_path / "register-once"
    program.write_text(text)
    status, found = tortured(program, tmp_path)
    assert found["violations"] == []
    assert status == 0


@pytest.mark.long
@pytest.mark.machine
def test_what_the_scenarios_find_in_it(guest_folder: Path, tmp_path: Path) -> None:
    """The same scenarios as ours, in a run of their own, since the agent under test is one for all of a run."""
    report = tmp_path / "report.json"
    scenarios = [ROOT / "vm-scenarios" / f"test_{file}.py" for file in scenario_files()]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rN", *map(str, scenarios)]
    command += [f"--guest={guest_folder.absolute()}", f"--agent={FOLDER}", f"--bootproof-json={report}"]
    outside = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout[-4000:] + run.stderr[-2000:]
    rows = {row["scenario"]: row for row in json.loads(report.read_bytes())["runs"]}
    assert rows.keys() == FOUND.keys()
    for name, wanted in FOUND.items():
        said = planted.findings(rows[name])
        if wanted:
            assert rows[name]["verdict"] == "violated", f"{name}: {said}"
            assert any(wanted in one for one in said), f"{name}: {said}"
        else:
            assert rows[name]["verdict"] == "holds", f"{name}: {said}"


def scenario_files() -> list[str]:
    """Those that FOUND names, by their files."""
    return list(dict.fromkeys(name.partition("/")[0].replace("-", "_") for name in FOUND))
