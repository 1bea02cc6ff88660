"""Writing a file so that after a power cut it is either the old one or the new one, whole."""

from __future__ import annotations

import posixpath

from zeta_self_register.effects import Effects


def write_durably(effects: Effects, path: str, content: bytes, mode: int = 0o644) -> None:
    """Replaces `path` by `content`: temporary file beside it, fsync, rename, fsync of the folder.

    The folder is synced because a rename is a change of the folder: without it the first file ever written
    there can vanish (litestream #1344).  A temporary file left by a crash is overwritten by the next write.
    Raises OSError; `path` is then what it was before.
    """
    folder, name = posixpath.split(path)
    temporary = posixpath.join(folder, f".{name}.new")
    effects.write(temporary, content, mode)
    effects.sync(temporary)
    effects.rename(temporary, path)
    effects.sync(folder)


def make_folder_durably(effects: Effects, path: str) -> None:
    """Makes the folder and its missing parents, each of which is an entry of its own parent that has to be synced."""
    if path in ("", "/") or _is_there(effects, path):
        return
    parent = posixpath.dirname(path)
    make_folder_durably(effects, parent)
    effects.make_folder(path)
    effects.sync(parent)


def _is_there(effects: Effects, path: str) -> bool:
    try:
        effects.listdir(path)
    except FileNotFoundError:
        return False
    return True
