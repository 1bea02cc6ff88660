"""All that was recorded of one run on a machine, and is looked at when the machine is long gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootproof.diskstates.found import Found
from bootproof.diskstates.image import Partition
from bootproof.diskstates.moments import Moment
from bootproof.diskstates.recovery import FileSystem
from bootproof.oracle_case import Registration


@dataclass(frozen=True)
class Surroundings:
    """What the program sees of a machine beside its disk: the files of `/proc` and `/sys`, and what programs print."""

    files: Mapping[str, bytes]
    printed: Mapping[tuple[str, ...], bytes]


@dataclass(frozen=True)
class Recorded:
    """The disk: raw images of it as it was when the recording began and `ended`, and where on it the file system lies.
    The program keeps its state in `kept_in`; `set_up_in` are further files and folders on this file system that it
    reads, and `set_up` is what it read of such ones, wherever they lie, when the recording began. A file system that
    is no ext4 fills the whole disk, and was mounted at `kept_in`."""

    file_system: FileSystem
    begun: Path
    ended: Path
    partition: Partition
    kept_in: str
    set_up_in: tuple[str, ...]
    set_up: Found


@dataclass(frozen=True)
class Recording:
    """The disk, the log of what was written to it, what stood at GitHub meanwhile, and what else there was. The program
    had not been started while the log was no longer than `starts`, and the disk was synced then: no state before that
    is gone through."""

    disk: Recorded
    log: Path
    moments: tuple[Moment, ...]
    registration: Registration
    around: Surroundings
    starts: int = 0
