"""The command: evidence is judged again as it was judged first, and every refusal is one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from bootproof.cli import main
from bootproof.oracle import CaseFile, Final

LINES = msgspec.json.Encoder(order="sorted")
TOKEN = "ghp_0123456789abcdef"


@pytest.fixture
def kept(tmp_path: Path, booted: Any) -> Path:
    """The folder of a run with one PR, merged."""
    booted.opens(1)
    booted.merges(1)
    folder = tmp_path / "reboot"
    folder.mkdir()
    write(folder / "events.jsonl", booted.events)
    write(folder / "timeline.jsonl", booted.timeline)
    case = booted.case(final=Final.MERGED)
    file = CaseFile(registration=case.registration, expect=case.expect)
    (folder / "case.json").write_bytes(msgspec.json.encode(file))
    return folder


def write(path: Path, structs: list[Any]) -> None:
    path.write_bytes(b"".join(LINES.encode(struct) + b"\n" for struct in structs))


def judge(folder: Path, *further: str) -> list[str]:
    files = {"--events": "events.jsonl", "--timeline": "timeline.jsonl", "--registration": "case.json"}
    return [
        "judge",
        *(word for option, name in files.items() for word in (option, str(folder / name))),
        *further,
    ]


def test_a_folder_and_its_files_are_judged_alike(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(kept), "--json"]) == 0
    from_folder = json.loads(capsys.readouterr().out)
    assert main(judge(kept, "--json")) == 0
    from_files = json.loads(capsys.readouterr().out)
    assert from_folder["runs"][0]["rules"] == from_files["runs"][0]["rules"]
    assert (from_folder["verdict"], from_folder["runs"][0]["pull_requests_opened"]) == ("holds", 1)


def test_a_broken_promise_is_exit_status_1(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = json.loads((kept / "case.json").read_bytes())
    case["expect"]["final"] = "none"
    (kept / "case.json").write_text(json.dumps(case))
    assert main(["judge", str(kept)]) == 1
    assert "final-state: nothing was expected, and there is #1" in capsys.readouterr().out


def test_the_token_is_looked_for_when_it_is_given(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = kept / "token"
    secret.write_text(TOKEN + "\n")
    (kept / "disks").mkdir()
    (kept / "disks" / "disk.raw").write_text(TOKEN)
    assert main(["judge", str(kept), "--secret-file", str(secret)]) == 0
    (kept / "boot.log").write_text(TOKEN)
    assert main(["judge", str(kept), "--secret-file", str(secret)]) == 1
    out = capsys.readouterr().out
    assert "boot.log" in out
    assert TOKEN not in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["judge"], "judge takes a folder, or all of"),
        (["judge", "none"], "cannot read none/case.json"),
        (["guest", "path", "--cache", "none"], "`bootproof guest build` makes it"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_status_2(
    arguments: list[str],
    text: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("bootproof: ")
    assert text in error
    assert error.count("\n") == 1


def test_guests_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "debian-x").mkdir()
    (tmp_path / "debian-x" / "guest.toml").write_text("")
    (tmp_path / "unfinished").mkdir()
    assert main(["guest", "list", "--cache", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"guests": [str(tmp_path / "debian-x")]}


def test_building_prints_the_folder_alone_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(cache: Path, progress: Any) -> Path:
        progress("building")
        return cache / "debian-x"

    debian = SimpleNamespace(build=build)
    monkeypatch.setitem(sys.modules, "bootproof.debian", debian)
    monkeypatch.setattr("bootproof.debian", debian, raising=False)
    assert main(["guest", "build", "--cache", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'debian-x'}\n"
    assert "building" in captured.err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    out = capsys.readouterr().out
    assert "bootproof judge kept/reboot" in out
    assert "Exit status" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explore", "alone", "--faults", "-1"], "argument --faults: -1: a number of faults"),
        (["fuzz", "--minutes", "zero"], "argument --minutes: zero: more than 0 and at most 10000 minutes"),
        (["fuzz", "--minutes", "0"], "argument --minutes: 0: more than 0 and at most 10000 minutes"),
        (["fuzz", "--minutes", "nan"], "argument --minutes: nan: more than 0 and at most 10000 minutes"),
        (["fuzz", "--minutes", "1", "--workers", "0"], "argument --workers: 0: 1 to 256 workers"),
        (["torture", "--limit", "-1"], "argument --limit: -1: a number of seconds from 0 on"),
        (["fuzz", "--minutes", "1", "--workers", "many"], "argument --workers: many: 1 to 256 workers"),
        (["torture", "--limit", "nan"], "argument --limit: nan: a number of seconds from 0 on"),
    ],
)
def test_a_number_that_cannot_be_says_which_can(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(said)


def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["guest", "build", "--cache", str(tmp_path / "file" / "guests")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"bootproof: {tmp_path}/file")
