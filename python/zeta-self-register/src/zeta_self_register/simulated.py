"""This program as the harness runs it in one process: one machine to run on, and how to begin a run.

Named by the entry point group `bootproof.agents`; imports nothing of the harness.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zeta_self_register import settings, starts
from zeta_self_register.answers import MAX_PAUSE_SECONDS
from zeta_self_register.decide import TABLE
from zeta_self_register.effects import AlreadyRunning, CommandFailed, Effects, NoAnswer, NotSent
from zeta_self_register.exits import Refused
from zeta_self_register.node import Node
from zeta_self_register.settings import Settings
from zeta_self_register.tick import tick

SETTINGS = settings.DEFAULT_PATH
STATE = Settings().state_folder
_Q, _DAY = float(Settings().request_lifetime_seconds), float(Settings().min_pr_interval_seconds)

MACHINE = {
    "/proc/sys/kernel/hostname": b"node-a\n",
    "/proc/cpuinfo": b"processor\t: 0\nmodel name\t: Test CPU\n",
    "/proc/self/stat": b"4711 (zeta-self-regis) R 1 ",
    "/proc/meminfo": b"MemTotal:        1024000 kB\n",
    "/proc/sys/kernel/osrelease": b"6.12.0\n",
    "/sys/class/dmi/id/product_uuid": b"5f0c1a52-9e7b-4c3d-8a61-2b3c4d5e6f70\n",
    "/sys/class/net/eth0/address": b"52:54:00:aa:bb:cc\n",
    "/sys/class/net/eth0/addr_assign_type": b"0\n",
    "/sys/class/net/eth0/type": b"1\n",
    "/sys/class/net/eth0/device/uevent": b"",
    "/etc/os-release": b"ID=nixos\n",
    "/var/lib/zeta-install/complete.json": b'{"schema": 1, "installed_at": "2026-01-01T00:00:00Z"}',
    SETTINGS: b'repository = "acme/cluster"\noperator = "alice"\n',
}
OUTPUTS = {
    "address": b"""[{"ifname": "eth0", "address": "52:54:00:aa:bb:cc", "link_type": "ether", "addr_info":
  [{"family": "inet", "local": "10.0.2.15", "prefixlen": 24, "scope": "global"}]}]""",
    "-4": b'[{"dst": "default", "gateway": "10.0.2.2", "dev": "eth0"}]',
    "-6": b"[]",
}


IP = (
    '#!/bin/sh\ncase " $* " in\n'
    + "".join(f"*' {word} '*) printf '%s\\n' '{printed.decode()}' ;;\n" for word, printed in OUTPUTS.items())
    + "esac\n"
)
"""The same as a program."""
PLACES = """
api_url = "{api}"
ca_file = "{ca}"
token_file = "{files}/github-token"
intent_file = "{files}/intent.json"
home = "{files}/home"
state_folder = "{state}/zeta-self-register"
install_stamp = "{state}/zeta-install/complete.json"
"""
"""Settings of a process that the harness runs, below those of the machine."""


@dataclass(frozen=True)
class Outcome:
    """How one run ended."""

    status: int
    rows: tuple[str, ...]
    reason: str


class Simulated:
    """What `bootproof explore` needs to know of this program."""

    name = "zeta-self-register"
    commands: Sequence[str] = ("register", "steward")
    rows: Sequence[str] = tuple(row.name for row in TABLE)
    marker = Settings().marker
    scratch = rf"{STATE}/\.[a-z]+\.json\.new"
    folders: Sequence[str] = ("/var", "/var/lib")
    thresholds: Sequence[float] = (_Q, _DAY)
    clock_fields: Mapping[str, str] = {
        "server_time": "server",
        "monotonic": "monotonic",
        "boot_id": "boot",
        "written_at": "text",
    }
    ordered: Sequence[str] = ("attempt.json",)
    ages: Mapping[str, tuple[float, ...]] = {
        "registered.json": (_Q,),
        "attempt.json": (_Q,),
        # Pauses last up to an hour.
        "state.json": (_Q, MAX_PAUSE_SECONDS),
        "merged_at": (_Q,),
        "closed_at": (),
    }
    boots: Sequence[str] = ("pause",)
    program: Mapping[str, Any] = {
        "command": (
            "{python}",
            "-m",
            "zeta_self_register",
            "--settings",
            "{files}/settings.toml",
            "{command}",
        ),
        "places": {"/var/lib": "{state}", "/etc/zeta-self-register": "{files}"},
        "adds": {SETTINGS: PLACES},
        "programs": {"ip": IP},
    }
    errors: Mapping[str, Callable[..., BaseException]] = {
        "not-sent": NotSent,
        "no-answer": NoAnswer,
        "already-running": AlreadyRunning,
        "command-failed": CommandFailed,
    }

    @property
    def starts(self) -> Mapping[str, Mapping[str, Any]]:
        """Other beginnings than a fresh node in an empty cluster."""
        return starts.STARTS

    def registration(self) -> Mapping[str, Any]:
        """The registration that this machine is to make."""
        return {
            "repository": "acme/cluster",
            "record": "maintainers/alice/cluster-nodes/node-a/node.yaml",
            "branch": "register-node-node-a",
            "old_branch": r"register-node-a-[0-9]{8}T[0-9]{6}Z",
            "user_agent": "^zeta-self-register/",
            "logins": ["alice", "zeta[bot]"],
            "comment_kinds": {
                kind: f"zeta-self-register: {kind} -->" for kind in ("joined", "reopened", "held", "stray")
            },
            "seconds_between": _DAY,
        }

    def machine(self, token: str) -> Mapping[str, bytes]:
        """A freshly installed node."""
        return {**MACHINE, "/etc/zeta-self-register/github-token": token.encode()}

    def output(self, argv: Sequence[str]) -> bytes | None:
        """What `ip` prints there."""
        return next((printed for word, printed in OUTPUTS.items() if word in argv), None)

    def run(self, port: Effects, command: str) -> Outcome:
        """One tick, as the units run it."""
        try:
            run = tick(Node(port, settings.load(port, SETTINGS, {}, must_exist=True), command, {}))
        except Refused as refused:
            return Outcome(int(refused.status), (), refused.line)
        last = run.last
        return Outcome(int(last.status), tuple(decision.row for decision in run.decisions), last.reason)

    def claim(self, marker: bytes) -> Mapping[str, Any] | None:
        """What this marker claims; one that is not whole, or of another version, claims nothing."""
        try:
            said = json.loads(marker)
            pull, state = said["pull_request"], said["state"]
        except (ValueError, KeyError, TypeError):
            return None
        state = state if state in ("pr-open", "registered") else "other"
        return {"state": state, "pull_request": pull["number"] if pull else None}


AGENT = Simulated()
