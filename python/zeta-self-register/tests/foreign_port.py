"""What a parser of foreign bytes is to the fuzzer, and a machine that has nothing but such bytes."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from garbling import Form
from zeta_self_register.effects import CommandFailed, NoAnswer, Request, Response

LONGEST = 2000
"""Characters of a line that somebody is to read."""


class Broken(AssertionError):
    """What garbage must not bring about."""


@dataclass(frozen=True)
class Parser:
    """One place where bytes are read that somebody else wrote, by the function that production calls there.

    `read` returns whether it took them for good; that it refuses them in the documented way is False, and everything
    that it raises is a finding.
    """

    name: str
    form: Form
    samples: tuple[bytes, ...]
    read: Callable[[bytes], bool]
    turn: int = 800
    """Inputs in a row: fewer where one takes longer."""


def line(text: str) -> None:
    """What is said to a person is one line, printable, and not endless."""
    if not text.isprintable():
        raise Broken(f"a line that is not printable: {text[:200]!r}")
    if len(text) > LONGEST:
        raise Broken(f"an endless line: {len(text)} characters, {text[:60]!r}")


def lines(text: str) -> None:
    """The same of several lines."""
    for one in text.split("\n"):
        line(one)


def hold(condition: bool, what: str) -> None:
    """Raises Broken where `condition` does not hold."""
    if not condition:
        raise Broken(what)


def answer_of(content: bytes) -> Response:
    """The HTTP answer that the bytes are: status, headers, an empty line, the body."""
    head, _, body = content.partition(b"\n\n")
    first, *rest = head.decode("latin-1").split("\n")
    status = int(first) if first.isascii() and first.isdigit() and len(first) == 3 else 200
    pairs = (one.partition(":") for one in rest)
    return Response(status, {name.strip().lower(): value.strip() for name, _, value in pairs}, body)


def bytes_of(answer: Response) -> bytes:
    """The other way round."""
    head = "\n".join([str(answer.status), *(f"{name}: {value}" for name, value in answer.headers.items())])
    return head.encode("latin-1") + b"\n\n" + answer.body


@dataclass
class Foreign:
    """The effects port of a machine that is only looked at: whatever is written there is a finding."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    outputs: Callable[[Sequence[str]], bytes | None] = lambda _argv: None
    answers: list[Response] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    published: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self.files[path]

    def listdir(self, path: str) -> list[str]:
        prefix = path.rstrip("/") + "/"
        entries = {name[len(prefix) :].split("/")[0] for name in self.files if name.startswith(prefix)}
        if not entries:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return sorted(entries)

    def run(self, argv: Sequence[str]) -> bytes:
        printed = self.outputs(argv)
        if printed is None:
            raise CommandFailed(" ".join(argv))
        return printed

    def github(self, request: Request) -> Response:
        self.requests.append(request)
        if len(self.requests) > len(self.answers):
            raise NoAnswer("timed out")
        return self.answers[len(self.requests) - 1]

    def write(self, path: str, _content: bytes, _mode: int) -> None:
        raise Broken(f"{path} was written")

    def sync(self, path: str) -> None:
        raise Broken(f"{path} was synced")

    def rename(self, source: str, _target: str) -> None:
        raise Broken(f"{source} was renamed")

    def make_folder(self, path: str) -> None:
        raise Broken(f"{path} was made")

    def publish(self, path: str, content: bytes) -> None:
        self.published[path] = content

    def sync_all(self) -> None:
        raise Broken("everything was synced")

    @contextlib.contextmanager
    def lock(self, _path: str) -> Iterator[None]:
        yield

    def reachable(self, target: str, seconds: float) -> None:
        """Everybody answers."""

    def wall_clock(self) -> float:
        return 1_767_225_600.0

    def monotonic(self) -> float:
        return 100.0

    def boot_id(self) -> str:
        return "boot-1"

    def say(self, line: str) -> None:
        """The journal escapes what is not printable."""
