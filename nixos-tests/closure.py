"""closure.py NAMES STORE-PATHS SIZE: whether a closure holds only what is listed; prints it, with its size."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_STORE_PATH = re.compile(r"/nix/store/[a-z0-9]{32}-(.+)")
_VERSION = re.compile(r"-\d[^-]*(-.*)?$")


def name_of(path: str) -> str:
    """The package's name, without its hash, its version and its output: `…-python3.13-httpx-0.28.1` is `httpx`."""
    found = _STORE_PATH.fullmatch(path)
    if found is None:
        raise ValueError(f"{path} is no store path")
    return _VERSION.sub("", re.sub(r"^python3\.\d+-", "", found[1]))


def main(names: Path, store_paths: Path, size: Path) -> int:
    """Exit status 1, and which ones, if there is something that is not listed."""
    lines = names.read_text().splitlines()
    allowed = {line for line in lines if line and not line.startswith("#")}
    found = {name_of(path) for path in store_paths.read_text().split()}
    out = sys.stdout.write
    out(f"{int(size.read_text()) / 1024 / 1024:.0f} MiB: {', '.join(sorted(found))}\n")
    unexpected = sorted(found - allowed)
    if unexpected:
        out(f"not in {names.name}: {', '.join(unexpected)}; list it there if a node needs it\n")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
