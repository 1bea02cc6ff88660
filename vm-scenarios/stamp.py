"""The installer's last word on a disk, as the program writes it."""

from __future__ import annotations

import json

STAMP = "/var/lib/zeta-install/complete.json"


def is_stamp(content: bytes | None) -> bool:
    """Whether the program takes it: a torn one says no more than none."""
    try:
        return content is not None and set(json.loads(content)) == {"schema", "installed_at"}
    except (ValueError, TypeError):
        return False
