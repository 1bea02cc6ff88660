"""One state of a disk after the other, mounted by the host's kernel, read, unmounted, checked: a process of its own.

The actors: the *campaign*, which has a state to be recovered; and this *mounter*, a child of it, which owns a mount
namespace, a RAM disk in it, one file there, and one loop device upon that. Each message is its length in four bytes,
and MessagePack.

1. The campaign starts the mounter with the image of the disk as it was in the beginning, and what kind it is.
2. It sends the blocks that are different from that (`State`). The mounter writes the whole disk anew into the file,
   mounts it as a boot would, reads everything, writes a file and syncs it, unmounts, and has it checked.
3. It answers what was there (`CameUp`), or at which step the file system failed (`Broken`), or that it could not do its
   own work (`Failed`), which says nothing about the file system. Then again from 2.
4. The campaign closes the pipe, or dies: either way the mounter reads its end, and ends. Nothing of it is left: the
   kernel takes namespace, RAM disk and loop device away with the process, however that ended.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from bootproof.diskstates import mounts
from bootproof.diskstates.image import BLOCK
from bootproof.diskstates.recovery import FileSystem

LARGEST = 1 << 20
"""Bytes of one file; a first-boot program keeps a few small ones."""
CHECKS = {FileSystem.BTRFS: ("btrfs", "check", "--readonly"), FileSystem.XFS: ("xfs_repair", "-n")}
_LENGTH = struct.Struct("<I")
_WRITTEN_AFTER = ".written-after"
_PIECE = 1 << 20
_OURS = frozenset(
    {
        errno.EPERM,
        errno.EACCES,
        errno.ENODEV,
        errno.ENOMEM,
        errno.EBUSY,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOTBLK,
    }
)
"""What mount(2) says when it is not about the file system: no root, no such kind, no memory, in use."""


class State(msgspec.Struct, frozen=True):
    """Blocks by number."""

    blocks: dict[int, bytes]


class Seen(msgspec.Struct, frozen=True):
    """A file, a folder or a link; `changed` are its times, in nanoseconds."""

    path: str
    mode: int
    owner: int
    content: bytes
    changed: tuple[int, int]


class CameUp(msgspec.Struct, frozen=True, tag=True):
    """Everything that is there, by path; the first is the root, whose path is empty."""

    entries: tuple[Seen, ...]


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The file system failed at this."""

    why: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The mounter failed."""

    why: str


Answer = CameUp | Broken | Failed


def write(pipe: IO[bytes], message: msgspec.Struct) -> None:
    """One message."""
    content = msgspec.msgpack.encode(message)
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def read(pipe: IO[bytes]) -> bytes | None:
    """One message; None when there will be no more."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    return content if len(content) == length else None


class _BrokenError(Exception):
    """The file system's own failure."""


@dataclass(frozen=True)
class _Disk:
    """The file that holds one state after the other, and where it is mounted."""

    kind: FileSystem
    image: Path
    size: int
    content: dict[int, bytes]
    """The first image's blocks that are not zeros."""
    loop: mounts.Loop
    where: Path

    def answer(self, state: State) -> Answer:
        try:
            self._write(state.blocks)
            entries = self._mounted()
            self._check()
        except _BrokenError as error:
            return Broken(str(error))
        except OSError as error:
            return Failed(f"{type(error).__name__}: {error}")
        return CameUp(entries)

    def _write(self, blocks: dict[int, bytes]) -> None:
        with self.image.open("r+b", buffering=0) as file:
            file.truncate(0)  # so that nothing is left of the state before
            file.truncate(self.size)
            for number, block in {**self.content, **blocks}.items():
                os.pwrite(file.fileno(), block, number * BLOCK)
        self.loop.forget()

    def _mounted(self) -> tuple[Seen, ...]:
        try:
            mounts.mount(self.loop.path, self.where, self.kind.value, mounts.NO_ACCESS_TIMES)
        except OSError as error:
            if error.errno in _OURS:
                raise
            raise _BrokenError(f"cannot be mounted: {_said(error)}") from None
        try:
            entries = tuple(_below(self.where, ""))
            self._write_after()
        except OSError as error:
            raise _BrokenError(f"is mounted and cannot be used: {_said(error)}") from None
        finally:
            mounts.unmount(self.where)
        return entries

    def _write_after(self) -> None:
        """The program's next run will want to."""
        path = self.where / _WRITTEN_AFTER
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(file, bytes(BLOCK))
            os.fsync(file)
        finally:
            os.close(file)
        path.unlink()

    def _check(self) -> None:
        words = [*CHECKS[self.kind], str(self.image)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, errors="replace")
        if done.returncode < 0:
            raise OSError(f"{words[0]} was killed by {signal.Signals(-done.returncode).name}")
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise _BrokenError(f"is not whole, says {words[0]} ({done.returncode}): {' / '.join(said[-6:])}")


def _said(error: OSError) -> str:
    name = errno.errorcode.get(error.errno or 0, "?")
    return f"{name} ({error.strerror}){f' at {error.filename}' if error.filename else ''}"


def _below(root: Path, path: str) -> Iterator[Seen]:
    here = root / path.removeprefix("/")
    about = here.lstat()
    content = b""
    if stat.S_ISLNK(about.st_mode):
        content = os.fsencode(here.readlink())
    elif stat.S_ISREG(about.st_mode):
        content = here.read_bytes() if about.st_size <= LARGEST else b""
        if len(content) != about.st_size:
            raise OSError(errno.EFBIG, f"has {about.st_size} bytes", path)
    yield Seen(path, about.st_mode, about.st_uid, content, (about.st_mtime_ns, about.st_ctime_ns))
    if stat.S_ISDIR(about.st_mode):
        for one in sorted(here.iterdir()):
            yield from _below(root, f"{path}/{one.name}")


def _first(image: Path) -> dict[int, bytes]:
    """The blocks that are not zeros; holes are not even read."""
    found, at, size = {}, 0, image.stat().st_size
    with image.open("rb", buffering=0) as file:
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // BLOCK * BLOCK
            except OSError:  # nothing but a hole is left
                break
            piece = os.pread(file.fileno(), _PIECE, at)
            for place in range(0, len(piece), BLOCK):
                block = piece[place : place + BLOCK]
                if block.strip(b"\0"):
                    found[(at + place) // BLOCK] = block
            at += len(piece)
    return found


def serve(image: Path, kind: FileSystem, folder: Path, ask: IO[bytes], tell: IO[bytes]) -> None:
    """Until there is nothing more to be done. `folder` is empty; what is put there, nobody else sees."""
    mounts.alone()
    mounts.mount("tmpfs", folder, "tmpfs")
    file, where, size = folder / "disk.img", folder / "mounted", image.stat().st_size
    where.mkdir()
    with file.open("xb") as new:
        new.truncate(size)
    with ExitStack() as opened:
        disk = _Disk(kind, file, size, _first(image), opened.enter_context(mounts.loop(file)), where)
        while (message := read(ask)) is not None:
            write(tell, disk.answer(msgspec.msgpack.decode(message, type=State)))


def main() -> None:
    """The image, the kind, and an empty folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the campaign's; this one sees its pipe's end
    image, kind, folder = sys.argv[1:]
    try:
        serve(Path(image), FileSystem(kind), Path(folder), sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        pass
    except OSError as error:
        write(
            sys.stdout.buffer,
            Failed(f"{error.strerror or error} (mounting needs root and /dev/loop-control)"),
        )


if __name__ == "__main__":
    main()
