"""Another program is put under test by a folder: what is read from it, and what is said of a wrong one."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import agent
import agent_folder
import pytest
from bootproof.verdict import HarnessError
from packing import pack
from under_test import Promise

FOLDER = Path(__file__).parent / "shell-agent"


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
        ("nodes/{node}", "nodes/{node", "record: nodes/{node.yaml has half a placeholder"),
        ('"^register-once/"', '"("', "user_agent is no regular expression: "),
        ("#([0-9]+)", "(", "marker.pull_request is no regular expression: "),
        ("\npromises", '\nnode = "Bad; rm"\npromises', "node: 'Bad; rm' is no host name"),
        (
            '"/var/lib/register-once',
            '"register-once',
            "marker.path: register-once/pull-request does not begin with /",
        ),
        ("\n[marker]", '\n[comments]\njoined = "("\n[marker]', "comments.joined is no regular expression: "),
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


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda files: shutil.rmtree(files), "there is no folder "),
        (
            lambda files: (files / "etc/register-once/settings").write_bytes(b"\xff"),
            "settings, which is no text",
        ),
    ],
)
def test_files_that_cannot_be_put_there_are_one_line(
    folder: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(folder / "files")
    with pytest.raises(HarnessError, match=said) as error:
        agent_folder.load(folder)
    assert "\n" not in str(error.value)


def test_a_wrong_placeholder_is_told_before_anything_boots(folder: Path) -> None:
    settings = folder / "files/etc/register-once/settings"
    settings.write_text(settings.read_text().replace("{token}", "{tokn}"))
    with pytest.raises(HarnessError, match=r"unknown placeholder \{tokn\}; the nearest is \{token\}"):
        agent_folder.load(folder)


def test_a_folder_without_a_description_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"agent\.toml: No such file or directory; an agent's folder has"):
        agent_folder.load(tmp_path)
