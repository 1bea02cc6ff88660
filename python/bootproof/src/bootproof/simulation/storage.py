"""A disk as a value: what is seen now, what a power cut would leave, and everything that it could leave.

A file's bytes and its name are two things that are synced apart.  `visible` is what the running system sees;
`settled` the names that are surely on the disk; `pending` the changes of folders that are not yet; and each inode
has all the contents that it could have after a cut, the last of which is what is seen.  A process that dies loses
nothing of this; a power cut loses any subset of it.
"""

from __future__ import annotations

import errno
import itertools
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mock_github.frozen import FrozenMap

Contents = tuple[bytes, ...]
Change = tuple[str, str, str | int]
"""("link", path, inode), ("rename", source, target) or ("folder", path, "")."""


class DiskError(Exception):
    """What the kernel would answer; `code` is an errno."""

    def __init__(self, code: int, path: str) -> None:
        super().__init__(code, path)
        self.code = code
        self.path = path


@dataclass(frozen=True)
class Disk:
    """The files that can change.  Those that never do are not here (see `machine`)."""

    inodes: FrozenMap[int, Contents]
    visible: FrozenMap[str, int]
    settled: FrozenMap[str, int]
    folders: frozenset[str]
    settled_folders: frozenset[str]
    pending: tuple[Change, ...] = ()
    spoiled: frozenset[int] = frozenset()
    """Inodes whose fsync failed: what was written may be lost although a later fsync succeeds (fsyncgate, 2018)."""

    def read(self, path: str) -> bytes:
        """The whole file as it is seen.  Raises DiskError."""
        if path not in self.visible:
            raise DiskError(errno.EISDIR if path in self.folders else errno.ENOENT, path)
        return self.inodes[self.visible[path]][-1]

    def has_folder(self, path: str) -> bool:
        return path in self.folders

    def names(self, folder: str) -> set[str]:
        """The entries of a folder that can change."""
        prefix = folder.rstrip("/") + "/"
        return {
            p[len(prefix) :].split("/")[0] for p in (*self.visible, *self.folders) if p.startswith(prefix)
        }

    def write(self, path: str, content: bytes) -> Disk:
        """Creates or empties the file and writes it, in the page cache.  Raises DiskError."""
        if posixpath.dirname(path) not in self.folders:
            raise DiskError(errno.ENOENT, path)
        torn = (b"", content[: len(content) // 2], content)
        if path in self.visible:
            inode = self.visible[path]
            possible = _distinct((*self.inodes[inode], *torn))
            return replace(self, inodes=self.inodes.set(inode, possible), spoiled=self.spoiled - {inode})
        inode = max(self.inodes, default=0) + 1
        return replace(
            self,
            inodes=self.inodes.set(inode, _distinct(torn)),
            visible=self.visible.set(path, inode),
            pending=(*self.pending, ("link", path, inode)),
        )

    def sync(self, path: str) -> Disk:
        """fsync: of a file its content, of a folder its entries.  Raises DiskError."""
        if path in self.folders or path == "/":
            return self._sync_folder(path)
        if path not in self.visible:
            raise DiskError(errno.ENOENT, path)
        inode = self.visible[path]
        if inode in self.spoiled:
            return self
        return replace(self, inodes=self.inodes.set(inode, self.inodes[inode][-1:]))

    def fail_to_sync(self, path: str) -> Disk:
        """fsync that answers EIO: nothing more is certain, and never will be of these bytes."""
        return replace(self, spoiled=self.spoiled | {self.visible[path]}) if path in self.visible else self

    def _sync_folder(self, path: str) -> Disk:
        due = tuple(change for change in self.pending if posixpath.dirname(change[1]) == path)
        settled, folders = _applied(self.settled, self.settled_folders, due)
        left = tuple(change for change in self.pending if change not in due)
        return replace(self, settled=settled, settled_folders=folders, pending=left)._tidied()

    def rename(self, source: str, target: str) -> Disk:
        """rename(2) within one file system.  Raises DiskError."""
        if source not in self.visible:
            raise DiskError(errno.ENOENT, source)
        moved = self.visible.without(source).set(target, self.visible[source])
        return replace(self, visible=moved, pending=(*self.pending, ("rename", source, target)))

    def make_folder(self, path: str) -> Disk:
        """mkdir(2); a folder that is there is fine.  Raises DiskError."""
        if path in self.folders:
            return self
        if posixpath.dirname(path) not in self.folders and posixpath.dirname(path) != "/":
            raise DiskError(errno.ENOENT, path)
        return replace(self, folders=self.folders | {path}, pending=(*self.pending, ("folder", path, "")))

    def sync_all(self) -> Disk:
        """sync(2)."""
        inodes = FrozenMap({number: contents[-1:] for number, contents in self.inodes.items()})
        return replace(
            self, inodes=inodes, settled=self.visible, settled_folders=self.folders, pending=()
        )._tidied()

        return self

    def folded(self, scratch: Callable[[str], object]) -> Disk:
        """The disk without its scratch files, which nobody reads: a file that came to its name by way of one is
        linked there at once, and of two changes to the same end only the last is kept."""
        made: dict[str, int] = {}
        pending: list[Change] = []
        for kind, path, what in self.pending:
            if kind == "link" and scratch(path):
                made[path] = int(what)
            elif kind == "rename" and path in made:
                pending.append(("link", str(what), made.pop(path)))
            else:
                pending.append((kind, path, what))
        ends = [(k, p, self.inodes.get(int(x)) if k == "link" else x) for k, p, x in pending]
        kept = tuple(change for n, change in enumerate(pending) if ends[n] not in ends[n + 1 :])
        visible = FrozenMap({path: inode for path, inode in self.visible.items() if not scratch(path)})
        settled = FrozenMap({path: inode for path, inode in self.settled.items() if not scratch(path)})
        return replace(self, visible=visible, settled=settled, pending=kept)._tidied()

    def _tidied(self) -> Disk:
        """Inodes that no name leads to are gone, and the others are numbered by their names."""
        linked = [int(change[2]) for change in self.pending if change[0] == "link"]
        order = [
            *(self.settled[p] for p in sorted(self.settled)),
            *(self.visible[p] for p in sorted(self.visible)),
        ]
        number = {old: new for new, old in enumerate(dict.fromkeys((*order, *linked)), 1)}
        return Disk(
            inodes=FrozenMap({new: self.inodes[old] for old, new in number.items()}),
            visible=FrozenMap({path: number[old] for path, old in self.visible.items()}),
            settled=FrozenMap({path: number[old] for path, old in self.settled.items()}),
            folders=self.folders,
            settled_folders=self.settled_folders,
            pending=tuple((k, p, number[int(x)] if k == "link" else x) for k, p, x in self.pending),
            spoiled=frozenset(number[inode] for inode in self.spoiled if inode in number),
        )

    def files(self) -> dict[str, bytes]:
        """What is seen, by path."""
        return {path: self.inodes[inode][-1] for path, inode in sorted(self.visible.items())}


def disk_of(files: dict[str, bytes], folders: frozenset[str]) -> Disk:
    """A disk on which everything has long been written."""
    number = {path: index for index, path in enumerate(sorted(files), 1)}
    names = FrozenMap(number)
    inodes: FrozenMap[int, Contents] = FrozenMap(
        {number[path]: (content,) for path, content in files.items()}
    )
    return Disk(inodes, names, names, folders, folders)


def after_power_cut(disk: Disk) -> Iterator[Disk]:
    """Every state that the disk may be found in: any subset of the pending changes, any content of each file."""
    seen: set[Disk] = set()
    for kept in itertools.product((True, False), repeat=len(disk.pending)):
        due = tuple(change for change, keep in zip(disk.pending, kept, strict=True) if keep)
        settled, folders = _applied(disk.settled, disk.settled_folders, due)
        settled = FrozenMap({p: i for p, i in settled.items() if posixpath.dirname(p) in folders})
        inodes = sorted(set(settled.values()))
        for contents in itertools.product(*(disk.inodes[inode] for inode in inodes)):
            left = dict(zip(inodes, contents, strict=True))
            found = disk_of({path: left[inode] for path, inode in settled.items()}, folders)
            if found not in seen:
                seen.add(found)
                yield found


def _applied(
    names: FrozenMap[str, int], folders: frozenset[str], changes: tuple[Change, ...]
) -> tuple[FrozenMap[str, int], frozenset[str]]:
    """What is left of names and folders after these changes; one whose object was lost does nothing."""
    entries, there = dict(names), set(folders)
    for kind, path, what in changes:
        if kind == "link":
            entries[path] = int(what)
        elif kind == "folder":
            there.add(path)
        elif path in entries:
            entries[str(what)] = entries.pop(path)
    return FrozenMap(entries), frozenset(there)


def _distinct(contents: Contents) -> Contents:
    """Without repetitions; what is seen stays last."""
    return (*(c for c in dict.fromkeys(contents) if c != contents[-1]), contents[-1])
