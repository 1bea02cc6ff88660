"""The parsers of what the kernel, firmware, `ip` and systemd say of the machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from zlib import crc32

from foreign_port import Foreign, Parser, hold, line
from garbling import Form
from recorded_machine import RECORDINGS, RecordedMachine, recorded_machine
from zeta_self_register import cluster_state, doctor, telling
from zeta_self_register.decision import Action
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.hardware import Network, hardware
from zeta_self_register.identity import derived_node_name, identity, own_macs
from zeta_self_register.names import NodeName, Operator
from zeta_self_register.node import Node
from zeta_self_register.node_document import compose, parse, to_yaml
from zeta_self_register.readings import (
    DMI_UUID,
    IP_ADDRESSES,
    IP_ROUTES_4,
    IP_ROUTES_6,
    Content,
    Readings,
    collect,
)
from zeta_self_register.settings import from_table
from zeta_self_register.simulated import MACHINE

NAMES = sorted(path.stem for path in RECORDINGS.glob("*.toml"))
THEN = datetime(2026, 1, 1, tzinfo=UTC)
APART = ("/proc/cpuinfo", "/proc/meminfo")
WRITTEN_IN_HUNDRED = 2
"""In how many of a hundred inputs the record is written too, which takes 3 ms."""


@cache
def _recorded(name: str) -> RecordedMachine:
    return recorded_machine(name)


def _with(name: str, files: dict[str, bytes], commands: dict[str, bytes] | None = None) -> Readings:
    known = _recorded(name)
    return RecordedMachine(
        {**known.files, **files}, known.folders, {**known.commands, **(commands or {})}
    ).look()


def _read(readings: Readings, content: bytes) -> bool:
    """All that is made of the readings; whether it is a record of this machine is for `compose` to say."""
    found, who = hardware(readings), identity(readings, "acme/cluster")
    macs, name = own_macs(readings), derived_node_name(readings)
    hold(name is None or re.fullmatch(r"node-[0-9a-f]{6}", name) is not None, "a derived name")
    hold(all(re.fullmatch(r"[0-9a-f:]{17}", mac) for mac in macs.addresses), "a MAC address")
    for text in (found.cpu, found.kernel, found.product, *(disk.model for disk in found.storage or ())):
        line(text or "")
    if crc32(content) % 100 < WRITTEN_IN_HUNDRED:
        document = compose(NodeName("node-a"), Operator("alice"), found, who, registered_at=THEN)
        raw = to_yaml(document)
        hold(raw.isascii() and len(raw) < 10_000, "a record that is no short ASCII")
        hold(parse(raw) == document, "a record that is read otherwise than it was written")
    return not who.is_empty


def own_record() -> bytes:
    """A record that this program has written."""
    readings = _with("qemu", {})
    facts = hardware(readings), identity(readings, "acme/cluster")
    return to_yaml(compose(NodeName("node-a"), Operator("alice"), *facts, registered_at=THEN))


def _cpuinfo(content: bytes) -> bool:
    readings = _with("container", {"/proc/cpuinfo": content})
    _read(readings, content)
    return hardware(readings).cpu is not None


def _meminfo(content: bytes) -> bool:
    readings = _with("container", {"/proc/meminfo": content})
    _read(readings, content)
    return hardware(readings).memory_bytes is not None


def _small_files() -> list[tuple[str, str]]:
    """Machine and path of every recorded file of one value."""
    return [(name, path) for name in NAMES for path in sorted(_recorded(name).files) if path not in APART]


def _small_file(content: bytes) -> bool:
    """The bytes themselves say in which file they stand, so that they are the whole input."""
    places = _small_files()
    name, path = places[crc32(content) % len(places)]
    return _read(_with(name, {path: content}), content)


def _device(content: bytes) -> bool:
    """What the kernel calls a card and a disk."""
    name = content.decode("utf-8", "surrogateescape")
    if not 0 < len(content) < 256 or "/" in name or "\0" in name or name in (".", ".."):
        return False  # the kernel has no such names
    known = _recorded("qemu")
    machine = RecordedMachine(
        {path.replace("enp0s2", name).replace("vda", name): held for path, held in known.files.items()},
        {path.replace("enp0s2", name).replace("vda", name): held for path, held in known.folders.items()},
        dict(known.commands),
    )
    readings = machine.look()
    _read(readings, content)
    return bool(hardware(readings).storage)


def _ip(*commands: tuple[str, ...]) -> Callable[[bytes], bool]:
    def read(content: bytes) -> bool:
        readings = _with("laptop", {}, {" ".join(argv): content for argv in commands})
        _read(readings, content)
        return isinstance(hardware(readings).network, Network)

    return read


def _uuid(content: bytes) -> bool:
    override: dict[str, Content] = {DMI_UUID: content}
    readings = collect(_recorded("laptop"), override)
    _read(readings, content)
    return identity(readings, "acme/cluster").uuid.digest is not None


def _own_process(content: bytes) -> bool:
    """/proc/self/stat, for the lock of Path A."""
    port = Foreign({**MACHINE, telling.SELF: content})
    table = {"repository": "acme/cluster", "operator": "alice", "cluster_state_folder": "/run/x"}
    telling.before_acting(Node(port, from_table(table, "x"), "register", {}), Action.REGISTER)
    written = port.published[f"/run/x/nodes/node-a/{cluster_state.LOCK}"]
    hold(re.fullmatch(rb"pid=[0-9]{1,20}\ntime=[0-9]+\nttl=[0-9]+\n", written) is not None, "a lock")
    return not written.startswith(b"pid=0\n")


def _units(content: bytes) -> bool:
    """What systemctl and journalctl print."""

    def load() -> None:
        raise Refused(Exit.MISCONFIGURED, "no settings")

    checks = doctor.examine(Foreign(outputs=lambda _argv: content), load, lambda _settings: None)  # type: ignore[arg-type,return-value]
    for check in checks:
        line(check.text)
    return any(check.state is doctor.State.MET for check in checks)


def _of(path: str) -> tuple[bytes, ...]:
    held = [_recorded(name).files.get(path) for name in NAMES]
    return tuple(one for one in held if isinstance(one, bytes))


def _printed(argv: tuple[str, ...]) -> tuple[bytes, ...]:
    printed = [_recorded(name).commands.get(" ".join(argv)) for name in NAMES]
    return tuple(one for one in printed if isinstance(one, bytes))


VALUES = tuple(
    sorted({held for name, path in _small_files() if isinstance(held := _recorded(name).files[path], bytes)})
)
UNITS = (
    b"LoadState=loaded\nActiveState=active\nConditionResult=no\nConditionTimestampMonotonic=5\n",
    b"registered: all is well\nzeta-self-register: not signed in\nStarted x.\n",
)
HARDWARE = (
    Parser("/proc/cpuinfo", Form.LINES, _of("/proc/cpuinfo"), _cpuinfo, turn=300),
    Parser("/proc/meminfo", Form.LINES, _of("/proc/meminfo"), _meminfo),
    Parser("files of /sys and /proc", Form.LINES, VALUES, _small_file, turn=150),
    Parser("names of devices", Form.BYTES, (b"enp0s2", b"vda", b"eth0"), _device, turn=300),
    Parser("`ip address`", Form.JSON, _printed(IP_ADDRESSES), _ip(IP_ADDRESSES), turn=300),
    Parser(
        "`ip route`",
        Form.JSON,
        _printed(IP_ROUTES_4) + _printed(IP_ROUTES_6),
        _ip(IP_ROUTES_4, IP_ROUTES_6),
        turn=300,
    ),
    Parser("the DMI UUID's credential", Form.BYTES, (MACHINE[DMI_UUID], b"absent"), _uuid, turn=100),
    Parser(telling.SELF, Form.LINES, (MACHINE[telling.SELF],), _own_process),
    Parser("systemctl and journalctl", Form.LINES, UNITS, _units),
)
