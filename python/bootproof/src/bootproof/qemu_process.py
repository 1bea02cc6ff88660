"""One QEMU process: one boot of a machine, from switching on to a reset, a power-off or a cut.

QEMU starts stopped, with console, monitor and command port already connected: their sockets are handed down to it, so
there is no path to clean up, and no byte and no event is missed. It dies with this program, whatever that dies of.
"""

import contextlib
import shlex
import socket
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bootproof.errors import MachineError
from bootproof.qemu_command import Wiring
from bootproof.qmp import Monitor

# The parent-death signal is sent when the *thread* that started QEMU ends, so one thread that lives as long as the
# program starts them all.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starts QEMU")

CRASHED = "qemu-crashed"
_EVENT_LIMIT = (
    10.0  # seconds for the event that QEMU sent before it ended to get through the monitor's thread
)


class QemuProcess:
    """Starts QEMU, stopped; `run` lets it go. `console` and `command_port` are this side's ends of its sockets.

    Raises MachineError, with what QEMU said, if it does not start.
    """

    def __init__(self, command_line: Callable[[Wiring], list[str]], log: Path) -> None:
        self._shutdown = threading.Event()
        self._saved = threading.Event()
        self._saving_failed = False
        self._reason = CRASHED
        self.console, its_console = socket.socketpair()
        self.command_port, its_port = socket.socketpair()
        monitor, its_monitor = socket.socketpair()
        with its_console, its_port, its_monitor:
            sockets = (its_console.fileno(), its_monitor.fileno(), its_port.fileno())
            self._popen = _start(command_line(Wiring(*sockets)), sockets, log)
        try:
            self._monitor = Monitor(monitor, self._on_event)
        except Exception as error:
            self.kill()
            for one in (self.console, self.command_port, monitor):
                one.close()
            said = log.read_text(errors="replace").strip().splitlines()[-5:]
            raise MachineError(f"QEMU did not start: {' / '.join(said) or error}") from None

    def run(self) -> None:
        self._monitor.execute("cont")

    def execute(self, command: str, **arguments: Any) -> Any:
        """A QMP command's answer; see Monitor.execute."""
        return self._monitor.execute(command, **arguments)

    def save(self, file: Path, seconds: float) -> None:
        """Write the guest's memory and its devices to `file`; it stands still afterwards. Raises MachineError.

        It is not stopped before, for then it would be stopped when it goes on, too.
        """
        self._monitor.execute(
            "migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}]
        )
        self._monitor.execute("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self._monitor.execute("migrate", uri=f"exec:cat >{shlex.quote(str(file))}")
        if not self._saved.wait(seconds):
            raise MachineError(f"QEMU did not write the machine's memory to {file} in {seconds:.0f} s")
        if self._saving_failed:
            raise MachineError(f"QEMU could not write the machine's memory to {file}: the disk may be full")

    def quit(self) -> None:
        """End QEMU in its own order, so that it writes what it holds of the disk images."""
        with contextlib.suppress(MachineError):  # it may be gone before its answer
            self._monitor.execute("quit")

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def wait(self) -> str:
        """Wait for its end; the reason in QMP's words (guest-reset, guest-shutdown, host-qmp-quit ...) or CRASHED."""
        if self._popen.wait() == 0:
            self._shutdown.wait(_EVENT_LIMIT)
        self._monitor.close()
        return self._reason

    def _on_event(self, name: str, data: dict[str, Any]) -> None:
        if name == "SHUTDOWN":
            self._reason = str(data["reason"])
            self._shutdown.set()
        if name == "MIGRATION" and data["status"] in ("completed", "failed"):
            self._saving_failed = data["status"] == "failed"
            self._saved.set()


def _start(command: list[str], sockets: tuple[int, ...], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        started = _starter.submit(
            subprocess.Popen,
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=sockets,
            start_new_session=True,  # Ctrl-C is this program's business; the guest must not see it as a power-off
        )
        return started.result()
