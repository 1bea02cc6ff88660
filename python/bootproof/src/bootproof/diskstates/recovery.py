"""How a file system comes up again after a power cut: the one thing that is different from one kind to the next.

`by_hand` does it for ext4, without mounting anything; `by_kernel` for those that only a kernel can recover.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Protocol

from bootproof.diskstates.found import Found
from bootproof.diskstates.image import Image


class FileSystem(enum.Enum):
    """Those of which all states can be gone through; the value is what a kernel calls it."""

    EXT4 = "ext4"
    BTRFS = "btrfs"
    XFS = "xfs"


class FileSystemBrokenError(Exception):
    """A file system that did not come up whole from what a power cut may leave, though nobody but the power is to
    blame: its own promise is broken, not the program's, and there is nothing that could be handed to the program."""


@dataclass(frozen=True)
class Recovered:
    """What is found when it has been mounted; the same `name` says that the file system is the same."""

    name: Hashable
    found: Found


class Recovery(Protocol):
    """One kind of file system, upon one disk."""

    @property
    def seen(self) -> int:
        """How many blocks anybody has been seen to look at."""

    def see(self, image: Image) -> None:
        """Notes what is looked at when this one is recovered, if that can be known."""

    def matters(self, block: int) -> bool:
        """Whether anybody looks at this block, as far as is known."""

    def recover(self, image: Image) -> Recovered:
        """Raises FileSystemBrokenError; HarnessError when that cannot be told."""

    def spent(self) -> float:
        """Seconds of one core so far, from any point on."""

    def lines(self) -> Iterator[str]:
        """What was checked, for a person."""
