"""What `./prove` was asked for: its options, and what is wrong with them, in one line, before anything is built."""

from __future__ import annotations

import argparse
import ast
import difflib
import math
import os
import random
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import bootstrap

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = ROOT / "vm-scenarios"
TRACES = ROOT / "python/zeta-self-register/tests/traces/holds"
FUZZ = SCENARIOS / "fuzz.py"
"""Not among the scenarios: it goes on for as long as it is told to."""
RECORDED = "disk-states"
"""The scenario that has a file system to choose."""
MATRIX = "installer-matrix"
"""The scenario whose rows leave work to each other."""
REPLAYS = "replay"
MACHINE_BYTES = 3 << 29
"""What a machine needs of the memory: the guest's 1 GiB, and what QEMU and its test need beside it."""
MEMINFO = Path("/proc/meminfo")
SEEDS = 1_000_000
MOST_MINUTES = 24 * 60


def scenarios() -> dict[str, Path]:
    """`fresh-install` is vm-scenarios/test_fresh_install.py, and so on."""
    paths = sorted(SCENARIOS.glob("test_*.py"))
    return {path.stem.removeprefix("test_").replace("_", "-"): path for path in paths}


def summary(path: Path) -> str:
    """The first line of what a scenario says of itself."""
    text = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    return text.partition("\n")[0]


def workers(cores: int, memory: int) -> int:
    """How many machines at a time: each keeps one core busy for most of its time, and needs its memory."""
    return max(1, min(cores, memory // MACHINE_BYTES))


def available(meminfo: str) -> int:
    """Bytes that can be had without swapping, by the text of /proc/meminfo; 0 if it does not say."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo, re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def parse(description: str, known: Mapping[str, Path]) -> argparse.Namespace:
    """The options; ends with status 2 and one line when they make no sense."""
    options = _parser(description, known).parse_args()
    if why := _wrong(options, known):
        sys.stderr.write(f"{why}\n")
        sys.exit(2)
    if options.fuzz is not None and options.seed is None:
        options.seed = str(random.randrange(SEEDS))
    return options


def chosen(options: argparse.Namespace, known: Mapping[str, Path]) -> Sequence[Path]:
    """What is to be run; some options are for one scenario, and without a name choose it."""
    if options.fuzz is not None:
        return [FUZZ]
    return [known[name] for name in _names(options, known)]


def _names(options: argparse.Namespace, known: Mapping[str, Path]) -> Sequence[str]:
    if options.scenario:
        return list(options.scenario)
    if options.file_system:
        return [RECORDED]
    if options.agent is not None:
        return _for_any_agent(known)
    return list(known) if options.replay is None else [REPLAYS]


def _parser(description: str, known: Mapping[str, Path]) -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="./prove", description=description, formatter_class=raw)
    option = parser.add_argument
    option("scenario", nargs="*", help=f"only these: {', '.join(known)}")
    option("--list", action="store_true", help="name the scenarios and stop")
    default = workers(os.cpu_count() or 1, available(MEMINFO.read_text()))
    option("-j", type=int, default=default, metavar="N", help="scenarios at a time (here: %(default)s)")
    _add_evidence(parser.add_argument_group("what is kept of it"))
    _add_kinds(parser.add_argument_group("what is run, and on what"))
    return parser


def _add_evidence(group: argparse._ArgumentGroup) -> None:
    option = group.add_argument
    option("--json", type=Path, metavar="FILE", help="write the table as JSON too")
    text = "write a page with each run's timeline, and JUnit XML, there"
    option("--report", type=Path, metavar="DIR", help=text)
    option("--keep", type=Path, metavar="DIR", help="keep consoles, disks and event logs")


def _add_kinds(group: argparse._ArgumentGroup) -> None:
    option = group.add_argument
    option("--guest", type=Path, metavar="DIR", help="boot this guest (a folder with guest.toml)")
    text = "put another program under test: a folder with agent.toml (see vm-scenarios/others)"
    option("--agent", type=Path, metavar="DIR", help=text)
    text = f"only replay these traces on a machine; without any, all of {TRACES.relative_to(ROOT)}"
    option("--replay", nargs="*", type=Path, metavar="TRACE", help=text)
    text = "each scenario so often: is there one that does not always hold?"
    option("--times", type=int, default=1, metavar="N", help=text)
    text = "put bad agents on the machines: 0 if each one is caught"
    option("--planted", action="store_true", help=text)
    text = f"only {RECORDED}, on {' or '.join(bootstrap.FILE_SYSTEMS)}; may be given several times"
    option("--file-system", action="append", default=[], metavar="NAME", help=text)
    text = "play random histories on machines for so long, and nothing else"
    option("--fuzz", nargs="?", const="", metavar="MINUTES", help=text)
    option("--seed", metavar="N", help="of the histories: the same number, the same ones")


def _wrong(options: argparse.Namespace, known: Mapping[str, Path]) -> str:
    """What is wrong with the options; empty when nothing is."""
    for name in options.scenario:
        if name not in known:
            return f"no scenario {name}; {_nearest(name, known)}"
    if options.j < 1:
        return f"-j {options.j}: one scenario at a time is the least"
    return (
        _wrong_file_system(options, known)
        or _wrong_times(options)
        or _wrong_fuzz(options)
        or _wrong_replay(options)
        or _wrong_agent(options, known)
        or _wrong_planted(options, known)
        or _wrong_places(options)
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"the nearest is {nearest[0]}" if nearest else f"there are {', '.join(known) or 'none'}"


def _wrong_file_system(options: argparse.Namespace, known: Mapping[str, Path]) -> str:
    for name in options.file_system:
        if name not in bootstrap.FILE_SYSTEMS:
            return f"no file system {name}; {_nearest(name, bootstrap.FILE_SYSTEMS)}"
    if options.file_system and RECORDED not in _names(options, known):
        return f"--file-system is for {RECORDED} alone: ./prove {RECORDED} --file-system …"
    return ""


def _wrong_times(options: argparse.Namespace) -> str:
    if options.times < 1:
        return f"--times {options.times}: once is the least"
    if options.times > 1 and not options.scenario:
        return "--times: name the scenarios that are to be repeated, such as  ./prove --times 20 reboot"
    if options.times > 1 and MATRIX in options.scenario:
        return f"--times: the rows of {MATRIX} leave equal disks to each other; run it again instead"
    return ""


def _wrong_fuzz(options: argparse.Namespace) -> str:
    if options.fuzz is None:
        return "--seed is for --fuzz MINUTES" if options.seed is not None else ""
    others = (options.scenario, options.planted, options.replay is not None, options.agent, options.list)
    if any(others) or options.file_system:
        return (
            "--fuzz goes alone: leave out scenarios, --replay, --planted, --agent, --file-system and --list"
        )
    minutes = _number_in(options.fuzz)
    if minutes is None or not 0 < minutes <= MOST_MINUTES:
        said = f"--fuzz {options.fuzz}".strip()
        return f"{said}: minutes are needed, above 0 and up to a day, such as  ./prove --fuzz 10"
    seed = options.seed or "0"
    if not (seed.isascii() and seed.isdigit() and len(seed) < 10):
        return f"--seed {seed}: a whole number of up to nine digits is needed, as an earlier run said it"
    return ""


def _number_in(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _wrong_agent(options: argparse.Namespace, known: Mapping[str, Path]) -> str:
    if options.agent is None:
        return ""
    if not (options.agent / "agent.toml").is_file():
        return (
            f"--agent: {options.agent} has no agent.toml; vm-scenarios/others/README.md tells what is in it"
        )
    if options.planted or options.replay is not None:
        return (
            "--agent: traces and planted bugs are those of this repository's agent: "
            "leave --replay and --planted out"
        )
    fit = _for_any_agent(known)
    if others := [name for name in _names(options, known) if name not in fit]:
        return (
            f"--agent: {others[0]} asks for more than any agent has to offer; these do not: {', '.join(fit)}"
        )
    return ""


def _wrong_replay(options: argparse.Namespace) -> str:
    if options.replay is None:
        return ""
    if options.file_system or set(options.scenario) - {REPLAYS}:
        return f"--replay is for {REPLAYS} alone: leave out other scenarios and --file-system"
    if options.planted and options.replay:
        return "--planted replays traces of its own: leave these out"
    return ""


def _wrong_planted(options: argparse.Namespace, known: Mapping[str, Path]) -> str:
    if not options.planted:
        return ""
    sys.path.insert(0, str(SCENARIOS))
    import planted

    spoilt = [name for name, path in known.items() if planted.bugs_for([path])]
    if others := [name for name in options.scenario if name not in spoilt]:
        return f"--planted: no bug is planted for {others[0]}; there are some for {', '.join(spoilt)}"
    return ""


def _for_any_agent(known: Mapping[str, Path]) -> list[str]:
    """The scenarios that ask for nothing that only this repository's agent has; they say so themselves."""
    return [name for name, path in known.items() if "pytest.mark.any_agent" in path.read_text()]


def _wrong_places(options: argparse.Namespace) -> str:
    """Where nothing can be written, or nothing is to be read: told now, and not after an hour."""
    sys.path.insert(0, str(ROOT / "python" / "bootproof" / "src"))
    from bootproof.page import place

    if options.report is not None and (why := place.objection(options.report)):
        return f"--report: {why}"
    if options.guest is not None and not (options.guest / "guest.toml").is_file():
        return f"--guest: {options.guest} has no guest.toml; python/bootproof/README.md tells what is in it"
    for trace in options.replay or ():
        if not trace.is_file():
            return f"--replay: {trace} is no file"
    if options.keep is not None and (why := place.unwritable(options.keep)):
        return f"--keep: {why}"
    if options.json is not None and not options.json.absolute().parent.is_dir():
        return f"--json: there is no folder {options.json.absolute().parent}"
    if options.json is not None and options.json.is_dir():
        return f"--json: {options.json} is a folder"
    if options.json is not None and (why := place.unwritable(options.json.absolute().parent)):
        return f"--json: {why}"
    return ""
