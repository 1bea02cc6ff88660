"""What becomes of good bytes on a bad day: a sample, and a few steps that each spoil it in one way.

A step is one number, which says all of it, so that a list of numbers is an input, and a shorter list a simpler one.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st
from odd_values import DEEP, ODD_BYTES, ODD_ERRORS, ODD_HEADERS, ODD_HEADS, ODD_JSON, ODD_VALUES

MOST_STEPS = 4
STEPS = st.lists(st.integers(0, 2**32 - 1), max_size=MOST_STEPS)


class Form(enum.Enum):
    """What the bytes are meant to be, by which they are spoiled from inside."""

    BYTES = "bytes"
    LINES = "lines"
    JSON = "json"
    ANSWER = "answer"
    """An HTTP answer: a line with the status, the headers, an empty line, a body of JSON."""


@dataclass(frozen=True)
class Recipe:
    """Which sample, and how it is spoiled."""

    sample: int
    steps: tuple[int, ...]

    def of(self, samples: Sequence[bytes], form: Form) -> bytes:
        """The input."""
        content = samples[self.sample % len(samples)]
        for step in self.steps:
            content = _spoiled(content, form, Random(step))
        return content


def recipes(samples: int) -> st.SearchStrategy[Recipe]:
    """Recipes that Hypothesis makes simpler by leaving steps out."""
    return st.builds(Recipe, st.integers(0, samples - 1), STEPS.map(tuple))


def expanded(chance: Random, count: int) -> list[Recipe]:
    """Many recipes at once: a draw of Hypothesis takes longer than most parsers."""
    return [
        Recipe(
            chance.getrandbits(16),
            tuple(chance.getrandbits(32) for _ in range(chance.randint(1, MOST_STEPS))),
        )
        for _ in range(count)
    ]


def _spoiled(content: bytes, form: Form, chance: Random) -> bytes:
    """One step.  Every form is spoiled as plain bytes too."""
    if chance.random() < 0.3:
        return chance.choice(_BYTES)(content, chance)
    if form is Form.ANSWER:
        head, gap, body = content.partition(b"\n\n")
        if chance.random() < 0.3:
            return chance.choice(_HEADS)(head, chance) + gap + body
        return head + gap + _json(body, chance)
    if form is Form.JSON:
        return _json(content, chance)
    return chance.choice(_LINES if form is Form.LINES else _BYTES)(content, chance)


# --- as bytes ----------------------------------------------------------------------------------------------------


def _place(content: bytes, chance: Random) -> tuple[int, int]:
    """Where a piece begins and ends; short pieces are more likely."""
    start = chance.randint(0, len(content))
    return start, min(len(content), start + int(chance.paretovariate(0.7)))


def _cut_off(content: bytes, chance: Random) -> bytes:
    return content[: chance.randint(0, len(content))]


def _taken_out(content: bytes, chance: Random) -> bytes:
    start, end = _place(content, chance)
    return content[:start] + content[end:]


def _doubled(content: bytes, chance: Random) -> bytes:
    start, end = _place(content, chance)
    return content[:end] + content[start:]


def _moved(content: bytes, chance: Random) -> bytes:
    start, end = _place(content, chance)
    to = chance.randint(0, len(content))
    return content[:to] + content[start:end] + content[to:]


def _flipped(content: bytes, chance: Random) -> bytes:
    if not content:
        return b"\x01"
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def _put_in(content: bytes, chance: Random) -> bytes:
    start, end = _place(content, chance)
    odd = chance.choice(ODD_BYTES)
    return content[:start] + odd + content[start if chance.random() < 0.5 else end :]


def _noise(content: bytes, chance: Random) -> bytes:
    start, end = _place(content, chance)
    return content[:start] + chance.randbytes(chance.randint(0, 30)) + content[end:]


def _nothing_but_noise(_content: bytes, chance: Random) -> bytes:
    return chance.randbytes(chance.randint(0, 200))


def _repeated(content: bytes, chance: Random) -> bytes:
    start, end = _place(content, chance)
    return content[:start] + content[start : min(end, start + 4)] * DEEP + content[end:]


Step = Callable[[bytes, Random], bytes]
_BYTES: tuple[Step, ...] = (
    *(_cut_off, _taken_out, _doubled, _moved, _flipped, _flipped, _put_in, _put_in, _noise),
    *(_nothing_but_noise, _repeated),
)

# --- as lines: YAML, TOML, what the kernel prints -----------------------------------------------------------------

_MARKS = (b": ", b"=", b":", b" ", b"\t", b"- ")


def _line(content: bytes, chance: Random) -> tuple[list[bytes], int]:
    lines = content.split(b"\n")
    return lines, chance.randrange(len(lines))


def _another_value(content: bytes, chance: Random) -> bytes:
    lines, at = _line(content, chance)
    mark = next((mark for mark in _MARKS if mark in lines[at]), b"")
    key = lines[at].partition(mark)[0] if mark else b""
    lines[at] = key + mark + (b" " if mark == b"=" else b"") + chance.choice(ODD_VALUES)
    return b"\n".join(lines)


def _another_word(content: bytes, chance: Random) -> bytes:
    words = content.split(b" ")
    words[chance.randrange(len(words))] = chance.choice(ODD_VALUES)
    return b" ".join(words)


def _without_line(content: bytes, chance: Random) -> bytes:
    lines, at = _line(content, chance)
    return b"\n".join(lines[:at] + lines[at + 1 :])


def _line_elsewhere(content: bytes, chance: Random) -> bytes:
    lines, at = _line(content, chance)
    lines.insert(chance.randrange(len(lines) + 1), lines[at])
    return b"\n".join(lines)


def _odd_line(content: bytes, chance: Random) -> bytes:
    lines, at = _line(content, chance)
    lines.insert(at, chance.choice(ODD_VALUES))
    return b"\n".join(lines)


def _indented(content: bytes, chance: Random) -> bytes:
    lines, at = _line(content, chance)
    lines[at] = chance.choice((b" ", b"  ", b"\t", b"    ")) + lines[at]
    return b"\n".join(lines)


_LINES: tuple[Step, ...] = (
    *(_another_value, _another_value, _another_value, _another_word, _another_word),
    *(_without_line, _line_elsewhere, _odd_line, _indented),
)


def _another_status(content: bytes, chance: Random) -> bytes:
    return chance.choice(ODD_HEADS) + content[content.find(b"\n") :]


def _another_header(content: bytes, chance: Random) -> bytes:
    """The last one of a name counts, so this may replace one."""
    return content + b"\n" + chance.choice(ODD_HEADERS)


_HEADS: tuple[Step, ...] = (_another_status, _another_header, _another_header, *_LINES)

# --- as JSON -----------------------------------------------------------------------------------------------------

_RAW = "\x01raw\x01"
"""Stands where something goes that is no value of Python's, or no JSON at all."""


def _json(content: bytes, chance: Random) -> bytes:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return chance.choice(_BYTES)(content, chance)
    slots = list(_slots(tree))
    if not slots:
        return chance.choice(ODD_JSON).encode("utf-8", "surrogatepass")
    raw = _changed(tree, slots, chance)
    text = json.dumps(tree)
    return text.replace(json.dumps(_RAW), raw, 1).encode("utf-8", "surrogatepass")


def _changed(tree: Any, slots: list[tuple[Any, Any]], chance: Random) -> str:
    """Changes the tree at one place; what to write where the mark then is."""
    holder, key = chance.choice(slots)
    kind = chance.randrange(8)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, name = chance.choice(slots)
        holder[key] = json.loads(json.dumps(other[name]))
    elif kind == 2 and isinstance(holder, dict):
        # A key that is there twice.
        holder[_RAW] = json.loads(chance.choice(("null", "1", '"x"', "[]")))
        return json.dumps(key)
    elif kind == 3 and isinstance(holder, dict):
        holder[chance.choice(("x", "", "schema", "\x1b[2J", "message", "data"))] = holder.pop(key)
    elif kind == 4 and isinstance(holder, list):
        holder.extend([holder[key]] * chance.choice((1, 2, 200)))
    elif kind == 5 and isinstance(tree, dict):
        tree["errors"] = _RAW
        return chance.choice(ODD_ERRORS)
    else:
        holder[key] = _RAW
    return chance.choice(ODD_JSON)


def _slots(tree: Any) -> Any:
    """Every place of the tree: what holds it, and its key or index."""
    if isinstance(tree, dict | list):
        for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield tree, key
            yield from _slots(inner)
