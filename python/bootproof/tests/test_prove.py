"""`./prove` and its bootstrap, in a copy of the repository's outline: nothing is installed and nothing is
booted."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[3]
SCENARIO = '''
"""{summary}

More of it.
"""
def test_{name}(site, guest_folder):
    site.without_oracle("a test of prove")
    assert guest_folder.name == "guest"
    {body}
'''


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", ROOT / "python" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bootstrap = load()


def tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository whose packages are all installed and whose virtualenv is this one."""
    root = tmp_path / "house"
    for name in bootstrap.DISTRIBUTIONS:
        (root / name).mkdir(parents=True)
        shutil.copy(ROOT / name / "pyproject.toml", root / name)
    shutil.copy(ROOT / "prove", root)
    for name in ("asked.py", "bootstrap.py", "requirements.lock"):
        shutil.copy(ROOT / "python" / name, root / "python")
    (root / ".venv" / "bin").mkdir(parents=True)
    tool(root / ".venv" / "bin", "python", f'exec {sys.executable} "$@"')
    (root / ".venv" / "bootstrapped").write_text(bootstrap.fingerprint(root))
    (root / "guest").mkdir()
    (root / "guest" / "disk.raw").touch()
    (root / "guest" / "guest.toml").write_text('name = "g"\nstage = "installed"\ndisks = ["disk.raw"]\n')
    (root / "vm-scenarios").mkdir()
    every = " ".join({**bootstrap.MACHINE_PACKAGES, **bootstrap.BASE_PACKAGES})
    place = Path("python/bootproof/src/bootproof/page/place.py")
    (root / place).parent.mkdir(parents=True)
    shutil.copy(ROOT / place, root / place)
    tool(root / "bin", "dpkg-query", f"printf '%s installed\\n' {every}")
    return root


def add(root: Path, name: str, body: str = "pass", summary: str = "Shows something.") -> None:
    text = SCENARIO.format(name=name, body=body, summary=summary)
    (root / "vm-scenarios" / f"test_{name}.py").write_text(text)


def environment(root: Path) -> dict[str, str]:
    return {
        "PATH": f"{root / 'bin'}:/usr/bin:/bin",
        "HOME": str(root),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "-p bootproof.plugin -p xdist.plugin -p no:cacheprovider",
    }


def prove(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "prove"), *arguments]
    return subprocess.run(
        command, env=environment(root), capture_output=True, text=True, cwd=root, check=False
    )


def test_the_scenarios_that_are_there_run_and_the_table_is_printed(house: Path) -> None:
    add(house, "reboot")
    add(house, "fresh_install")
    done = prove(house, "--guest", "guest", "--json", "out.json", "-j", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((house / "out.json").read_bytes())
    assert sorted(run["scenario"] for run in report["runs"]) == ["fresh-install", "reboot"]
    assert "2 holds" in done.stdout
    assert "reboot: holds" in done.stderr


def test_a_scenario_is_repeated_and_each_time_is_judged(house: Path) -> None:
    second = (
        "from pathlib import Path; path = Path('been'); again = path.exists(); path.touch(); assert not again"
    )
    add(house, "reboot", second)
    add(house, "other")
    done = prove(house, "reboot", "--times", "3", "--guest", "guest", "--json", "out.json", "-j", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    runs = json.loads((house / "out.json").read_bytes())["runs"]
    verdicts = ["holds", "violated", "violated"]
    assert [(run["scenario"], run["verdict"]) for run in runs] == [
        ("reboot", verdict) for verdict in verdicts
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--times", "0", "reboot"], "--times 0: once is the least"),
        (["--times", "2"], "--times: name the scenarios"),
        (["--times", "2", "reboot", "installer-matrix"], "--times: the rows of installer-matrix"),
    ],
)
def test_what_cannot_be_repeated_is_one_line(house: Path, arguments: list[str], said: str) -> None:
    add(house, "reboot")
    add(house, "installer_matrix")
    done = prove(house, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("assert False", 1),
        ("raise RuntimeError", 2),
        ("import pytest; pytest.skip('x')", 2),
        ("import os; os._exit(0)", 2),
    ],
)
def test_exit_status(house: Path, body: str, status: int) -> None:
    add(house, "reboot", body)
    add(house, "other")
    done = prove(house, "reboot", "--guest", "guest")
    assert done.returncode == status, done.stdout + done.stderr
    assert "test_other" not in done.stdout  # "other" alone may be in a path


ANY_AGENT = "import pytest\npytestmark = pytest.mark.any_agent\n"


def with_an_agent(house: Path, conftest: str = "") -> None:
    """Two scenarios, of which one is for any agent, and an agent's folder."""
    add(house, "reboot")
    add(house, "cuts")
    path = house / "vm-scenarios" / "test_reboot.py"
    path.write_text(path.read_text() + ANY_AGENT)
    (house / "vm-scenarios" / "conftest.py").write_text(conftest)
    (house / "mine").mkdir()
    (house / "mine" / "agent.toml").touch()


TAKES_AN_AGENT = """
def pytest_addoption(parser):
    parser.addoption("--agent")
def pytest_configure(config):
    config.addinivalue_line("markers", "any_agent: as in the repository")
    assert config.getoption("--agent").endswith("/mine")
"""


def test_another_agent_is_put_before_the_scenarios_that_are_for_any(house: Path) -> None:
    with_an_agent(house, TAKES_AN_AGENT)
    done = prove(house, "--guest", "guest", "--agent", "mine", "--json", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [run["scenario"] for run in json.loads((house / "out.json").read_bytes())["runs"]] == ["reboot"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--agent", "guest"], "--agent: guest has no agent.toml; "),
        (["cuts", "--agent", "mine"], "--agent: cuts asks for more than any agent has to offer; "),
        (["--agent", "mine", "--planted"], "--agent: traces and planted bugs are those of this repository's"),
        (["--agent", "mine", "--replay"], "--agent: traces and planted bugs are those of this repository's"),
    ],
)
def test_an_agent_that_cannot_be_put_there_is_one_line(house: Path, arguments: list[str], said: str) -> None:
    with_an_agent(house)
    done = prove(house, "--guest", "guest", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_a_report_is_written_with_the_same_names_as_junit(house: Path) -> None:
    add(house, "reboot", "assert False")
    add(house, "fresh_install")
    done = prove(house, "--guest", "guest", "--report", "report", "-j", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"the report: {house / 'report' / 'index.html'}" in done.stdout
    page, junit = ((house / "report" / name).read_text() for name in ("index.html", "junit.xml"))
    for name in ("reboot", "fresh-install"):
        assert f"<h2>{name}</h2>" in page
        assert f'<testcase name="{name}"' in junit
    assert "2 runs: 1 holds, 1 violated" in page


def test_a_report_is_not_written_over_something_else(house: Path) -> None:
    done = prove(house, "--report", "guest")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--report: guest holds something else than an earlier report; name another folder\n"


def test_a_folder_that_cannot_be_made_is_said_at_once(house: Path) -> None:
    add(house, "reboot")
    done = prove(house, "--guest", "guest", "--keep", "prove/kept")
    assert (done.returncode, done.stderr.strip()) == (
        2,
        f"--keep: {house}/prove is no folder",
    )


def test_sigterm_is_handed_on_as_ctrl_c(house: Path) -> None:
    body = "import pathlib, time\n    try: pathlib.Path('on').touch(); time.sleep(60)\n    "
    add(house, "reboot", body + "finally: pathlib.Path('off').touch()")
    arguments = [sys.executable, str(house / "prove"), "--guest", "guest", "-j", "1"]
    with subprocess.Popen(arguments, env=environment(house), cwd=house) as process:
        while not (house / "on").exists():
            time.sleep(0.05)
        process.terminate()
    assert (house / "off").exists()
    assert process.returncode == 2


def test_a_stale_report_is_not_taken_for_this_runs(house: Path) -> None:
    (house / "out.json").write_text('{"exit_status": 0}')
    add(house, "reboot", "import os; os._exit(0)")
    assert prove(house, "reboot", "--guest", "guest", "--json", "out.json").returncode == 2


def test_names(house: Path) -> None:
    add(house, "fresh_install", summary="One PR and no more.")
    add(house, "reboot")
    assert "fresh-install    One PR and no more.\n" in prove(house, "--list").stdout
    done = prove(house, "rebot")
    assert (done.returncode, done.stderr) == (2, "no scenario rebot; the nearest is reboot\n")


REPLAY_OPTIONS = """
from pathlib import Path

def pytest_addoption(parser):
    parser.addoption("--replay", action="append", type=Path)
    parser.addoption("--replay-kept", action="store_true")
"""
REPLAY = """
def test_replay(site, guest_folder, request):
    site.without_oracle("a test of prove")
    option = request.config.getoption
    asked = [path.name for path in option("--replay") or [] if path.is_absolute()]
    (guest_folder.parent / "asked").write_text(f"{asked} {option('--replay-kept')}")
"""


@pytest.mark.parametrize(
    ("arguments", "asked"), [(["a.json", "b.json"], "['a.json', 'b.json'] False"), ([], "[] True")]
)
def test_traces_are_replayed_by_their_scenario_alone(house: Path, arguments: list[str], asked: str) -> None:
    (house / "vm-scenarios" / "conftest.py").write_text(REPLAY_OPTIONS)
    (house / "vm-scenarios" / "test_replay.py").write_text(REPLAY)
    add(house, "reboot", "assert False")
    for name in arguments:
        (house / name).touch()
    done = prove(house, "--guest", "guest", "--replay", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (house / "asked").read_text() == asked


FILE_SYSTEM_OPTION = """
def pytest_addoption(parser):
    parser.addoption("--file-system", action="append")
"""
DISK_STATES = """
def test_disk_states(site, guest_folder, request):
    site.without_oracle("a test of prove")
    (guest_folder.parent / "asked").write_text(" ".join(request.config.getoption("--file-system")))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_file_system_is_for_its_scenario_alone(house: Path) -> None:
    (house / "vm-scenarios" / "conftest.py").write_text(FILE_SYSTEM_OPTION)
    (house / "vm-scenarios" / "test_disk_states.py").write_text(DISK_STATES)
    add(house, "reboot", "assert False")
    every = " ".join({**bootstrap.MACHINE_PACKAGES, **bootstrap.BASE_PACKAGES, "btrfs-progs": None})
    tool(house / "bin", "dpkg-query", f"printf '%s installed\\n' {every}")
    done = prove(house, "--guest", "guest", "--file-system", "ext4", "--file-system", "btrfs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (house / "asked").read_text() == "ext4 btrfs"


def test_a_file_system_that_is_not_known_or_not_asked_for_is_one_line(house: Path) -> None:
    add(house, "disk_states")
    add(house, "reboot")
    done = prove(house, "--file-system", "btfs")
    assert (done.returncode, done.stderr) == (2, "no file system btfs; the nearest is btrfs\n")
    done = prove(house, "reboot", "--file-system", "xfs")
    alone = "--file-system is for disk-states alone: ./prove disk-states --file-system …\n"
    assert (done.returncode, done.stderr) == (2, alone)


@pytest.mark.parametrize(
    ("root", "kernels", "says"),
    [
        (False, "nodev\tproc\n\tbtrfs\n", "btrfs is mounted by this host's kernel, which takes root: "),
        (True, "nodev\tproc\n\text4\n", "this host's kernel has no btrfs, and nothing else can recover one"),
    ],
)
def test_what_this_host_cannot_mount_is_one_line(
    root: bool,
    kernels: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "filesystems").write_text(kernels)
    monkeypatch.setattr(bootstrap, "KERNELS_FILE_SYSTEMS", tmp_path / "filesystems")
    with pytest.raises(SystemExit) as ended:
        bootstrap.ensure_mountable("btrfs")
    said = capsys.readouterr().err
    assert ended.value.code == bootstrap.EXIT_MISSING
    assert said.startswith(says)
    assert said.count("\n") == 1


FUZZ_OPTIONS = """
def pytest_addoption(parser):
    parser.addoption("--fuzz", type=float)
    parser.addoption("--seed", type=int)
"""
FUZZ = """
def test_schedule(site, guest_folder, request):
    site.without_oracle("a test of prove")
    option = request.config.getoption
    (guest_folder.parent / "asked").write_text(f"{option('--fuzz')} {option('--seed')}")
"""


def fuzzed(house: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (house / "vm-scenarios" / "conftest.py").write_text(FUZZ_OPTIONS)
    (house / "vm-scenarios" / "fuzz.py").write_text(FUZZ)
    add(house, "reboot", "assert False")
    return prove(house, "--guest", "guest", *arguments)


def test_fuzzing_goes_alone_and_says_how_to_do_the_same_again(house: Path) -> None:
    done = fuzzed(house, "--fuzz", "0.5", "--seed", "12", "--json", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (house / "asked").read_text() == "0.5 12"
    assert done.stderr.startswith("seed 12; the same histories again: ./prove --fuzz 0.5 --seed 12\n")
    assert [run["scenario"] for run in json.loads((house / "out.json").read_bytes())["runs"]] == [
        "fuzz/schedule"
    ]
    assert "fuzz" not in prove(house, "--list").stdout


def test_a_seed_that_was_not_given_is_chosen(house: Path) -> None:
    done = fuzzed(house, "--fuzz", "1")
    seed = (house / "asked").read_text().split()[1]
    assert f"./prove --fuzz 1 --seed {seed}\n" in done.stderr


MINUTES = "minutes are needed, above 0 and up to a day, such as  ./prove --fuzz 10"
ALONE = "--fuzz goes alone: leave out scenarios, --replay, --planted, --agent, --file-system and --list"
SEED = "a whole number of up to nine digits is needed, as an earlier run said it"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fuzz"], f"--fuzz: {MINUTES}"),
        *(
            (["--fuzz", word], f"--fuzz {word}: {MINUTES}")
            for word in ("0", "-1", "soon", "nan", "inf", "1441")
        ),
        (["reboot", "--fuzz", "1"], ALONE),
        (["--fuzz", "1", "--planted"], ALONE),
        (["--fuzz", "1", "--replay"], ALONE),
        (["--fuzz", "1", "--list"], ALONE),
        (["--fuzz", "1", "--agent", "x"], ALONE),
        *(
            (["--fuzz", "1", "--seed", word], f"--seed {word}: {SEED}")
            for word in ("x", "-1", "1.5", "1234567890")
        ),
        (["--seed", "1"], "--seed is for --fuzz MINUTES"),
    ],
)
def test_what_is_wrong_with_fuzzing_is_one_line(house: Path, arguments: list[str], said: str) -> None:
    add(house, "reboot")
    done = prove(house, "--guest", "guest", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{said}\n")


def test_what_cannot_be_is_told_before_anything_is_built(house: Path) -> None:
    add(house, "reboot")
    (house / "file").touch()
    for arguments, said in (
        (["--replay", "nosuch.json"], "--replay: nosuch.json is no file"),
        (["--keep", "file"], f"--keep: {house}/file is no folder"),
        (["--keep", "/proc/kept"], "--keep: nothing can be written to /proc: No such file or directory"),
        (["--json", "/proc/out.json"], "--json: nothing can be written to /proc: No such file or directory"),
        (["reboot", "--replay"], "--replay is for replay alone: leave out other scenarios and --file-system"),
        (["--replay", "file", "--planted"], "--planted replays traces of its own: leave these out"),
        (["--json", "nosuch/out.json"], f"--json: there is no folder {house}/nosuch"),
        (["--json", "guest"], "--json: guest is a folder"),
        (["-j", "0"], "-j 0: one scenario at a time is the least"),
    ):
        done = prove(house, *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{said}\n")


def test_missing_packages_are_one_line_for_who_is_not_root(
    house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tool(house / "bin", "dpkg-query", "printf 'git installed\\novmf config-files\\n'; exit 1")
    tool(house / "bin", "apt-get", "echo must not run >&2; exit 9")
    monkeypatch.setenv("PATH", f"{house / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as exit_:
        bootstrap.ensure_packages({"git": "git", "ovmf": None, "socat": "socat"})
    assert exit_.value.code == 3
    assert capsys.readouterr().err == "sudo apt-get install --yes --no-install-recommends ovmf socat\n"


def test_root_installs_them(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = house / "log"
    tool(house / "bin", "dpkg-query", "exit 1")
    tool(house / "bin", "apt-get", f'echo "$@" >> {log}')
    monkeypatch.setenv("PATH", f"{house / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    bootstrap.ensure_packages({"socat": "socat"})
    assert log.read_text() == "update --quiet\ninstall --yes --no-install-recommends socat\n"


def test_elsewhere_the_commands_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tool(tmp_path / "bin", "git", "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(SystemExit) as exit_:
        bootstrap.ensure_packages({"git": "git", "qemu-utils": "qemu-img", "ovmf": None})
    assert exit_.value.code == 3
    assert capsys.readouterr().err == "this is no Debian; install what brings the commands qemu-img\n"


def fake_pip(root: Path, status: int = 0) -> Path:
    """A virtualenv's Python that notes what it is asked to install."""
    log = root / "pip.log"
    tool(root / ".venv" / "bin", "python", f'echo "$@" >> {log}; echo pip says no; exit {status}')
    return log


def test_a_virtualenv_that_is_up_to_date_is_left_alone(house: Path) -> None:
    log = fake_pip(house)
    assert bootstrap.ensure_virtualenv(house) == house / ".venv" / "bin" / "python"
    assert not log.exists()


@pytest.mark.parametrize("changed", ["requirements.lock", "bootproof/pyproject.toml"])
def test_it_is_brought_up_to_date_when_the_lock_or_a_package_changes(house: Path, changed: str) -> None:
    log = fake_pip(house)
    with (house / "python" / changed).open("a") as file:
        file.write("# changed\n")
    bootstrap.ensure_virtualenv(house)
    _, locked, ours = log.read_text().splitlines()
    assert "--require-hashes" in locked
    assert "--no-deps" in locked
    assert ours.count("--editable") == 3
    assert "--no-build-isolation" in ours
    log.unlink()
    bootstrap.ensure_virtualenv(house)
    assert not log.exists()


def test_an_installation_that_failed_is_not_taken_for_done(
    house: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (house / ".venv" / "bootstrapped").unlink()
    fake_pip(house, status=1)
    monkeypatch.setattr(bootstrap, "_runs", lambda python: True)
    for _ in range(2):
        with pytest.raises(SystemExit) as exit_:
            bootstrap.ensure_virtualenv(house)
        assert exit_.value.code == 3
        assert "pip says no" in capsys.readouterr().err


def test_bootstrap_needs_nothing_installed() -> None:
    """Both run on a Python without any package; -S leaves all of them out, -I the environment."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'python')!r}); import bootstrap"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_a_folder_that_is_no_guest_is_one_line(house: Path) -> None:
    add(house, "reboot", "pass")
    (house / "guest" / "guest.toml").unlink()
    done = prove(house, "reboot", "--guest", "guest")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--guest: guest has no guest.toml; python/bootproof/README.md tells what is in it\n"


@pytest.mark.parametrize(
    ("cores", "gigabytes", "machines"), [(2, 24, 2), (16, 64, 16), (16, 8, 5), (1, 24, 1), (4, 1, 1)]
)
def test_as_many_machines_at_a_time_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch, cores: int, gigabytes: int, machines: int
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "python"))
    asked = importlib.import_module("asked")
    assert asked.workers(cores, gigabytes << 30) == machines
    assert asked.available(f"MemTotal: 1 kB\nMemAvailable:   {gigabytes << 20} kB\n") == gigabytes << 30
    assert asked.available("") == 0


def test_what_is_proved_by_night_can_be_asked_for() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text())
    commands = [one["command"].split() for one in workflow["jobs"]["prove"]["strategy"]["matrix"]["include"]]
    proved = [command[1:] for command in commands if command[0] == "./prove"]
    ask = "import asked; known = asked.scenarios(); assert asked.chosen(asked.parse('', known), known)"
    for arguments in proved:
        subprocess.run([sys.executable, "-c", ask, *arguments], cwd=ROOT / "python", check=True)
    assert len(proved) >= 5
