"""The unbroken run: at each call the agent stands still, and what a kill would leave is noted."""

from __future__ import annotations

import time
from pathlib import Path

from bootproof.torture.calls import Call, Does
from bootproof.torture.disk import Synced, Tree, read_tree
from bootproof.torture.place import Place, State, place
from bootproof.torture.points import Kind, Recording
from bootproof.torture.recipe import Recipe
from bootproof.torture.tracer import Ended, Leash, Order, trace
from bootproof.verdict import HarnessError

# An agent that sends and does not wait: its request gets this long to arrive before the next state is noted.
_GRACE_SECONDS = 0.02


def record(recipe: Recipe, folder: Path, leash: Leash, *, lose: bool) -> Recording:
    """Runs the agent once. With `lose`, also notes what would be left without what was not synced. Raises HarnessError
    if it does not end in time."""
    with place(recipe, folder, State(Tree(), recipe.world), leash) as here:
        recorder = _Recorder(here, lose)
        end = trace(here.program(recipe.command), recorder.visit, recipe.limit, leash)
        if end.how is not Ended.EXITED:
            raise HarnessError(
                f"the unbroken run did not end within {recipe.limit:g} s: {last_line(here.output)}"
            )
        if end.status == 127 and not recorder.calls:
            raise HarnessError(f"the agent cannot be run: {last_line(here.output)}")
        recorder.note()
    if not recorder.calls:
        raise HarnessError(
            f"nothing to break: it neither wrote to {{state}} nor called {{api}} (exit status {end.status})"
        )
    return Recording(tuple(recorder.calls), tuple(recorder.states), tuple(recorder.lost), end.elsewhere)


class _Recorder:
    def __init__(self, here: Place, lose: bool) -> None:
        self._here = here
        self._synced = Synced(read_tree(here.state)) if lose else None
        self._syncing: tuple[str, Tree] | None = None
        self.calls: list[Call] = []
        self.states: list[State] = []
        self.lost: list[dict[Kind, State]] = []

    def visit(self, call: Call) -> Order:
        self.note()
        self.calls.append(call)
        if call.does is Does.SYNC and call.on_file:
            self._syncing = call.target, self.states[-1].tree
        return Order.GO

    def note(self) -> None:
        """Notes what would be left now."""
        here, sent = self._here, bool(self.calls) and not self.calls[-1].on_file
        known = len(self.states[-1].events) if self.states else 0
        until = time.monotonic() + (_GRACE_SECONDS if sent else 0)
        here.settle(lambda events: len(events) > known or time.monotonic() > until)
        state = State(
            read_tree(here.state), here.server.world, here.events(), here.server.port, str(here.folder)
        )
        self.states.append(state)
        if self._synced is not None:
            self._lose(self._synced, state)

    def _lose(self, synced: Synced, state: State) -> None:
        # By now the sync before this call has ended; what it saw is safe.
        if self._syncing is not None:
            synced.synced(*self._syncing)
            self._syncing = None
        trees = {
            Kind.LOST_DATA: synced.without_data(state.tree),
            Kind.LOST_NAMES: synced.without_names(state.tree),
        }
        self.lost.append(
            {k: State(t, state.world, state.events, state.port, state.folder) for k, t in trees.items()}
        )


def last_line(output: Path) -> str:
    """What a run said last, for a message of one line."""
    lines = output.read_text(errors="replace").split("\n") if output.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
