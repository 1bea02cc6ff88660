"""A machine as a host of testinfra: what is asserted of the guest's state reads as what it means.

    host = host_of(machine)
    assert host.file("/var/lib/agent").mode == 0o750
    assert host.service("agent.service").systemd_properties["LimitCORE"] == "0"

Each question is one command over the machine's command port or more, and each costs a round trip (a few tenths of a
second where the processor is emulated): for what is asked once, not for what is waited for.
"""

from __future__ import annotations

from typing import Any, Protocol

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from bootproof import machine


class RunsCommands(Protocol):
    """The part of a Machine that testinfra needs."""

    name: str

    def run(self, command: str, *, check: bool = ...) -> machine.CommandResult: ...


class MachineBackend(BaseBackend):
    """testinfra's way to a host that is a machine; a command is run as root, by the guest's own `sh`."""

    NAME = "machine"

    def __init__(self, machine: RunsCommands) -> None:
        super().__init__(machine.name)
        self._machine = machine
        self._encoding = "UTF-8"  # or testinfra would ask a Python in the guest for it

    def run(self, command: str, *args: str, **_kwargs: Any) -> CommandResult:
        """Raises MachineError when there is no shell, or the boot ends before the answer."""
        script = self.get_command(command, *args)
        answer = self._machine.run(script, check=False)
        return self.result(answer.exit_status, script.encode(), answer.stdout, answer.stderr)


def host_of(machine: RunsCommands) -> Host:
    """testinfra's view of this machine, whichever boot it is in. What it finds out about the system itself (its kind,
    where its programs are) it asks once."""
    backend = MachineBackend(machine)
    host = Host(backend)
    backend.set_host(host)
    return host
