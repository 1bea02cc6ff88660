"""Holds a program and all that it starts, and asks a visitor at each call that leaves something behind.

The visitor is asked while the thread that makes the call stands still before it. What it orders is done: go on, let
the call fail, or kill the whole tree before or after the call. When the tracer's own thread ends, however it ends, the
kernel kills what it holds.
"""

from __future__ import annotations

import contextlib
import enum
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootproof.torture import launcher_path, ptrace, seccomp
from bootproof.torture.calls import BY_NUMBER, Call
from bootproof.torture.sight import Sight
from bootproof.verdict import HarnessError

# Of linux/wait.h: threads too; and only what this thread has started or seized.
_WAIT = 0x40000000 | 0x20000000
_STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


class Order(enum.Enum):
    GO = "go"
    KILL_BEFORE = "kill-before"
    KILL_AFTER = "kill-after"


# An errno instead of an order: the call does not happen and fails with it.
Visitor = Callable[[Call], Order | int]


@dataclass(frozen=True)
class Program:
    """What is run: with which environment, where its output goes, what of it is looked at. `port` is the mock's."""

    command: Sequence[str]
    environment: Mapping[str, str]
    output: Path
    state: Path
    port: int


class Ended(enum.Enum):
    EXITED = "exited"
    KILLED = "killed"
    TIME_UP = "time-up"


@dataclass(frozen=True)
class End:
    """How a run ended; `status` is its exit status, or a signal's negative number. `elsewhere` are files that it may
    have written outside of what is looked at."""

    how: Ended
    status: int
    elsewhere: frozenset[str] = frozenset()


class Leash:
    """Kills what is being run, from any thread. One leash is for one run after another in one thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pids: set[int] = set()
        self._stopped = threading.Event()
        self.time_is_up = False

    def add(self, pid: int) -> None:
        with self._lock:
            self._pids.add(pid)
        if self._stopped.is_set() or self.time_is_up:
            self.kill()

    def remove(self, pid: int) -> None:
        with self._lock:
            self._pids.discard(pid)

    def kill(self) -> None:
        with self._lock:
            for pid in self._pids:
                _kill(pid)

    def time_up(self) -> None:
        self.time_is_up = True
        self.kill()

    def stop(self) -> None:
        """Kills what runs, and lets nothing more begin."""
        self._stopped.set()
        self.kill()

    def pause(self, seconds: float) -> None:
        """Waits. Raises HarnessError as soon as all is to end."""
        if self._stopped.wait(seconds):
            raise HarnessError("stopped")


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def spawn(program: Program, command: Sequence[str]) -> int:
    """Starts a process in a session of its own, its output appended to the program's file; its number."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(program.output), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawnp(
        command[0], list(command), dict(program.environment), file_actions=actions, setsid=True
    )


def trace(program: Program, visit: Visitor, limit: float, leash: Leash) -> End:
    """Runs the program; `limit` is in seconds. Raises HarnessError where it cannot be traced."""
    launcher = [sys.executable, "-I", "-S", str(launcher_path()), seccomp.program().hex()]
    pid = spawn(program, [*launcher, *program.command])
    leash.add(pid)
    timer = threading.Timer(limit, leash.time_up)
    timer.daemon = True
    timer.start()
    try:
        os.waitpid(pid, os.WUNTRACED)
        try:
            ptrace.seize(pid)
        except OSError as error:
            leash.kill()
            # It can have ended before it stopped, when all is being stopped.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
            raise HarnessError(f"processes cannot be traced here (ptrace: {error.strerror})") from error
        os.kill(pid, signal.SIGCONT)
        return _Tree(pid, program, visit, leash).run()
    finally:
        timer.cancel()
        leash.kill()


class _Tree:
    def __init__(self, pid: int, program: Program, visit: Visitor, leash: Leash) -> None:
        self._first, self._visit, self._leash = pid, visit, leash
        self._sight = Sight(program.state, program.port)
        self._live = {pid}
        self._killed = self._over = False
        self._error: BaseException | None = None
        self._status = 0

    def run(self) -> End:
        while self._live:
            try:
                pid, status = os.waitpid(-1, _WAIT)
            except ChildProcessError:
                break
            if os.WIFSTOPPED(status):
                self._live.add(pid)
                self._leash.add(pid)
                self._stopped(pid, status)
            else:
                self._gone(pid, status)
        if self._error is not None:
            raise self._error
        if self._leash.time_is_up:
            return End(Ended.TIME_UP, self._status)
        how = Ended.KILLED if self._killed else Ended.EXITED
        return End(how, self._status, frozenset(self._sight.elsewhere))

    def _gone(self, pid: int, status: int) -> None:
        self._live.discard(pid)
        self._leash.remove(pid)
        if pid == self._first:
            # What it left running goes on in life, but a run is over when the program is.
            self._status, self._over = os.waitstatus_to_exitcode(status), True
            self._leash.kill()

    def _stopped(self, pid: int, status: int) -> None:
        event, stop = status >> 16, os.WSTOPSIG(status)
        try:
            if self._over:
                # Born while the others were killed.
                _kill(pid)
            elif event == ptrace.EVENT_SECCOMP:
                self._at_call(pid)
            elif event == ptrace.EVENT_STOP and stop in _STOPPING:
                ptrace.listen(pid)
            elif event:
                ptrace.resume(pid)
            elif stop == ptrace.CALL_STOP:
                self._kill_all()
            else:
                ptrace.resume(pid, stop)
        except ProcessLookupError:
            # Killed while it stood still; the next wait tells.
            return
        except BaseException as error:
            self._error = self._error or error
            self._kill_all()

    def _at_call(self, pid: int) -> None:
        number, arguments, data = ptrace.call(pid)
        if data == seccomp.FOREIGN:
            raise HarnessError("the agent makes 32-bit system calls, which are not known here")
        call = self._sight.effect(pid, BY_NUMBER[number], arguments)
        if call is None:
            return ptrace.resume(pid)
        order = self._visit(call)
        if order is Order.KILL_BEFORE:
            self._kill_all()
        elif order is Order.KILL_AFTER:
            ptrace.resume(pid, to_end_of_call=True)
        else:
            if isinstance(order, int):
                ptrace.fail(pid, order)
            ptrace.resume(pid)
        return None

    def _kill_all(self) -> None:
        self._killed = self._over = True
        self._leash.kill()
