"""The two words of the installer: `intent` where it used to register, `stamp` as the very last thing it does.

Neither talks to GitHub.  The intent says who the machine is to become; the stamp says that the installation is
whole, and is written after the file systems were synced, so that a machine that lost power in the middle of an
installation has none.
"""

from __future__ import annotations

import datetime

from zeta_self_register import names
from zeta_self_register.durable import make_folder_durably, write_durably
from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.identity import derived_node_name
from zeta_self_register.local_files import Intent, Stamp, encode
from zeta_self_register.readings import collect
from zeta_self_register.settings import Settings
from zeta_self_register.who import read_intent


def write_intent(
    effects: Effects, settings: Settings, root: str, operator: str, repository: str, node: str | None
) -> tuple[Intent, str]:
    """Writes the intent into the installed system below `root` and returns it with its path.

    Without a name, one is derived from the hardware, so that a reinstall gets the same one.  Raises Refused (78).
    """
    try:
        intent = Intent(
            operator=names.parse_operator(operator),
            repository=names.parse_repository(repository),
            node=names.parse_node_name(node) if node is not None else _derived(effects),
        )
    except names.InvalidName as error:
        raise Refused(Exit.MISCONFIGURED, error.message) from None
    path = _below(root, settings.intent_file)
    _write(effects, root, path, encode(intent))
    return intent, path


def write_stamp(effects: Effects, settings: Settings, root: str) -> str:
    """Syncs all file systems, then writes the stamp below `root` and returns its path.  Raises Refused (78)."""
    read_intent(effects, _below(root, settings.intent_file))
    path = _below(root, settings.install_stamp)
    now = datetime.datetime.fromtimestamp(effects.wall_clock(), datetime.UTC)
    stamp = Stamp(installed_at=now.isoformat(timespec="seconds").replace("+00:00", "Z"))
    effects.sync_all()
    _write(effects, root, path, encode(stamp))
    return path


def _derived(effects: Effects) -> names.NodeName:
    name = derived_node_name(collect(effects))
    if name is None:
        raise Refused(
            Exit.MISCONFIGURED,
            "nothing in this machine's hardware tells it from others: name it with --node NAME",
        )
    return name


def _below(root: str, path: str) -> str:
    return root.rstrip("/") + path


def _write(effects: Effects, root: str, path: str, content: bytes) -> None:
    try:
        effects.listdir(root)
        make_folder_durably(effects, path.rpartition("/")[0])
        write_durably(effects, path, content)
    except OSError as error:
        raise Refused(
            Exit.MISCONFIGURED, f"{error.filename or path}: cannot be written ({error.strerror})"
        ) from error
