"""Reads what the machine itself knows: the files of this program, the stamp, what kind of system it is."""

from __future__ import annotations

import msgspec

from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.local_files import (
    Attempt,
    Marker,
    Reading,
    Stamp,
    State,
    Wishes,
    decode,
    decode_marker,
)
from zeta_self_register.settings import Settings


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """The files as they were found; a broken state is as none, and the marker's condition is kept."""

    marker_reading: Reading
    marker: Marker | None
    attempt: Attempt | None
    attempt_broken: bool
    """Something was noted, but what and when cannot be read."""
    state: State
    wishes: Wishes
    wishes_broken: bool
    """The operator wants something, and what cannot be read."""


def read_files(effects: Effects, settings: Settings) -> Files:
    """Reads marker, attempt and state.  Raises Refused (78) when the state folder cannot be read."""
    reading, marker = _read_marker(effects, settings)
    attempt_reading, attempt = _read_attempt(effects, settings)
    wishes_reading, wishes = _read_wishes(effects, settings)
    return Files(
        marker_reading=reading,
        marker=marker,
        attempt=attempt,
        attempt_broken=attempt_reading is Reading.BROKEN,
        state=_read_state(effects, settings),
        wishes=wishes or Wishes(),
        wishes_broken=wishes_reading is Reading.BROKEN,
    )


def attempt_path(settings: Settings) -> str:
    """Where the attempt is noted."""
    return f"{settings.state_folder}/attempt.json"


def state_path(settings: Settings) -> str:
    """Where pauses, resets and noted comments are kept."""
    return f"{settings.state_folder}/state.json"


def wishes_path(settings: Settings) -> str:
    """Where the operator's wishes are noted."""
    return f"{settings.state_folder}/wishes.json"


def _read_marker(effects: Effects, settings: Settings) -> tuple[Reading, Marker | None]:
    try:
        return decode_marker(effects.read(settings.marker))
    except FileNotFoundError:
        return _old_marker(effects, settings), None
    except OSError:
        return Reading.UNREADABLE, None


def _old_marker(effects: Effects, settings: Settings) -> Reading:
    """A marker of the shell version is a hint for people; it exists in every state and gates nothing."""
    for path in settings.old_markers:
        try:
            effects.read(path)
        except OSError:
            continue
        return Reading.OLD
    return Reading.ABSENT


def _read_attempt(effects: Effects, settings: Settings) -> tuple[Reading, Attempt | None]:
    path = attempt_path(settings)
    content = _content(effects, path)
    if content is None:
        return Reading.ABSENT, None
    reading, attempt = decode(content, Attempt)
    _refuse_newer(reading, path)
    return reading, attempt


def _read_wishes(effects: Effects, settings: Settings) -> tuple[Reading, Wishes | None]:
    path = wishes_path(settings)
    content = _content(effects, path)
    if content is None:
        return Reading.ABSENT, None
    reading, wishes = decode(content, Wishes)
    _refuse_newer(reading, path)
    return reading, wishes


def _read_state(effects: Effects, settings: Settings) -> State:
    path = state_path(settings)
    content = _content(effects, path)
    if content is None:
        return State()
    reading, state = decode(content, State)
    _refuse_newer(reading, path)
    return state or State()


def _content(effects: Effects, path: str) -> bytes | None:
    try:
        return effects.read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(
            Exit.MISCONFIGURED,
            f"{path}: cannot be read ({error.strerror}); run this as root or as the service's user",
        ) from error


def _refuse_newer(reading: Reading, path: str) -> None:
    if reading is Reading.NEWER:
        raise Refused(
            Exit.MISCONFIGURED, f"{path}: written by a newer version of this program: install that one"
        )


def is_stamped(effects: Effects, settings: Settings) -> bool:
    """The installer's last step was done, or none is wanted.  A torn stamp is none."""
    if not settings.require_install_stamp:
        return True
    try:
        content = effects.read(settings.install_stamp)
    except OSError:
        return False
    return decode(content, Stamp)[0] in (Reading.VALID, Reading.NEWER)


def is_installer(effects: Effects) -> bool:
    """os-release(5) of an installer image says `VARIANT_ID=installer`, as NixOS's does."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            lines = effects.read(path).decode(errors="replace").splitlines()
        except OSError:
            continue
        return any(line.strip().replace('"', "") == "VARIANT_ID=installer" for line in lines)
    return False
