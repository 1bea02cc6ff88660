"""One run of the agent's program at a time, on a machine where nothing of it begins by itself: how it is begun, awaited
and killed.

On a machine that booted in full a run is a run of its unit; on a lean one (see bootproof's lean.py) there is no service
manager, and the program is started as the unit would start it. A fifo in the guest tells when a run is over.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Protocol

import agent
from bootproof.machine import Machine

END_SECONDS = 60
"""Until a run has ended; the machine stretches it."""
_FOLDER = "/run/by-hand"
_OVER = f"{_FOLDER}/over"
_STATUS = f"{_FOLDER}/status"
_OUTPUT = f"{_FOLDER}/output"
_PROCESS = f"{_FOLDER}/process"
_READY = f"mkdir -p {_FOLDER} && rm -f {_OVER} && mkfifo {_OVER}"
_KILLED = 128 + 9
"""A shell's word for a child that died of SIGKILL."""


class Runs(Protocol):
    """`command` is the agent's: register or steward."""

    def begin(self, command: str) -> None: ...
    def await_end(self) -> int:
        """Its exit status."""
        ...

    def kill(self) -> bool:
        """SIGKILL, while it runs; whether it died of it."""
        ...

    def last_line(self) -> str:
        """What it said last."""
        ...


@dataclass
class OfUnits:
    """The unit of the command; the steward's is let start only when its turn comes (agent.BY_HAND)."""

    machine: Machine
    unit: str = ""

    def begin(self, command: str) -> None:
        self.unit = agent.COMMANDS[command]
        turn = f"touch {agent.TURN}" if self.unit == agent.STEWARD_UNIT else "true"
        start = f"systemctl start {self.unit}; rm -f {agent.TURN}; echo over >{_OVER}"
        self.machine.run(f"{_READY} && {turn} && ({start}) >/dev/null 2>&1 &")

    def await_end(self) -> int:
        self.machine.run(f"read over <{_OVER}", timeout=END_SECONDS)
        return int(self._property("ExecMainStatus"))

    def kill(self) -> bool:
        self.machine.run(f"systemctl kill --signal=KILL {self.unit}; read over <{_OVER}", timeout=END_SECONDS)
        died = [self._property(name) for name in ("ExecMainCode", "ExecMainStatus")]
        return died == ["2", "9"]  # CLD_KILLED, SIGKILL

    def last_line(self) -> str:
        return self.machine.run(f"journalctl -b -u {self.unit} -n 1 -o cat", check=False).text

    def _property(self, name: str) -> str:
        return self.machine.run(f"systemctl show -P {name} {self.unit}").text


@dataclass
class OfPrograms:
    """The program alone, as its unit's user, with its folders and its credentials."""

    machine: Machine

    def begin(self, command: str) -> None:
        start = f"{agent.as_the_unit_does(command)} >{_OUTPUT} 2>&1 & echo $! >{_PROCESS}"
        script = f"{start}; wait $!; echo $? >{_STATUS}; echo over >{_OVER}"
        self.machine.run(f"{_READY} && (sh -c {shlex.quote(script)}) >/dev/null 2>&1 &")

    def await_end(self) -> int:
        return int(self.machine.run(f"read over <{_OVER}; cat {_STATUS}", timeout=END_SECONDS).text)

    def kill(self) -> bool:
        self.machine.run(f"kill -KILL $(cat {_PROCESS}) && read over <{_OVER}", timeout=END_SECONDS)
        return int(self.machine.run(f"cat {_STATUS}").text) == _KILLED

    def last_line(self) -> str:
        return self.machine.run(f"tail -n 1 {_OUTPUT}", check=False).text
