"""Every Nix file: it can be read, and it keeps to what flakes and reviewers can rely on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path.relative_to(ROOT)
    for folder in (".", "python/*", "nixos-tests", "nixos-tests/*")
    for path in ROOT.glob(f"{folder}/*.nix")
)


def test_there_are_some():
    assert len(FILES) > 8


def test_every_file_parses(nix_instantiate):
    command = [*nix_instantiate, "--parse", *map(str, FILES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("nixfmt") is None, reason="needs nixfmt")
def test_every_file_is_as_nixfmt_writes_it():
    done = subprocess.run(
        ["nixfmt", "--check", *FILES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_file_fetches_imports_a_build_or_hides_where_names_come_from(file):
    code = "\n".join(line.partition("#")[0] for line in (ROOT / file).read_text().splitlines())
    assert not re.search(r"builtins\.fetch|fetchurl|fetchTarball|fetchGit", code)
    assert not re.search(r"\bwith (pkgs|lib)\b(?!; \[)", code), "`with` over more than a list"
    assert not re.search(r"<[a-z]+>", code), "a path of the one who evaluates"
    assert "import-from-derivation" not in code


@pytest.mark.parametrize("file", FILES, ids=str)
def test_lines_and_files_stay_short(file):
    lines = (ROOT / file).read_text().splitlines()
    assert len(lines) < 400
    assert [line for line in lines if len(line) > 120] == []
