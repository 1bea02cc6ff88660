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
class Recording:
    """Raw images of the disk as it was when the recording began and `ended`, where on it the file system lies, the log
    of what was written between, and what stood at GitHub meanwhile. The program keeps its state in `kept_in`;
    `set_up_in` are further files and folders on this file system that it reads, and `set_up` is what it read of such
    ones when the recording began. A file system that is no ext4 fills the whole disk, and was mounted at `kept_in`."""

    begun: Path
    ended: Path
    partition: Partition
    log: Path
    moments: tuple[Moment, ...]
    registration: Registration
    around: Surroundings
    kept_in: str
    set_up_in: tuple[str, ...]
    set_up: Found
    file_system: FileSystem = FileSystem.EXT4
