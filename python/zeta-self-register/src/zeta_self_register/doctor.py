"""Each precondition of a registration, one after the other, and why nothing happened since the machine has started.

Nothing here is a second opinion: each check asks the part of the program that the tick would ask, and says its words.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from zeta_self_register import local
from zeta_self_register.decide import TABLE, decide
from zeta_self_register.decision import Action
from zeta_self_register.effects import CommandFailed, Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.local_files import Reading
from zeta_self_register.node import Node
from zeta_self_register.output import wishes_in_words
from zeta_self_register.plain_text import line
from zeta_self_register.readings import one_line
from zeta_self_register.remote import Snapshot, Unknown
from zeta_self_register.rules_local import EARLIEST, LATEST
from zeta_self_register.settings import Mode, Settings

REGISTER, FOLLOW, STEWARD = "zeta-self-register", "zeta-register-follow", "zeta-register-steward"
CLOCK_SECONDS = 300.0
"""A machine's clock that is off by more than this refuses certificates sooner or later."""


MARKER_ROWS = {"marker-foreign", "former-name", "paused"}
"""Rows that say of a marker, or of a pause that GitHub asked for, why a tick does nothing."""
_SPEAKERS = {REGISTER, *(row.name for row in TABLE)}
"""What a line of a tick begins with: the row that decided, or the program's name when it was refused."""


class State(enum.Enum):
    """What a check came to."""

    MET = "ok"
    UNMET = "unmet"
    UNKNOWN = "unknown"
    """It could not be looked at, which is not the same as unmet."""


@dataclass(frozen=True)
class Check:
    """One precondition: what is so, and, where it is unmet, what to do; `status` is that of a tick that meets it."""

    name: str
    state: State
    text: str
    status: Exit = Exit.DONE


def examine(effects: Effects, load: Callable[[], Settings], make: Callable[[Settings], Node]) -> list[Check]:
    """All checks, up to the first one without which the next ones cannot be made."""
    # Their texts quote files and answers.
    return [replace(check, text=line(check.text)) for check in _examined(effects, load, make)]


def _examined(
    effects: Effects, load: Callable[[], Settings], make: Callable[[Settings], Node]
) -> list[Check]:
    checks: list[Check] = []
    try:
        configured = load()
        checks.append(_settings(configured))
        checks += [_installed_system(effects), _stamp(effects, configured)]
        node = make(configured)
    except Refused as refused:
        name = "names and files" if checks else "settings"
        return [*checks, _unmet(name, refused), *_boot(effects)]
    names = f"{node.who.node} in {node.who.repository}"
    checks += [Check("names and files", State.MET, names), _marker(node), _wishes(node), _record(node)]
    return [*checks, _cluster(node), *_github(node), *_boot(effects)]


def _unmet(name: str, refused: Refused) -> Check:
    return Check(name, State.UNMET, refused.line, refused.status)


def _settings(configured: Settings) -> Check:
    if configured.mode is Mode.DRY_RUN:
        text = 'a dry run, so nothing is ever written: set `mode = "live"`'
        return Check("settings", State.UNMET, text, Exit.MISCONFIGURED)
    return Check("settings", State.MET, f"{configured.api_url}, base branch {configured.base_branch}")


def _installed_system(effects: Effects) -> Check:
    if local.is_installer(effects):
        text = "this is the installer's system: the installed one registers itself when it boots"
        return Check("installed system", State.UNMET, text, Exit.HELD)
    return Check("installed system", State.MET, "this is not an installer")


def _stamp(effects: Effects, configured: Settings) -> Check:
    if local.is_stamped(effects, configured):
        text = configured.install_stamp if configured.require_install_stamp else "none is required"
        return Check("install stamp", State.MET, text)
    text = (
        f"{configured.install_stamp} is not there or torn: install again, or set `require_install_stamp = false` if "
        "your installer writes none"
    )
    return Check("install stamp", State.UNMET, text, Exit.HELD)


def _marker(node: Node) -> Check:
    files = node.files()
    path = node.settings.marker
    judged = decide(node.situation(None, None))
    if judged.action is Action.NOTHING and judged.status is not Exit.DONE and judged.row in MARKER_ROWS:
        return Check("marker", State.UNMET, judged.reason, judged.status)
    if files.marker is not None:
        return Check("marker", State.MET, f"{files.marker.state.value}, written {files.marker.written_at}")
    texts = {
        Reading.UNREADABLE: f"{path} cannot be read: run this as root or as the service's user",
        Reading.NEWER: f"{path} was written by a newer version: install that one",
    }
    text = texts.get(files.marker_reading)
    if text is not None:
        return Check("marker", State.UNMET, text, Exit.MISCONFIGURED)
    return Check("marker", State.MET, f"{files.marker_reading.value}: GitHub decides")


def _wishes(node: Node) -> Check:
    wishes = node.wishes
    if node.files().wishes_broken:
        text = "wishes.json cannot be understood: `zeta-self-register resume` writes it anew"
        return Check("operator's wishes", State.UNMET, text, Exit.MISCONFIGURED)
    if wishes.paused:
        text = "paused: `zeta-self-register resume` lets it go on"
        return Check("operator's wishes", State.UNMET, text, Exit.HELD)
    return Check("operator's wishes", State.MET, ", ".join(wishes_in_words(wishes)) or "none")


def _record(node: Node) -> Check:
    if not node.subject.operator:
        return Check(
            "node.yaml", State.UNKNOWN, "the operator is the token's login, which is asked for later"
        )
    try:
        node.record(node.effects.wall_clock())
    except Refused as refused:
        return _unmet("node.yaml", refused)
    if node.identity.is_empty:
        text = "valid, but nothing in the hardware tells this machine from others: give it a name of its own"
        return Check("node.yaml", State.MET, text)
    return Check("node.yaml", State.MET, "valid, with the machine's identity")


def _github(node: Node) -> list[Check]:
    """The token, the way to GitHub, and what it answers: one query."""
    try:
        _ = node.github
    except Refused as refused:
        return [_unmet("token", refused)]
    checks = [Check("token", State.MET, "there is one")]
    try:
        seen = node.look()
    except Refused as refused:
        return [*checks, _unmet("GitHub", refused)]
    if isinstance(seen, Unknown):
        return [*checks, Check("GitHub", State.UNMET, seen.reason, seen.status), _clock_alone(node)]
    text = f"answers {seen.viewer}; {node.who.repository} is there, {node.settings.base_branch} too"
    checks.append(Check("GitHub", State.MET, text))
    if seen.archived:
        text = "the repository is archived: unarchive it or set another one"
        checks[-1] = Check("GitHub", State.UNMET, text, Exit.HELD)
    return [*checks, _clock(node, seen)]


def _clock(node: Node, seen: Snapshot) -> Check:
    off = node.effects.wall_clock() - seen.server_time
    if abs(off) <= CLOCK_SECONDS:
        return Check("clock", State.MET, "agrees with GitHub's")
    text = (
        f"is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} GitHub's: set it, or let it be set by NTP"
    )
    return Check("clock", State.UNMET, text, Exit.MISCONFIGURED)


def _clock_alone(node: Node) -> Check:
    # A certificate is refused on a machine whose clock stands before it was made.
    now = node.effects.wall_clock()
    if not EARLIEST <= now < LATEST:
        where = "before 2025" if now < EARLIEST else "after 2050"
        text = f"stands {where}, so no certificate verifies: let it be set by NTP"
        return Check("clock", State.UNMET, text, Exit.NOT_NOW)
    return Check("clock", State.UNKNOWN, "GitHub's is not known")


def _cluster(node: Node) -> Check:
    """Asked whatever is registered already: a tick asks only before a new registration."""
    places = node.settings.cluster
    silent = node.unreachable()
    if silent:
        text = f"{', '.join(silent)}: a new registration waits for it; start it, or mend `cluster` in the settings"
        return Check("cluster", State.UNMET, text, Exit.NOT_NOW)
    return Check(
        "cluster", State.MET, f"answers: {', '.join(places)}" if places else "none is to be waited for"
    )


# --- since the machine has started ----------------------------------------------------------------------------


def _boot(effects: Effects) -> list[Check]:
    """Whether the units run, and what the last run said."""
    units = [_timer(effects, f"{name}.timer") for name in (REGISTER, FOLLOW, STEWARD)]
    return [*units, _last_run(effects)]


def _timer(effects: Effects, unit: str) -> Check:
    shown = _shown(effects, unit, "LoadState", "ActiveState")
    if not shown:
        return Check(unit, State.UNKNOWN, "systemd could not be asked")
    if shown.get("LoadState") != "loaded":
        text = f"is not installed ({shown.get('LoadState', '?')}): install the package's units"
        return Check(unit, State.UNMET, text, Exit.MISCONFIGURED)
    if shown.get("ActiveState") != "active":
        text = f"is {shown.get('ActiveState', '?')}, so nothing is run: `systemctl enable --now {unit}`"
        return Check(unit, State.UNMET, text, Exit.MISCONFIGURED)
    return Check(unit, State.MET, "is active")


def _last_run(effects: Effects) -> Check:
    name = "this boot"
    said = _output(
        effects,
        *("journalctl", "--boot", "--no-pager", "--output=cat", "--lines=200", "--quiet"),
        *(f"--unit={REGISTER}.service", f"--unit={STEWARD}.service"),
    )
    # systemd's own lines about the units stand between them.
    lines = [one for one in (said or "").splitlines() if one.partition(": ")[0] in _SPEAKERS]
    if lines:
        return Check(name, State.MET, f"the last run said: {one_line(lines[-1]) or ''}")
    shown = _shown(effects, f"{REGISTER}.service", "ConditionResult", "ConditionTimestampMonotonic")
    if shown.get("ConditionResult") == "no" and shown.get("ConditionTimestampMonotonic", "0") != "0":
        return Check(name, State.MET, "the marker is there, so no process was started; the steward follows")
    if said is None or not shown:
        return Check(name, State.UNKNOWN, "the journal could not be read: run this as root")
    return Check(name, State.UNKNOWN, "no run has said anything yet")


def _shown(effects: Effects, unit: str, *properties: str) -> Mapping[str, str]:
    """What systemd says of a unit, nothing when it cannot be asked."""
    said = _output(effects, "systemctl", "show", unit, f"--property={','.join(properties)}")
    return dict(one.split("=", 1) for one in (said or "").splitlines() if "=" in one)


def _output(effects: Effects, *argv: str) -> str | None:
    try:
        return effects.run(argv).decode(errors="replace")
    except (CommandFailed, OSError):
        return None
