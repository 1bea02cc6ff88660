"""No module but the production adapter does I/O, and the node's package imports nothing of the harness."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import zeta_self_register

SOURCES = sorted(Path(zeta_self_register.__file__).parent.glob("*.py"))
DOES_IO = {
    *("asyncio", "fcntl", "glob", "httpx", "io", "os", "pathlib", "random", "secrets", "selectors", "shutil"),
    *(
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
        "uuid",
    ),
}
SHELL = {"production.py", "shared_folder.py", "cli.py", "check_pull_command.py"}
CALLS = {"open", "print", "input", "eval", "exec", "__import__"}
HARNESS = {"bootproof", "mock_github", "pytest", "hypothesis", "pexpect"}


def imported(tree: ast.AST) -> set[str]:
    """The modules that a source imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def clock_readings(tree: ast.AST) -> list[str]:
    """Calls such as datetime.now()."""
    return [
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "today"}
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_only_the_shell_does_io(source: Path) -> None:
    tree = ast.parse(source.read_text())
    modules = imported(tree)
    assert not {name for name in modules if name.split(".")[0] in HARNESS}
    if source.name in SHELL:
        return
    assert not modules & DOES_IO
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not called & CALLS
    assert not clock_readings(tree), "the time comes through the port"


def test_a_node_gets_nothing_but_what_the_agent_needs() -> None:
    lock = (Path(__file__).parent.parent / "requirements.lock").read_text()
    locked = {line.partition("==")[0] for line in lock.splitlines() if line[:1].isalpha()}
    httpx = {"httpx", "httpcore", "h11", "anyio", "idna", "certifi", "typing-extensions"}
    gidgethub = {"gidgethub", "uritemplate", "pyjwt", "cryptography", "cffi", "pycparser"}
    assert locked == {*httpx, *gidgethub, "msgspec", "pyyaml"}
