"""What the flake's derivations get of this repository: the files that a `lib.fileset.unions` names, copied."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
STORED = re.compile(r"/nix/store/[a-z0-9]{32}-source")
"""How a script names such a source."""


def copy_source(file: Path, to: Path) -> None:
    """What the Nix file names, as the store has it: without Git, and nothing can be written."""
    named = re.search(r"lib\.fileset\.unions \[(.*?)\]", file.read_text(), re.S)
    assert named
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *named[1].split()],
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    for path in filter(None, listed.stdout.split("\0")):
        copy = to / os.path.relpath(file.parent / path, ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file.parent / path, copy)
        copy.chmod(copy.stat().st_mode & 0o555)
    for folder, _, _ in os.walk(to):
        Path(folder).chmod(0o555)
