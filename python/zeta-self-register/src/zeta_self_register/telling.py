"""Tells others on this machine what came of a run, where the settings ask for it; off by default.

Never a gate: what is told is not read again (but for the time of the last success, which is only passed on), and a
file that cannot be written is one line in the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from zeta_self_register import cluster_state, metrics
from zeta_self_register.cluster_state import Told
from zeta_self_register.credentials import SignedOut
from zeta_self_register.decision import Action, Decision
from zeta_self_register.effects import Effects
from zeta_self_register.exits import Refused
from zeta_self_register.node import Node
from zeta_self_register.remote import Snapshot

SELF = "/proc/self/stat"
_LOCAL = frozenset(
    {
        Action.PAUSE,
        Action.WRITE_MARKER,
        Action.NOTE_AGAIN,
        Action.NOTE_ETAG,
        Action.WISHES,
        Action.RESET,
    }
)


class Run(Protocol):
    """What a run came to: the decision that ended it."""

    @property
    def last(self) -> Decision: ...


R = TypeVar("R", bound=Run)


def told(node: Node, run: Callable[[], R]) -> R:
    """Runs it and tells what came of it, whatever that is."""
    try:
        done = run()
    except Refused as refused:
        _tell(node, refused)
        raise
    _tell(node, done.last)
    return done


def before_acting(node: Node, action: Action) -> None:
    """Tells that this process is at work, before it changes anything at GitHub."""
    root = node.settings.cluster_state_folder
    if root is not None and action not in _LOCAL:
        lock = cluster_state.lock(_process(node.effects), _now(node), cluster_state.ACTING_SECONDS)
        folder = cluster_state.folder_of(root, node.who.node)
        _publish(node.effects, {f"{folder}/{cluster_state.LOCK}": lock})


def _tell(node: Node, ended: Decision | Refused) -> None:
    root, file = node.settings.cluster_state_folder, node.settings.metrics_file
    if root is None and file is None:
        return
    try:
        said = _told(node, ended)
    except Refused:
        return  # the files of this program cannot be read, which is what the run has ended with
    if root is not None:
        folder = cluster_state.folder_of(root, node.who.node)
        _publish(node.effects, {f"{folder}/{name}": c for name, c in cluster_state.files_of(said).items()})
    if file is not None:
        _publish(node.effects, {file: metrics.text_of(said, _read(node.effects, file))})


def _told(node: Node, ended: Decision | Refused) -> Told:
    files = node.files()
    marker, attempt = files.marker, files.attempt
    decision = ended if isinstance(ended, Decision) else None
    seen = decision.pull if decision is not None else None
    named = marker.pull_request if marker is not None else None
    row = decision.row if decision is not None else ""
    signed_out = isinstance(ended, SignedOut)
    return Told(
        now=_now(node),
        process=_process(node.effects),
        node=node.who.node,
        record=node.subject.record if node.subject.operator else "",
        status=ended.status,
        row=row,
        reason=ended.reason if isinstance(ended, Decision) else ended.line,
        standing=cluster_state.standing(files, node.last_look, ended.status, row, signed_out=signed_out),
        marker=marker.state if marker is not None else None,
        pull_request=seen.number if seen is not None else named.number if named is not None else None,
        attempted_at=attempt.noted.server_time if attempt is not None else None,
        requests=node.requests,
    )


def _now(node: Node) -> float:
    """By GitHub's clock when this run has seen it, since the machine's own may be wrong."""
    seen = node.last_look
    if isinstance(seen, Snapshot):
        return seen.server_time + node.effects.monotonic() - seen.asked_at
    return node.effects.wall_clock()


def _publish(effects: Effects, files: dict[str, bytes]) -> None:
    try:
        for path, content in files.items():
            effects.publish(path, content)
    except OSError as error:
        effects.say(f"not told to others: {error.filename or path}: {error.strerror}")


def _read(effects: Effects, path: str) -> bytes:
    try:
        return effects.read(path)
    except OSError:
        return b""


def _process(effects: Effects) -> int:
    """This process's number, as the kernel shows it; 0 where it does not."""
    number = _read(effects, SELF).partition(b" ")[0]
    return int(number) if number.isdigit() and len(number) <= 10 else 0
