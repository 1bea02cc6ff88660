"""Writing a file for others to read into a folder that may lie where anybody can write.

The path is walked folder by folder, each one opened below the one that is held open, so that nobody can exchange a
part of it meanwhile.  In a place that anybody can write to, such as /tmp, a name may have been taken beforehand:
there only a folder of our own (or root's) is gone into, and the file is made anew, never written into.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat
from collections.abc import Iterator

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
READABLE = 0o644
"""Of files; folders have 0755.  Both whatever the umask is, since they are for others."""


def publish(path: str, content: bytes) -> None:
    """See `Effects.publish`.  As root, what is made goes to the owner of the folder that it is made in."""
    folder, name = posixpath.split(path)
    temporary = f".{name}.new"
    with _opened(folder) as parent:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=parent)
        made = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(temporary, made, READABLE, dir_fd=parent), "wb") as file:  # noqa: PTH123
            _give(file.fileno(), parent, READABLE)
            file.write(content)
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[int]:
    """A descriptor of the folder, which is made with all that is missing above it."""
    first, *others = [part for part in folder.split("/") if part] or ["."]
    if ".." in others:
        raise OSError(errno.EINVAL, "the path must not have `..`", folder)
    here = os.open(f"/{first}", FOLDER)
    try:
        for part in others:
            below = _entered(here, part, folder)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def _entered(parent: int, part: str, folder: str) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir(part, 0o755, dir_fd=parent)
        made = os.open(part, FOLDER | os.O_NOFOLLOW, dir_fd=parent)
        _give(made, parent, 0o755)
        os.close(made)
    below = os.open(part, FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    owner = os.fstat(below).st_uid
    if os.fstat(parent).st_mode & stat.S_IWOTH and owner not in (0, os.geteuid()):
        os.close(below)
        raise OSError(errno.EPERM, f"`{part}` in it belongs to another user", folder)
    return below


def _give(descriptor: int, parent: int, mode: int) -> None:
    if os.geteuid() == 0:
        owner = os.fstat(parent)
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    os.fchmod(descriptor, mode)
