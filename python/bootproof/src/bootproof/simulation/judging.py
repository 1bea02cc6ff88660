"""The oracle on one step: the same rules that judge machines, given what was there before the step.

They are promises about what never happens, so a history that is whole breaks one of them in some one step.  What
a marker claims is compared with all that was true since its run began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from mock_github.events import Event
from mock_github.state import PullRequest, PullState
from mock_github.world import World

from bootproof.oracle import Before, Case, Registration, Rule, Seeded, as_events
from bootproof.oracle_rules import ALWAYS
from bootproof.simulation import agents
from bootproof.simulation.agents import Agent
from bootproof.simulation.automaton import TRACEBACK, Effect
from bootproof.simulation.hub import Hub
from bootproof.simulation.machine import LocalRun
from bootproof.simulation.people import PUSHED, own_pulls, record_on_base
from bootproof.timeline import ClaimState, MarkerClaim

Facts = frozenset[tuple[str, int]]

_BY_STEP = {
    "at-most-one-open",
    "one-per-epoch",
    "not-too-soon",
    "nobody-elses",
    "one-comment-per-kind",
    "only-its-own-logins",
}
RULES: tuple[Rule, ...] = tuple(rule for rule in ALWAYS if rule.id in _BY_STEP)


@dataclass
class Judge:
    """Judges steps of one simulation; each request in each world once."""

    agent: Agent
    hub: Hub
    own: Registration
    _known: dict[tuple[int, Effect, int], tuple[str, ...]] = field(default_factory=dict)
    _facts: dict[int, Facts] = field(default_factory=dict)

    def step(self, world: int, effect: Effect, events: tuple[Event, ...], epoch: int) -> tuple[str, ...]:
        """What was wrong with the effects of one request."""
        if len(events) <= 2:  # the request and its answer: nothing was changed
            return ()
        key = (world, effect, epoch)
        found = self._known.get(key)
        if found is None:
            before = self._before(self.hub.worlds[world], epoch)
            case = Case(as_events(events), (), self.own, before=before)
            looks = [(rule.id, rule.judge(case)) for rule in RULES]
            found = self._known[key] = tuple(
                f"{name}: {x.text}" for name, look in looks for x in look.findings
            )
        return found

    def _before(self, world: World, epoch: int) -> Before:
        pulls = own_pulls(world, self.own)
        seeded = {pull.number: _seeded(pull) for pull in pulls}
        return Before(
            open=tuple(seeded[p.number] for p in pulls if p.state is PullState.OPEN),
            ended=tuple(seeded[p.number] for p in pulls if p.state is not PullState.OPEN),
            of_this_epoch=tuple(p.number for p in pulls if p.number > epoch),
            comments=tuple(
                (p.number, c.body) for p in pulls for c in p.comments if c.author in self.own.logins
            ),
            record_on_base=record_on_base(world, self.own) is not None,
            installed=True,
            base_commits=self._base_commits(world),
            pushed_by_people=tuple(PUSHED),
        )

    def _base_commits(self, world: World) -> tuple[str, ...]:
        tip = world.repositories[self.own.repository.lower()].branch(self.own.base)
        return tuple(world.git.ancestors(tip)) if tip is not None else ()

    def facts(self, number: int) -> Facts:
        """What a marker may claim when this is how things are."""
        found = self._facts.get(number)
        if found is None:
            world = self.hub.worlds[number]
            pulls = own_pulls(world, self.own)
            opened = {("open", p.number) for p in pulls if p.state is PullState.OPEN}
            record = {("record", 0)} if record_on_base(world, self.own) is not None else set()
            found = self._facts[number] = frozenset(opened | record | {("existed", p.number) for p in pulls})
        return found

    def run(self, run: LocalRun, known: Facts) -> tuple[str, ...]:
        """What was wrong between two requests: an untrue marker, or an end that is none."""
        wrong = [text for marker in run.markers if (text := self._untrue(marker, known))]
        if run.place.ended and run.place.effect[1] == TRACEBACK:
            wrong.append(f"traceback: {run.place.effect[3]}")
        return tuple(wrong)

    def _untrue(self, marker: bytes, known: Facts) -> str:
        claim: MarkerClaim | None = agents.claim(self.agent, marker)
        if claim is None:
            return ""
        number = claim.pull_request
        if number is not None and ("existed", number) not in known:
            return f"markers-were-true: a marker claims #{number}, which is no PR of this node"
        if claim.state is ClaimState.PR_OPEN and ("open", number) not in known:
            return f"markers-were-true: a marker claims #{number} to be open, and it was not"
        if claim.state is ClaimState.REGISTERED and ("record", 0) not in known:
            return "markers-were-true: a marker claims the record to be on the base, and it was not"
        return ""


def _seeded(pull: PullRequest) -> Seeded:
    at = datetime.fromtimestamp(pull.created_at / 1000, UTC)
    return Seeded(pull.number, pull.head_ref, pull.author, at=at)
