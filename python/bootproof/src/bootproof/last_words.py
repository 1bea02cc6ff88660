"""What a console said last, for a reader who sees only a few lines of it.

A kernel that dies says why, and then goes on for some forty lines about its registers: how many of them are there when
the machine is put away is chance. So a console on which a kernel died ends, for its reader, with the line of its death.
"""

PANIC = "Kernel panic - not syncing"
_STAMP = "["
"""What a kernel's lines begin with, however little of one was printed."""
_NEXT_BOOT = "] Linux version "


def last_words(console: str, count: int) -> list[str]:
    """The last `count` lines that are not empty; after a kernel's death, those up to it."""
    lines = [line.rstrip() for line in console.splitlines() if line.strip()]
    return lines[: _died_at(lines)][-count:]


def panicked(console: str) -> str:
    """What a kernel says that it dies of, or that it dies if it says no more; empty if none did."""
    said = (line.partition(PANIC)[2].strip(": ") for line in console.splitlines() if PANIC in line)
    return next((line or PANIC for line in said), "")


def _died_at(lines: list[str]) -> int | None:
    """How many lines there are up to a death that only the dead kernel's own lines follow."""
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at]
        if PANIC in line and "---[ end " not in line:
            return at + 1
        if not line.startswith(_STAMP) or _NEXT_BOOT in line:
            return None
    return None
