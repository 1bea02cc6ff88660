"""Who this machine is to GitHub: repository, operator and node, and the files that pin them.

The operator is pinned by the settings or the installer's intent, then by the marker and the attempt's note;
only when none of them says it, it is the login whose token this is.
"""

from __future__ import annotations

from dataclasses import dataclass

from zeta_self_register import names
from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.local_files import Attempt, Intent, Marker, Reading, decode
from zeta_self_register.settings import Settings


@dataclass(frozen=True)
class Who:
    """The names; `operator` is None while only the token's login can tell."""

    repository: names.Repository
    node: names.NodeName
    operator: names.Operator | None


def read_intent(effects: Effects, path: str) -> Intent | None:
    """The installer's intent, None when there is none.  Raises Refused (78) for a broken one."""
    try:
        content = effects.read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(Exit.MISCONFIGURED, f"{path}: cannot be read ({error.strerror})") from error
    reading, intent = decode(content, Intent)
    if reading is Reading.NEWER:
        raise Refused(
            Exit.MISCONFIGURED, f"{path}: written by a newer version of this program: install that one"
        )
    if intent is None:
        raise Refused(Exit.MISCONFIGURED, f"{path}: broken; write it again with `zeta-self-register intent`")
    return intent


def resolve(effects: Effects, settings: Settings, marker: Marker | None, attempt: Attempt | None) -> Who:
    """Puts the sources together.  Raises Refused (78) when they contradict each other or say too little."""
    intent = read_intent(effects, settings.intent_file)
    try:
        return Who(
            names.parse_repository(_repository(settings, intent)),
            names.parse_node_name(_node(effects, settings, intent)),
            _operator(settings, intent, marker, attempt),
        )
    except names.InvalidName as error:
        raise Refused(Exit.MISCONFIGURED, error.message) from None


def _repository(settings: Settings, intent: Intent | None) -> str:
    ours, theirs = settings.repository, intent.repository if intent else None
    if ours and theirs and ours.lower() != theirs.lower():
        raise _contradiction(settings, "repository", ours, theirs)
    found = ours or theirs
    if not found:
        raise Refused(
            Exit.MISCONFIGURED,
            'no repository is set: write `repository = "OWNER/NAME"` into the settings, '
            "or let the installer run `zeta-self-register intent`",
        )
    return found


def _node(effects: Effects, settings: Settings, intent: Intent | None) -> str:
    ours, theirs = settings.node_name, intent.node if intent else None
    if ours and theirs and ours != theirs:
        raise _contradiction(settings, "node_name", ours, theirs)
    if ours or theirs:
        return ours or theirs or ""
    try:
        hostname = effects.read("/proc/sys/kernel/hostname").decode(errors="replace").strip()
    except OSError as error:
        raise Refused(
            Exit.MISCONFIGURED,
            f"the hostname cannot be read ({error.strerror}): set `node_name` in the settings",
        ) from error
    try:
        return names.parse_node_name(hostname)
    except names.InvalidName as error:
        line = f"the hostname is no name for a node: {error.message}; set it as `node_name` in the settings"
        raise Refused(Exit.MISCONFIGURED, line) from None


def _operator(
    settings: Settings, intent: Intent | None, marker: Marker | None, attempt: Attempt | None
) -> names.Operator | None:
    ours, theirs = settings.operator, intent.operator if intent else None
    if ours and theirs and ours.lower() != theirs.lower():
        raise _contradiction(settings, "operator", ours, theirs)
    noted = marker.operator if marker else attempt.operator if attempt else None
    found = ours or theirs or noted
    return names.parse_operator(found) if found else None


def _contradiction(settings: Settings, key: str, ours: str, theirs: str) -> Refused:
    return Refused(
        Exit.MISCONFIGURED,
        f"{key} is {ours!r} in the settings but {theirs!r} in {settings.intent_file}: make them the same",
    )
