#!/usr/bin/env python3
"""Writes the pages of options from what the modules themselves say.

usage: options_page.py EVALUATED       what `nix-instantiate --eval --strict --json evaluation/evaluate.nix …` prints

A test keeps the pages equal to the modules.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).resolve().parents[1] / "python"
PAGES = {
    PYTHON / "zeta-self-register/options.md": "zeta.selfRegister",
    PYTHON / "mock-github/options.md": "services.mock-github",
}


def written(options: Iterable[Mapping[str, Any]]) -> dict[Path, str]:
    """Each page with its text."""
    known = sorted(options, key=lambda option: str(option["name"]))
    return {
        path: page(prefix, [one for one in known if one["name"].startswith(f"{prefix}.")])
        for path, prefix in PAGES.items()
    }


def page(prefix: str, options: Iterable[Mapping[str, Any]]) -> str:
    """One page: a heading, and a paragraph for each option."""
    head = f"# Options of `{prefix}`\n\nMade from the module itself by `nixos-tests/options_page.py`.\n"
    return "\n".join([head, *map(entry, options)])


def entry(option: Mapping[str, Any]) -> str:
    """One option."""
    lines = [f"## {option['name']}", "", plain(option["description"]), "", f"- Type: {option['type']}"]
    if option["default"] is not None:
        lines.append(f"- Default: {code(option['default'])}")
    if option["example"] is not None:
        lines.append(f"- Example: {code(option['example'])}")
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """The manual's own marks, such as {file}`x`, as plain Markdown."""
    return re.sub(r"\{\w+\}(?=`)", "", text).strip()


def code(text: str) -> str:
    """A value on one line; what the manual says in words stays words."""
    joined = " ".join(text.split())
    return joined if joined.startswith("this repository") else f"`{joined}`"


if __name__ == "__main__":
    for path, text in written(json.loads(Path(sys.argv[1]).read_bytes())["options"]).items():
        path.write_text(text)
