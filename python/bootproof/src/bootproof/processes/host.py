"""One machine as a folder, and one run of the program on it: a process that the tracer holds in a thread of its own.

A run is told what it meets on the next stretch (`Stretch`), and tells in turn where it has come to: it asks, it is
about to connect where that is to fail, or it has ended.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mock_github.gates import Waiting

from bootproof.processes.contents import Contents
from bootproof.processes.layout import Layout
from bootproof.processes.stretch import Stretch
from bootproof.torture import place
from bootproof.torture.calls import Call
from bootproof.torture.tracer import End, Ended, Leash, Order, Program, trace
from bootproof.verdict import HarnessError

LIMIT = 30.0
"""Seconds for one run, as long as it does not wait for the harness."""
UPTIME = 20
"""Seconds that a machine has been up when its first run begins."""


@dataclass(frozen=True)
class Connects:
    """It stands before the connection for its next request, which is to be refused."""


@dataclass(frozen=True)
class Ends:
    """The run is over; `error` is why it could not be followed to its end, `killed` whether that was wanted here."""

    end: End | None
    error: BaseException | None = None
    killed: bool = False


Told = Callable[[Connects | Ends], None]


class Run:
    """One run under the tracer."""

    def __init__(self, program: Program, stretch: Stretch, told: Told) -> None:
        self.stretch = stretch
        self._program, self._told = program, told
        self._leash = Leash()
        self._refused = threading.Event()
        self._thread = threading.Thread(target=self._trace, name="bootproof-run", daemon=True)
        self._thread.start()

    def _trace(self) -> None:
        try:
            # A run stands still for as long as the harness likes; what is limited is how long it goes on.
            end = trace(self._program, self._visit, threading.TIMEOUT_MAX, self._leash)
            self.stretch.pause()
        except BaseException as error:
            ended = Ends(None, error)
        else:
            ended = Ends(end)
        self.stretch.end()
        self._told(ended)

    def _visit(self, call: Call) -> Order | int:
        if call.on_file:
            return self.stretch.meet(call)
        if call.name != "connect":
            return Order.GO
        if self.stretch.pause():
            return Order.KILL_BEFORE
        if self.stretch.refuses:
            self._told(Connects())
            self._refused.wait()
            self._refused.clear()
            return errno.ECONNREFUSED
        return Order.GO

    def refuse(self, stretch: Stretch) -> None:
        """The connection does not come about, and it goes on."""
        self.stretch = stretch
        self._refused.set()

    def kill(self) -> None:
        self._leash.stop()
        self._refused.set()

    def join(self) -> None:
        self._thread.join()


@dataclass
class Host:
    """`ahead` are the seconds that were skipped since it booted; `fresh` until the first run of this boot."""

    number: int
    layout: Layout
    contents: Contents
    port: int
    run: Run | None = None
    waiting: Waiting | Connects | None = None
    fresh: bool = True
    ahead: float = 0.0
    boot_id: str = ""
    locks: set[Path] = field(default_factory=set)
    _boots: int = 0
    _offset: int = 0

    def boot(self) -> None:
        """It starts: with another boot id, and a clock that begins anew."""
        self._boots += 1
        self.boot_id = f"00000000-0000-4000-8{self.number:03d}-{self._boots:012d}"
        self.fresh, self.ahead = True, 0.0
        self._offset = UPTIME - round(time.clock_gettime(time.CLOCK_BOOTTIME))
        (self.layout.folder / "boot_id").write_text(f"{self.boot_id}\n")

    def program(self, command: str) -> Program:
        """The program as it is started: in namespaces of its own, on this machine's clock and files."""
        binds = [str(part) for bind in self.layout.binds() for part in bind]
        enter = [sys.executable, "-I", "-S", str(Path(__file__).with_name("enter.py")), *binds, "--"]
        words = [*apart(self._offset + round(self.ahead)), *enter, *self.layout.command(command)]
        layout = self.layout
        return Program(words, layout.environment(), layout.output, layout.state, self.port)

    def begin(self, command: str, stretch: Stretch, told: Told) -> None:
        self.fresh = False
        self.run = Run(self.program(command), stretch, told)

    def run_freely(self, command: str) -> int:
        """One run to its end, at full speed and without the tracer; its exit status. Raises HarnessError."""
        self.fresh = False
        end = place.run(self.program(command), LIMIT, Leash())
        if end.how is Ended.TIME_UP:
            raise HarnessError(f"a run did not end within {LIMIT:g} s, although nothing goes wrong any more")
        return end.status

    def kill(self) -> None:
        if self.run is not None:
            self.run.kill()

    def end(self) -> None:
        """Nothing of it goes on."""
        if self.run is not None:
            self.run.kill()
            self.run.join()

    def files(self, scratch: Callable[[str], object], folder: str) -> dict[str, bytes]:
        """What there is below a folder of the machine, by its simulated path, without scratch files and locks."""
        root, found = self.layout.changing(folder), {}
        for path in sorted(root.rglob("*")):
            name = f"{folder}/{path.relative_to(root)}"
            if path.is_file() and path not in self.locks and not scratch(name):
                found[name] = path.read_bytes()
        return found


def apart(offset: int) -> list[str]:
    """The words before a command that give it mounts and monotonic clocks of its own; `offset` in seconds."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    clocks = ["--time", "--boottime", str(offset), "--monotonic", str(offset)]
    return ["unshare", *user, "--mount", *clocks, "--"]
