"""Three-way merge: of texts by lines, and of trees by files."""

from __future__ import annotations

from difflib import SequenceMatcher

from mock_github.git_objects import FOLDER, Entry, GitObjects


def merge_texts(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """The merged text, or None where both sides changed the same or adjoining lines differently.

    Two hunks that touch each other count as a conflict, as they do for git.
    """
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    if b"\0" in base or b"\0" in ours or b"\0" in theirs:
        return None
    lines = base.splitlines(keepends=True)
    hunks = sorted(
        set(_hunks(lines, ours.splitlines(keepends=True)) + _hunks(lines, theirs.splitlines(keepends=True)))
    )
    merged: list[bytes] = []
    position = 0
    previous_end = -1
    for start, end, replacement in hunks:
        if start <= previous_end:
            return None
        merged += lines[position:start]
        merged += replacement
        position = previous_end = end
    return b"".join(merged + lines[position:])


def _hunks(base: list[bytes], other: list[bytes]) -> list[tuple[int, int, tuple[bytes, ...]]]:
    matcher = SequenceMatcher(None, base, other, autojunk=False)
    return [(a, b, tuple(other[c:d])) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]


def merge_trees(git: GitObjects, base: str | None, ours: str, theirs: str) -> str | None:
    """The merged tree, or None where it conflicts. Renames are not followed."""
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    old = git.entries(base) if base else {}
    mine, others = git.entries(ours), git.entries(theirs)
    merged: dict[str, Entry] = {}
    for name in old.keys() | mine.keys() | others.keys():
        clean, entry = _merge_entries(git, old.get(name), mine.get(name), others.get(name))
        if not clean:
            return None
        if entry:
            merged[name] = entry
    return git.add_tree(merged)


def _merge_entries(
    git: GitObjects, old: Entry | None, mine: Entry | None, other: Entry | None
) -> tuple[bool, Entry | None]:
    if mine == other or other == old:
        return True, mine
    if mine == old:
        return True, other
    if mine is None or other is None:
        return False, None
    if mine[0] == FOLDER and other[0] == FOLDER:
        tree = merge_trees(git, old[1] if old and old[0] == FOLDER else None, mine[1], other[1])
        return tree is not None, (FOLDER, tree) if tree else None
    if FOLDER in (mine[0], other[0]) or old is None or old[0] == FOLDER:
        return False, None
    mode = other[0] if mine[0] == old[0] else mine[0]
    if mine[0] != other[0] and old[0] not in (mine[0], other[0]):
        return False, None
    text = merge_texts(git.blob(old[1]), git.blob(mine[1]), git.blob(other[1]))
    return text is not None, (mode, git.add_blob(text)) if text is not None else None


def merge_commits(git: GitObjects, base: str, head: str) -> str | None:
    """The tree of merging `head` into `base`, or None if they conflict or share no history."""
    ancestor = git.merge_base(base, head)
    if ancestor is None:
        return None
    trees = [git.commit(sha).tree for sha in (ancestor, base, head)]
    return merge_trees(git, *trees)
