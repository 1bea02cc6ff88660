"""Whose registration is it: this machine's, another's, or nobody can tell?  Held means: nothing is written anywhere."""

from __future__ import annotations

import pytest
from stories import ATTEMPT, MARKER, OLD_RECORD, RECORD, STATE, marker, put
from zeta_self_register.exits import Exit
from zeta_self_register.readings import DMI_UUID
from zeta_self_register.simulated import SETTINGS

NIC = "/sys/class/net/eth0"
OTHER_UUID = b"11111111-2222-4333-8444-555555555556\n"
OTHER_MAC = "52:54:00:00:00:99"
OWN_MAC = "52:54:00:aa:bb:cc"
PERSON = "github_pat_person"
TOKEN_FILE = "/etc/zeta-self-register/github-token"


# --- what was before ----------------------------------------------------------------------------------------


def registered(machine):
    """This machine's record is on the base branch, with its identity, since two days."""
    machine.tick()
    machine.person("PUT", "/repos/acme/cluster/pulls/1/merge", {})
    machine.tick("steward")
    machine.wait(2 * 86_400)


def in_flight(machine):
    """This machine's pull request is open."""
    machine.tick()


def closed(machine):
    """It was closed."""
    machine.tick()
    machine.person("PATCH", "/repos/acme/cluster/pulls/1", {"state": "closed"})


def old_record(mac=None):
    """A record of the shell version, which has no identity."""
    hardware = f"  hardware: {{network: {{mac: '{mac}'}}}}\n" if mac else ""

    def begun(machine):
        put(machine, RECORD, OLD_RECORD + hardware)

    return begun


# --- what is different now ----------------------------------------------------------------------------------


def disk(machine):
    """The system was installed anew: nothing is left on the disk."""
    for file in [name for name in machine.files if name.startswith(STATE)]:
        del machine.files[file]


def board(machine):
    """Another UUID."""
    machine.files[DMI_UUID] = OTHER_UUID


def card(machine):
    """Another network card."""
    machine.files[f"{NIC}/address"] = OTHER_MAC.encode()


def no_uuid(machine):
    """The UUID cannot be read any more: the credential was not loaded."""
    del machine.files[DMI_UUID]


def placeholder(machine):
    """Firmware that has forgotten its UUID."""
    machine.files[DMI_UUID] = b"03000200-0400-0500-0006-000700080009\n"


def dock(machine):
    """All network is in a dock."""
    machine.files[f"{NIC}/device/uevent"] = b"DEVTYPE=usb_interface\n"


def name(machine):
    """Another name."""
    machine.files["/proc/sys/kernel/hostname"] = b"node-b\n"


def token(machine):
    """Another person's token, and the operator is not pinned by the settings."""
    machine.files[TOKEN_FILE] = PERSON.encode()
    machine.files[SETTINGS] = b'repository = "acme/cluster"\n'


OURS = [
    # what was before, what is different, the row that decides
    (registered, [disk], "record-found"),
    (registered, [disk, no_uuid], "record-found"),
    (registered, [disk, placeholder], "record-found"),
    (registered, [disk, no_uuid, card], "record-found"),
    (registered, [no_uuid], "registered"),
    (registered, [token], "registered"),
    (in_flight, [disk, no_uuid], "pull-found"),
    (in_flight, [token], "pull-open"),
    (old_record(), [], "record-found"),
    (old_record(OWN_MAC), [], "record-found"),
    (old_record(OWN_MAC), [board], "record-found"),
    (old_record(OTHER_MAC), [dock], "record-found"),
]
HELD = [
    # … and what the line says that there is to do
    (registered, [board, card], "marker-foreign", "if this disk was cloned or moved, remove the marker"),
    (registered, [card], "marker-foreign", "remove the marker"),
    (
        registered,
        [disk, board, card],
        "record-of-another",
        "is another machine's: give this machine another name",
    ),
    (
        registered,
        [disk, card],
        "record-of-another",
        "may be another machine's: give this machine another name",
    ),
    (registered, [disk, board], "record-of-another", "may be another machine's"),
    (in_flight, [disk, board, card], "pull-of-another", "or give this machine another name"),
    (closed, [disk, board, card], "closed-of-another", "`zeta-self-register reset`"),
    (old_record(OTHER_MAC), [], "record-of-another", "give this machine another name"),
    (registered, [disk, name], "other-name", "`zeta-self-register rename` moves the record"),
    (in_flight, [disk, name], "other-name", "`zeta-self-register rename` moves the record"),
    (registered, [disk, token], "other-name", "already (maintainers/alice/"),
]


def ids(table):
    """Names for pytest."""
    return ["-".join([row[0].__name__, *(change.__name__ for change in row[1])]) for row in table]


def changed(machine, before, changes):
    """What was, and then is different."""
    before(machine)
    for change in changes:
        change(machine)
    machine.requests.clear()


@pytest.mark.parametrize(("before", "changes", "row"), OURS, ids=ids(OURS))
def test_it_is_this_machine(machine, before, changes, row):
    changed(machine, before, changes)
    run = machine.tick()
    assert run.last.status is Exit.DONE
    assert row in [decision.row for decision in run.decisions]
    assert len(machine.pulls()) <= 1
    assert marker(machine)["operator"] == "alice"


@pytest.mark.parametrize(("before", "changes", "row", "said"), HELD, ids=ids(HELD))
def test_it_is_held(machine, before, changes, row, said):
    changed(machine, before, changes)
    files, home = dict(machine.files), machine.world.repository("acme/cluster")
    for command in ("register", "steward"):
        last = machine.tick(command).last
        assert (last.row, last.status) == (row, Exit.HELD)
        assert said in last.reason
    assert machine.files == files
    assert machine.world.repository("acme/cluster") == home


def test_a_machine_of_which_nothing_is_as_it_was_is_a_new_one(machine):
    """Another card, an unreadable UUID and another name: nothing could tell that it is the old one."""
    changed(machine, registered, [disk, name, card, no_uuid])
    machine.tick()
    assert len(machine.pulls()) == 2


def test_two_boards_with_one_uuid_are_told_apart_by_their_cards(machine):
    """Field reports of whole series with one UUID that is no known placeholder."""
    changed(machine, registered, [disk, card, name])
    assert machine.tick().last.row != "other-name"
    assert len(machine.pulls()) == 2


def test_another_persons_token_acts_for_the_pinned_operator(machine):
    machine.files[TOKEN_FILE] = PERSON.encode()
    machine.tick()
    [pull] = machine.pulls()
    assert pull["user"]["login"] == "maria"
    files = machine.person("GET", f"/repos/acme/cluster/pulls/{pull['number']}/files")
    assert [file["filename"] for file in files] == [RECORD]
    assert {MARKER, ATTEMPT} <= set(machine.files)


@pytest.mark.parametrize("pinned", [MARKER, ATTEMPT])
def test_the_operator_stays_pinned_when_the_token_is_anothers(machine, pinned):
    machine.files[SETTINGS] = b'repository = "acme/cluster"\n'
    machine.tick()
    del machine.files[{MARKER: ATTEMPT, ATTEMPT: MARKER}[pinned]]
    token(machine)
    machine.tick("steward")
    assert len(machine.pulls()) == 1
    assert marker(machine)["operator"] == "alice"


def test_a_pull_request_says_with_which_evidence_it_was_made(machine):
    """Two keyed hashes, each with its source; neither shows what was hashed."""
    machine.tick()
    evidence = marker(machine)["identity"]
    assert [evidence[kind]["source"] for kind in ("uuid", "macs")] == [DMI_UUID, "/sys/class/net/*/address"]
    assert "5f0c1a52" not in machine.files[MARKER].decode()
    assert OWN_MAC not in machine.files[MARKER].decode()
