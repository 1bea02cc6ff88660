"""Git objects, named by their content, and the questions asked of a commit graph.

One store is shared by every state that descends from the same empty world. That is safe because an object never
changes under its name; whether a repository *has* an object is a question of its refs (see `state.Repository`).
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import cast

import msgspec
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree

FILE, EXECUTABLE, FOLDER = 0o100644, 0o100755, 0o040000
Entry = tuple[int, str]  # (mode, sha)
_SIGNATURE = b"-----BEGIN PGP SIGNATURE-----\n\nmock-github/web-flow\n-----END PGP SIGNATURE-----"
_CACHED_ANCESTRIES = 512


class Signature(msgspec.Struct, frozen=True):
    """Who and when. `at` is in seconds since 1970, UTC."""

    name: str
    email: str
    at: int


class CommitInfo(msgspec.Struct, frozen=True):
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str
    signed: bool


class Change(msgspec.Struct, frozen=True):
    """One path that differs between two trees; a side that is absent is None."""

    path: str
    before: Entry | None
    after: Entry | None


class GitObjects:
    """A store of git objects. All stores are equal to each other: a state is compared by names, not by contents."""

    def __init__(self) -> None:
        self.by_name: dict[str, ShaFile] = {}
        self._entries: dict[str, dict[str, Entry]] = {}
        self._commits: dict[str, CommitInfo] = {}
        self._ancestors: OrderedDict[str, frozenset[str]] = OrderedDict()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GitObjects)

    def __hash__(self) -> int:
        return 0

    def __deepcopy__(self, memo: object) -> GitObjects:
        return self

    # Writing

    def add(self, thing: ShaFile) -> str:
        name = thing.id.decode()
        self.by_name.setdefault(name, thing)
        return name

    def add_blob(self, data: bytes) -> str:
        return self.add(Blob.from_string(data))

    def add_tree(self, entries: Mapping[str, Entry]) -> str:
        tree = Tree()
        for name, (mode, sha) in entries.items():
            tree.add(name.encode(), mode, cast(ObjectID, sha.encode()))
        return self.add(tree)

    def add_commit(
        self,
        tree: str,
        parents: Iterable[str],
        author: Signature,
        message: str,
        *,
        committer: Signature | None = None,
        signed: bool = False,
    ) -> str:
        who = committer or author
        commit = Commit()
        commit.tree = cast(ObjectID, tree.encode())
        commit.parents = [cast(ObjectID, parent.encode()) for parent in parents]
        commit.author = f"{author.name} <{author.email}>".encode()
        commit.committer = f"{who.name} <{who.email}>".encode()
        commit.author_time, commit.commit_time = author.at, who.at
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = message.encode()
        if signed:
            commit.gpgsig = _SIGNATURE
        return self.add(commit)

    # Reading

    def kind(self, sha: str) -> str | None:
        """commit, tree, blob or tag; None if there is no such object."""
        thing = self.by_name.get(sha)
        return thing.type_name.decode() if thing is not None else None

    def blob(self, sha: str) -> bytes:
        return cast(Blob, self.by_name[sha]).data

    def entries(self, tree: str) -> dict[str, Entry]:
        """What is directly in a tree, in git's order. Not to be changed by the caller."""
        known = self._entries.get(tree)
        if known is None:
            items = cast(Tree, self.by_name[tree]).items()
            known = {e.path.decode(): (e.mode, e.sha.decode()) for e in items}
            self._entries[tree] = known
        return known

    def commit(self, sha: str) -> CommitInfo:
        known = self._commits.get(sha)
        if known is None:
            known = self._commits[sha] = _read_commit(sha, cast(Commit, self.by_name[sha]))
        return known

    def find(self, tree: str, path: str) -> Entry | None:
        """The entry at a path below a tree ("" is the tree itself), or None."""
        here: Entry = (FOLDER, tree)
        for part in path.split("/") if path else ():
            if here[0] != FOLDER:
                return None
            found = self.entries(here[1]).get(part)
            if found is None:
                return None
            here = found
        return here

    def walk_all(self, tree: str, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        """Every file and folder below a tree, by path."""
        for name, entry in self.entries(tree).items():
            yield f"{prefix}{name}", entry
            if entry[0] == FOLDER:
                yield from self.walk_all(entry[1], f"{prefix}{name}/")

    def tree_has(self, tree: str, sha: str) -> bool:
        """Whether a tree is this object or has it somewhere below."""
        entries = self.entries(tree).values()
        return tree == sha or any(
            name == sha or (mode == FOLDER and self.tree_has(name, sha)) for mode, name in entries
        )

    def edit(self, tree: str | None, changes: Mapping[str, Entry | None]) -> str:
        """A tree with files put (an entry) or removed (None). Folders that become empty vanish, as in git."""
        entries = dict(self.entries(tree)) if tree else {}
        below: dict[str, dict[str, Entry | None]] = {}
        for path, entry in changes.items():
            head, slash, rest = path.partition("/")
            if slash:
                below.setdefault(head, {})[rest] = entry
            elif entry is None:
                entries.pop(head, None)
            else:
                entries[head] = entry
        for name, inner in below.items():
            old = entries.get(name)
            sha = self.edit(old[1] if old and old[0] == FOLDER else None, inner)
            if self.entries(sha):
                entries[name] = (FOLDER, sha)
            elif old and old[0] == FOLDER:
                del entries[name]
        return self.add_tree(entries)

    def diff(self, before: str | None, after: str | None, prefix: str = "") -> list[Change]:
        """The files that differ between two trees, by path; equal subtrees are not entered."""
        if before == after:
            return []
        old = self.entries(before) if before else {}
        new = self.entries(after) if after else {}
        found: list[Change] = []
        for name in sorted(old.keys() | new.keys()):
            a, b = old.get(name), new.get(name)
            if a == b:
                continue
            folder_a = a[1] if a and a[0] == FOLDER else None
            folder_b = b[1] if b and b[0] == FOLDER else None
            file_a = a if a and not folder_a else None
            file_b = b if b and not folder_b else None
            if file_a or file_b:
                found.append(Change(prefix + name, file_a, file_b))
            if folder_a or folder_b:
                found += self.diff(folder_a, folder_b, f"{prefix}{name}/")
        return found

    def touches(self, commit: CommitInfo, path: str) -> bool:
        """Whether a path is another than in the commit's first parent (a root touches all that it has)."""
        before = self.find(self.commit(commit.parents[0]).tree, path) if commit.parents else None
        return self.find(commit.tree, path) != before

    def line_counts(self, diff: Change) -> tuple[int, int]:
        """Lines added and removed; a binary file counts none."""
        old = self.blob(diff.before[1]) if diff.before else b""
        new = self.blob(diff.after[1]) if diff.after else b""
        if b"\0" in old or b"\0" in new:
            return 0, 0
        matcher = SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
        spans = [span for span in matcher.get_opcodes() if span[0] != "equal"]
        return sum(d - c for *_, c, d in spans), sum(b - a for _, a, b, *_ in spans)

    # The graph

    def ancestors(self, sha: str) -> frozenset[str]:
        """The commit and everything it descends from."""
        known = self._ancestors.get(sha)
        if known is not None:
            return known
        seen: set[str] = set()
        queue = [sha]
        while queue:
            here = queue.pop()
            if here in seen:
                continue
            shortcut = self._ancestors.get(here)
            if shortcut is not None:
                seen |= shortcut
                continue
            seen.add(here)
            queue += self.commit(here).parents
        if len(self._ancestors) >= _CACHED_ANCESTRIES:
            self._ancestors.popitem(last=False)
        result = self._ancestors[sha] = frozenset(seen)
        return result

    def is_ancestor(self, old: str, new: str) -> bool:
        return old == new or old in self.ancestors(new)

    def merge_base(self, ours: str, theirs: str) -> str | None:
        """The best common ancestor (the newest of several), or None for unrelated histories."""
        if self.is_ancestor(ours, theirs):
            return ours
        common = self.ancestors(ours) & self.ancestors(theirs)
        if not common:
            return None
        inner = {parent for sha in common for parent in self.commit(sha).parents}
        return max(common - inner, key=lambda sha: (self.commit(sha).committer.at, sha))

    def log(self, start: str, without: str | None = None) -> list[CommitInfo]:
        """Commits reachable from `start` and not from `without`, children before parents, newer first."""
        hidden = self.ancestors(without) if without else frozenset()
        wanted = self.ancestors(start) - hidden
        children = dict.fromkeys(wanted, 0)
        for sha in wanted:
            for parent in self.commit(sha).parents:
                if parent in children:
                    children[parent] += 1
        ready = [(-self.commit(sha).committer.at, sha) for sha, count in children.items() if not count]
        heapq.heapify(ready)
        ordered: list[CommitInfo] = []
        while ready:
            info = self.commit(heapq.heappop(ready)[1])
            ordered.append(info)
            for parent in info.parents:
                if parent in children:
                    children[parent] -= 1
                    if not children[parent]:
                        heapq.heappush(ready, (-self.commit(parent).committer.at, parent))
        return ordered


def _read_commit(sha: str, commit: Commit) -> CommitInfo:
    return CommitInfo(
        sha=sha,
        tree=commit.tree.decode(),
        parents=tuple(parent.decode() for parent in commit.parents),
        author=_read_signature(commit.author, commit.author_time),
        committer=_read_signature(commit.committer, commit.commit_time),
        message=commit.message.decode(errors="replace"),
        signed=commit.gpgsig is not None,
    )


def _read_signature(line: bytes, at: int) -> Signature:
    name, _, rest = line.decode(errors="replace").partition(" <")
    return Signature(name, rest.rstrip(">"), at)


def first_commit(git: GitObjects, files: Mapping[str, bytes], who: Signature, message: str) -> str:
    """A root commit with these files; its sha."""
    entries: dict[str, Entry | None] = {path: (FILE, git.add_blob(data)) for path, data in files.items()}
    return git.add_commit(git.edit(None, entries), (), who, message)
