"""The installer's two words."""

from __future__ import annotations

import json

import pytest
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.installing import write_intent, write_stamp
from zeta_self_register.settings import Settings

INTENT = "/mnt/etc/zeta-self-register/intent.json"
STAMP = "/mnt/var/lib/zeta-install/complete.json"


@pytest.fixture
def installer(machine):
    """An installer with the target mounted at /mnt."""
    machine.files["/mnt/etc/os-release"] = b"ID=nixos\n"
    return machine


def test_the_name_comes_from_the_hardware_and_stays(installer):
    first, path = write_intent(installer, Settings(), "/mnt", "alice", "acme/cluster", None)
    again, _ = write_intent(installer, Settings(), "/mnt", "alice", "acme/cluster", None)
    assert path == INTENT
    assert first == again
    assert first.node.startswith("node-")
    installer.files["/sys/class/dmi/id/product_uuid"] = b"0e0c1a52-9e7b-4c3d-8a61-2b3c4d5e6f71\n"
    other, _ = write_intent(installer, Settings(), "/mnt", "alice", "acme/cluster", None)
    assert other.node != first.node
    assert installer.requests == []


@pytest.mark.parametrize(
    ("operator", "repository", "node", "said"),
    [
        ("", "acme/cluster", "n", "operator"),
        ("a/../b", "acme/cluster", "n", "operator"),
        ("-alice", "acme/cluster", "n", "operator"),
        ("alice\n", "acme/cluster", "n", "operator"),
        ("a" * 40, "acme/cluster", "n", "operator"),
        ("alice", "cluster", "n", "repository"),
        ("alice", "acme/cluster", "", "node name is empty"),
        ("alice", "acme/cluster", "localhost", "many machines share"),
        ("alice", "acme/cluster", "a" * 64, "node name"),
        ("alice", "acme/cluster", "../x", "node name"),
        ("alice", "acme/cluster", "a/b", "node name"),
        ("alice", "acme/cluster", "a\nb", "node name"),
        ("alice", "acme/cluster", "Node_1.example", "use `node-1-example`"),
    ],
)
def test_wrong_names_are_refused_before_anything_is_written(installer, operator, repository, node, said):
    with pytest.raises(Refused) as refused:
        write_intent(installer, Settings(), "/mnt", operator, repository, node)
    assert refused.value.status is Exit.MISCONFIGURED
    assert said in refused.value.line
    assert "\n" not in refused.value.line
    assert INTENT not in installer.files


def test_the_stamp_comes_last(installer):
    write_intent(installer, Settings(), "/mnt", "alice", "acme/cluster", "node-a")
    assert write_stamp(installer, Settings(), "/mnt") == STAMP
    assert json.loads(installer.files[STAMP])["schema"] == 1


def test_a_root_that_is_not_there(machine):
    with pytest.raises(Refused, match="/nowhere: cannot be written"):
        write_intent(machine, Settings(), "/nowhere", "alice", "acme/cluster", "node-a")


def test_a_torn_stamp_or_none_means_that_the_installation_is_not_complete(machine):
    for torn in (b"", b'{"schema": 1', None):
        if torn is None:
            del machine.files["/var/lib/zeta-install/complete.json"]
        else:
            machine.files["/var/lib/zeta-install/complete.json"] = torn
        assert machine.tick().last.row == "no-stamp"
        assert machine.requests == []


def test_an_installer_system_never_registers(machine):
    machine.files["/etc/os-release"] = b'ID=nixos\nVARIANT_ID="installer"\n'
    assert machine.tick().last.row == "installer"
    assert machine.requests == []
