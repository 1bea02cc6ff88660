"""Network interfaces as the kernel shows them, and which address of each one belongs to the hardware.

Whether an address is burnt in is not visible from the address. The kernel knows: `addr_assign_type` says
where the present one came from, and `ip` shows the permanent one (`permaddr`) only where it differs from
the present one.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from zeta_self_register.readings import (
    IP_ADDRESSES,
    IP_ROUTES_4,
    IP_ROUTES_6,
    NET,
    Missing,
    Readings,
    Unreadable,
)

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_PERMANENT, _SET = 0, 3  # NET_ADDR_PERM and NET_ADDR_SET of include/uapi/linux/netdevice.h
_ETHERNET = 1  # ARPHRD_ETHER; Wi-Fi has it too, InfiniBand and modems do not


class Kind(Enum):
    """How much an interface is a part of the machine."""

    FIXED = "fixed"  # on the board or in a slot
    DETACHABLE = "detachable"  # USB, or behind a port that firmware marks as external (Thunderbolt docks)
    VIRTUAL = "virtual"  # bridge, bond, veth, tunnel, a virtual function of another card


@dataclass(frozen=True)
class Interface:
    """One interface. `permanent` is None when it has no burnt-in address, or (`unsure`) it could not be
    read; `addresses` is None when `ip` gave no answer."""

    name: str
    kind: Kind
    address: str | None
    permanent: str | None
    unsure: bool
    addresses: tuple[str, ...] | None


def parse_mac(text: object) -> str | None:
    """A MAC address in lower case with colons, None for anything else and for zero and group addresses."""
    if not isinstance(text, str):
        return None
    mac = text.strip().lower().replace("-", ":")
    if not _MAC.fullmatch(mac) or mac == "00:00:00:00:00:00" or int(mac[:2], 16) & 1:
        return None
    return mac


def interfaces(readings: Readings) -> tuple[Interface, ...] | None:
    """Every interface but the loopback, sorted by name; None when they could not be looked at."""
    if not isinstance(readings.folder(NET), tuple):
        return None
    links = _links(readings)
    names = [name for name in readings.entries(NET) if name != "lo"]
    return tuple(_interface(readings, name, links) for name in names)


def default_interfaces(readings: Readings) -> list[str]:
    """Names of the interfaces that default routes leave by, best first: those that work, IPv4 before IPv6, then by
    metric."""
    routes: list[tuple[bool, int, int, str]] = []
    for family, command in ((4, IP_ROUTES_4), (6, IP_ROUTES_6)):
        for route in _json_list(readings, command) or ():
            hops = route.get("nexthops")
            hop = hops[0] if isinstance(hops, list) and hops and isinstance(hops[0], dict) else route
            device, metric = hop.get("dev"), route.get("metric", 0)
            if isinstance(device, str) and device != "lo" and isinstance(metric, int):
                routes.append((_is_down(hop), family, metric, device))
    if not routes:
        routes = _kernel_routes(readings)
    return list(dict.fromkeys(device for *_, device in sorted(routes, key=lambda route: route[:3])))


def routes_known(readings: Readings) -> bool:
    """Whether somebody could say that there is no default route: `ip` for both families."""
    return all(_json_list(readings, command) is not None for command in (IP_ROUTES_4, IP_ROUTES_6))


def _is_down(hop: dict[str, Any]) -> bool:
    """Whether the kernel does not send by this route, because the cable is out."""
    flags = hop.get("flags")
    return isinstance(flags, list) and ("dead" in flags or "linkdown" in flags)


def _kernel_routes(readings: Readings) -> list[tuple[bool, int, int, str]]:
    """Default routes of /proc/net/route, for systems without `ip`: name, destination, …, metric, mask, …"""
    content = readings.file("/proc/net/route")
    lines = content.decode("ascii", "replace").splitlines()[1:] if isinstance(content, bytes) else []
    rows = [line.split() for line in lines[:4096]]
    return [
        (False, 4, int(row[6]) if row[6].isdigit() else 0, row[0])
        for row in rows
        if len(row) >= 8 and row[1] == "00000000" and row[7] == "00000000" and row[0] != "lo"
    ]


def _links(readings: Readings) -> dict[str, dict[str, Any]] | None:
    """`ip`'s answer by interface, None when there is none."""
    links = _json_list(readings, IP_ADDRESSES) or ()
    return {link["ifname"]: link for link in links if isinstance(link.get("ifname"), str)} or None


def _json_list(readings: Readings, command: tuple[str, ...]) -> list[dict[str, Any]] | None:
    """The objects that `ip` printed, None when it gave no answer."""
    output = readings.command(command)
    try:
        value = json.loads(output) if isinstance(output, bytes) else None
    except (ValueError, RecursionError):
        return None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else None


def _interface(readings: Readings, name: str, links: dict[str, dict[str, Any]] | None) -> Interface:
    link = (links or {}).get(name)
    kind = _kind(readings, name)
    permanent, unsure = (None, False) if kind is Kind.VIRTUAL else _permanent(readings, name, link)
    unsure = unsure or isinstance(readings.folder(f"{NET}/{name}/device"), Unreadable)
    return Interface(
        name=name,
        kind=kind,
        address=parse_mac(readings.text(f"{NET}/{name}/address")),
        permanent=permanent,
        unsure=unsure,
        addresses=None if link is None else _global_addresses(link),
    )


def _kind(readings: Readings, name: str) -> Kind:
    device = readings.folder(f"{NET}/{name}/device")
    if not isinstance(device, tuple) or "physfn" in device:
        return Kind.VIRTUAL
    kind = readings.number(f"{NET}/{name}/type")
    if kind is not None and kind != _ETHERNET:
        return Kind.VIRTUAL
    event = readings.file(f"{NET}/{name}/device/uevent")
    if isinstance(event, bytes) and b"DEVTYPE=usb_" in event:
        return Kind.DETACHABLE
    if readings.text(f"{NET}/{name}/device/removable") == "removable":
        return Kind.DETACHABLE
    return Kind.FIXED


def _permanent(readings: Readings, name: str, link: dict[str, Any] | None) -> tuple[str | None, bool]:
    """The burnt-in address, and whether there may be one that could not be read."""
    shown = parse_mac((link or {}).get("permaddr")) or parse_mac(
        readings.text(f"{NET}/{name}/bonding_slave/perm_hwaddr")
    )
    if shown:
        return shown, False
    content = readings.file(f"{NET}/{name}/address")
    origin = readings.number(f"{NET}/{name}/addr_assign_type")
    address = parse_mac(readings.text(f"{NET}/{name}/address"))
    if isinstance(content, Missing):  # unplugged between the listing and the reading
        return None, True
    if isinstance(content, Unreadable) or origin is None:
        return None, True
    if origin == _PERMANENT:
        return address, False
    if origin == _SET:
        if link is None:
            return None, True
        # `ip` shows no other address, so the one that was set is the card's own (the first port of a bond),
        # or the card has none and systemd made one of the machine id, which a reinstall changes: that is a
        # local one.
        local = address is not None and int(address[:2], 16) & 2
        return (None if local else address), False
    return None, False  # random or taken from another interface


def _global_addresses(link: dict[str, Any]) -> tuple[str, ...]:
    """Addresses that others can reach, IPv4 first, in the kernel's order; without temporary and outdated
    ones."""
    found = []
    listed = link.get("addr_info")
    for item in listed if isinstance(listed, list) else ():
        if not isinstance(item, dict) or item.get("scope") != "global":
            continue
        if any(item.get(flag) for flag in ("temporary", "deprecated", "tentative", "dadfailed")):
            continue
        try:
            found.append(ipaddress.ip_address(str(item.get("local"))))
        except ValueError:
            continue
    return tuple(str(address) for address in sorted(found, key=lambda address: address.version))
