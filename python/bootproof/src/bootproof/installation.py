"""Drives the reference installer of a stick (data/debian/tree/usr/sbin/installer) through the command port.

The installer takes what is particular to one installation from /run/installer; the scripts that a scenario gives here
are put there, and the unit is started and waited for.
"""

import io
import shlex
import tarfile
from collections.abc import Mapping
from typing import Protocol

import msgspec

from bootproof.machine import CommandResult

SETTINGS = "/run/installer"
STEPS = (
    *("enumerate", "choose", "wipe", "partition", "format", "configure", "operator-key", "password"),
    *("hostname", "wifi", "sign-in", "register", "install", "toolchain", "sync", "stamp", "banner"),
)
"""As the installer prints them, in its order."""


class TakesCommands(Protocol):
    """The part of a Machine that an installation needs."""

    def run(self, command: str, timeout: float = ..., check: bool = ...) -> CommandResult: ...
    def put_file(self, path: str, content: bytes, mode: int = ...) -> None: ...


class Installation(msgspec.Struct, frozen=True):
    """One installation. Its steps are STEPS.

    No disk is touched without `consent`. `before` and `after` map steps to shell scripts that run on the stick
    ($TARGET is the new system's mount point); `tries` maps install alone to one that runs in each of its three tries,
    whose number is $TRY.
    `inside` maps steps from install on to scripts that run in the new system. `inside["stamp"]` is the last thing
    written, after all file systems were synced. `payloads` are tar archives unpacked over the new system.
    """

    node: str = ""
    consent: str = "WIPE"
    disk: str = "auto"
    fail_before: str = ""
    fail_after: str = ""
    payloads: tuple[bytes, ...] = ()
    before: Mapping[str, str] = {}
    after: Mapping[str, str] = {}
    tries: Mapping[str, str] = {}
    inside: Mapping[str, str] = {}


def prepare(machine: TakesCommands, installation: Installation) -> None:
    """Put the installation's settings, payloads and scripts onto the running stick."""
    settings = {
        "NODE": installation.node,
        "CONSENT": installation.consent,
        "DISK": installation.disk,
        "FAIL_BEFORE": installation.fail_before,
        "FAIL_AFTER": installation.fail_after,
    }
    text = "".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items())
    machine.put_file(f"{SETTINGS}/settings", text.encode())
    for number, archive in enumerate(installation.payloads):
        machine.put_file(f"{SETTINGS}/payload/{number}.tar", archive)
    hooks = {
        "before": installation.before,
        "after": installation.after,
        "try": installation.tries,
        "inside": installation.inside,
    }
    scripts = {f"{hook}/{step}": text for hook, steps in hooks.items() for step, text in steps.items()}
    machine.put_file(f"{SETTINGS}/scripts.tar", _archive(scripts))
    machine.run(f"tar -C {SETTINGS} -xf {SETTINGS}/scripts.tar", timeout=15, check=True)


def _archive(files: Mapping[str, str]) -> bytes:
    """All in one, since each command costs time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def install(
    machine: TakesCommands, installation: Installation, unit: str = "installer.service", timeout: float = 60
) -> bool:
    """Run the installer to its end; whether it succeeded. Its steps are on the console and in the stick's journal."""
    prepare(machine, installation)
    return machine.run(f"systemctl start {unit}", timeout=timeout, check=False).exit_status == 0


def begin(machine: TakesCommands, installation: Installation, unit: str = "installer.service") -> None:
    """Start the installer and return at once: for a scenario that interrupts it at a step (`console.expect`)."""
    prepare(machine, installation)
    machine.run(f"systemctl start --no-block {unit}")
