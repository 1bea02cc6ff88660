"""A place of its own for each run: a folder, a mock, and the agent's command as it is there."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mock_github.events import Event
from mock_github.server import MockServer
from mock_github.world import World

from bootproof.torture.disk import Tree, write_tree
from bootproof.torture.recipe import Recipe, fill, forward, read_text
from bootproof.torture.tracer import End, Ended, Leash, Program, spawn

# A request that was sent is answered within microseconds; this is for a machine that does much else.
SETTLE_SECONDS = 2.0


@dataclass(frozen=True)
class State:
    """What a kill leaves: the files, GitHub, and all that happened until then. `port` and `folder` are those of the
    run that it was seen in."""

    tree: Tree
    world: World
    events: tuple[Event, ...] = ()
    port: int = 0
    folder: str = ""


@dataclass
class Place:
    """`ahead` is by how many seconds the clocks are put forward; it grows between runs."""

    recipe: Recipe
    folder: Path
    server: MockServer
    past: tuple[Event, ...]
    leash: Leash
    values: Mapping[str, str] = field(default_factory=dict)
    ahead: float = 0.0

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def program(self, words: Sequence[str]) -> Program:
        command = [*forward(self.ahead), *(fill(word, self.values) for word in words)]
        environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        environment |= {n: fill(text, self.values) for n, text in self.recipe.environment.items()}
        return Program(command, environment, self.output, self.state, self.server.port)

    def events(self) -> tuple[Event, ...]:
        """All that happened, the past before this place included."""
        return (*self.past, *self.server.events())

    def settle(
        self, done: Callable[[list[Event]], bool] = lambda _: True, limit: float = SETTLE_SECONDS
    ) -> None:
        """Waits until every request that came was dealt with, and `done`; gives up after `limit` seconds."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            events = self.server.events()
            waiting = sum(e.type == "request" for e in events) - sum(e.type == "response" for e in events)
            if not waiting and done(events):
                return
            time.sleep(0.001)


@contextlib.contextmanager
def place(recipe: Recipe, folder: Path, begun: State, leash: Leash) -> Iterator[Place]:
    """Sets the state up and starts a mock that goes on from it. The folder is left for its owner to remove."""
    folder.mkdir()
    clock: Callable[[], float] = lambda: time.time() + here.ahead  # noqa: E731
    server = MockServer(
        begun.world, tls=recipe.authority is not None, authority=recipe.authority, clock=clock
    )
    here = Place(recipe, folder, server, begun.events, leash)
    here.state.mkdir()
    server.start()
    try:
        moved = {
            f"127.0.0.1:{begun.port}".encode(): f"127.0.0.1:{server.port}".encode(),
            begun.folder.encode(): str(folder).encode(),
        }
        write_tree(begun.tree, here.state, moved if begun.port else {})
        here.values = _values(recipe, here)
        yield here
    finally:
        stopping(server)


def stopping(server: MockServer) -> None:
    """Stops a server; its loop looks up ten times a second, and nobody has to wait for it."""
    threading.Thread(target=server.stop, name="bootproof-stop").start()


def _values(recipe: Recipe, here: Place) -> dict[str, str]:
    (here.folder / "token").write_text(recipe.token)
    (here.folder / "token").chmod(0o600)
    values = {
        "api": here.server.url,
        "token": recipe.token,
        "token_file": str(here.folder / "token"),
        "state": str(here.state),
        "files": str(here.folder / "files"),
    }
    if recipe.authority is not None:
        (here.folder / "ca.pem").write_bytes(here.server.ca_pem)
        values["ca"] = str(here.folder / "ca.pem")
    (here.folder / "files").mkdir()
    for path in recipe.files:
        copy = here.folder / "files" / path.name
        copy.write_text(fill(read_text(path), values))
        copy.chmod(path.stat().st_mode & 0o777)
    return values


def run(program: Program, limit: float, leash: Leash) -> End:
    """Runs a program at full speed; what it leaves running in its session is killed when it has ended."""
    pid = spawn(program, program.command)
    leash.add(pid)
    timer = threading.Timer(limit, leash.time_up)
    timer.daemon = True
    timer.start()
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    finally:
        timer.cancel()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        leash.remove(pid)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return End(Ended.TIME_UP if leash.time_is_up else Ended.EXITED, status)
