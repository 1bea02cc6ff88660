from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from zeta_self_register.effects import CommandFailed
from zeta_self_register.hardware import Hardware, Network, NoNetwork, hardware
from zeta_self_register.identity import (
    DETACHABLE_MACS_SOURCE,
    MACS_SOURCE,
    Evidence,
    OwnMacs,
    Presence,
    SameMachine,
    compare,
    identity,
    own_macs,
)
from zeta_self_register.readings import (
    IP_ADDRESSES,
    IP_ROUTES_4,
)

Recorded = Callable[[str], Any]  # a `RecordedMachine` of conftest.py


ADDRESSES = " ".join(IP_ADDRESSES)
ROUTES = " ".join(IP_ROUTES_4)


def look(machine: Any) -> Hardware:
    return hardware(machine.look())


def test_the_filter_on_lo_drops_lo_and_nothing_else(recorded: Recorded) -> None:
    """Field bug 10: `!/lo/` also dropped every line with `scope global`."""
    machine = recorded("qemu")
    machine.commands[ADDRESSES] = machine.commands[ADDRESSES].replace(b"enp0s2", b"lonely")
    machine.commands[ROUTES] = machine.commands[ROUTES].replace(b"enp0s2", b"lonely")
    for path in list(machine.files):
        machine.files[path.replace("enp0s2", "lonely")] = machine.files[path]
    for path in list(machine.folders):
        machine.folders[path.replace("enp0s2", "lonely")] = None
    assert look(machine).network == Network("lonely", ("10.0.2.15",), "52:54:00:12:34:56")


def with_routes(machine: Any, *routes: Any) -> Any:
    machine.commands[ROUTES] = json.dumps(routes).encode()
    return machine


def test_the_cheapest_default_route_decides(recorded: Recorded) -> None:
    machine = with_routes(
        recorded("laptop"),
        {"dst": "default", "dev": "wlp0s20f3", "metric": 600},
        {"dst": "default", "dev": "enp0s31f6", "metric": 100},
    )
    assert look(machine).network == Network("enp0s31f6", (), "b0:41:6f:17:87:cc")


def test_a_route_over_several_ways_takes_the_first(recorded: Recorded) -> None:
    hops = {
        "dst": "default",
        "nexthops": [{"gateway": "192.0.2.1", "dev": "enp0s31f6"}, {"dev": "wlp0s20f3"}],
    }
    network = look(with_routes(recorded("laptop"), hops)).network
    assert isinstance(network, Network)
    assert network.interface == "enp0s31f6"


@pytest.mark.parametrize("flag", ["dead", "linkdown"])
def test_a_route_by_a_card_without_a_cable_is_the_last_choice(recorded: Recorded, flag: str) -> None:
    down = {"dst": "default", "dev": "enp0s31f6", "metric": 100, "flags": [flag]}
    machine = with_routes(recorded("laptop"), down, {"dst": "default", "dev": "wlp0s20f3", "metric": 600})
    network = look(machine).network
    assert isinstance(network, Network)
    assert network.interface == "wlp0s20f3"
    network = look(with_routes(recorded("laptop"), down)).network
    assert isinstance(network, Network)
    assert network.interface == "enp0s31f6"


@pytest.mark.parametrize(
    "routes", [[], [{"dst": "default", "dev": "wg0"}], [{"dst": "default", "dev": "gone"}]]
)
def test_where_the_route_names_no_card_the_only_one_with_an_address_is_taken(
    recorded: Recorded, routes: list[dict[str, Any]]
) -> None:
    machine = with_routes(recorded("laptop"), *routes)
    machine.files["/sys/class/net/wg0/address"] = b"\n"
    assert look(machine).network == Network(
        "wlp0s20f3", ("192.168.4.36", "2001:db8:4::36"), "c4:75:ab:00:12:34"
    )


def test_of_two_cards_none_is_guessed(recorded: Recorded) -> None:
    machine = with_routes(recorded("laptop"))
    links = json.loads(machine.commands[ADDRESSES])
    links[1]["addr_info"] = [{"family": "inet", "local": "10.0.0.1", "scope": "global"}]
    machine.commands[ADDRESSES] = json.dumps(links).encode()
    assert look(machine).network == NoNetwork()
    for silent in (ADDRESSES, ROUTES, ROUTES.replace("-4", "-6")):
        broken = with_routes(recorded("laptop"))
        broken.commands |= machine.commands | {silent: CommandFailed("exit status 1")}
        assert look(broken).network is None, f"without {silent} nobody can say that there is none"


def test_without_ip_the_kernels_table_still_gives_the_mac(recorded: Recorded) -> None:
    machine = recorded("qemu")
    machine.commands = {ADDRESSES: CommandFailed("exit status 1")}
    machine.files["/proc/net/route"] = (
        b"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        b"docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        b"enp0s2\t00000000\t0202000A\t0003\t0\t0\t1024\t00000000\t0\t0\t0\n"
    )
    assert look(machine).network == Network("enp0s2", None, "52:54:00:12:34:56")


@pytest.mark.parametrize(
    "output", [b"", b"{}", b"null", b"[1, null]", b"\xff", b"[" * 100_000, b'[{"ifname": []}]']
)
def test_nonsense_from_ip_is_no_answer(recorded: Recorded, output: bytes) -> None:
    machine = recorded("qemu")
    machine.commands[ADDRESSES] = machine.commands[ROUTES] = output
    assert look(machine).network is None


def test_only_addresses_that_last_and_can_be_reached_count(recorded: Recorded) -> None:
    machine = recorded("qemu")
    links = json.loads(machine.commands[ADDRESSES])
    links[0]["addr_info"] = [
        {"family": "inet", "local": "169.254.1.1", "scope": "link"},
        {"family": "inet6", "local": "2001:db8::1", "scope": "global", "temporary": True},
        {"family": "inet6", "local": "2001:db8::2", "scope": "global", "deprecated": True},
        {"family": "inet6", "local": "2001:db8::3", "scope": "global", "tentative": True},
        {"family": "inet6", "local": "2001:db8::4", "scope": "global"},
        {"family": "inet", "local": "nonsense", "scope": "global"},
        {"family": "inet", "local": 7, "scope": "global"},
        {"family": "inet", "scope": "global"},
        None,
    ]
    machine.commands[ADDRESSES] = json.dumps(links).encode()
    assert look(machine).network == Network("enp0s2", ("2001:db8::4",), "52:54:00:12:34:56")


NONE = Evidence(Presence.NONE)
NOT_KNOWN = Evidence(Presence.UNKNOWN)
REPOSITORY = "acme/cluster"


def macs_of(machine: Any) -> Evidence:
    return identity(machine.look(), REPOSITORY).macs


def changed(machine: Any, **files: Any) -> Any:
    for path, text in files.items():
        machine.files[f"/sys/class/net/{path.replace('__', '/')}"] = text
    return machine


def test_bonded_ports_count_with_their_own_addresses(recorded: Recorded) -> None:
    """Both ports show the bond's address; the second one's own is only in `permaddr`."""
    alone = recorded("server")
    alone.remove("/sys/class/net/bond0")
    alone.files["/sys/class/net/eno2/address"] = b"e4:43:4b:aa:00:11\n"
    for port in ("eno1", "eno2"):
        alone.files[f"/sys/class/net/{port}/addr_assign_type"] = b"0\n"
    assert macs_of(recorded("server")) == macs_of(alone)


def test_the_first_bonded_port_without_a_bonding_file_has_its_own_address_too(recorded: Recorded) -> None:
    machine = recorded("server")
    machine.remove("/sys/class/net/eno1/bonding_slave")
    assert macs_of(machine) == macs_of(recorded("server"))


def test_a_randomised_wifi_address_does_not_change_the_machine(recorded: Recorded) -> None:
    machine = recorded("laptop")
    command = "ip -json -details address show"
    machine.files["/sys/class/net/wlp0s20f3/address"] = b"9a:99:99:99:99:99\n"
    machine.commands[command] = machine.commands[command].replace(b"9a:11:22:33:44:55", b"9a:99:99:99:99:99")
    assert macs_of(machine) == macs_of(recorded("laptop"))


@pytest.mark.parametrize("gone", ["docker0", "enxa0cec8123456"])
def test_what_comes_and_goes_does_not_change_the_machine(recorded: Recorded, gone: str) -> None:
    machine = recorded("laptop")
    machine.remove(f"/sys/class/net/{gone}")
    assert macs_of(machine) == macs_of(recorded("laptop"))


def test_a_virtual_function_is_no_card(recorded: Recorded) -> None:
    machine = recorded("server")
    machine.remove("/sys/class/net/enp94s0f0v0")
    assert macs_of(machine) == macs_of(recorded("server"))


def test_a_dock_behind_an_external_port_is_no_card(recorded: Recorded) -> None:
    machine = recorded("laptop")
    before = macs_of(machine)
    machine.files["/sys/class/net/enp0s31f6/device/removable"] = b"removable\n"
    assert macs_of(machine) != before
    assert macs_of(machine).source == MACS_SOURCE


def test_another_card_is_another_hash(recorded: Recorded) -> None:
    machine = recorded("server")
    machine.files["/sys/class/net/eno1/bonding_slave/perm_hwaddr"] = b"e4:43:4b:aa:00:77\n"
    theirs = identity(recorded("server").look(), REPOSITORY)
    assert compare(identity(machine.look(), REPOSITORY), theirs) is SameMachine.DISAGREE


def test_usb_adapters_count_only_where_nothing_else_is(recorded: Recorded) -> None:
    machine = recorded("laptop")
    for card in ("wlp0s20f3", "enp0s31f6"):
        machine.remove(f"/sys/class/net/{card}")
    assert macs_of(machine).presence is Presence.PRESENT
    assert macs_of(machine).source == DETACHABLE_MACS_SOURCE
    machine.remove("/sys/class/net/enxa0cec8123456")
    assert macs_of(machine) == NONE


@pytest.mark.parametrize(
    ("files", "presence"),
    [
        ({"enp0s2__addr_assign_type": b"1\n", "enp0s2__address": b"0e:11:22:33:44:55\n"}, Presence.NONE),
        ({"enp0s2__addr_assign_type": b"2\n", "enp0s2__address": b"0c:11:22:33:44:55\n"}, Presence.NONE),
        ({"enp0s2__addr_assign_type": b"3\n", "enp0s2__address": b"0e:11:22:33:44:55\n"}, Presence.NONE),
        ({"enp0s2__addr_assign_type": b"3\n", "enp0s2__address": b"0c:11:22:33:44:55\n"}, Presence.PRESENT),
        ({"enp0s2__addr_assign_type": b"0\n", "enp0s2__address": b"0e:11:22:33:44:55\n"}, Presence.PRESENT),
        ({"enp0s2__addr_assign_type": b"0\n", "enp0s2__address": b"00:00:00:00:00:00\n"}, Presence.NONE),
        ({"enp0s2__addr_assign_type": b"0\n", "enp0s2__address": b"01:00:5e:00:00:01\n"}, Presence.NONE),
        ({"enp0s2__type": b"32\n", "enp0s2__address": b"0c:11:22:33:44:55\n"}, Presence.NONE),
        ({"enp0s2__addr_assign_type": PermissionError(13, "no")}, Presence.UNKNOWN),
        ({"enp0s2__address": OSError(5, "Input/output error")}, Presence.UNKNOWN),
        ({"enp0s2__address": FileNotFoundError(2, "unplugged")}, Presence.UNKNOWN),
        ({}, Presence.NONE),
    ],
)
def test_which_addresses_belong_to_the_hardware(
    recorded: Recorded, files: dict[str, Any], presence: Presence
) -> None:
    """The last one is the address that QEMU gives to every guest alike."""
    assert macs_of(changed(recorded("qemu"), **files)).presence is presence


def test_an_address_that_was_set_is_unknown_without_ip(recorded: Recorded) -> None:
    machine = changed(
        recorded("qemu"), enp0s2__addr_assign_type=b"3\n", enp0s2__address=b"0c:11:22:33:44:55\n"
    )
    machine.commands.clear()
    assert macs_of(machine) == NOT_KNOWN


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(recorded: Recorded) -> None:
    machine = recorded("server")
    machine.folders["/sys/class/net"] = PermissionError(13, "Permission denied")
    assert macs_of(machine) == NOT_KNOWN
    assert own_macs(machine.look()) == OwnMacs(frozenset(), complete=False)


def test_own_addresses_are_those_that_a_record_may_name(recorded: Recorded) -> None:
    laptop = own_macs(recorded("laptop").look())
    assert laptop.complete
    assert laptop.addresses == {
        *("b0:41:6f:17:87:cc", "c4:75:ab:00:12:34", "9a:11:22:33:44:55"),
        "a0:ce:c8:12:34:56",  # the dock's: an old agent took whatever was up first
    }
    assert "02:42:1c:aa:00:01" not in laptop.addresses, "docker0 looks alike everywhere"
    assert own_macs(recorded("server").look()).addresses == {"e4:43:4b:aa:00:10", "e4:43:4b:aa:00:11"}


def test_own_addresses_are_incomplete_when_one_could_not_be_read(recorded: Recorded) -> None:
    machine = changed(recorded("laptop"), enp0s31f6__address=PermissionError(13, "Permission denied"))
    assert not own_macs(machine.look()).complete
