"""The parts of torture that need no process: the folder as a value, what a power cut loses, points and requests."""

from __future__ import annotations

from pathlib import Path

import pytest
from bootproof.torture import disk
from bootproof.torture.calls import ROOT, Call, Does
from bootproof.torture.disk import Entry, Synced, Tree, What, read_tree, tree_of, write_tree
from bootproof.torture.place import State
from bootproof.torture.points import Kind, Recording, kill_points
from bootproof.torture.recipe import fill
from bootproof.verdict import HarnessError
from mock_github import empty_world
from mock_github.step import Request, step


def contents(tree: Tree) -> dict[str, bytes | None]:
    return {path: None if e.what is What.FOLDER else e.content for path, e in tree.entries}


def test_a_folder_is_put_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "one" / "a" / "b").mkdir(parents=True)
    (tmp_path / "one" / "a.txt").write_bytes(b"\0see 127.0.0.1:40000 ")
    (tmp_path / "one" / "a" / "b" / "c").write_text("x")
    (tmp_path / "one" / "a" / "link").symlink_to(f"{tmp_path}/one/a.txt")
    (tmp_path / "one" / "a.txt").chmod(0o600)
    (tmp_path / "one" / "a" / "b").chmod(0o500)
    tree = read_tree(tmp_path / "one")
    (tmp_path / "two").mkdir()
    write_tree(tree, tmp_path / "two", {})
    again = read_tree(tmp_path / "two")
    assert again == tree
    assert [e.modified for _, e in again.entries if e.what is not What.LINK] == [
        e.modified for _, e in tree.entries if e.what is not What.LINK
    ]
    (tmp_path / "six").mkdir()
    write_tree(tree, tmp_path / "six", {b"127.0.0.1:40000": b"127.0.0.1:50000", b"/one/": b"/six/"})
    assert (tmp_path / "six" / "a.txt").read_bytes() == b"\0see 127.0.0.1:50000 "
    assert (tmp_path / "six" / "a" / "link").readlink() == tmp_path / "six" / "a.txt"


def test_a_folder_that_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HarnessError, match=r"removed \{state\} itself"):
        read_tree(tmp_path / "none")
    monkeypatch.setattr(disk, "LARGEST", 10)
    (tmp_path / "big").write_bytes(b"x" * 11)
    with pytest.raises(HarnessError, match="the state folder holds"):
        read_tree(tmp_path)


def file(content: bytes, inode: int) -> Entry:
    return Entry(What.FILE, 0o644, content, inode)


def folder(inode: int) -> Entry:
    return Entry(What.FOLDER, 0o755, b"", inode)


def test_what_a_power_cut_leaves_of_a_durable_write() -> None:
    """Each step of: write a new file, sync it, rename it over the old one, sync the folder."""
    old = tree_of({"a": file(b"old", 1)})
    synced = Synced(old)
    written = tree_of({"a": file(b"old", 1), "a.new": file(b"new", 2)})
    assert contents(synced.without_data(written)) == {"a": b"old", "a.new": b""}
    assert contents(synced.without_names(written)) == {"a": b"old"}
    renamed = tree_of({"a": file(b"new", 2)})
    assert contents(synced.without_data(renamed)) == {"a": b""}
    assert contents(synced.without_names(renamed)) == {"a": b"old"}
    synced.synced("a.new", written)
    assert contents(synced.without_data(renamed)) == {"a": b"new"}
    assert contents(synced.without_names(renamed)) == {"a": b"old"}
    synced.synced(ROOT, renamed)
    assert contents(synced.without_names(renamed)) == {"a": b"new"}


def test_a_folder_is_lost_until_the_one_above_is_synced() -> None:
    synced = Synced(Tree())
    made = tree_of({"d": folder(5), "d/a": file(b"x", 6)})
    synced.synced("d/a", made)
    synced.synced("d", made)
    assert contents(synced.without_names(made)) == {}
    synced.synced(ROOT, made)
    assert contents(synced.without_names(made)) == {"d": None, "d/a": b"x"}
    changed = tree_of({"d": folder(5), "d/a": file(b"longer", 6)})
    assert contents(synced.without_data(changed)) == {"d": None, "d/a": b"x"}
    removed = tree_of({"d": folder(5)})
    assert contents(synced.without_names(removed)) == {"d": None, "d/a": b"x"}
    synced.synced("d", removed)
    assert contents(synced.without_names(removed)) == {"d": None}


def branch(name: str, sha: str) -> Request:
    body = f'{{"ref": "refs/heads/{name}", "sha": "{sha}"}}'.encode()
    return Request(
        "POST", "/repos/acme/cluster/git/refs", "", (("authorization", "Bearer github_pat_x"),), body
    )


def test_two_requests_between_two_calls_come_too_late() -> None:
    """A state that shows one request without the other was never there."""
    world = empty_world().with_repository("acme/cluster", files={"a": "x"}, collaborators={"bot": "write"})
    world = world.with_token("github_pat_x", login="bot")
    head = world.repositories["acme/cluster"].refs["refs/heads/main"]
    states = [State(Tree(), world)]
    events = ()
    for names in (("one",), ("two", "three")):
        for name in names:
            world, answer, happened = step(world, branch(name, head))
            assert answer.status == 201
            events += happened
        states.append(State(Tree(), world, events))
    calls = (Call("sendto", Does.WRITE, "api"),) * 2
    found = {str(point): state for point, state in kill_points(Recording(calls, tuple(states)))}
    path = "POST /repos/acme/cluster/git/refs"
    assert found[f"request-sent 1: {path}"] is states[0]
    assert found[f"answer-lost 1: {path}"] is states[1]
    assert found[f"request-sent 2: {path}"] is states[1]
    assert found[f"answer-lost 2: {path}"] is None
    assert found[f"request-sent 3: {path}"] is None
    assert found[f"answer-delivered 3: {path}"] is states[2]
    assert sum(str(point).startswith(Kind.BEFORE_CALL.value) for point in map(str, found)) == 2


def test_placeholders() -> None:
    values = {"api": "http://x", "state": "/s"}
    assert fill("{api}/a {state} ${HOME} {} {'a': 1}", values) == "http://x/a /s ${HOME} {} {'a': 1}"
    with pytest.raises(HarnessError, match=r"^unknown placeholder \{stat\}; the nearest is \{state\}$"):
        fill("{stat}", values)
