"""`bootproof replay --in machines`: pytest on the scenario that knows how the program is put on a machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bootproof.report import read_json
from bootproof.simulation.aiming import aimed
from bootproof.simulation.steps import read_trace
from bootproof.verdict import HarnessError


def machines_command(traces: Sequence[Path], guest: Path | None, scenario: Path, in_json: bool) -> int:
    """Replays traces on machines, by a scenario that takes `--replay FILE`; the exit status is the report's.

    Raises HarnessError, with one line, before anything boots.
    """
    for path in traces:
        if str(path) == "-":
            raise HarnessError("a trace for machines is a file, not standard input")
        aimed(read_trace(path))
    if guest is None:
        raise HarnessError("--in machines needs --guest DIR; `bootproof guest build` prints one")
    if not scenario.is_file():
        raise HarnessError(f"no scenario {scenario}; name it with --scenario FILE")
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pytest", "-q", str(scenario), f"--guest={guest}"]
        command += [f"--bootproof-json={report}", *(f"--replay={path}" for path in traces)]
        status = subprocess.run(command, stdout=sys.stderr if in_json else None, check=False).returncode
        said = read_json(report)
        if in_json:
            print(report.read_text(), end="")
    # Where the tests came to something worse than the report says, it does not say all.
    return said.exit_status or (2 if status else 0)
