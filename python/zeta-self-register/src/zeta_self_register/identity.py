"""Which machine this is, whatever it is called.

Two things of the hardware are compared: its DMI product UUID (on boards without DMI the serial number of
the device tree) and the set of burnt-in MAC addresses of its network cards. The repository holds only keyed
hashes of them, so that two repositories cannot be matched by them. Either one may be missing or unreadable;
unreadable is never taken for "another machine".

Which cards count: those on the board or in a slot, of Ethernet type (Wi-Fi too). Not bridges, bonds, veths,
tunnels and virtual functions, which software makes; not USB adapters and docks, which wander from machine
to machine, unless there is no other card at all.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import Enum

import msgspec

from zeta_self_register.names import NodeName
from zeta_self_register.network_interfaces import (
    Interface,
    Kind,
    default_interfaces,
    interfaces,
    parse_mac,
)
from zeta_self_register.readings import (
    DEVICE_TREE,
    DEVICE_TREE_SERIAL,
    DMI_UUID,
    NET,
    Missing,
    Readings,
    Unreadable,
)

MACS_SOURCE = f"{NET}/*/address"
DETACHABLE_MACS_SOURCE = f"{NET}/*/address (USB only)"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The form of a keyed hash, of any version of the recipe.
DIGEST_PATTERN = r"^v[0-9]{1,3}:[0-9a-f]{32}$"
_DIGEST = re.compile(DIGEST_PATTERN)

# UUIDs that whole series of machines share, with who says so: [FreeBSD] its libexec/rc/rc.d/hostid, which refuses
# them for a host's id; [GLPI] the default blacklist of GLPI and FusionInventory; [DMTF] SMBIOS (DSP0134), 7.2.1. Those
# of at most two different digits are told by `_is_placeholder`: all zeros and all ones [DMTF: not there; not
# there, but can be set], 01010101-… [GLPI], 11111111-…, 58585858-… and fefefefe-… [FreeBSD].
PLACEHOLDER_UUIDS = frozenset(
    {
        "03000200-0400-0500-0006-000700080009",  # AMI's sample, left on many boards [FreeBSD, GLPI]
        "00020003-0004-0005-0006-000700080009",  # the same, three fields in the other byte order [FreeBSD]
        "07090201-0103-0301-0807-060504030201",  # [FreeBSD]
        "11111111-2222-3333-4444-555555555555",  # [FreeBSD]
        "4c4c4544-0000-2010-8020-80c04f202020",  # Dell's scheme ("DELL", blanks) without a service tag [FreeBSD]
        "890e2d14-cacd-45d1-ae66-bc80e8bfeb0f",  # [FreeBSD]
        "8e275844-178f-44a8-aceb-a7d7e5178c63",  # [FreeBSD]
        "dc698397-fa54-4cf2-82c8-b1b5307a6a7f",  # [FreeBSD]
        "6ab5b300-538d-1014-9fb5-b0684d007b53",  # [GLPI]
        # Digits counted up, as samples have them, in either byte order: nobody's list, no real machine's number.
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "78563412-3412-7856-90ab-cddeefaabbcc",
        "12345678-1234-1234-1234-123456789abc",
        "12345678-1234-5678-1234-567812345678",
        "12345678-9012-3456-7890-123456789012",
        "01234567-89ab-cdef-0123-456789abcdef",
        "67452301-ab89-efcd-0123-456789abcdef",
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "03020100-0504-0706-0809-0a0b0c0d0e0f",
        "00112233-4455-6677-8899-aabbccddeeff",
        "33221100-5544-7766-8899-aabbccddeeff",
    }
)
# A first field that may be filled in, and nothing after it [FreeBSD].
_UNSET_REST = "-ffff-ffff-ffff-ffffffffffff"

# QEMU gives these, counted up, to every guest whose network cards were given no address.
_SHARED_MAC = re.compile(r"52:54:00:12:34:[56][0-9a-f]")


class Presence(Enum):
    """Three answers, never two."""

    PRESENT = "present"
    NONE = "none"
    UNKNOWN = "unknown"


class Evidence(msgspec.Struct, frozen=True):
    """One keyed hash and the file it was made from; both are set exactly when it is present."""

    presence: Presence
    digest: str | None = None
    source: str | None = None


class Identity(msgspec.Struct, frozen=True):
    """What the repository and the marker say of the hardware."""

    uuid: Evidence
    macs: Evidence

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it to compare."""
        return Presence.PRESENT not in (self.uuid.presence, self.macs.presence)


class SameMachine(Enum):
    """The answer to "is this the machine that wrote that?"."""

    SAME = "same"
    OTHER = "other"
    DISAGREE = "disagree"  # one piece of evidence matches and the other differs: the operator is asked
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class OwnMacs:
    """Addresses that a record of this machine may name; `complete` unless some could not be read."""

    addresses: frozenset[str]
    complete: bool


@dataclass(frozen=True)
class _Fact:
    presence: Presence
    value: str = ""
    source: str = ""


_NONE = Evidence(Presence.NONE)
_UNKNOWN = Evidence(Presence.UNKNOWN)
NO_IDENTITY = Identity(_UNKNOWN, _UNKNOWN)


def identity(readings: Readings, repository: str) -> Identity:
    """This machine's identity within a repository, whose name is the key of the hashes (in lower case)."""
    return Identity(
        uuid=_evidence("uuid", _uuid(readings), repository),
        macs=_evidence("macs", _macs(readings), repository),
    )


def compare(mine: Identity, theirs: Identity) -> SameMachine:
    """Both match, or one does and the other is missing: same. Both differ: other. Total and symmetric."""
    answers = (_matches(mine.uuid, theirs.uuid, same_source=True), _matches(mine.macs, theirs.macs))
    if True in answers:
        return SameMachine.DISAGREE if False in answers else SameMachine.SAME
    return SameMachine.OTHER if answers == (False, False) else SameMachine.UNKNOWN


def compare_record(
    mine: Identity, macs: OwnMacs, recorded: Identity | None, recorded_mac: str | None
) -> SameMachine:
    """Like `compare`, for a record that may be older than identities and name one MAC address or nothing.

    Such a record is ours unless its address is another machine's.
    """
    if recorded is not None and not recorded.is_empty:
        return compare(mine, recorded)
    mac = parse_mac(recorded_mac)
    if mac is None or mac in macs.addresses:
        return SameMachine.SAME
    return SameMachine.OTHER if macs.complete and macs.addresses else SameMachine.UNKNOWN


def own_macs(readings: Readings) -> OwnMacs:
    """Every address that an agent, old or new, could have written into this machine's record.

    Burnt-in and present ones of the cards, and the default route's interface (a bond, a bridge). No other
    software interfaces: containers everywhere have the same addresses.
    """
    found = interfaces(readings)
    if found is None:
        return OwnMacs(frozenset(), complete=False)
    default = default_interfaces(readings)[:1]
    ours = [one for one in found if one.kind is not Kind.VIRTUAL or one.name in default]
    addresses = {mac for one in ours for mac in (one.permanent, one.address) if mac}
    return OwnMacs(frozenset(addresses), complete=not any(one.unsure for one in found))


def derived_node_name(readings: Readings) -> NodeName | None:
    """`node-<6 hex>` that a reinstall of this machine gets again; None if the hardware has no identity.

    The UUID alone where there is one, so that the same name comes out whoever asks; when it cannot be read
    there is no answer, rather than one that root would contradict. Wandering USB adapters name no machine.
    """
    fact = _uuid(readings)
    if fact.presence is Presence.NONE:
        fact = _macs(readings)
    if fact.presence is not Presence.PRESENT or fact.source == DETACHABLE_MACS_SOURCE:
        return None
    digest = hashlib.sha256(f"zeta-self-register node name v1\0{fact.value}".encode()).hexdigest()
    return NodeName(f"node-{digest[:6]}")


def is_digest(text: str) -> bool:
    """Whether the text is a keyed hash of any version."""
    return _DIGEST.fullmatch(text) is not None


def recorded_evidence(digest: str | None, source: str | None) -> Evidence:
    """Evidence out of a record; what is not there, or is no digest, is unknown."""
    if digest is None or not is_digest(digest):
        return _UNKNOWN
    return Evidence(Presence.PRESENT, digest, source)


def _matches(mine: Evidence, theirs: Evidence, same_source: bool = False) -> bool | None:
    """Whether two pieces of evidence agree, None if they cannot be compared."""
    if mine.presence is not Presence.PRESENT or theirs.presence is not Presence.PRESENT:
        return None
    if mine.digest is None or theirs.digest is None:
        return None
    if mine.digest.partition(":")[0] != theirs.digest.partition(":")[0]:
        return None  # made by two versions of the recipe
    # A board whose firmware learns to speak DMI has a UUID where it had a serial number.
    if same_source and mine.source and theirs.source and mine.source != theirs.source:
        return None
    return hmac.compare_digest(mine.digest.encode(), theirs.digest.encode())


def _evidence(kind: str, fact: _Fact, repository: str) -> Evidence:
    if fact.presence is not Presence.PRESENT:
        return _NONE if fact.presence is Presence.NONE else _UNKNOWN
    message = f"zeta-self-register identity v1\0{kind}\0{fact.value}".encode()
    digest = hmac.new(repository.lower().encode(), message, hashlib.sha256).hexdigest()
    return Evidence(Presence.PRESENT, f"v1:{digest[:32]}", fact.source)


def _uuid(readings: Readings) -> _Fact:
    content = readings.file(DMI_UUID)
    if isinstance(content, Missing) and not isinstance(readings.folder("/sys/class"), tuple):
        return _Fact(Presence.UNKNOWN)  # no sysfs at all: nothing was looked at
    if isinstance(content, Unreadable):
        return _Fact(Presence.UNKNOWN)
    if isinstance(content, bytes):
        text = content[:200].decode("utf-8", "replace").strip().lower()
        if _UUID.fullmatch(text) and not _is_placeholder(text):
            return _Fact(Presence.PRESENT, text, DMI_UUID)
        return _Fact(Presence.NONE)  # "Not Settable", "To be filled by O.E.M.", a sample
    return _serial(readings)


def _serial(readings: Readings) -> _Fact:
    content = readings.file(DEVICE_TREE_SERIAL)
    if isinstance(content, Unreadable):
        return _Fact(Presence.UNKNOWN)
    serial = readings.text(DEVICE_TREE_SERIAL)
    model = readings.text(f"{DEVICE_TREE}/model") or ""
    if serial is None or len(set(serial)) <= 2 or len(serial) < 4:
        return _Fact(Presence.NONE)
    return _Fact(Presence.PRESENT, f"{model}\0{serial.lower()}", DEVICE_TREE_SERIAL)


def _is_placeholder(uuid: str) -> bool:
    if uuid in PLACEHOLDER_UUIDS or uuid.endswith(_UNSET_REST):
        return True
    return len(set(uuid) - {"-"}) <= 2


def _macs(readings: Readings) -> _Fact:
    found = interfaces(readings)
    if found is None or any(one.unsure for one in found):
        return _Fact(Presence.UNKNOWN)
    fixed = _permanent_macs(found, Kind.FIXED)
    if fixed:
        return _Fact(Presence.PRESENT, fixed, MACS_SOURCE)
    detachable = _permanent_macs(found, Kind.DETACHABLE)
    if detachable:
        return _Fact(Presence.PRESENT, detachable, DETACHABLE_MACS_SOURCE)
    return _Fact(Presence.NONE)


def _permanent_macs(found: tuple[Interface, ...], kind: Kind) -> str:
    macs = {one.permanent for one in found if one.kind is kind and one.permanent}
    return ",".join(sorted(mac for mac in macs if not _SHARED_MAC.fullmatch(mac)))
