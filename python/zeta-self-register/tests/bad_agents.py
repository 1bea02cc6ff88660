#!/usr/bin/env python3
"""Bad agents, and what catches each: the exploration, processes, machines.

usage: python bad_agents.py                       explores all of them: by which rule, after how many steps
       python bad_agents.py --torture             also kills them as processes (`bootproof torture`); a minute
       python bad_agents.py --as NAME -- COMMAND  runs zeta-self-register with that bug, such as `-- register`

Exit status: 0 if each was caught by its rule, otherwise 1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bugs import BUGS, MACHINES, UNSEEN, Planted, planted
from zeta_self_register import cli

HERE = Path(__file__).resolve().parent
CASE = HERE / "torture"
TORTURE = (
    *("timeout", "--signal=INT", "100", sys.executable, "-m", "bootproof.cli", "torture"),
    *("--seed", f"{CASE}/seed", "--case", f"{CASE}/case.toml", "--file", f"{CASE}/settings.toml"),
    *("--skip", "200", "--lose-unsynced", "-j", "2"),
)
REGISTER = ("--settings", "{files}/settings.toml", "register")
FORM = "{:<18} {:<27} {:<17} {:<30} {:<34} {}"
NOT_CAUGHT = "NOT CAUGHT"
Cell = Callable[[Planted], str]


def explored(bug: Planted) -> str:
    """By which rule the exploration catches it, after how many steps."""
    from stages import STAGES, explored

    with planted(bug):
        found = explored(STAGES[bug.stage])
    traces = {text.partition(":")[0]: trace for text, trace in found.findings.items()}
    if bug.rule in traces:
        return f"{bug.rule}, {len(traces[bug.rule].steps)} steps"
    return f"{NOT_CAUGHT}: {', '.join(traces) or 'no finding'}"


def tortured(bug: Planted) -> str:
    """By which rule `bootproof torture` catches it, and at how many of its points."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        agent = (sys.executable, __file__, "--as", bug.name, "--", *REGISTER)
        command = (*TORTURE, "--json", str(report), "--", *agent)
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        said = json.loads(report.read_bytes()) if report.exists() else {"violations": [], "kinds": []}
    broken = [one for one in said["violations"] if one["verdict"] == "violated"]
    if not broken:
        return f"{NOT_CAUGHT}: status {done.returncode}"
    rule = broken[0]["broken"][0].partition(":")[0]
    points, all_points = (
        sum(len(one["points"]) for one in broken),
        sum(kind["points"] for kind in said["kinds"]),
    )
    return f"{rule} at {points} of {all_points} points"


@contextmanager
def processes(wanted: bool) -> Iterator[Cell]:
    """The cells of the processes' column; one bad agent for each core is worked out at a time."""
    cells = {name: f"cannot: {why}" for name, why in UNSEEN.items()}
    pool = ThreadPoolExecutor(os.cpu_count())
    running = {bug.name: pool.submit(tortured, bug) for bug in BUGS if wanted and bug.name not in UNSEEN}

    def cell(bug: Planted) -> str:
        return running[bug.name].result() if bug.name in running else cells.get(bug.name, "not run")

    try:
        yield cell
    finally:
        pool.shutdown(cancel_futures=True)


def matrix(torture: bool) -> Iterator[tuple[str, bool]]:
    """One line for each bad agent, and whether everything that was run has caught it."""
    yield FORM.format("bug", "source", "stage", "explored", "processes", "machines"), True
    with processes(torture) as process:
        for bug in BUGS:
            found = (explored(bug), process(bug))
            machine = f"see ./prove --planted: {MACHINES[bug.name]}" if bug.name in MACHINES else "-"
            line = FORM.format(bug.name, bug.source, bug.stage, *found, machine)
            yield line, not any(cell.startswith(NOT_CAUGHT) for cell in found)
    yield "steps: of a shortest history, to its end; what never comes to rest is followed for 400", True


def main(arguments: Sequence[str]) -> int:
    """Prints the matrix, or runs one bad agent as the process that it is."""
    named = {bug.name: bug for bug in BUGS}
    match arguments:
        case [] | ["--torture"]:
            caught = True
            for line, held in matrix(torture=bool(arguments)):
                print(line, flush=True)  # noqa: T201 - this is what it is for
                caught &= held
            return 0 if caught else 1
        case ["--as", name, "--", *command] if name in named:
            with planted(named[name]):
                return cli.run(command, os.environ)
    sys.stderr.write(f"{__doc__}\nnames: {', '.join(named)}\n")
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
