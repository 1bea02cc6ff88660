"""The tracer on small programs: which calls it sees, and that what it kills is dead at once and altogether."""

from __future__ import annotations

import errno
import os
import platform
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bootproof.torture import ptrace
from bootproof.torture.calls import Call
from bootproof.torture.tracer import End, Ended, Leash, Order, Program, trace
from bootproof.verdict import HarnessError

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="torture knows x86-64 only")

go: Callable[[Call], Order] = lambda _: Order.GO  # noqa: E731


class Bench:
    """A state folder and a port; runs shell scripts and Python programs there, and notes their calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state, self.port = folder, folder / "state", 1
        self.state.mkdir()
        self.calls: list[str] = []

    def trace(self, command: list[str], order: Callable[[Call], Order | int] = go, limit: float = 20) -> End:
        def visit(call: Call) -> Order | int:
            self.calls.append(str(call))
            return order(call)

        program = Program(command, os.environ, self.folder / "output", self.state, self.port)
        return trace(program, visit, limit, Leash())

    def shell(self, script: str, order: Callable[[Call], Order | int] = go) -> End:
        return self.trace(["sh", "-c", f"cd {self.state}; {script}"], order)

    def python(self, script: str, order: Callable[[Call], Order | int] = go) -> End:
        return self.trace(
            [sys.executable, "-I", "-S", "-c", f"import os\nos.chdir({str(self.state)!r})\n{script}"], order
        )

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def at(name: str, order: Order | int) -> Callable[[Call], Order | int]:
    return lambda call: order if call.name == name else Order.GO


def test_only_what_changes_the_folder_is_seen_whoever_does_it(bench: Bench) -> None:
    end = bench.shell(
        f"echo x > a; cat a > /dev/null; mv a b; (mkdir c; ln -s b c/d); echo y > {bench.folder}/e; exit 3"
    )
    assert (end.how, end.status) == (Ended.EXITED, 3)
    seen = [
        call.partition("(")[0].removesuffix("at2").removesuffix("at") + call[call.index("(") :]
        for call in bench.calls
    ]
    assert seen == ["open(a)", "write(a)", "rename(a → b)", "mkdir(c)", "symlink(c/d)"]
    assert end.elsewhere == {str(bench.folder / "e")}


def test_paths_by_folder_descriptor_and_through_links(bench: Bench) -> None:
    bench.python(
        f"""
os.symlink({str(bench.state)!r}, {str(bench.folder / "link")!r})
here = os.open({str(bench.folder / "link")!r}, os.O_RDONLY)
os.mkdir("x", dir_fd=here)
os.close(os.open({str(bench.folder)!r} + "/link/x/../y", os.O_CREAT | os.O_WRONLY))
os.fsync(here)
os.rename("y", {str(bench.folder)!r} + "/away")
"""
    )
    assert bench.calls == ["mkdirat(x)", "openat(y)", "fsync(.)", "rename(y → elsewhere)"]


@pytest.mark.parametrize(
    ("order", "left"), [(Order.KILL_BEFORE, b""), (Order.KILL_AFTER, b"one\n"), (Order.GO, b"two\n")]
)
def test_a_kill_takes_everything_down_before_or_after_the_call(
    bench: Bench, order: Order, left: bytes
) -> None:
    script = "(sh -c 'echo one > a'); echo two > a; echo went on"
    end = bench.shell(script, at("write", order))
    assert end.how is (Ended.EXITED if order is Order.GO else Ended.KILLED)
    assert (bench.state / "a").read_bytes() == left
    assert ("went on" in bench.output) == (order is Order.GO)


def test_threads_and_what_is_left_running_die_too(bench: Bench) -> None:
    script = """
import subprocess, threading, time
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
threading.Thread(target=time.sleep, args=(60,)).start()
print(child.pid, flush=True)
def write():
    open("a", "w").close()
threading.Thread(target=write).start()
"""
    # Seen in a thread of the agent, while another thread sleeps and a child runs in a session of its own.
    end = bench.trace(
        [sys.executable, "-c", f"import os\nos.chdir({str(bench.state)!r})\n{script}"],
        at("openat", Order.KILL_BEFORE),
    )
    assert end.how is Ended.KILLED
    assert not (bench.state / "a").exists()
    status = Path(f"/proc/{int(bench.output)}/stat")
    # Nobody but init waits for it, which may take its time.
    assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_nothing_is_born_while_it_is_killed(bench: Bench) -> None:
    def visit(call: Call) -> Order:
        return Order.KILL_BEFORE if call.target == "a" else Order.GO

    end = bench.shell("(while :; do (echo x >> b) & done) & sleep 0.05; echo > a; wait", visit)
    assert end.how is Ended.KILLED
    size = (bench.state / "b").stat().st_size
    assert size > 0
    time.sleep(0.02)
    assert (bench.state / "b").stat().st_size == size


def test_a_failing_call_does_not_happen(bench: Bench) -> None:
    end = bench.python(
        """
file = os.open("a", os.O_CREAT | os.O_WRONLY)
try:
    os.write(file, b"x")
except OSError as error:
    raise SystemExit(error.errno)
""",
        at("write", errno.ENOSPC),
    )
    assert end.status == errno.ENOSPC
    assert (bench.state / "a").read_bytes() == b""


def test_sockets_are_seen_if_they_lead_to_the_mock(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mock, socket.create_server(("127.0.0.1", 0)) as other:
        bench.port = mock.getsockname()[1]
        bench.python(
            f"""
import socket
for port in ({other.getsockname()[1]}, {bench.port}):
    made = socket.create_connection(("127.0.0.1", port))
    made.sendall(b"x")
    os.write(made.fileno(), b"y")
"""
        )
    assert bench.calls == ["connect(api)", "sendto(api)", "write(api)"]


def test_signals_reach_the_program(bench: Bench) -> None:
    end = bench.shell("trap 'echo caught' USR1; kill -USR1 $$; kill -TERM $$")
    assert (end.status, bench.output) == (-15, "caught\n")


def test_time_is_up(bench: Bench) -> None:
    begun = time.monotonic()
    end = bench.trace(["sh", "-c", "sleep 60 & sleep 60"], limit=0.3)
    assert end.how is Ended.TIME_UP
    assert time.monotonic() - begun < 5


def test_two_at_once_in_two_threads(tmp_path: Path) -> None:
    benches = [Bench(folder) for folder in (tmp_path / "1", tmp_path / "2") if not folder.mkdir()]
    threads = [
        threading.Thread(target=bench.shell, args=("for i in 1 2 3; do echo > $i; done",))
        for bench in benches
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(bench.calls) for bench in benches] == [6, 6]


def test_where_nothing_can_be_traced_it_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(ptrace, "seize", refused)
    with pytest.raises(HarnessError, match=r"cannot be traced here \(ptrace: Operation not permitted\)"):
        bench.shell("true")


def test_an_error_of_the_visitor_ends_the_run(bench: Bench) -> None:
    def visit(call: Call) -> Order:
        raise HarnessError("no more")

    with pytest.raises(HarnessError, match="no more"):
        bench.shell("echo > a; sleep 60", visit)
