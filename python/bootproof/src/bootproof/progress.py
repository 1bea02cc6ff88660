"""What is being done now, and for how long: one live line for each scenario on a terminal, plain lines
elsewhere.

Whatever takes time wraps itself in `phase("installing")`, and phases nest: scenario, then what it does.
They are told to one *display* for each process. Under pytest-xdist the tests run in worker processes whose
output nobody sees; there the display sends each step as a datagram to the socket of the controller, which
shows it. A step that cannot be sent is dropped: progress must never decide a test.
"""

from __future__ import annotations

import contextlib
import enum
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Protocol, TextIO

import msgspec
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text


class Progress(enum.Enum):
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    # Something to be told within a phase, which goes on.
    NOTE = "note"


class Step(msgspec.Struct, frozen=True):
    """A phase that begins or ends; `path` is outermost first, `seconds` how long it took, `result` a word on
    how it ended."""

    path: tuple[str, ...]
    progress: Progress
    seconds: float = 0.0
    result: str = ""

    def __str__(self) -> str:
        name = " › ".join(self.path)
        if self.progress in (Progress.BEGUN, Progress.NOTE):
            return name
        word = self.result or self.progress.value
        return f"{name}: {word}, {self.seconds:.1f} s"


class Display(Protocol):
    def show(self, step: Step) -> None:
        """Called from any thread; does not raise, and does not wait long."""

    def close(self) -> None:
        """Leaves the terminal as it was found."""


class Silent:
    def show(self, step: Step) -> None:
        pass

    def close(self) -> None:
        pass


class Plain:
    """A line with the time of day for each step, for files and pipes."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lock = threading.Lock()

    def show(self, step: Step) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._file.write(f"{datetime.now().astimezone():%H:%M:%S} {step}\n")
            self._file.flush()

    def close(self) -> None:
        pass


class LiveLines:
    """One line for each outermost phase that is under way, with the time it has taken; what ended stays
    above."""

    def __init__(self, file: TextIO) -> None:
        self._showing = threading.Lock()
        self._lock = threading.Lock()
        self._begun: dict[tuple[str, ...], float] = {}
        self._console = Console(file=file, force_terminal=True, highlight=False)
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def show(self, step: Step) -> None:
        # Two locks: stopping waits for the drawing thread, which takes the other one.
        with self._showing:
            with self._lock:
                if step.progress is Progress.BEGUN:
                    self._begun[step.path] = time.monotonic()
                elif step.progress is not Progress.NOTE:
                    self._begun.pop(step.path, None)
                idle = not self._begun
            outermost_ended = len(step.path) == 1 and step.progress is not Progress.BEGUN
            if outermost_ended or step.progress is Progress.NOTE:
                self._console.print(Text(str(step)))
            if idle:
                self._live.stop()
            else:
                self._live.start()
                self._live.refresh()

    def _render(self) -> RenderableType:
        with self._lock:
            now, begun = time.monotonic(), dict(self._begun)
        innermost = [p for p in begun if not any(q[: len(p)] == p for q in begun if q != p)]
        lines = [f"{' › '.join(path)}  {now - begun[path]:.0f} s" for path in innermost]
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")

    def close(self) -> None:
        self._live.stop()


class Sender:
    """A worker's display: sends each step to the controller's socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # Long enough for a busy controller, short enough not to matter when it is gone.
        self._socket.settimeout(1.0)
        self._address = address

    def show(self, step: Step) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(msgspec.json.encode(step), self._address)

    def close(self) -> None:
        self._socket.close()


class Receiver:
    """The controller's end: shows what workers send to `address` until it is closed."""

    def __init__(self, display: Display) -> None:
        self._folder = tempfile.mkdtemp(prefix="bootproof-")
        self.address = str(Path(self._folder) / "progress")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._display = display
        self._thread = threading.Thread(target=self._receive, name="bootproof-progress", daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while data := self._socket.recv(65536):
            with contextlib.suppress(msgspec.MsgspecError):
                self._display.show(msgspec.json.decode(data, type=Step))

    def close(self) -> None:
        """Shows what was sent before, then stops."""
        # An empty datagram is the end; it comes after all others in the queue.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self._thread.join(timeout=5)
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def display_for(file: TextIO, mode: str = "auto") -> Display:
    """`mode` is live, plain, off, or auto: live on a terminal, plain elsewhere."""
    if mode == "off":
        return Silent()
    return LiveLines(file) if mode == "live" or (mode == "auto" and file.isatty()) else Plain(file)


_display: Display | None = None
_path: ContextVar[tuple[str, ...]] = ContextVar("bootproof_phase", default=())


@contextlib.contextmanager
def showing(display: Display) -> Iterator[Display]:
    """Phases of this process are told to `display` meanwhile; it is closed whatever happens, Ctrl-C
    included."""
    global _display
    before, _display = _display, display
    try:
        yield display
    finally:
        _display = before
        display.close()


def current() -> Display:
    """The display in use; without one that was chosen, plain lines on standard error."""
    return _display if _display is not None else Plain(sys.stderr)


class Phase:
    """What `phase` yields. Set `result` to a word to be shown with the time that it took."""

    result = ""


@contextlib.contextmanager
def phase(name: str) -> Iterator[Phase]:
    """Tells the display that `name` is going on, within the phases that are going on already."""
    path = (*_path.get(), name)
    token, begun, this = _path.set(path), time.monotonic(), Phase()
    current().show(Step(path, Progress.BEGUN))
    progress = Progress.FAILED
    try:
        yield this
        progress = Progress.DONE
    finally:
        _path.reset(token)
        current().show(Step(path, progress, time.monotonic() - begun, this.result))


def note(text: str) -> None:
    """Tells the display one line about the phase that is going on; it stays on the screen."""
    current().show(Step((*_path.get(), text), Progress.NOTE))
