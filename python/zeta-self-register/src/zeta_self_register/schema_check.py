"""A value checked against a JSON Schema: one line a problem, with its path and what to write instead.

The words of the schema that `record_schema` makes, and no others; a test compares the answers with those of the
`jsonschema` library, which a node does not have. Patterns have to match the whole text. `format` is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from zeta_self_register.names import shown
from zeta_self_register.plain_yaml import Value
from zeta_self_register.readings import one_line

Schema = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, str]] = {
    "object": (Mapping, "a map of fields"),
    "array": (list, "a list"),
    "string": (str, "text"),
    "integer": (int, "a whole number"),
    "boolean": (bool, "true or false"),
}


class Problem(msgspec.Struct, frozen=True):
    """Something wrong in a document: where (empty for the whole of it), and what to do about it in one line."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path} {self.message}".lstrip()


def problems(value: Value, schema: Schema, path: str = "") -> Iterator[Problem]:
    """What is wrong with the value, in the order of the document."""
    kind, name = _TYPES[schema["type"]]
    if value is None:
        yield Problem(path, f"is empty: write {_wanted(schema, name)}, or leave it out if it is not known")
    elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        yield Problem(path, f"is {_said(value)}: write {_wanted(schema, name)}{_quoting(value, schema)}")
    elif isinstance(value, Mapping):
        yield from _of_object(value, schema, path)
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield Problem(path, f"is empty: write {_wanted(schema, 'at least one')}")
        for index, item in enumerate(value):
            yield from problems(item, schema["items"], f"{path}[{index}]")
    elif not _fits(value, schema):
        yield Problem(path, f"is {_said(value)}: write {_wanted(schema, 'something else')}")


def member(path: str, key: str) -> str:
    """The path of a field: `spec.roles`, and `metadata.labels[a.b/c]` where the key is no word."""
    word = re.fullmatch(r"[A-Za-z0-9_-]+", key)
    key = (one_line(key, 80) or "").encode("ascii", "backslashreplace").decode()
    return f"{path}.{key}".removeprefix(".") if word else f"{path}[{key}]"


def _of_object(value: Mapping[str, Value], schema: Schema, path: str) -> Iterator[Problem]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key in schema.get("required", ()):
        if value.get(key) is None:
            wanted = _wanted(known[key], _TYPES[known[key]["type"]][1])
            yield Problem(member(path, key), f"is missing: write {wanted}")
    for key, item in value.items():
        where = member(path, key)
        if item is None and key in schema.get("required", ()):
            continue
        if key in known:
            yield from problems(item, known[key], where)
        elif others is False:
            yield Problem(
                where, "is no field that Kubernetes keeps there: take it out, or put it into the spec"
            )
        elif isinstance(others, Mapping):
            yield from problems(item, others, where)


def _fits(value: Value, schema: Schema) -> bool:
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return False
        return "pattern" not in schema or re.fullmatch(schema["pattern"], value) is not None
    return not isinstance(value, int) or bool(value >= schema.get("minimum", value))


def _wanted(schema: Schema, otherwise: str) -> str:
    """What to write: the allowed words, an example, or in general terms."""
    words = schema.get("enum", ())
    if words:
        return f"`{words[0]}`" if len(words) == 1 else f"one of {', '.join(words)}"
    for example in schema.get("examples", ()):
        text = f"- {example[0]}" if isinstance(example, list) else _plain(example)
        return f"it like `{text}`"
    if schema["type"] == "object" and "required" in schema:
        return f"{otherwise} with {', '.join(schema['required'])}"
    return otherwise


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _said(value: Value) -> str:
    if isinstance(value, Mapping):
        return "a map of fields"
    if isinstance(value, list):
        return "a list"
    return shown(value) if isinstance(value, str) else _plain(value)[:200]


def _quoting(value: Value, schema: Schema) -> str:
    """A number or a boolean where text is wanted lacks its quotes."""
    return ", in quotes" if schema["type"] == "string" and isinstance(value, bool | int | float) else ""
