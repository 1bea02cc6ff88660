"""A running machine, put away: any number of machines go on from that instant, each on forks of its disks.

What costs a boot is paid once. The guest cannot tell, but for its clock, which is set when it goes on, and for what it
was talking to: save it while it is talking to nobody.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from bootproof.disk import Disk

SAVED = "saved"
"""The detail of a power-on after which a machine goes on."""


class Saved(msgspec.Struct, frozen=True):
    """`memory` holds the devices too. Nobody may write to `disks` any more.

    `credentials` are those that its boot came with: the machine that goes on has to be built like the one that was.
    Without `boot_id` it had no shell yet (see lean.py).
    """

    memory: Path
    disks: tuple[Disk, ...]
    boot_id: str | None
    variables: Path | None
    credentials: Mapping[str, bytes]
