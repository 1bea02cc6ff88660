"""What replay in processes is made of, each part alone: which call is which effect, which bytes are which."""

from __future__ import annotations

import errno
import fcntl
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from bootproof.processes.agreement import apart_on_disk
from bootproof.processes.contents import Contents
from bootproof.processes.host import UPTIME, Host, apart
from bootproof.processes.layout import BOOT_ID, Description, Layout, lay_out
from bootproof.processes.stretch import Deed, Local, Stop, Stretch, parsed
from bootproof.simulation.machine import BEFORE_ALL, DiskFault
from bootproof.simulation.storage import after_power_cut, disk_of
from bootproof.torture.calls import Call, Does
from bootproof.torture.tracer import Order
from bootproof.verdict import HarnessError

AT_ONCE = "killed before anything was written"
NAMESPACES = subprocess.run([*apart(0), "true"], capture_output=True, check=False).returncode == 0
SAID = Description(
    command=("{python}", "-c", "", "{command}"),
    places={"/var/lib": "{state}", "/etc/agent": "{files}"},
    adds={"/etc/agent/settings": "api = {api}\n"},
    programs={"ip": "#!/bin/sh\necho {api} $*\n"},
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    files = {"/etc/agent/settings": b"x = 1\n", "/var/lib/agent/note": b"old"}
    return lay_out(tmp_path / "machine", SAID, {"api": "http://api"}, files)


# --- a trace's words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "meant"),
    [
        ("", Local((), None, "")),
        ("enospc at write /a", Local(("enospc at write /a",), None, "")),
        (AT_ONCE, Local((), Stop.KILL, AT_ONCE)),
        ("power cut after rename /a /b (#3)", Local((), Stop.CUT, "power cut after rename /a /b (#3)")),
        (
            "eio at sync /a; killed after write /b",
            Local(("eio at sync /a",), Stop.KILL, "killed after write /b"),
        ),
    ],
)
def test_what_a_step_says_of_the_machine(local: str, meant: Local) -> None:
    assert parsed(local) == meant
    assert meant.at_once == (local == AT_ONCE)


# --- calls and effects ----------------------------------------------------------------------------------------

OPEN = Call("openat", Does.OPEN, "agent/new")
WRITE = Call("write", Does.WRITE, "agent/new")
SYNC = Call("fsync", Does.SYNC, "agent/new")
RENAME = Call("rename", Does.ENTRY, "agent/new → agent/note")


def deeds(**faults: DiskFault) -> list[Deed]:
    """A durable write as far as its rename."""
    return [
        Deed(("write", "/var/lib/agent/new", b"simulated", 0o644), "agent/new", 11, faults.get("write")),
        Deed(("sync", "/var/lib/agent/new"), "agent/new", 12, faults.get("sync")),
        Deed(
            ("rename", "/var/lib/agent/new", "/var/lib/agent/note"), RENAME.target, 13, faults.get("rename")
        ),
    ]


def stretch(
    layout: Layout, after: int | None = None, **faults: DiskFault
) -> tuple[Stretch, list[tuple[bytes, bytes]]]:
    noted: list[tuple[bytes, bytes]] = []
    return Stretch(deeds(**faults), after, layout, lambda *pair: noted.append(pair)), noted


def test_each_call_belongs_to_an_effect_and_what_was_written_is_noted_when_it_is_whole(
    layout: Layout,
) -> None:
    way, noted = stretch(layout)
    assert [way.meet(call) for call in (OPEN, WRITE, WRITE)] == [Order.GO] * 3
    assert noted == []
    (layout.state / "agent" / "new").write_bytes(b"real")
    assert way.meet(SYNC) is Order.GO
    assert noted == [(b"simulated", b"real")]
    assert way.missing() == "rename /var/lib/agent/new /var/lib/agent/note"
    assert way.meet(RENAME) is Order.GO
    assert way.missing() == ""


@pytest.mark.parametrize(
    "calls", [[SYNC], [OPEN, WRITE, RENAME], [Call("unlink", Does.REMOVE, "agent/note")]]
)
def test_a_call_that_is_not_due_says_what_is(layout: Layout, calls: list[Call]) -> None:
    way, _ = stretch(layout)
    (layout.state / "agent" / "new").write_bytes(b"real")
    with pytest.raises(HarnessError, match=r"^the program calls \w+\(agent/.* is due$"):
        [way.meet(call) for call in calls]


@pytest.mark.parametrize(
    ("fault", "where", "code"),
    [
        (DiskFault.NO_SPACE, "write", errno.ENOSPC),
        (DiskFault.SYNC_FAILS, "sync", errno.EIO),
        (DiskFault.READ_ONLY, "rename", errno.EROFS),
    ],
)
def test_a_fault_is_the_errno_of_the_first_call_of_its_effect(
    layout: Layout, fault: DiskFault, where: str, code: int
) -> None:
    way, noted = stretch(layout, **{where: fault})
    (layout.state / "agent" / "new").write_bytes(b"real")
    answers = []
    for call in (OPEN, SYNC, RENAME):
        answers.append(way.meet(call))
    assert answers[["write", "sync", "rename"].index(where)] == code
    assert bool(noted) == (where != "write")


def test_a_kill_after_a_write_comes_before_the_next_call_and_else_with_its_own(layout: Layout) -> None:
    (layout.state / "agent" / "new").write_bytes(b"real")
    way, noted = stretch(layout, after=11)
    assert [way.meet(call) for call in (OPEN, WRITE, SYNC)] == [Order.GO, Order.GO, Order.KILL_BEFORE]
    assert noted
    way, _ = stretch(layout, after=12)
    assert [way.meet(call) for call in (OPEN, WRITE, SYNC)] == [Order.GO, Order.GO, Order.KILL_AFTER]
    way, _ = stretch(layout, after=BEFORE_ALL)
    assert way.meet(OPEN) is Order.KILL_BEFORE


def test_another_process_holds_the_lock_until_the_run_is_over(layout: Layout) -> None:
    lock = Deed(("lock", "/var/lib/agent/lock"), "agent/lock", 1, DiskFault.LOCKED)
    way = Stretch([lock], None, layout, lambda *_: None)
    assert way.meet(Call("openat", Does.OPEN, "agent/lock")) is Order.GO
    with (layout.state / "agent" / "lock").open() as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        way.end()
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


# --- which bytes are which ------------------------------------------------------------------------------------


def test_what_a_power_cut_leaves_is_older_torn_empty_or_whole_in_both_layers() -> None:
    disk = disk_of({"/a/note": b"old one"}, frozenset({"/a"}))
    contents = Contents(disk)
    disk = disk.write("/a/new", b"simulated").rename("/a/new", "/a/note")
    contents.note(b"simulated", b"real!!")
    left = {contents.of(cut.files()["/a/note"]) for cut in after_power_cut(disk)}
    assert left == {b"old one", b"", b"rea", b"real!!"}
    assert contents.of(b"never written") is None


def test_dates_that_the_simulation_moves_change_nothing_about_which_is_which() -> None:
    before, after = (disk_of({"/a/note": text}, frozenset({"/a"})) for text in (b"at 1", b"at 2"))
    contents = Contents(before)
    contents.note(b"at 1", b"at 7")
    contents.moved(before, after)
    assert (contents.of(b"at 2"), contents.of(b"at 1")) == (b"at 7", None)


@pytest.mark.parametrize(
    ("real", "said"),
    [
        ({"/a": b"A"}, ""),
        ({"/a": b""}, "/a holds another of its contents than in the simulation: it is empty"),
        ({}, "/a is there in the simulation only"),
        ({"/a": b"A", "/b": b""}, "/b is not there in the simulation"),
    ],
)
def test_files_that_differ_are_named(real: Mapping[str, bytes], said: str) -> None:
    contents = Contents(disk_of({}, frozenset()))
    contents.note(b"a", b"A")
    assert apart_on_disk({"/a": b"a"}, real, contents) == said


# --- where things are -----------------------------------------------------------------------------------------


def test_files_lie_in_their_places_with_what_is_added(layout: Layout) -> None:
    assert (layout.folder / "files" / "settings").read_text() == "x = 1\napi = http://api\n"
    assert (layout.state / "agent" / "note").read_bytes() == b"old"
    assert layout.target("/var/lib") == "."
    assert layout.target("/var/lib/agent/note") == "agent/note"
    assert layout.command("go")[-1] == "go"
    assert subprocess.check_output(["ip", "a"], env=layout.environment()) == b"http://api a\n"
    with pytest.raises(HarnessError, match="no place for it below"):
        layout.target("/etc/agent/settings")


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("/var/lib/agent/note", errno.EACCES, "a file cannot be made that fails to be read"),
        ("/etc/no-such-file", b"x", "is this host's, where it is not there"),
        ("/etc/passwd", None, "is this host's, where it is there"),
    ],
)
def test_what_this_host_cannot_have_is_said(
    path: str, content: bytes | int | None, said: str, tmp_path: Path
) -> None:
    with pytest.raises(HarnessError, match=said):
        lay_out(tmp_path / "machine", SAID, {"api": "x"}, {path: content})


@pytest.mark.skipif(not NAMESPACES, reason="namespaces of its own need root here")
def test_a_program_sees_its_machines_files_and_clock_and_nobody_else_does(tmp_path: Path) -> None:
    script = f"cat /proc/cpuinfo {BOOT_ID}; ls /sys; cut -d. -f1 /proc/uptime"
    said = Description(command=("sh", "-c", script), places={"/var": "{state}"})
    files = {"/proc/cpuinfo": b"a small one\n", "/sys/class/thing": b"1"}
    layout = lay_out(tmp_path / "machine", said, {}, files)
    here = Host(1, layout, Contents(disk_of({}, frozenset())), 1)
    there = Path(BOOT_ID).read_text()
    told = []
    for ahead in (0, 5000):
        here.boot()
        here.ahead = ahead
        assert here.run_freely("go") == 0
        told.append(layout.output.read_text().split("\n"))
        layout.output.unlink()
    first, second = told
    assert first[0] == "a small one"
    assert first[2] == "class"
    assert first[1] != second[1] != there.strip()
    assert UPTIME - 2 <= int(first[3]) <= UPTIME + 60
    assert 4990 <= int(second[3]) - int(first[3]) <= 5060
    assert Path(BOOT_ID).read_text() == there
    assert [path.name for path in Path("/sys").iterdir()] != ["class"]
