"""The operator's turn: a further command of the program's begins on a machine on which no run is under way."""

from __future__ import annotations

from collections.abc import Iterator

from bootproof.oracle_case import Registration
from bootproof.simulation.agents import Agent
from bootproof.simulation.hub import Hub
from bootproof.simulation.state import NOTHING, Actors, State
from bootproof.simulation.universe import Universe
from bootproof.simulation.wishes import Asked, Wish, begun, last_ended
from bootproof.verdict import HarnessError


class Operator:
    """What an operator may still ask for, in one universe."""

    def __init__(self, agent: Agent, universe: Universe, hub: Hub, own: Registration, actors: Actors) -> None:
        self._wishes = {command: _wish(agent, command) for command in universe.operator}
        self._hub = hub
        self._own = own
        self._actors = actors

    def asks(self, state: State, index: int) -> Iterator[tuple[str, State]]:
        """Each command that may be run on an idle machine, and the state in which it is about to begin; what it allows
        is allowed from here on."""
        for number, (command, wish) in enumerate(self._wishes.items()):
            left = state.left[number]
            if left:
                fewer = (*state.left[:number], left - 1, *state.left[number + 1 :])
                yield command, self._asked(state, index, wish)._replace(left=fewer, calm=0)

    def _asked(self, state: State, index: int, wish: Wish) -> State:
        world, actor = self._hub.worlds[state.world], state.actors[index]
        asked = Asked(wish, last_ended(world, self._own), state.wishes)
        ready = self._actors.of(actor.disk, actor.place, actor.fresh, NOTHING, asked)
        return state._replace(
            actors=(*state.actors[:index], ready, *state.actors[index + 1 :]),
            epoch=begun(state.epoch, wish, world, self._own),
            wishes=state.wishes._replace(maybe=state.wishes.maybe | {wish}),
        )


def _wish(agent: Agent, command: str) -> Wish:
    try:
        return Wish(agent.operator[command])
    except (KeyError, ValueError) as error:
        raise HarnessError(f"{agent.name}: the operator's command {command!r}: {error}") from error
