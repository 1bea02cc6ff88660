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
from bootproof.verdict import HarnessError

END_SECONDS = 60
"""Until a run has ended; the machine stretches it."""
_FOLDER = "/run/by-hand"
_OVER = f"{_FOLDER}/over"
_STATUS = f"{_FOLDER}/status"
_OUTPUT = f"{_FOLDER}/output"
_PROCESS = f"{_FOLDER}/process"
_READY = f"mkdir -p {_FOLDER} && rm -f {_OVER} && mkfifo {_OVER}"
TIMED_OUT = 124
"""The guest's word for a command that it stopped at its time limit."""
_KILLED = 128 + 9
"""A shell's word for a child that died of SIGKILL."""


def until_idle(unit: str) -> str:
    """A shell script that waits for a run which a timer began, and prints the exit status of the last one.

    To start the unit meanwhile would be no other run. Both are asked at once, since the next run may begin at any time,
    and one that is under way has the status 0.
    """
    ask = f'said="$(systemctl show -p SubState -p ExecMainStatus {unit})"'
    busy = 'case "$said" in *SubState=start*|*SubState=condition*) ;; *) false ;; esac'
    return f"while {ask}; {busy}; do sleep 0.5; done; echo \"$said\" | sed -n 's/^ExecMainStatus=//p'"


class Runs(Protocol):
    """`command` is the agent's: register or steward."""

    def begin(self, command: str) -> None: ...
    def await_end(self) -> int:
        """Its exit status. Raises AssertionError if it does not end, HarnessError if it was not even started."""
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
    last: str = ""
    """The invocation of the unit before."""

    def begin(self, command: str) -> None:
        self.unit = agent.COMMANDS[command]
        self.machine.run(until_idle(self.unit), timeout=END_SECONDS)
        self.last = self._property("InvocationID")
        turn = f"touch {agent.TURN}" if self.unit == agent.STEWARD_UNIT else "true"
        start = f"systemctl start {self.unit}; rm -f {agent.TURN}; echo over >{_OVER}"
        # In braces: without them, all of it would be in the background, and the fifo perhaps not there yet.
        self.machine.run(f"{_READY} && {turn} && {{ ({start}) >/dev/null 2>&1 & }}")

    def await_end(self) -> int:
        done = self.machine.run(f"read over <{_OVER}", timeout=END_SECONDS, check=False)
        assert done.exit_status != TIMED_OUT, f"{self.unit} does not end; it said last: {self.last_line()}"
        said = self.machine.run(f"systemctl show -p InvocationID -p ExecMainStatus {self.unit}").text
        now = dict(line.split("=", 1) for line in said.splitlines())
        if now["InvocationID"] == self.last:
            raise HarnessError(f"{self.unit} was not started; its last line: {self.last_line()}")
        return int(now["ExecMainStatus"])

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
        self.machine.run(f"{_READY} && {{ (sh -c {shlex.quote(script)}) >/dev/null 2>&1 & }}")

    def await_end(self) -> int:
        ended = f"read over <{_OVER} && cat {_STATUS}"
        done = self.machine.run(ended, timeout=END_SECONDS, check=False)
        assert done.exit_status != TIMED_OUT, f"the program does not end; it said last: {self.last_line()}"
        return int(done.text)

    def kill(self) -> bool:
        self.machine.run(f"kill -KILL $(cat {_PROCESS}) && read over <{_OVER}", timeout=END_SECONDS)
        return int(self.machine.run(f"cat {_STATUS}").text) == _KILLED

    def last_line(self) -> str:
        return self.machine.run(f"tail -n 1 {_OUTPUT}", check=False).text
