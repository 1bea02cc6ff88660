"""A random campaign: it ends in time, keeps what it finds, says what never happened, and can be interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from bootproof.cli import main
from bootproof.simulation.campaign import Campaign
from bootproof.simulation.fuzzing import Report
from bootproof.simulation.steps import Do, Step, Trace, read_trace
from bootproof.simulation.universes import UNIVERSES
from zeta_self_register.simulated import AGENT

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def fuzz(folder: Path, *more: str, minutes: str = "0.06") -> list[str]:
    kept, learned = folder / "kept", folder / "learned"
    return [
        "fuzz",
        "--minutes",
        minutes,
        "--keep",
        f"{kept}",
        "--database",
        f"{learned}",
        "--workers",
        "2",
        *more,
    ]


def test_a_campaign_goes_through_a_universe_and_finds_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(fuzz(tmp_path, "--universe", "alone")) == 0
    out, err = capfd.readouterr()
    assert out == ""
    last = err.splitlines()[-1]
    assert " histories (" in last
    assert f" of {len(AGENT.rows)} rows" in last
    assert "power-cut " in last
    assert not (tmp_path / "kept").exists()


def interrupted(folder: Path, agent: str, awaited: str) -> tuple[int, str]:
    """A long campaign that gets Ctrl-C as soon as it has said this; its status and what it printed in the end."""
    options = fuzz(folder, "--universe", "alone", "--agent", agent, minutes="5")
    process = subprocess.Popen(
        [sys.executable, "-m", "bootproof.cli", *options],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert any(awaited in line for line in process.stderr)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    return process.returncode, out


def test_what_is_found_is_kept_although_ctrl_c_ends_it(tmp_path: Path) -> None:
    status, printed = interrupted(tmp_path, "spoiled:SILENCE_IS_SUCCESS", "found in alone: ")
    assert status == 1
    kept = list((tmp_path / "kept").glob("alone-*.json"))
    assert kept
    for path in kept:
        assert f"kept as {path}" in printed
        assert main(["replay", str(path), "--agent", "spoiled:SILENCE_IS_SUCCESS"]) == 1
        # Ctrl-C can come while it is still being made shorter; six steps are the shortest.
        assert len(read_trace(path).steps) >= 6
    assert any((tmp_path / "learned" / "alone").iterdir())


def test_ctrl_c_ends_a_campaign_that_has_found_nothing(tmp_path: Path) -> None:
    status, printed = interrupted(tmp_path, "zeta-self-register", " histories (")
    assert (status, "kept as" in printed) == (130, False)


def test_a_kind_that_never_happened_is_named() -> None:
    campaign = Campaign({name: UNIVERSES[name] for name in ("alone", "limits")}, ("row",))
    kinds = ("kill", "power-cut", "another turn", "not-sent", "lost-before", "lost-after", "merges it")
    campaign.add(Report(0, "alone", landed=Counter(kinds)))
    campaign.add(Report(1, "limits", landed=Counter(["kill", "power-cut", "another turn", "primary-limit"])))
    assert campaign.missing() == {"limits": ["secondary-limit"]}


def test_a_campaign_in_which_a_kind_never_happened_fails(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Campaign, "missing", lambda _self: {"late": ["kill", "power-cut"]})
    assert main(fuzz(tmp_path, "--universe", "late", minutes="0.0001")) == 2
    assert "bootproof: in the universe late this never happened: kill, power-cut" in capfd.readouterr().err


def test_the_shortest_trace_of_a_finding_is_kept() -> None:
    campaign = Campaign({"alone": UNIVERSES["alone"]}, ())
    long = Trace(agent="a", universe="alone", steps=(Step(Do.KILL), Step(Do.KILL)), finding="x")
    short = Trace(agent="a", universe="alone", steps=(Step(Do.KILL),), finding="x")
    for traces in ([long], [short], [long]):
        campaign.add(Report(0, "alone", found=traces))
    assert list(campaign.found.values()) == [short]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--universe", "alnoe"], "no universe 'alnoe'; `bootproof explore --list`"),
        (["--agent", "nobody"], "which agent? installed:"),
    ],
)
def test_wrong_options_are_one_line(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(fuzz(tmp_path, *options)) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "soon", "99999"])
def test_a_time_that_is_none_is_refused(
    minutes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["fuzz", f"--minutes={minutes}"])
    assert stopped.value.code == 2
    assert "--minutes" in capsys.readouterr().err.splitlines()[-1]


def test_the_test_command_wants_a_number_of_minutes() -> None:
    done = subprocess.run([ROOT / "test", "--fuzz"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "--fuzz needs a number of minutes, such as  ./test --fuzz 10\n",
    )
