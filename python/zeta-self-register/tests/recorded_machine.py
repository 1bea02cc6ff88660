"""Recorded machines: a TOML file each, played back as the part of the effects port that only looks."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zeta_self_register.readings import Content, Readings, collect

RECORDINGS = Path(__file__).parent / "machine" / "recordings"


@dataclass
class RecordedMachine:
    """Files by path, folders that are more than their files' parents, and what commands print.

    An OSError in place of a file or a folder is raised when it is read.
    """

    files: dict[str, bytes | OSError] = field(default_factory=dict)
    folders: dict[str, OSError | None] = field(default_factory=dict)
    commands: dict[str, bytes | Exception] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        """What the file holds."""
        content = self.files.get(path, FileNotFoundError(2, "No such file or directory", path))
        if isinstance(content, OSError):
            raise content
        return content

    def listdir(self, path: str) -> list[str]:
        """The folder's entries, in no useful order."""
        refusal = self.folders.get(path)
        if refusal is not None:
            raise refusal
        everything = (*self.files, *self.folders)
        below = [name.removeprefix(f"{path}/") for name in everything if name.startswith(f"{path}/")]
        if not below and path not in self.folders:
            raise FileNotFoundError(2, "No such file or directory", path)
        return sorted({name.partition("/")[0] for name in below}, reverse=True)

    def run(self, argv: Sequence[str]) -> bytes:
        """What the command prints."""
        output = self.commands.get(" ".join(argv), FileNotFoundError(2, "No such file or directory", argv[0]))
        if isinstance(output, Exception):
            raise output
        return output

    def remove(self, prefix: str) -> None:
        """Takes a file, or a folder with everything in it, away."""
        for path in [path for path in self.files if f"{path}/".startswith(f"{prefix}/")]:
            del self.files[path]
        for path in [path for path in self.folders if f"{path}/".startswith(f"{prefix}/")]:
            del self.folders[path]

    def look(self, override: Mapping[str, Content] | None = None) -> Readings:
        """What an agent reads of it."""
        return collect(self, override)


def recorded_machine(name: str) -> RecordedMachine:
    """The machine of `recordings/<name>.toml`."""
    record = tomllib.loads((RECORDINGS / f"{name}.toml").read_text("utf-8"))
    machine = RecordedMachine(
        files={path: text.encode() for path, text in record["files"].items()},
        folders=dict.fromkeys(record.get("folders", [])),
        commands={command: text.encode() for command, text in record.get("commands", {}).items()},
    )
    for path, reason in record.get("unreadable", {}).items():
        machine.files[path] = PermissionError(13, reason, path)
    processors = record["processors"]
    blocks = [processors["block"].format(number=number) for number, _ in enumerate(processors["siblings"])]
    machine.files["/proc/cpuinfo"] = "\n".join(blocks).encode()
    for number, siblings in enumerate(processors["siblings"]):
        if siblings:
            folder = f"/sys/devices/system/cpu/cpu{number}"
            machine.files[f"{folder}/topology/core_cpus_list"] = f"{siblings}\n".encode()
    return machine
