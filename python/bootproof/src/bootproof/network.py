"""The guest's network: user-mode, closed, with one way out for each address that the scenario names.

QEMU starts one relay per connection (`guestfwd=...-cmd:`); the relay joins its standard input and output to a port of
this host's loopback. Nothing else is reachable, so a scenario cannot depend on anything but its mock.
"""

import sys
from pathlib import Path

import msgspec

RELAY = Path(__file__).parent / "data" / "relay.py"


class Forward(msgspec.Struct, frozen=True):
    """`address`:`port` as seen in the guest leads to `host_port` on the host's loopback."""

    address: str
    port: int
    host_port: int


def netdev(forwards: tuple[Forward, ...], name: str = "net0") -> str:
    """The value of QEMU's -netdev for the closed network; the guest gets its address by DHCP."""
    options = ["user", f"id={name}", "restrict=on", "ipv6=off"]
    for forward in forwards:
        # -I and -S: no site packages, no environment; halves the time that a connection takes
        relay = f"{sys.executable} -I -S {RELAY} {forward.host_port}".replace(",", ",,")
        options.append(f"guestfwd=tcp:{forward.address}:{forward.port}-cmd:{relay}")
    return ",".join(options)
