"""How a program offers itself to the harness: by a few lines that import nothing of the harness.

A distribution names an object of this shape under the entry point group `bootproof.agents`; a test may name one
by `module:attribute`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from bootproof.oracle_case import Registration
from bootproof.timeline import MarkerClaim
from bootproof.verdict import HarnessError

GROUP = "bootproof.agents"


class Outcome(Protocol):
    """How one run ended: its exit status, the rows of its decision table that it went through, its last word."""

    @property
    def status(self) -> int: ...
    @property
    def rows(self) -> Sequence[str]: ...
    @property
    def reason(self) -> str: ...


class Agent(Protocol):
    """A first-boot program in a form that can be run inside one process."""

    name: str
    commands: Sequence[str]
    """What is run: the first one at boot while there is no marker, the last one again and again."""
    operator: Mapping[str, str]
    """What an operator runs on the machine beside that: each command, and the `wishes.Wish` that it notes."""
    rows: Sequence[str]
    """All rows of its decision table; the exploration has to reach each one."""
    marker: str
    scratch: str
    """A regular expression for the files that it never reads (temporary ones); what they hold is not compared."""
    folders: Sequence[str]
    """Folders that are there at first, without the trailing slash."""
    thresholds: Sequence[float]
    """The lengths of time (seconds, ascending) that it compares anything with; the first one is Q."""
    clock_fields: Mapping[str, str]
    """Fields of its JSON files that hold a time: `server` (GitHub's clock, seconds), `monotonic` (seconds since
    boot), `boot` (a boot id) or `text` (GitHub's clock, ISO 8601)."""
    ordered: Sequence[str]
    """Names of files whose times it compares with when pull requests were made, not only with now."""
    ages: Mapping[str, tuple[float, ...]]
    """For a file's name, or `merged_at` and `closed_at` of a pull request: what the ages of its times are compared
    with, where that is not every threshold."""
    boots: Sequence[str]
    """Keys of JSON objects in which it matters whether a boot id is the present one, beyond the choice of a clock."""
    starts: Mapping[str, Mapping[str, Any]]
    """Other beginnings than a fresh machine in an empty repository, as `starts.Start` has them; by name."""
    errors: Mapping[str, Callable[..., BaseException]]
    """The exceptions of its port, by name: not-sent, no-answer, already-running, command-failed, and
    not-reachable if it asks for anybody beside GitHub."""

    program: Mapping[str, Any]
    """How it is run as a process, as `processes.layout.Description` has it; empty when it cannot be."""

    def registration(self) -> Mapping[str, Any]:
        """The fields of an oracle's `Registration`."""

    def machine(self, token: str) -> Mapping[str, bytes]:
        """Every file that it may read on a freshly installed machine, by path."""

    def output(self, argv: Sequence[str]) -> bytes | None:
        """What a program of the machine prints; None when there is no such program."""

    def run(self, port: Any, command: str) -> Outcome:
        """One run of the shipped code upon this port."""

    def claim(self, marker: bytes) -> Mapping[str, Any] | None:
        """What a marker claims (`state`, `pull_request`), None when it claims nothing."""


def load(name: str | None) -> Agent:
    """The agent of this name, or the only one that is installed.  Raises HarnessError with one line."""
    if name is not None and ":" in name:
        return _imported(name)
    found = {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}
    if name is None and len(found) == 1:
        name = next(iter(found))
    if name is None or name not in found:
        there = ", ".join(sorted(found)) or "none"
        raise HarnessError(
            f"which agent? installed: {there}; name one with --agent NAME or --agent MODULE:OBJECT"
        )
    agent: Agent = found[name].load()
    return agent


def _imported(name: str) -> Agent:
    module, _, attribute = name.partition(":")
    try:
        agent: Agent = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise HarnessError(f"--agent {name}: {error}") from error
    return agent


def registration(agent: Agent) -> Registration:
    """The registration that the agent is to make.  Raises HarnessError when it does not describe one."""
    try:
        return msgspec.convert(dict(agent.registration()), Registration)
    except msgspec.ValidationError as error:
        raise HarnessError(f"{agent.name}: registration(): {error}") from error


def claim(agent: Agent, marker: bytes) -> MarkerClaim | None:
    """What a marker claims, in the oracle's words."""
    said = agent.claim(marker)
    return None if said is None else msgspec.convert(dict(said), MarkerClaim)
