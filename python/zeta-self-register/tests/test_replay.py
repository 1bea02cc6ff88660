"""Traces that were kept, replayed; and what a trace that is wrong is told."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bootproof.cli import main
from bootproof.simulation.plans import described
from bootproof.simulation.replay import replay
from bootproof.simulation.steps import Do, Step, Trace, read_trace, write_trace

TRACES = Path(__file__).parent / "traces"
HOLDS = sorted((TRACES / "holds").glob("*.json"))
BROKEN = sorted((TRACES / "broken").glob("*.json"))


def spoilt(path: Path) -> str:
    """The agent that a trace of `broken` is about: it is named like the file."""
    return f"spoiled:{path.stem.replace('-', '_').upper()}"


@pytest.mark.parametrize("path", HOLDS, ids=lambda path: path.stem)
def test_the_agent_keeps_its_promises_in_this_history(path: Path) -> None:
    assert replay(read_trace(path)).findings == ()


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_spoilt_agent_breaks_the_same_promise_again(path: Path) -> None:
    trace = read_trace(path)
    assert trace.finding in replay(trace, spoilt(path)).findings


def test_traces_of_both_kinds_are_there() -> None:
    assert HOLDS
    assert BROKEN


def test_the_history_is_shown_with_what_the_program_said(capsys: pytest.CaptureFixture[str]) -> None:
    path = TRACES / "broken" / "silence-is-success.json"
    assert main(["replay", str(path), "--agent", spoilt(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  1 run register" in lines
    assert "      says: nothing-there: nothing is registered yet: registers" in lines
    ends = next(line for line in lines if line.startswith("      ends with 75 by "))
    assert "nothing-there" in ends
    assert lines[-1] == "    ! markers-were-true: a marker claims #1, which is no PR of this node"


def test_a_history_in_which_nothing_is_wrong_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(HOLDS[0])]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no finding"


def test_a_broken_trace_on_an_agent_that_keeps_the_promise_says_what_it_was_kept_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["replay", str(TRACES / "broken" / "silence-is-success.json")]) == 0
    assert (
        capsys.readouterr().out.splitlines()[-1].startswith("no finding (it was kept for: markers-were-true")
    )


def test_a_history_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    path = TRACES / "broken" / "silence-is-success.json"
    assert main(["replay", str(path), "--agent", spoilt(path), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["schema"], said["version"], said["universe"]) == ("bootproof-replay", 1, "alone")
    assert said["findings"] == [read_trace(path).finding]
    last = said["steps"][-1]
    assert last["text"] == "answer POST /repos/acme/cluster/pulls: lost-before"
    assert last["status"] == 75
    assert "nothing-there" in last["rows"]


def test_the_command_that_is_printed_replays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trace = read_trace(BROKEN[0])
    printed = described(msgspec.structs.replace(trace, finding="it's broken")).splitlines()[-1]
    words = shlex.split(printed.removeprefix("replay it: "))
    assert (words[0], words[2:]) == ("echo", ["|", "bootproof", "replay", "-"])
    path = tmp_path / "trace.json"
    path.write_text(words[1])
    assert read_trace(path).steps == trace.steps


STEP = {"do": "run", "what": "register"}


def document(*steps: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps(
        {"agent": "zeta-self-register", "universe": "alone", "steps": [STEP, *steps], **fields}
    ).encode()


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        (b"{", "not a trace"),
        (b"\xff\xfe", "not a trace"),
        (b"[]", "not a trace: Expected `object`, got `array`"),
        (document(steps=[{"do": "fly"}]), "Invalid enum value 'fly' - at `$.steps[0].do`"),
        (document({"do": "answer", "faults": "late"}), "unknown field `faults` - at `$.steps[1]`"),
        (document(schema=2), "a trace of schema 2; this program reads schema 1"),
        (document(universe="alnoe"), "no universe 'alnoe'; `bootproof explore --list`"),
        (document(agent="nobody"), "which agent? installed: zeta-self-register"),
        (
            document({"do": "run", "what": "sing"}),
            "step 2 (run sing): there is no command 'sing', only register,",
        ),
        (document({"do": "person", "what": "waves"}), "step 2 (person waves): there is no act 'waves', only"),
        (
            document({"do": "answer", "what": "graphql Snapshot", "fault": "lots"}),
            "step 2 (answer graphql Snapshot: lots): there is no fault 'lots', only not-sent,",
        ),
        (
            document({"do": "answer", "what": "graphql Snapshot", "local": "burnt at write x"}),
            "there is no fault of the machine 'burnt', only enospc,",
        ),
        (document({"do": "kill", "actor": 1}), "step 2 (machine 2: kill): there is no machine 2, only 1"),
        (
            document({"do": "answer", "what": "graphql Survey"}),
            "step 2 (answer graphql Survey) is not possible there, but: answer graphql Snapshot | ",
        ),
        (
            document({"do": "answer", "what": "graphql Snapshot", "fault": "late"}),
            "step 2 (answer graphql Snapshot: late) is not possible there, but: ",
        ),
    ],
)
def test_wrong_input_is_one_line(
    trace: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.json"
    path.write_bytes(trace)
    assert main(["replay", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_trace_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "none.json")]) == 2
    assert (
        capsys.readouterr().err
        == f"bootproof: {tmp_path}/none.json: cannot be read (No such file or directory)\n"
    )


def test_an_agent_that_cannot_be_imported_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(HOLDS[0]), "--agent", "no_such_module:AGENT"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(HOLDS[0].read_bytes())))
    assert main(["replay", "-"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no finding"


def test_a_history_of_another_beginning_is_replayed_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`explore` keeps traces of these universes as well."""
    path = tmp_path / "trace.json"
    steps = (
        Step(Do.RUN, "register"),
        Step(Do.ANSWER, "graphql Snapshot", local="killed before anything was written"),
    )
    trace = Trace(agent="zeta-self-register", universe="start-record-ours", steps=steps)
    path.write_bytes(write_trace(trace))
    assert main(["replay", str(path)]) == 0
    said = capsys.readouterr().out
    assert "this machine's record, and an empty disk" in said
    # It was killed before it could say or decide anything.
    assert "says:" not in said
    assert "ends with" not in said
