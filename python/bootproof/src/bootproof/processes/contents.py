"""Which real bytes are meant by simulated ones: a file has the same history in both layers, and other dates in it.

Bytes are never compared with each other. Each content that the simulated program writes stands for what the real one
writes at the same place; half of one stands for half of the other.
"""

from __future__ import annotations

from bootproof.simulation.storage import Disk


class Contents:
    """The real content for each simulated one of a machine's disk."""

    def __init__(self, begun: Disk) -> None:
        self._real = {b"": b""}
        for content in begun.files().values():
            self.note(content, content)

    def note(self, simulated: bytes, real: bytes) -> None:
        """Both were written at the same place. A power cut can tear them in the middle (see `storage`)."""
        self._real[simulated[: len(simulated) // 2]] = real[: len(real) // 2]
        self._real[simulated] = real

    def of(self, simulated: bytes) -> bytes | None:
        """What the real file holds; None for what nobody wrote."""
        return self._real.get(simulated)

    def moved(self, before: Disk, after: Disk) -> None:
        """The simulation has moved the dates in its files; what is where is the same."""
        real = {b"": b""}
        for number, contents in before.inodes.items():
            for old, new in zip(contents, after.inodes[number], strict=True):
                if old in self._real:
                    real[new] = self._real[old]
        self._real = real
