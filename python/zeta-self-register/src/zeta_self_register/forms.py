"""GitHub's answers, taken apart: each becomes a typed value, or is unknown, never "absent"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from zeta_self_register.answers import Answer, Outcome
from zeta_self_register.exits import Exit
from zeta_self_register.plain_text import line
from zeta_self_register.remote import Record, Unknown

MAX_PAGES = 50
"""Pages of one hundred that are followed before the answer counts as unknown."""

FORM_ERRORS = (KeyError, TypeError, ValueError, AttributeError)
"""What an answer of another form than was asked for raises when it is taken apart."""

T = TypeVar("T")


class OddForm(Exception):
    """The answer has another form than was asked for."""


def understood(answer: Answer, parse: Callable[[dict[str, Any], float], T | Unknown]) -> T | Unknown:
    """What `parse` makes of the answer's data and GitHub's time (seconds); unknown if it was refused or is odd."""
    if answer.outcome is not Outcome.OK:
        return unknown(answer)
    if answer.server_time is None:
        return Unknown(Exit.NOT_NOW, "GitHub's answer has no date; is this GitHub?")
    try:
        return parse(answer.data, answer.server_time)
    except (*FORM_ERRORS, OddForm) as error:
        return odd(error)


def unknown(answer: Answer) -> Unknown:
    """An answer from which nothing can be learned, with its reason."""
    unsent = answer.outcome is Outcome.NOT_SENT
    return Unknown(answer.status, answer.reason, answer.pause_seconds, unsent)


def odd(error: Exception) -> Unknown:
    """An answer that could not be taken apart."""
    said = line(f"{type(error).__name__}: {error}", 300)
    return Unknown(Exit.NOT_NOW, f"GitHub's answer has an unexpected form ({said})")


def typed(kind: type[T], **fields: Any) -> T:
    """The value, each field of which has the type that is declared.  Raises ValueError."""
    return msgspec.convert(fields, kind, from_attributes=True)


def record_of(file: dict[str, Any] | None) -> Record | None:
    """node.yaml out of a tree's entry.  Raises OddForm, or one of FORM_ERRORS."""
    if file is None:
        return None
    blob = file["object"]
    if not blob or "oid" not in blob:
        raise OddForm("node.yaml is not a file")
    return typed(Record, blob=blob["oid"], content=content_of(blob))


def content_of(blob: dict[str, Any]) -> bytes:
    """A file's content."""
    # A binary or cut file has no whole text; an empty one is a record that nobody can read.
    return b"" if blob["isTruncated"] or blob["text"] is None else blob["text"].encode()
