"""What is made once in a run, and used by all its workers: whoever comes first makes it, the others wait."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")
_MADE = "made.json"


def made_once(shared: Path, name: str, kind: type[T], make: Callable[[Path], T]) -> T:
    """What `make` returns when it is given a new folder of that name below `shared`; only the first caller's is called.

    `kind` is how it is read back: anything that msgspec can write, paths included.
    """
    with one_at_a_time(shared, name) as folder:
        done = folder / _MADE
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what somebody left half done
            folder.mkdir()
            done.write_bytes(msgspec.json.encode(make(folder), enc_hook=str))
        return msgspec.json.decode(done.read_bytes(), type=kind, dec_hook=lambda path, text: path(text))


def forget(shared: Path) -> None:
    """Removes what was made once below `shared`, or half of it: saved machines are gigabytes."""
    for lock in shared.glob("*.lock"):
        shutil.rmtree(shared / lock.stem, ignore_errors=True)


@contextlib.contextmanager
def one_at_a_time(shared: Path, name: str) -> Iterator[Path]:
    """A path below `shared`, for one worker after the other."""
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared / name
