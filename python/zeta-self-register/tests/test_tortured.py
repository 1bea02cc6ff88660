"""The program, killed at every point of a registration, by the command line that the README gives."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CLOCKS = (
    subprocess.run(["unshare", "--user", "--time", "true"], capture_output=True, check=False).returncode == 0
)
README = ROOT / "python" / "zeta-self-register" / "README.md"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="torture knows x86-64 only")
@pytest.mark.skipif(not (CLOCKS or os.geteuid() == 0), reason="a time namespace needs root here")
def test_killed_at_every_point_it_opens_exactly_one_pull_request(tmp_path, capsys):
    words = shlex.split(
        re.search(r"bootproof torture((?:.*\\\n)*.*)", README.read_text())[1].replace("\\\n", "")
    )
    agent = words.index("--")
    # The programs of this virtualenv, and what a power cut loses besides.
    more = ["--lose-unsynced", "--json", str(tmp_path / "report.json")]
    command = [sys.executable, "-m", "zeta_self_register", *words[agent + 2 :]]
    done = subprocess.run(
        [sys.executable, "-m", "bootproof.cli", "torture", *words[:agent], *more, "--", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    assert report["requests"] == 6
    for row in report["kinds"]:
        assert row["landed"] == row["points"] > 0, row
    assert report["elsewhere"] == []
    with capsys.disabled():
        sys.stdout.write(f"\n{done.stdout.splitlines()[-1]}\n")
