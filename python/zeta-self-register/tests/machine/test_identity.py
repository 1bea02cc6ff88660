from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from itertools import product
from typing import Any

import msgspec
import pytest
import zeta_self_register.identity as identity_module
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zeta_self_register.identity import (
    DETACHABLE_MACS_SOURCE,
    NO_IDENTITY,
    PLACEHOLDER_UUIDS,
    Evidence,
    Identity,
    OwnMacs,
    Presence,
    SameMachine,
    compare,
    compare_record,
    derived_node_name,
    identity,
    own_macs,
    recorded_evidence,
)
from zeta_self_register.names import parse_node_name
from zeta_self_register.readings import (
    DEVICE_TREE_SERIAL,
    DMI_UUID,
    Content,
    Missing,
    Readings,
    Unreadable,
)

# How long an example takes says something of the machine, not of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
Recorded = Callable[[str], Any]  # a `RecordedMachine` of conftest.py

SAME, OTHER, DISAGREE, UNKNOWN = SameMachine

NONE = Evidence(Presence.NONE)

NOT_KNOWN = Evidence(Presence.UNKNOWN)

ONE = Evidence(Presence.PRESENT, "v1:" + "1" * 32, "a")

TWO = Evidence(Presence.PRESENT, "v1:" + "2" * 32, "a")

REPOSITORY = "acme/cluster"

REAL_UUID = b"4c4c4544-0051-3310-8054-b7c04f4d3733\n"


def with_uuid(recorded: Recorded, content: Content) -> Readings:
    readings: Readings = recorded("server").look({DMI_UUID: content})
    return readings


# The whole table, by hand: (my UUID against theirs, my MACs against theirs) -> answer. "=" is equal, "!" differs,
# "." at least one of the two sides has none, "?" at least one could not be read.
TABLE = {
    ("=", "="): SAME,
    ("=", "."): SAME,
    ("=", "?"): SAME,
    (".", "="): SAME,
    ("?", "="): SAME,
    ("!", "!"): OTHER,
    ("=", "!"): DISAGREE,
    ("!", "="): DISAGREE,
    ("!", "."): UNKNOWN,
    ("!", "?"): UNKNOWN,
    (".", "!"): UNKNOWN,
    ("?", "!"): UNKNOWN,
    (".", "."): UNKNOWN,
    (".", "?"): UNKNOWN,
    ("?", "."): UNKNOWN,
    ("?", "?"): UNKNOWN,
}

SIDES = {
    "=": [(ONE, ONE)],
    "!": [(ONE, TWO), (TWO, ONE)],
    ".": [(NONE, ONE), (ONE, NONE), (NONE, NONE)],
    "?": [(NOT_KNOWN, ONE), (ONE, NOT_KNOWN), (NOT_KNOWN, NOT_KNOWN), (NOT_KNOWN, NONE), (NONE, NOT_KNOWN)],
}


@pytest.mark.parametrize(("uuid", "macs"), list(TABLE))
def test_truth_table(uuid: str, macs: Any) -> None:
    for (my_uuid, their_uuid), (my_macs, their_macs) in product(SIDES[uuid], SIDES[macs]):
        assert compare(Identity(my_uuid, my_macs), Identity(their_uuid, their_macs)) is TABLE[uuid, macs]


def test_the_table_is_total() -> None:
    assert set(TABLE) == set(product("=!.?", repeat=2))


EVIDENCE = st.one_of(
    st.sampled_from([NONE, NOT_KNOWN]),
    st.builds(
        lambda version, digit, source: Evidence(Presence.PRESENT, f"v{version}:{digit * 32}", source),
        st.integers(1, 2),
        st.sampled_from("12"),
        st.sampled_from(["a", "b"]),
    ),
)

IDENTITIES = st.builds(Identity, EVIDENCE, EVIDENCE)


@UNHURRIED
@given(IDENTITIES, IDENTITIES)
def test_who_asks_makes_no_difference(mine: Identity, theirs: Identity) -> None:
    assert compare(mine, theirs) is compare(theirs, mine)


@UNHURRIED
@given(IDENTITIES)
def test_a_machine_is_never_another_than_itself(mine: Identity) -> None:
    assert compare(mine, mine) is (UNKNOWN if mine.is_empty else SAME)


@UNHURRIED
@given(IDENTITIES, IDENTITIES, st.sampled_from(["uuid", "macs"]), st.sampled_from([NONE, NOT_KNOWN]))
def test_knowing_less_never_makes_another_machine(
    mine: Identity, theirs: Identity, field: str, less: Evidence
) -> None:
    """What could not be read must not be what tells two machines apart."""
    reduced = msgspec.structs.replace(mine, **{field: less})
    if compare(mine, theirs) is not OTHER:
        assert compare(reduced, theirs) is not OTHER
    assert compare(reduced, theirs) in (SAME, UNKNOWN)


@UNHURRIED
@given(IDENTITIES)
def test_an_identity_survives_the_marker(mine: Identity) -> None:
    assert msgspec.json.decode(msgspec.json.encode(mine), type=Identity) == mine


def test_hashes_of_two_recipes_are_not_compared() -> None:
    newer = Evidence(Presence.PRESENT, "v2:" + "1" * 32, "a")
    assert compare(Identity(ONE, ONE), Identity(newer, newer)) is UNKNOWN
    assert compare(Identity(ONE, ONE), Identity(newer, ONE)) is SAME


def test_a_serial_number_is_not_compared_with_a_uuid() -> None:
    """A board whose firmware learns to speak DMI stays the same board."""
    elsewhere = Evidence(Presence.PRESENT, TWO.digest, "b")
    assert compare(Identity(ONE, ONE), Identity(elsewhere, ONE)) is SAME
    assert compare(Identity(ONE, ONE), Identity(elsewhere, TWO)) is UNKNOWN


WANDERING = Evidence(Presence.PRESENT, TWO.digest, DETACHABLE_MACS_SOURCE)
DOCKED = Evidence(Presence.PRESENT, ONE.digest, DETACHABLE_MACS_SOURCE)


@pytest.mark.parametrize(
    ("mine", "theirs", "answer"),
    [
        (Identity(ONE, DOCKED), Identity(ONE, WANDERING), SAME),
        (Identity(ONE, ONE), Identity(ONE, WANDERING), SAME),
        (Identity(ONE, DOCKED), Identity(TWO, WANDERING), UNKNOWN),
        (Identity(ONE, DOCKED), Identity(TWO, DOCKED), DISAGREE),
        (Identity(NONE, DOCKED), Identity(NONE, DOCKED), SAME),
        (Identity(NONE, DOCKED), Identity(NONE, WANDERING), UNKNOWN),
    ],
)
def test_another_dock_is_no_other_machine(mine: Identity, theirs: Identity, answer: SameMachine) -> None:
    assert compare(mine, theirs) is answer
    assert compare(theirs, mine) is answer


MACS = OwnMacs(frozenset({"02:00:5e:10:00:01", "02:00:5e:10:00:02"}), complete=True)

MINE = Identity(ONE, ONE)


@pytest.mark.parametrize(
    ("recorded", "mac", "macs", "answer"),
    [
        (None, None, MACS, SAME),
        (None, "", MACS, SAME),
        (None, "unknown", MACS, SAME),
        (None, "00:00:00:00:00:00", MACS, SAME),
        (None, "02:00:5E:10:00:02", MACS, SAME),
        (None, "02-00-5e-10-00-02", MACS, SAME),
        (None, "02:00:5e:10:00:99", MACS, OTHER),
        (None, "02:00:5e:10:00:99", OwnMacs(MACS.addresses, complete=False), UNKNOWN),
        (None, "02:00:5e:10:00:01", OwnMacs(MACS.addresses, complete=False), SAME),
        (None, "02:00:5e:10:00:99", OwnMacs(frozenset(), complete=True), UNKNOWN),
        (NO_IDENTITY, "02:00:5e:10:00:99", MACS, OTHER),
        (Identity(NONE, NONE), None, MACS, SAME),
        (MINE, "02:00:5e:10:00:99", MACS, SAME),
        (Identity(TWO, TWO), "02:00:5e:10:00:01", MACS, OTHER),
        (Identity(ONE, TWO), "02:00:5e:10:00:01", MACS, DISAGREE),
        (Identity(NONE, TWO), "02:00:5e:10:00:01", MACS, UNKNOWN),
    ],
)
def test_a_record_without_identity_is_ours_unless_its_mac_is_anothers(
    recorded: Identity | None, mac: str | None, macs: OwnMacs, answer: SameMachine
) -> None:
    assert compare_record(MINE, macs, recorded, mac) is answer


def test_a_machine_that_was_registered_twice_under_two_names_is_recognised(recorded: Recorded) -> None:
    """Field bug 7: two random hostnames five hours apart, one MAC address."""
    readings = recorded("laptop").look()
    mine, macs = identity(readings, REPOSITORY), own_macs(readings)
    assert compare_record(mine, macs, None, "b0:41:6f:17:87:cc") is SAME


@pytest.mark.parametrize(
    "uuid",
    sorted(PLACEHOLDER_UUIDS)
    + [digit * 8 + f"-{digit * 4}" * 3 + "-" + digit * 12 for digit in "0f1"]
    + ["01010101-0101-0101-0101-010101010101", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"]
    + ["58585858-5858-5858-5858-585858585858", "fefefefe-fefe-fefe-fefe-fefefefefefe"]
    + ["4c4c4544-ffff-ffff-ffff-ffffffffffff"]
    + ["03000200-0400-0500-0006-000700080009\n", "12345678-1234-5678-90AB-CDDEEFAABBCC"]
    + ["Not Settable", "Not Present", "To be filled by O.E.M.", "", "\0", "0", "2", "4c4c4544-0051"],
)
def test_a_placeholder_is_no_uuid(recorded: Recorded, uuid: str) -> None:
    assert identity(with_uuid(recorded, uuid.encode()), REPOSITORY).uuid == NONE


def test_each_placeholder_names_its_source() -> None:
    """One a line, with the list that has it; those of counted digits have one note for all of them."""
    source = (
        inspect.getsource(identity_module).partition("PLACEHOLDER_UUIDS = frozenset(")[2].partition("}")[0]
    )
    listed, counted = source.split("# Digits counted up")
    for line in listed.splitlines():
        assert '"' not in line or re.search(r"# .*\[(FreeBSD|GLPI|DMTF)", line), line
    assert len(re.findall(r'"[0-9a-f-]{36}"', listed + counted)) == len(PLACEHOLDER_UUIDS)


def test_a_uuid_of_zeros_and_a_mac_address_is_real(recorded: Recorded) -> None:
    """Supermicro's scheme."""
    known = identity(with_uuid(recorded, b"00000000-0000-0000-0000-ac1f6b123456\n"), REPOSITORY)
    assert known.uuid.presence is Presence.PRESENT


def test_case_and_line_end_of_the_uuid_do_not_matter(recorded: Recorded) -> None:
    one = identity(with_uuid(recorded, REAL_UUID), REPOSITORY)
    two = identity(with_uuid(recorded, REAL_UUID.upper().strip()), REPOSITORY)
    assert one == two
    assert one.uuid.source == DMI_UUID


@pytest.mark.parametrize("content", [Unreadable("Permission denied"), b"absent\n"])
def test_what_could_not_be_read_is_unknown(recorded: Recorded, content: Any) -> None:
    """The credential's sentinel too: the file is there, so `absent` says that loading it failed."""
    assert identity(with_uuid(recorded, content), REPOSITORY).uuid == NOT_KNOWN


def test_the_sentinel_is_believed_where_the_file_is_not_there_either(recorded: Recorded) -> None:
    machine = recorded("arm-board")
    assert machine.look({DMI_UUID: b"absent"}).file(DMI_UUID) == Missing()
    assert identity(machine.look({DMI_UUID: b"absent"}), REPOSITORY).uuid.source == DEVICE_TREE_SERIAL


def test_nothing_read_is_unknown_and_not_none() -> None:
    assert identity(Readings(), REPOSITORY) == NO_IDENTITY


def test_a_container_without_sysfs_has_no_answer(recorded: Recorded) -> None:
    assert identity(recorded("container").look(), REPOSITORY) == NO_IDENTITY


@pytest.mark.parametrize("serial", ["", "0", "0000000000000000", "\0"])
def test_a_board_without_a_real_serial_number_has_none(recorded: Recorded, serial: str) -> None:
    machine = recorded("arm-board")
    machine.files[DEVICE_TREE_SERIAL] = serial.encode()
    assert identity(machine.look(), REPOSITORY).uuid == NONE


def test_the_hash_is_keyed_by_the_repository_in_any_case(recorded: Recorded) -> None:
    readings = recorded("server").look()
    mine = identity(readings, "acme/cluster")
    assert mine == identity(readings, "Acme/Cluster")
    assert compare(mine, identity(readings, "acme/other")) is OTHER


def test_the_hash_shows_nothing_of_what_was_hashed(recorded: Recorded) -> None:
    text = msgspec.json.encode(identity(recorded("server").look(), REPOSITORY)).decode()
    assert "4c4c4544" not in text
    assert "e4:43" not in text


def test_the_recipe_does_not_change_unnoticed(recorded: Recorded) -> None:
    """Records in repositories hold these; another recipe has to be another version."""
    mine = identity(recorded("server").look(), REPOSITORY)
    assert mine.uuid.digest == "v1:c9196df9f32665f63a2e700677e9b6cd"
    assert mine.macs.digest == "v1:e5d5894a0f1c3b0a7cf2c0bf98b70b44"


def test_a_reinstall_gets_the_same_name(recorded: Recorded) -> None:
    first, again = recorded("server"), recorded("server")
    again.files["/proc/sys/kernel/osrelease"] = b"6.18.0\n"
    again.remove("/sys/class/net/bond0")
    again.remove("/sys/class/net/eno2")
    name = derived_node_name(first.look())
    assert name == derived_node_name(again.look())
    assert name is not None
    assert parse_node_name(name) == name
    assert name.startswith("node-")
    assert len(name) == len("node-") + 6


def test_two_machines_get_two_names(recorded: Recorded) -> None:
    names = {derived_node_name(recorded(machine).look()) for machine in ("server", "arm-board")}
    names.add(derived_node_name(with_uuid(recorded, b"4c4c4544-0051-3310-8054-b7c04f4d3734")))
    assert len(names - {None}) == 3


@pytest.mark.parametrize("machine", ["container", "qemu", "laptop"])
def test_no_identity_no_name(recorded: Recorded, machine: Any) -> None:
    """Field bug 14. The laptop's UUID exists but cannot be read here: root would derive another name from it."""
    assert derived_node_name(recorded(machine).look()) is None


def test_without_a_uuid_the_cards_name_the_machine_but_no_usb_adapter_does(recorded: Recorded) -> None:
    board = recorded("arm-board")
    board.remove(DEVICE_TREE_SERIAL)
    assert derived_node_name(board.look()) not in (None, derived_node_name(recorded("arm-board").look()))
    board.files["/sys/class/net/end0/device/uevent"] = b"DEVTYPE=usb_interface\n"
    board.remove("/sys/class/net/wlan0")
    assert derived_node_name(board.look()) is None


@pytest.mark.parametrize(
    "digest", [None, "", "v1:", "v1:xyz", "1" * 32, "v1:" + "1" * 33, "v1:" + "1" * 32 + "\n"]
)
def test_what_is_no_hash_in_a_record_is_unknown(digest: str | None) -> None:
    assert recorded_evidence(digest, "a") == NOT_KNOWN
