"""Is the token in anything that was written down? Searches bytes, files and folders for it, in every form
in which a program would write it: as it is, in Base64 (wherever in the encoded text it stands), and
percent-encoded.

What it cannot see through: compression (a journal's long fields, images of squashed file systems) and
encryption.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import msgspec

from bootproof.verdict import Finding, HarnessError, RuleResult

# Shorter ones occur by chance: eight characters of Base64 have a chance of one in 2^48 for each byte
# searched.
SHORTEST_SECRET = 8
CHUNK = 4 << 20


class Leak(msgspec.Struct, frozen=True):
    """Where a secret was found, never the secret itself. `offset` is in bytes, exact to a few kilobytes
    where lines had to be joined (Base64 is often wrapped)."""

    place: str
    offset: int
    form: str


def forms(secret: bytes) -> dict[str, tuple[bytes, ...]]:
    """The byte strings that give a secret away, by the name of the form. Raises HarnessError if it is too
    short."""
    if len(secret) < SHORTEST_SECRET:
        raise HarnessError(f"a secret of {len(secret)} bytes is too short to be looked for")
    encoded = [_inner(secret, before) for before in range(3)]
    url_safe = [text.translate(bytes.maketrans(b"+/", b"-_")) for text in encoded]
    percent = [quote(secret, safe="").encode(), "".join(f"%{byte:02X}" for byte in secret).encode()]
    percent += [_lower_hex(text) for text in percent]
    return {
        "as it is": (secret,),
        "Base64": tuple(dict.fromkeys(encoded + url_safe)),
        "percent-encoded": tuple(text for text in dict.fromkeys(percent) if text != secret),
    }


def _inner(secret: bytes, before: int) -> bytes:
    """The Base64 digits that depend on the secret alone when `before` bytes (mod 3) stand before it."""
    digits = base64.b64encode(b"\0" * before + secret + b"\0" * 3)
    return digits[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]


def _lower_hex(text: bytes) -> bytes:
    parts = text.split(b"%")
    return b"%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def search_bytes(place: str, data: bytes, secret: bytes) -> tuple[Leak, ...]:
    """Every form in which `data` has the secret, with its first offset."""
    leaks, joined = [], data.translate(None, b"\r\n")
    for form, needles in forms(secret).items():
        places = [data.find(needle) for needle in needles]
        # Only Base64 is wrapped by what writes it; an offset in the joined text is near enough.
        places += [joined.find(needle) for needle in needles] if form == "Base64" else []
        found = [offset for offset in places if offset >= 0]
        if found:
            leaks.append(Leak(place, min(found), form))
    return tuple(leaks)


class Search(msgspec.Struct, frozen=True):
    """What was searched (files, bytes) and found."""

    files: int
    size: int
    leaks: tuple[Leak, ...]


def search_files(paths: Iterable[Path], secret: bytes, *, allowed: Iterable[Path] = ()) -> Search:
    """Searches files, and folders with all that is below them but symbolic links. `allowed` are the places
    where the secret is meant to be (the credentials on a disk), files or folders. Raises HarnessError on
    what cannot be read."""
    leaks: list[Leak] = []
    files = size = 0
    spared = {path.resolve() for path in allowed}
    for path in _files(paths):
        if not spared.isdisjoint([path.resolve(), *path.resolve().parents]):
            continue
        files += 1
        try:
            with path.open("rb") as file:
                found, length = _search_stream(str(path), file, secret)
        except OSError as error:
            raise HarnessError(f"cannot search {path}: {error.strerror}") from error
        leaks += found
        size += length
    return Search(files, size, tuple(leaks))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            for folder, _, names in os.walk(path):
                files = (Path(folder, name) for name in sorted(names))
                yield from (file for file in files if file.is_file() and not file.is_symlink())
        elif path.exists():
            yield path
        else:
            raise HarnessError(f"cannot search {path}: it is not there")


def _search_stream(place: str, file: BinaryIO, secret: bytes) -> tuple[list[Leak], int]:
    """Searches piece by piece; each piece is looked at with the end of the one before, where a match may
    begin."""
    overlap = 8 * max(len(needle) for needles in forms(secret).values() for needle in needles)
    first: dict[str, Leak] = {}
    tail, offset = b"", 0
    while piece := file.read(CHUNK):
        for leak in search_bytes(place, tail + piece, secret):
            first.setdefault(leak.form, Leak(place, offset - len(tail) + leak.offset, leak.form))
        offset += len(piece)
        tail = (tail + piece)[-overlap:]
    return list(first.values()), offset


def no_leak(search: Search) -> RuleResult:
    """The search as the verdict on a rule."""
    findings = tuple(
        Finding(f"the token is in {leak.place} at byte {leak.offset}, {leak.form}") for leak in search.leaks
    )
    return RuleResult("no-leak", search.files, findings, note="" if search.files else "no file was searched")
