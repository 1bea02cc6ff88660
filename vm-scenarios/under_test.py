"""The agent under test, as the scenarios know it: how it gets onto a machine, what runs it, and what its marker says.

The scenarios of `any_agent` ask for nothing else of it, so any first-boot program can be put before them.  What a
program does not promise is not asked of it; that it registers once, only after a complete installation, and touches
nothing of others is asked of each.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import agent
from bootproof.oracle import Registration

Files = Mapping[str, tuple[bytes, int]]
"""By path, without the first slash: content and mode."""


class Promise(enum.Enum):
    """What a program may promise beyond one pull request."""

    SKIPPED = "skipped-once-registered"
    """systemd starts no process of its unit while there is a marker."""
    COMMENTS = "comments-when-it-joins"
    """A pull request that it finds open gets one comment."""
    FOLLOWS = "follows-to-the-merge"
    """While its pull request is open it looks again, and its marker says so when it is merged."""


@dataclass(frozen=True)
class AgentUnderTest:
    """One agent.  `unit` is what a boot starts by itself, `tick_unit` what a scenario starts to let it look again.

    `set_up` is a shell script that the installer runs inside the new system, `stamp` one that it runs last of all,
    after the file systems were synced.  A `node` is named by the installer's settings; an empty one is named by the
    program, which says so on the console.
    """

    name: str
    unit: str
    tick_unit: str
    marker: str
    read_marker: Callable[[str], Mapping[str, Any]]
    """From its text to `state` ("pr-open", "registered" or something else), `pull_request` (its `number`, or None), and
    if they are known `boot_id` and `written_at`."""
    registration: Callable[[str], Registration]
    """Of a node with this name."""
    files: Callable[[Path, agent.Python], Path]
    """A folder (made below a cache, for an interpreter) that is laid over the root of the new system."""
    settings: Callable[[bytes], Files]
    """More files for there, for a GitHub whose certificates this authority (PEM) signs."""
    set_up: str
    stamp: str = "true"
    node: str = ""
    user_agent: str = ""
    """A regex for the requests of `unit`, where `tick_unit` sends others."""
    promises: frozenset[Promise] = field(default_factory=frozenset)

    @property
    def units(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys((self.unit, self.tick_unit)))
