"""Where a simulated machine's files are when its program is a process, and how that is called.

What the program's settings can move lies in folders of the harness's; what they cannot (files of the kernel's, of the
system's) is laid over the host's own in a mount namespace, which only this process sees.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bootproof.simulation.agents import Agent
from bootproof.torture.recipe import fill
from bootproof.verdict import HarnessError

BOOT_ID = "/proc/sys/kernel/random/boot_id"
_SYS = "/sys"


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a program is called. In all of it, `{python}` (this interpreter), `{command}` (what of `commands` is run),
    `{api}`, `{ca}` (a PEM file), `{state}` and `{files}` (folders) are filled in.

    places       folders of the simulated machine, and where they are; what the program writes has to be in `{state}`
    adds         files of the machine to which these lines are added: where to find what is in another place here
    programs     scripts that are found before all others of their name
    """

    command: tuple[str, ...]
    places: dict[str, str]
    adds: dict[str, str] = {}
    programs: dict[str, str] = {}
    environment: dict[str, str] = {}


def description(agent: Agent) -> Description:
    """How this agent is called. Raises HarnessError where it does not say so."""
    said = getattr(agent, "program", None)
    if not said:
        raise HarnessError(f"{agent.name} does not say how it is run as a process (`program`)")
    try:
        return msgspec.convert(dict(said), Description)
    except msgspec.ValidationError as error:
        raise HarnessError(f"{agent.name}: program: {error}") from error


@dataclass(frozen=True)
class Layout:
    """One machine's folder on this host: `state` is all that its program may change, the rest it only reads."""

    folder: Path
    said: Description
    values: Mapping[str, str]

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def real(self, path: str) -> Path | None:
        """Where a file of the simulated machine is; None where it is not moved."""
        for place in sorted(self.said.places, key=len, reverse=True):
            if path == place or path.startswith(f"{place}/"):
                return Path(fill(self.said.places[place], self.values) + path[len(place) :])
        return None

    def changing(self, path: str) -> Path:
        """The same for a file that the program writes. Raises HarnessError where that is not below `{state}`."""
        real = self.real(path)
        if real is None or not (real == self.state or self.state in real.parents):
            raise HarnessError(f"{path} is written, and `program` has no place for it below {{state}}")
        return real

    def target(self, path: str) -> str:
        """How the tracer names it."""
        return str(self.changing(path).relative_to(self.state))

    def command(self, name: str) -> list[str]:
        return [fill(word, {**self.values, "command": name}) for word in self.said.command]

    def environment(self) -> dict[str, str]:
        own = {n: fill(text, self.values) for n, text in self.said.environment.items()}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PATH": path, **own}

    def binds(self) -> Iterator[tuple[Path, str]]:
        """What is laid over the host's own files, and over which."""
        yield self.folder / "boot_id", BOOT_ID
        over = self.folder / "over"
        for path in sorted(over.rglob("*")):
            if path.is_file():
                yield path, f"/{path.relative_to(over)}"
        if (self.folder / "sys").exists():
            yield self.folder / "sys", _SYS


def lay_out(
    folder: Path, said: Description, values: Mapping[str, str], files: Mapping[str, bytes | int | None]
) -> Layout:
    """Writes a machine's files. Raises HarnessError, with one line, for what cannot be had in this layer."""
    values = {
        **values,
        "python": sys.executable,
        "state": str(folder / "state"),
        "files": str(folder / "files"),
    }
    layout = Layout(folder, said, values)
    for part in ("state", "files", "bin", "over"):
        (folder / part).mkdir(parents=True)
    for path, content in files.items():
        _write(layout, path, content)
    for name, text in said.programs.items():
        _put(folder / "bin" / name, fill(text, values).encode(), 0o755)
    return layout


def _write(layout: Layout, path: str, content: bytes | int | None) -> None:
    if isinstance(content, int):
        why = os.strerror(content)
        raise HarnessError(f"in processes a file cannot be made that fails to be read ({path}: {why})")
    real = layout.real(path)
    if real is None and path.startswith(f"{_SYS}/"):
        real = layout.folder / path[1:]
    if real is None:
        real = layout.folder / "over" / path[1:]
        if content is None or not Path(path).exists():
            is_there = "is there" if content is None else "is not there"
            raise HarnessError(f"in processes {path} is this host's, where it {is_there}")
    if content is not None:
        added = fill(layout.said.adds.get(path, ""), layout.values)
        _put(real, content + added.encode())


def _put(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
