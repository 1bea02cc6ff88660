"""The states of a disk: the log of writes, what may be left of it, ext4 and its journal, and the whole on a small one.

The file system is a real one, made by mke2fs; its journal is written by debugfs, so that no test needs root.
"""

from __future__ import annotations

import itertools
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from bootproof.diskstates import found, stretches, write_log
from bootproof.diskstates.by_hand import ByHand
from bootproof.diskstates.campaign import Campaign
from bootproof.diskstates.checker import Checker
from bootproof.diskstates.choices import Bound, Choice, Torn, choices
from bootproof.diskstates.ext4 import Ext4
from bootproof.diskstates.found import Found
from bootproof.diskstates.image import BLOCK, Base, Fingerprints, Image, Partition, partition
from bootproof.diskstates.moments import FOR_EVER, Onlooker
from bootproof.diskstates.recording import Recorded, Recording, Surroundings
from bootproof.diskstates.recovery import FileSystem, FileSystemBrokenError, Recovered
from bootproof.diskstates.write_log import Kind
from bootproof.oracle_case import Registration
from bootproof.verdict import HarnessError
from mock_github import wire
from mock_github.faults import Match
from mock_github.server import MockServer
from mock_github.world import empty_world

SECTOR = 512
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
MARKER = "/state/registered.json"
OLD, NEW = b'{"pull": 1}\n', b'{"pull": 2}\n'
BEGINS = 2048 * SECTOR
"""Where the partition begins on its disk."""
SIZE = 16 << 20

Request = tuple[int, bytes] | None
"""Where the guest writes what on the partition, or a flush."""


def logged(path: Path, requests: Sequence[Request], begins: int = BEGINS, torn: int = 0) -> Path:
    """A log of these, as QEMU writes it."""
    entries = b""
    for request in requests:
        offset, data, flags = (0, b"", 1) if request is None else (request[0] + begins, request[1], 0)
        head = struct.pack("<QQQQ", offset // SECTOR, len(data) // SECTOR, flags, 0)
        entries += head.ljust(SECTOR, b"\0") + data
    head = struct.pack("<QQQI", write_log.MAGIC, write_log.VERSION, len(requests), SECTOR)
    content = head.ljust(SECTOR, b"\0") + entries
    path.write_bytes(content[: len(content) - torn])
    return path


# --- the log


def test_the_log_is_read_as_the_guest_wrote(tmp_path: Path) -> None:
    log = write_log.read(logged(tmp_path / "log", [(0, b"a" * BLOCK), None, (BLOCK, b"b" * SECTOR)]))
    assert [entry.kind for entry in log.entries] == [Kind.WRITE, Kind.FLUSH, Kind.WRITE]
    assert [entry.offset - BEGINS for entry in log.entries if entry.kind is Kind.WRITE] == [0, BLOCK]
    assert log.entries[0].data == b"a" * BLOCK
    assert [(entry.begins, entry.ends) for entry in log.entries] == [(512, 5120), (5120, 5632), (5632, 6656)]


@pytest.mark.parametrize(("content", "says"), [(b"", "is empty"), (b"x" * SECTOR, "is no log")])
def test_what_is_no_log_is_an_error(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "log").write_bytes(content)
    with pytest.raises(HarnessError, match=says):
        write_log.read(tmp_path / "log")


def test_a_torn_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="torn: it says that it has 1 entries, and there are 0"):
        write_log.read(logged(tmp_path / "log", [(0, bytes(BLOCK))], torn=1))


# --- what may be left


def test_few_writes_leave_every_subset_and_every_tear() -> None:
    left = list(choices([8, 8, 8], [True] * 3, Bound(tears=7), seed=0))
    assert len(left) == len(set(left))
    whole = {choice.arrived for choice in left if choice.torn is None}
    assert whole == {subset for size in range(4) for subset in itertools.combinations(range(3), size)}
    assert Choice((0,), Torn(1, 3)) in left
    assert Choice((), Torn(2, 7, rest=True)) in left


def test_many_writes_leave_what_the_bound_says() -> None:
    left = {choice.arrived for choice in choices([1] * 20, [True] * 20, Bound(whole=4, sampled=50), seed=1)}
    every = tuple(range(20))
    assert all(
        every[:n] in left and every[n:] in left and (every[:n] + every[n + 1 :]) in left for n in every
    )
    assert 60 < len(left) <= 20 * 4 + 50


def test_what_does_not_matter_comes_with_what_is_later() -> None:
    left = {choice.arrived for choice in choices([1, 1, 1], [False, True, True], Bound(), seed=0)}
    assert left == {(), (0,), (0, 1), (0, 2), (0, 1, 2)}


def test_a_cut_falls_between_a_write_and_the_flush_after_it(image: Path, tmp_path: Path) -> None:
    log = write_log.read(
        logged(tmp_path / "log", [(0, bytes(BLOCK)), None, None, (BLOCK, bytes(2 * BLOCK)), None])
    )
    with Base(image, Partition(BEGINS, BEGINS + SIZE)) as base:
        first, second, last = ((s, dict(s.before)) for s in stretches.stretches(log, base))
    assert [len(one[0].writes) for one in (first, second, last)] == [1, 2, 0]
    assert [sorted(one[1]) for one in (first, second, last)] == [[], [0], [0, 1, 2]]
    flushed = log.entries[1].ends
    assert second[0].moment(Choice(())) == (flushed, log.entries[4].ends)
    assert second[0].moment(Choice((1,))) == (log.entries[3].begins, log.entries[4].ends)
    assert last[0].moment(Choice(())) == (log.entries[4].ends, FOR_EVER)


# --- the file system


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with one partition: ext4 with a state folder, and a marker in it."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "tree/state/below").mkdir(parents=True)
    (folder / "tree/state/registered.json").write_bytes(OLD)
    (folder / "tree/state/large").write_bytes(b"l" * 3 * BLOCK + b"!")
    (folder / "tree/state/link").symlink_to("registered.json")
    system = folder / "system.img"
    make = ["-q", "-t", "ext4", "-b", str(BLOCK), "-O", "64bit,metadata_csum", "-J", "size=4"]
    _run("mke2fs", *make, "-d", str(folder / "tree"), str(system), f"{SIZE // 1024}k")
    # A mounted one is marked so; the journal is empty, and has what a kernel adds to it.
    _debugfs(system, "jo -c -v 3", "jc")
    path = folder / "disk.raw"
    path.write_bytes(_partition_table() + bytes(BEGINS - 3 * SECTOR) + system.read_bytes())
    return path


def _partition_table() -> bytes:
    entry = struct.pack("<16s16sQQ", b"t" * 16, b"u" * 16, BEGINS // SECTOR, (BEGINS + SIZE) // SECTOR - 1)
    header = struct.pack("<8s64xQII", b"EFI PART", 2, 1, 128)
    return bytes(SECTOR) + header.ljust(SECTOR, b"\0") + entry.ljust(SECTOR, b"\0")


def _run(command: str, *words: str, text: str = "") -> str:
    program = shutil.which(command, path=PATH)
    if program is None:
        pytest.skip(f"{command} is not installed")
    return subprocess.run([program, *words], input=text, capture_output=True, text=True, check=True).stdout


def _debugfs(system: Path, *commands: str) -> str:
    return _run("debugfs", "-w", "-f", "-", str(system), text="\n".join(commands) + "\n")


@pytest.fixture
def base(image: Path) -> Iterator[Base]:
    with Base(image, partition(image, 0)) as opened:
        yield opened


@pytest.fixture(scope="module")
def transaction(image: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    """What the guest writes when the marker changes in one transaction: descriptor and block; flush; commit; flush."""
    folder = tmp_path_factory.mktemp("transaction")
    system = folder / "system.img"
    system.write_bytes(image.read_bytes()[BEGINS:])
    block = int(_run("debugfs", "-R", f"blocks {MARKER}", str(system)).split()[0])
    (folder / "block").write_bytes(NEW.ljust(BLOCK, b"\0"))
    before = system.read_bytes()
    _debugfs(system, "jo -c -v 3", f"jw -b {block} {folder / 'block'}", "jc")
    after = system.read_bytes()
    changed = [at for at in range(0, SIZE, BLOCK) if before[at : at + BLOCK] != after[at : at + BLOCK]]
    with Base(image, partition(image, 0)) as opened:
        journal = Ext4(Image(opened)).journal_blocks
    places = {at: journal.index(at // BLOCK) if at // BLOCK in journal else -1 for at in changed}
    by_place = {place: (at, after[at : at + BLOCK]) for at, place in places.items() if place >= 0}
    superblock = [(at, after[at : at + BLOCK]) for at, place in places.items() if place < 0]
    assert sorted(by_place) == [0, 1, 2, 3]
    # The superblocks first: they say that there is a journal to be replayed, as in a file system that is mounted.
    return [*superblock, by_place[0], None, by_place[1], by_place[2], None, by_place[3], None]


def marker_in(image: Image) -> bytes | None:
    files = Ext4(image).recovered()
    return found.look(files, ("/state",)).contents.get(MARKER)


def test_files_folders_and_links_are_read(base: Base) -> None:
    there = found.look(Ext4(Image(base)), ("/state", "/not/there"))
    assert there.contents == {MARKER: OLD, "/state/large": b"l" * 3 * BLOCK + b"!"}
    assert there.folders == ("/state", "/state/below")
    assert dict(there.entries)["/state/link"].content == b"registered.json"


def test_what_is_committed_is_replayed_and_nothing_else(
    base: Base, transaction: Sequence[Request], tmp_path: Path
) -> None:
    written: dict[int, bytes] = {}
    said = []
    for request in filter(None, transaction):
        written[request[0] // BLOCK] = request[1]
        said.append(marker_in(Image(base, (dict(written),))))
    assert set(said[:-1]) == {OLD}
    assert said[-1] == NEW
    checker = Checker(base, tmp_path)
    cut = Ext4(Image(base, (written,)))
    checker.compare(cut, cut.recovered())
    checker.check(cut.recovered())


def test_a_committed_transaction_that_is_not_whole_is_an_error(
    base: Base, transaction: Sequence[Request]
) -> None:
    written = {request[0] // BLOCK: request[1] for request in filter(None, transaction)}
    block = next(n for n, content in written.items() if content.startswith(NEW))
    written[block] = bytes(BLOCK)
    with pytest.raises(HarnessError, match="the journal is corrupt"):
        marker_in(Image(base, (written,)))


def test_a_commit_block_of_which_only_the_first_sector_arrived_counts(
    base: Base, transaction: Sequence[Request]
) -> None:
    written = {request[0] // BLOCK: request[1] for request in filter(None, transaction)}
    commit = next(request for request in reversed(transaction) if request)
    for sectors, says in ((0, OLD), (1, NEW)):
        torn = commit[1][: sectors * SECTOR] + b"\xff" * (BLOCK - sectors * SECTOR)
        assert marker_in(Image(base, ({**written, commit[0] // BLOCK: torn},))) == says


def test_a_file_system_that_is_not_whole_is_an_error(base: Base, tmp_path: Path) -> None:
    files = Ext4(Image(base))
    node = files.find("/state")
    assert node is not None
    broken = files.image.under({first: b"x" * BLOCK for _, first, _ in files._extents(node)})
    with pytest.raises(HarnessError, match=r"e2fsck ends with .*directory corrupted"):
        Checker(base, tmp_path).check(Ext4(broken))


def test_what_was_being_removed_is_no_error(base: Base, image: Path, tmp_path: Path) -> None:
    system = tmp_path / "system.img"
    before = image.read_bytes()[BEGINS:]
    system.write_bytes(before)
    node = Ext4(Image(base)).find("/state/large")
    assert node is not None
    _debugfs(
        system,
        "unlink /state/large",
        f"set_inode_field <{node.number}> links_count 0",
        f"set_super_value last_orphan {node.number}",
    )
    after = system.read_bytes()
    blocks = {n: after[n * BLOCK : (n + 1) * BLOCK] for n in range(SIZE // BLOCK)}
    changed = {n: block for n, block in blocks.items() if block != base[n]}
    checker = Checker(base, tmp_path)
    checker.check(Ext4(Image(base, (changed,))))
    assert checker.orphans == 1


def test_the_same_content_has_the_same_number(base: Base) -> None:
    prints = Fingerprints(base)
    assert prints.of({1: base[1]}) == prints.of({}) == 0
    assert prints.of({1: b"a" * BLOCK, 2: b"b" * BLOCK}) != prints.of({1: b"b" * BLOCK, 2: b"a" * BLOCK})


# --- the whole


class Noted:
    """A judge that finds something wrong with one content, and notes what it was shown."""

    def __init__(self, wrong: bytes) -> None:
        self.starts = self.steps = self.under_way = 0
        self._wrong = wrong
        self.shown: dict[bytes, tuple[int, int]] = {}

    def judge(self, found: Found, begins: int, ends: int) -> tuple[str, ...]:
        content = found.contents[MARKER]
        low, high = self.shown.get(content, (begins, ends))
        self.shown[content] = (min(low, begins), max(high, ends))
        return ("one-per-epoch: #2",) if content == self._wrong else ()


def recording(image: Path, requests: Sequence[Request], folder: Path) -> Recording:
    ended = folder / "ended.raw"
    content = bytearray(image.read_bytes())
    for offset, data in filter(None, requests):
        content[BEGINS + offset : BEGINS + offset + len(data)] = data
    ended.write_bytes(content)
    own = Registration(repository="o/r", record="r", branch="b", user_agent="^a", logins=("alice",))
    log = logged(folder / "log", requests)
    disk = Recorded(FileSystem.EXT4, image, ended, partition(image, 0), "/state", (), Found(()))
    return Recording(disk, log, (), own, Surroundings({}, {}))


def test_every_state_is_recovered_and_judged(
    image: Path, transaction: Sequence[Request], tmp_path: Path
) -> None:
    judge, place = Noted(wrong=b""), tmp_path / "place"
    place.mkdir()
    with Campaign(recording(image, transaction, tmp_path), judge, place) as campaign:
        campaign.run()
    assert list(place.iterdir()) == []
    assert set(judge.shown) == {OLD, NEW}
    entries = write_log.read(tmp_path / "log").entries
    commit = next(entry for entry in reversed(entries) if entry.kind is Kind.WRITE)
    assert judge.shown[NEW] == (commit.begins, FOR_EVER)
    assert judge.shown[OLD] == (0, entries[-1].ends)
    counts = campaign.counts
    assert (counts.flushes, counts.found, counts.violations) == (3, 2, 0)
    assert counts.states > counts.images > counts.recovered >= 2


def test_a_broken_promise_is_a_finding_with_its_state(
    image: Path, transaction: Sequence[Request], tmp_path: Path
) -> None:
    with Campaign(recording(image, transaction, tmp_path), Noted(wrong=NEW), tmp_path) as campaign:
        campaign.run()
    (finding,) = campaign.result().findings
    assert str(finding) == "one-per-epoch: #2 [before flush 2: blocks 0 of 1]"


def test_a_file_system_that_does_not_come_up_is_another_rules_finding(
    image: Path, transaction: Sequence[Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recover, judge = ByHand.recover, Noted(wrong=b"")

    def with_a_fault(self: ByHand, cut: Image) -> Recovered:
        recovered = recover(self, cut)
        if recovered.found.contents[MARKER] == NEW:
            raise FileSystemBrokenError("cannot be mounted")
        return recovered

    monkeypatch.setattr(ByHand, "recover", with_a_fault)
    with Campaign(recording(image, transaction, tmp_path), judge, tmp_path) as campaign:
        campaign.run()
    assert campaign.result().findings == ()
    (finding,) = campaign.result_of_file_system().findings
    assert str(finding) == "cannot be mounted [before flush 2: blocks 0 of 1]"
    assert campaign.counts.broken > 1
    assert set(judge.shown) == {OLD}


def test_states_before_the_program_is_started_are_left_out(
    image: Path, transaction: Sequence[Request], tmp_path: Path
) -> None:
    whole = recording(image, transaction, tmp_path)
    flush = next(entry for entry in write_log.read(whole.log).entries if entry.kind is Kind.FLUSH)
    judge = Noted(wrong=b"")
    with Campaign(replace(whole, starts=flush.ends), judge, tmp_path) as campaign:
        campaign.run()
    assert judge.shown[OLD][0] == flush.ends
    assert set(judge.shown) == {OLD, NEW}
    writes = len([request for request in transaction if request])
    assert (campaign.counts.writes, campaign.counts.flushes) == (writes - 2, 2)


def test_a_log_that_does_not_lead_to_the_last_image_is_an_error(
    image: Path, transaction: Sequence[Request], tmp_path: Path
) -> None:
    kept = recording(image, transaction, tmp_path)
    logged(
        kept.log, [request for request in transaction if request is None or not request[1].startswith(NEW)]
    )
    (offset, data), *_ = [r for r in transaction if r and r[1].startswith(NEW)]
    logged(kept.log, [*transaction[:-1], (offset, bytes(len(data))), None])
    with (
        Campaign(kept, Noted(b""), tmp_path) as campaign,
        pytest.raises(HarnessError, match="does not tell all that was written"),
    ):
        campaign.run()


# --- beside GitHub


def test_each_stretch_of_the_log_knows_what_stood_at_github(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"")
    world = empty_world().with_repository("o/r", files={"a": "b"}, collaborators={"alice": "admin"})
    onlooker = Onlooker(log)
    with MockServer(world.with_token("t", login="alice"), clock=onlooker) as server:
        server.gate(Match(), onlooker.pass_on)
        onlooker.watch(server)
        log.write_bytes(bytes(100))
        arrival = server._live.arrive(wire.request("POST", "/repos/o/r/issues", token="t", json={}))
        onlooker._requests[arrival.id] = arrival.request
        log.write_bytes(bytes(200))
        server._live.perform(arrival)
        log.write_bytes(bytes(300))
        server._live.depart(arrival, 201, delivered=True, fault=None)
        moments = onlooker.moments()
    assert [(m.begins, m.ends) for m in moments] == [(0, 100), (100, 200), (200, 300), (300, FOR_EVER)]
    assert [m.asked is not None for m in moments] == [False, True, False, False]
