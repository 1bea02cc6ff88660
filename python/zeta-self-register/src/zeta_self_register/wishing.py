"""The operator's commands that change something: each notes a wish, and a tick carries it out.

First it is looked at what would come of it, without writing anything; what cannot be done is refused there.  The wish
is then noted durably, under the lock of the ticks, and one tick is run.  Whatever becomes of that tick, the next one
goes on from the note.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from zeta_self_register import local
from zeta_self_register.answers import PULL_NOT_SHOWN
from zeta_self_register.decision import Action, Decision
from zeta_self_register.durable import make_folder_durably, write_durably
from zeta_self_register.effects import AlreadyRunning, Effects
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.local_files import MarkerState, Removal, Wishes, encode
from zeta_self_register.node import Node
from zeta_self_register.settings import Settings
from zeta_self_register.tick import already_running, cannot_write, plan, tick

Change = Callable[[Wishes], Wishes]
Confirm = Callable[[str], None]
"""Is told what is going to be done; raises Refused when that is not wanted."""


@dataclass(frozen=True)
class Done:
    """What came of a command: its own line, and how the tick after it ended, if one was run."""

    said: str
    decisions: tuple[Decision, ...] = ()
    refused: Refused | None = None


def pause(effects: Effects, configured: Settings) -> Done:
    """GitHub is neither asked nor changed until `resume`.  Raises Refused when that could not be noted."""
    if local.read_files(effects, configured).wishes_broken:
        raise Refused(
            Exit.MISCONFIGURED,
            "wishes.json cannot be understood, so nothing is done already: `zeta-self-register resume` writes it anew",
        )
    _note(effects, configured, lambda wishes: msgspec.structs.replace(wishes, paused=True))
    return Done("paused: GitHub is neither asked nor changed until `zeta-self-register resume`")


def resume(node: Node) -> Done:
    """Ends the pause, and a file of wishes that nobody can read.  Raises Refused when that could not be noted."""
    if node.files().wishes_broken:
        return _anew(node)
    _note(node.effects, node.settings, lambda wishes: msgspec.structs.replace(wishes, paused=False))
    return _carried_out(node, "resumed: ticks ask GitHub again")


def _anew(node: Node) -> Done:
    """Wishes that were lost are not guessed, but for one: a node that was deregistered stays away until `reset`."""
    marker = node.files().marker
    retired = marker is not None and marker.state is MarkerState.RETIRED
    _note(node.effects, node.settings, lambda _: Wishes(removal=Removal() if retired else None))
    stays = "this node stays deregistered until `zeta-self-register reset`; " if retired else ""
    return Done(f"wishes.json is written anew: {stays}say again what else you want, the next tick goes by it")


def reset(node: Node, confirm: Confirm) -> Done:
    """Allows a new registration, whatever ended the last one.  Raises Refused when that was not noted."""
    return _wished(node, lambda wishes: msgspec.structs.replace(wishes, reset=True), confirm)


def deregister(node: Node, confirm: Confirm) -> Done:
    """Lets a pull request remove the record.  Raises Refused when that was not noted."""
    return _wished(
        node, lambda wishes: msgspec.structs.replace(wishes, removal=Removal(), reset=False), confirm
    )


def adopt(node: Node, number: int, confirm: Confirm) -> Done:
    """Takes this pull request over as the node's registration.  Raises Refused when it is not the node's."""
    wanted = msgspec.structs.replace(node.wishes, adopt=number)
    decision = _looked_ahead(node, wanted)
    if decision.row == "unknown" and decision.reason.startswith(PULL_NOT_SHOWN):
        raise Refused(
            Exit.HELD, f"{node.who.repository} has no pull request #{number}, or the token may not see it"
        )
    if decision.row == "unknown":
        raise Refused(
            decision.status, f"#{number} was not shown by GitHub, so it is not adopted: {decision.reason}"
        )
    if decision.row != "adopt":
        raise Refused(decision.status or Exit.HELD, f"#{number} is not adopted: {decision.reason}")
    return _wished(node, lambda wishes: msgspec.structs.replace(wishes, adopt=number), confirm, decision)


def rename(node: Node, confirm: Confirm) -> Done:
    """Moves this machine's record to its present name.  Raises Refused when that was not noted."""
    decision = _looked_ahead(node, node.wishes)
    if decision.moves is None and decision.status is Exit.DONE:
        return Done(f"{decision.reason}: there is nothing to rename")
    if decision.moves is None:
        raise Refused(decision.status, decision.reason)
    old = decision.moves
    return _wished(node, lambda wishes: msgspec.structs.replace(wishes, move_from=old), confirm)


def _wished(node: Node, change: Change, confirm: Confirm, decision: Decision | None = None) -> Done:
    """`decision` is what would come of it, where that was looked at already."""
    decision = decision or _looked_ahead(node, change(node.wishes))
    if decision.row == "reset-needless":
        return Done(decision.reason)
    if decision.status in (Exit.HELD, Exit.MISCONFIGURED):
        raise Refused(decision.status, decision.reason)
    confirm(decision.reason)
    _note(node.effects, node.settings, change)
    return _carried_out(node, f"noted: {decision.reason}")


def _looked_ahead(node: Node, wishes: Wishes) -> Decision:
    """What a tick would do first if this were wished for; that GitHub could not be asked is a decision too."""
    node.supposed = wishes
    try:
        return plan(node).last
    except Refused as refused:
        return Decision(Action.NOTHING, refused.status, refused.line)
    finally:
        node.supposed = None


def _carried_out(node: Node, said: str) -> Done:
    try:
        return Done(said, tuple(tick(node).decisions))
    except Refused as refused:
        return Done(said, refused=refused)


def _note(effects: Effects, configured: Settings, change: Change) -> None:
    folder = configured.state_folder
    try:
        make_folder_durably(effects, folder)
        with effects.lock(f"{folder}/lock"):
            wishes = local.read_files(effects, configured).wishes
            write_durably(effects, local.wishes_path(configured), encode(change(wishes)))
    except AlreadyRunning:
        raise already_running() from None
    except OSError as error:
        raise cannot_write(error, folder) from error
