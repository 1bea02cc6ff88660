"""YAML as far as node records need it: one small document of maps, lists and scalars.

Reading refuses what makes YAML dangerous (aliases, tags, endless nesting) and what makes it ambiguous (a key given
twice, a second document). Writing quotes every string that any reader, of YAML 1.1 or 1.2, could take for something
else, and escapes everything but ASCII, so that a review shows what is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from zeta_self_register.readings import one_line

SIZE_LIMIT = 64 * 1024  # bytes; records in the wild have less than 2 KiB
_DEPTH_LIMIT = 16
_NODE_LIMIT = 4000

Scalar = str | int | float | bool | None
Value = Scalar | Sequence["Value"] | Mapping[str, "Value"]

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
# Words and figures that some YAML reader takes for a boolean, a null, a number or a date.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_FIGURES = re.compile(
    r"0[xob][0-9a-f_]*|[0-9][0-9_.]*(e[-+]?[0-9]*)?|[0-9]{4}-[0-9]{1,2}-[0-9].*", re.IGNORECASE
)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{0,17}")


class NotPlainYaml(ValueError):
    """The bytes are no YAML, or more YAML than a record may have; the message is one line."""


def load(raw: bytes) -> Value:
    """The value of the only document in `raw`. Raises NotPlainYaml.

    Scalars are resolved by YAML 1.1, except that dates, sexagesimal and octal numbers stay text: an unquoted MAC
    address of digits alone would otherwise be a number.
    """
    if len(raw) > SIZE_LIMIT:
        raise NotPlainYaml(f"has {len(raw)} bytes, more than the {SIZE_LIMIT} that a record may have")
    try:
        text = raw.decode()  # a byte order mark is dropped by the parser
    except UnicodeDecodeError as error:
        raise NotPlainYaml(f"is not UTF-8 (byte {error.start})") from None
    try:
        return _Reader(text).document()
    except NotPlainYaml:
        raise
    except yaml.YAMLError as error:
        raise NotPlainYaml(f"is not YAML: {_explained(error)}") from None
    except (ValueError, OverflowError):  # "\\UFFFFFFFF" is passed to chr() as it is
        raise NotPlainYaml("is not YAML: it has an escape that is no character") from None


def dump(value: Value) -> bytes:
    """`value` as YAML in ASCII, maps in the order given: the same value always gives the same bytes."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=1 << 20)
    return str(text).encode("ascii")


def is_plain(text: str) -> bool:
    """Whether the string can stand without quotes and be a string to every reader."""
    if not _PLAIN.fullmatch(text) or text.lower() in _WORDS:
        return False
    return not _FIGURES.fullmatch(text)


class _Dumper(yaml.SafeDumper):
    """Decides quoting by `is_plain` alone."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    whole = text.encode("utf-8", "replace").decode()  # unpaired surrogates have no place in a file
    return dumper.represent_scalar("tag:yaml.org,2002:str", whole, style=None if is_plain(whole) else '"')


_Dumper.add_representer(str, _represent_text)


def _explained(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    where = f" in line {mark.line + 1}" if mark else ""
    return f"{one_line(str(problem), 120)}{where}"


class _Reader:
    """Builds values from parser events, which are made one by one: a bomb is met before it goes off."""

    def __init__(self, text: str) -> None:
        self.loader = yaml.SafeLoader(text)
        self.nodes = 0

    def document(self) -> Value:
        try:
            self.next()  # the start of the stream
            if isinstance(self.next(), yaml.StreamEndEvent):
                raise NotPlainYaml("is empty")
            value = self.value(self.next(), 0)
            self.next()  # the end of the document
            if not isinstance(self.next(), yaml.StreamEndEvent):
                raise NotPlainYaml("has more than one document")
            return value
        finally:
            self.loader.dispose()

    def next(self) -> Any:
        return self.loader.get_event()  # type: ignore[no-untyped-call]

    def value(self, event: Any, depth: int) -> Value:
        self.nodes += 1
        if depth > _DEPTH_LIMIT or self.nodes > _NODE_LIMIT:
            raise NotPlainYaml(f"is nested too deep or too long (line {event.start_mark.line + 1})")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise NotPlainYaml(
                f"has an anchor or alias in line {event.start_mark.line + 1}: write the value out"
            )
        if event.tag is not None:
            raise NotPlainYaml(f"has a tag in line {event.start_mark.line + 1}: leave it out")
        if isinstance(event, yaml.SequenceStartEvent):
            return self.items(depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self.members(depth)
        return self.scalar(event)

    def items(self, depth: int) -> list[Value]:
        found: list[Value] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            found.append(self.value(event, depth + 1))
        return found

    def members(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.CollectionStartEvent):
                raise NotPlainYaml(f"has a key that is no text in line {line}")
            self.value(event, depth)  # for its checks: an alias is no key either
            key = str(event.value)
            if key in found:
                raise NotPlainYaml(f"has the key `{one_line(key, 60)}` twice, again in line {line}")
            found[key] = self.value(self.next(), depth + 1)
        return found

    def scalar(self, event: Any) -> Scalar:
        text = str(event.value)
        tag = self.loader.resolve(yaml.ScalarNode, text, event.implicit)  # type: ignore[no-untyped-call]
        return _resolved(text, tag.rpartition(":")[2])


def _resolved(text: str, tag: str) -> Scalar:
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() in {"yes", "true", "on"}
    if tag == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if tag == "float" and _FLOAT.fullmatch(text):
        return float(text)
    return text
