"""The state folder as a value: read while the agent stands still, and written again for the run after a kill."""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootproof.torture.calls import ROOT
from bootproof.verdict import HarnessError

# A first-boot program keeps a few small files. More than this cannot be copied at each of its calls.
LARGEST = 64 << 20


class What(enum.Enum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True)
class Entry:
    """`content` is a file's, or where a link points. The inode tells that a file was renamed, and the times are put
    back; neither makes two trees differ."""

    what: What
    mode: int
    content: bytes = b""
    inode: int = field(default=0, compare=False)
    modified: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Tree:
    """All that is below a folder, by path. Pipes, sockets and devices are left out; so are owners."""

    entries: tuple[tuple[str, Entry], ...] = ()

    def as_dict(self) -> dict[str, Entry]:
        return dict(self.entries)


def tree_of(entries: Mapping[str, Entry]) -> Tree:
    return Tree(tuple(sorted(entries.items())))


def read_tree(root: Path) -> Tree:
    """Raises HarnessError if it cannot be read, or if there is too much of it."""
    try:
        entries = dict(_walk(str(root), ""))
    except FileNotFoundError:
        raise HarnessError(
            "the agent removed {state} itself; let it use a folder below, such as {state}/x"
        ) from None
    except OSError as error:
        raise HarnessError(f"cannot read what the agent keeps: {error}") from error
    size = sum(len(entry.content) for entry in entries.values())
    if size > LARGEST:
        raise HarnessError(f"the state folder holds {size >> 20} MiB; {LARGEST >> 20} can be looked at")
    return tree_of(entries)


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, Entry]]:
    with os.scandir(folder) as found:
        for item in found:
            # Another thread of the agent may remove it just now; then it is not there.
            try:
                status = item.stat(follow_symlinks=False)
                entry = _entry(item.path, status)
                below = (
                    list(_walk(item.path, f"{prefix}{item.name}/"))
                    if item.is_dir(follow_symlinks=False)
                    else []
                )
            except FileNotFoundError:
                continue
            if entry is not None:
                yield prefix + item.name, entry
                yield from below


def _entry(path: str, status: os.stat_result) -> Entry | None:
    mode, inode, modified = stat.S_IMODE(status.st_mode), status.st_ino, status.st_mtime_ns
    if stat.S_ISDIR(status.st_mode):
        return Entry(What.FOLDER, mode, b"", inode, modified)
    if stat.S_ISLNK(status.st_mode):
        return Entry(What.LINK, mode, os.fsencode(Path(path).readlink()), inode, modified)
    if stat.S_ISREG(status.st_mode):
        return Entry(What.FILE, mode, Path(path).read_bytes(), inode, modified)
    return None


def write_tree(tree: Tree, root: Path, replaced: Mapping[bytes, bytes]) -> None:
    """Fills an empty folder. `replaced` are addresses of the place that the tree comes from, and what they are
    here: its port, its folder."""
    for name, entry in tree.entries:
        path, content = root / name, entry.content
        for old, new in replaced.items():
            content = content.replace(old, new)
        if entry.what is What.FOLDER:
            path.mkdir()
        elif entry.what is What.LINK:
            path.symlink_to(os.fsdecode(content))
        else:
            path.write_bytes(content)
    # Last, so that a folder's times are not those of its filling.
    for name, entry in reversed(tree.entries):
        if entry.what is not What.LINK:
            (root / name).chmod(entry.mode)
            os.utime(root / name, ns=(entry.modified, entry.modified))


class Synced:
    """What of a folder has reached the disk: told of each fsync, it says what a power cut could leave.

    A file's data are safe once it was synced, its name once its folder was. The folder itself is there from the
    beginning. File systems differ in what else they write; they may always write less than is asked for here.
    """

    def __init__(self, begun: Tree) -> None:
        entries = begun.as_dict()
        self._data = {entry.inode: entry for entry in entries.values()}
        # What had a name when its folder was synced can have lost it since.
        self._gone = {entry.inode: entry for entry in entries.values()}
        # By the folder's inode, 0 for the whole.
        self._names = {0: _names(entries, "")}
        for path, entry in begun.entries:
            if entry.what is What.FOLDER:
                self._names[entry.inode] = _names(entries, path)

    def synced(self, target: str, now: Tree) -> None:
        """`target` (a path within the folder, or ROOT) was synced when all was as it is `now`."""
        entries = now.as_dict()
        self._gone |= {entry.inode: entry for entry in entries.values()}
        entry = entries.get(target)
        if target == ROOT:
            self._names[0] = _names(entries, "")
        elif entry is not None and entry.what is What.FOLDER:
            self._names[entry.inode] = _names(entries, target)
        elif entry is not None:
            self._data[entry.inode] = entry

    def without_data(self, now: Tree) -> Tree:
        """Every name is there, and what was not synced of the data is lost: the empty file after a rename."""
        return tree_of({path: self._kept(entry) for path, entry in now.entries})

    def without_names(self, now: Tree) -> Tree:
        """Names are as their folders were last synced, and so are the data."""
        entries = {entry.inode: entry for _, entry in now.entries}
        return tree_of(dict(self._below(0, "", {**self._gone, **entries})))

    def _below(self, folder: int, prefix: str, known: Mapping[int, Entry]) -> Iterator[tuple[str, Entry]]:
        for name, inode in self._names.get(folder, {}).items():
            entry = self._kept(known[inode])
            yield prefix + name, entry
            if entry.what is What.FOLDER:
                yield from self._below(inode, f"{prefix}{name}/", known)

    def _kept(self, entry: Entry) -> Entry:
        if entry.what is not What.FILE or entry.inode in self._data:
            return self._data.get(entry.inode, entry)
        return Entry(entry.what, entry.mode, b"", entry.inode, entry.modified)


def _names(entries: Mapping[str, Entry], folder: str) -> dict[str, int]:
    return {
        path.rpartition("/")[2]: entry.inode
        for path, entry in entries.items()
        if path.rpartition("/")[0] == folder
    }
