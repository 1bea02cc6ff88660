"""What a run may not ask GitHub for, given all that was true since it began and what it was told.

No log of a machine shows these: a person who acts between a look and a request makes many a request wrong that was
right when it was decided.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootproof.simulation.automaton import Effect, Place, Raises, described
from bootproof.simulation.machine import DiskFault
from bootproof.simulation.state import Facts
from bootproof.simulation.universe import Universe

_MERGE = re.compile(r"/pulls/(\d+)/merge$")


def too_much(place: Place, known: Facts, universe: Universe, *, by_operator: bool) -> list[str]:
    """What is wrong with the request that is asked for here, if one is."""
    effect = place.effect
    if effect[0] != "github" or not changes(effect):
        return []
    wrong = [*_elsewhere(effect, known), *_unreached(place, universe)]
    if ("wanted", 0) not in known and not by_operator:
        wrong.append(f"leaves-retired: {described(effect)}")
    return wrong


def changes(effect: Effect) -> bool:
    """Whether a request is to change something at GitHub."""
    _, method, url, _, body = effect
    if url.endswith("/graphql"):
        return b"mutation " in bytes(body)
    return method not in ("GET", "HEAD") and not url.endswith("/access_tokens")


def _elsewhere(effect: Effect, known: Facts) -> Iterator[str]:
    """A person has let the pull request go to another base, so that it is theirs to merge."""
    merged = _MERGE.search(effect[2])
    number = int(merged[1]) if merged else 0
    if ("open", number) in known and ("aimed", number) not in known:
        yield f"leaves-retargeted: #{number} goes to another base, and is merged"


def _unreached(place: Place, universe: Universe) -> Iterator[str]:
    """Where the program is to ask beside GitHub first, a pull request is opened only when it was answered."""
    if DiskFault.UNREACHABLE not in universe.disk_faults or not place.effect[2].endswith("/pulls"):
        return
    asked = [(effect[1], answer) for effect, answer in place.answers() if effect[0] == "reachable"]
    silent = [str(target) for target, answer in asked if isinstance(answer, Raises)]
    if silent or not asked:
        why = f"nobody answers at {silent[0]}" if silent else "nobody was asked whether it is reached"
        yield f"reached-first: a pull request is opened, and {why}"
