"""Rules that look at the machine alone, before GitHub is asked, and at an answer that says nothing."""

from __future__ import annotations

from zeta_self_register.decision import Action, Decision, nothing
from zeta_self_register.exits import Exit
from zeta_self_register.local_files import Reading
from zeta_self_register.remote import Unknown
from zeta_self_register.situation import Situation


def installer(s: Situation) -> Decision | None:
    if not s.local.installer:
        return None
    return nothing(
        Exit.HELD, "this is the installer's system: the installed one registers itself when it boots"
    )


def marker_unreadable(s: Situation) -> Decision | None:
    if s.local.marker_reading is Reading.UNREADABLE:
        return nothing(Exit.MISCONFIGURED, "the marker cannot be read: give it to the service's user")
    return None


def marker_newer(s: Situation) -> Decision | None:
    if s.local.marker_reading is not Reading.NEWER:
        return None
    return nothing(
        Exit.MISCONFIGURED, "the marker was written by a newer version of this program: install that one"
    )


def marker_foreign(s: Situation) -> Decision | None:
    if s.marker is None or s.local.marker_is_ours:
        return None
    return nothing(
        Exit.HELD,
        f"the marker is of another machine ({s.marker.node}, {s.marker.repository}): if this disk was cloned or "
        "moved, remove the marker, and this machine registers itself",
    )


def no_stamp(s: Situation) -> Decision | None:
    if s.local.stamped:
        return None
    return nothing(
        Exit.HELD,
        "the installation is not complete (no stamp of the installer): install again, or set "
        "`require_install_stamp = false` if your installer writes none",
    )


EARLIEST, LATEST = 1_735_689_600.0, 2_524_608_000.0
"""2025 and 2050: before this program was written, and after it will be run.  Between them TLS is the judge."""


def clock(s: Situation) -> Decision | None:
    now = s.wall_clock
    if now is None or EARLIEST <= now < LATEST:
        return None
    where = "in the past" if now < EARLIEST else "far ahead"
    return nothing(
        Exit.NOT_NOW,
        f"GitHub is not reached, and this machine's clock stands {where}, so that no certificate can be checked: "
        "waits until it is set",
    )


def paused(s: Situation) -> Decision | None:
    pause = s.local.state.pause
    # Across boots the pause cannot be measured without asking, so a reboot ends it.
    if pause is None or pause.noted.boot_id != s.local.boot_id:
        return None
    left = pause.noted.monotonic + pause.seconds - s.local.monotonic
    if not 0 < left <= pause.seconds:
        return None
    return nothing(Exit.NOT_NOW, f"GitHub asked for a pause: {left:.0f} s are left")


def not_asked(s: Situation) -> Decision | None:
    return Decision(Action.LOOK, Exit.NOT_NOW, "GitHub has to be asked") if s.remote is None else None


def unknown(s: Situation) -> Decision | None:
    if not isinstance(s.remote, Unknown):
        return None
    if s.remote.pause_seconds is not None:
        return Decision(Action.PAUSE, s.remote.status, s.remote.reason, pause_seconds=s.remote.pause_seconds)
    return nothing(s.remote.status, s.remote.reason)
