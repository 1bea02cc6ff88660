"""The tests that run in a package's own build: whatever one imports is offered there."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("zeta-self-register", "mock-github", "bootproof")

BROUGHT = {"pytestCheckHook": "pytest"}
"""What an input is for, where its name is not the module's."""


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_build_tests_imports_what_its_inputs_offer(flake, name):
    package = flake["packages"][name]
    folder = ROOT / "python" / name
    inputs = {name, *package["dependencies"], *package["checkInputs"]}
    offered = {normal(BROUGHT.get(one, one)) for one in inputs}
    missing = [
        f"{test.relative_to(ROOT)}: {module}"
        for test in of_build(folder, package["notTested"])
        for module in sorted(imported(test, folder / "tests"))
        if not offered & makers(module)
    ]
    assert missing == [], "neither offered by the package's inputs nor among its disabledTestPaths"


def test_an_import_of_something_else_would_be_noticed(tmp_path):
    """Through a file beside the test as well, and inside of a function."""
    (tmp_path / "beside.py").write_text(
        "import os\n\ndef later():\n    from bootproof.machine import Machine\n"
    )
    (tmp_path / "test_it.py").write_text("import pytest\nfrom beside import later\n")
    assert imported(tmp_path / "test_it.py", tmp_path) == {"pytest", "bootproof"}
    assert makers("bootproof") == {"bootproof"}
    assert makers("yaml") == {"pyyaml"}
    assert makers("matrix_rows") == set()


def of_build(folder: Path, left_out: list[str]) -> Iterator[Path]:
    """The files that pytest reads in the build, with what they have in common."""
    yield ROOT / "conftest.py"
    for pattern in ("test_*.py", "conftest.py"):
        for path in sorted((folder / "tests").rglob(pattern)):
            if str(path.relative_to(folder)) not in left_out:
                yield path


@cache
def imported(file: Path, tests: Path) -> frozenset[str]:
    """The modules from elsewhere that it comes to import, through others of `tests`, too."""
    found: set[str] = set()
    seen, left = {file}, [file]
    while left:
        for module in named(left.pop()):
            here = tests / f"{module}.py"
            if not here.is_file():
                found.add(module)
            elif here not in seen:
                seen.add(here)
                left.append(here)
    return frozenset(found)


def named(file: Path) -> set[str]:
    """The packages that its import statements name, but for Python's own."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
    return {module.partition(".")[0] for module in modules} - sys.stdlib_module_names


@cache
def makers(module: str) -> frozenset[str]:
    """The distributions that have it, as they are called in nixpkgs."""
    return frozenset(map(normal, packages_distributions().get(module, ())))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
