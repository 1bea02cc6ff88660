"""Every parser of foreign bytes, and what it means that one of them is broken."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from foreign_answers import ANSWERS
from foreign_files import FILES
from foreign_hardware import HARDWARE
from foreign_port import Broken, Parser
from foreign_repository import REPOSITORY
from foreign_ticks import TICKS

PARSERS: tuple[Parser, ...] = (*FILES, *HARDWARE, *REPOSITORY, *ANSWERS, *TICKS)
SLOW_SECONDS = 5.0
"""Of processor time; a parser that takes longer for one input hangs."""
TRIES = 1500
"""To make a counterexample smaller."""
SHORT = 12
"""Bytes of a piece that is tried at every place, not just at every multiple of its length."""
SOURCE = f"{Path('src', 'zeta_self_register')}"


@dataclass(frozen=True)
class Finding:
    """An input that a parser cannot take.  `kind` is the same for whatever has the same cause."""

    parser: str
    kind: str
    said: str
    content: bytes

    def __str__(self) -> str:
        return f"{self.parser}: {self.kind}: {self.said}\n    @example({self.content!r})"


def tried(parser: Parser, content: bytes) -> bool | Finding:
    """Whether the parser accepts the input, or what is wrong with it."""
    begun = time.thread_time()
    try:
        accepted = parser.read(content)
    except Exception as error:
        return Finding(parser.name, _kind(error), ascii(str(error))[:200], content)
    taken = time.thread_time() - begun
    if taken > SLOW_SECONDS:
        return Finding(parser.name, "takes too long", f"{taken:.0f} s", content)
    return accepted


def _kind(error: Exception) -> str:
    """What was raised, and by which line of the program; of a rule that was broken, which one."""
    if isinstance(error, Broken):
        return f"Broken ({str(error).partition(':')[0]})"
    frames = [one for one in traceback.extract_tb(error.__traceback__) if SOURCE in one.filename]
    where = f" in {Path(frames[-1].filename).name}, {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{where}"


def smaller(finding: Finding, parser: Parser) -> Finding:
    """The same finding with a shorter input: pieces are taken out for as long as that makes a difference."""
    found, before, left = finding, None, TRIES
    while found is not before:
        before = found
        for size in _sizes(len(found.content)):
            at = 0
            while at < len(found.content) and left > 0:
                left -= 1
                less = tried(parser, found.content[:at] + found.content[at + size :])
                if isinstance(less, Finding) and less.kind == found.kind:
                    found = less
                else:
                    at += size if size > SHORT else 1
    return found


def _sizes(length: int) -> list[int]:
    """Of the pieces: halves of halves, then every short one, since a member of JSON goes as a whole or not at all."""
    halves = [length >> shift for shift in range(1, length.bit_length()) if length >> shift > SHORT]
    return [*halves, *range(SHORT, 0, -1)]
