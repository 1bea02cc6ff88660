"""The oracle on one step: the same rules that judge machines, given what was there before the step.

They are promises about what never happens, so a history that is whole breaks one of them in some one step.  What
a marker or an exit status claims is compared with all that was true since its run began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from mock_github.events import Event
from mock_github.state import Moment, PullRequest, PullState
from mock_github.world import World
from msgspec.structs import replace

from bootproof.oracle import Before, Case, Registration, Rule, Seeded, as_events
from bootproof.oracle_rules import ALWAYS
from bootproof.simulation import agents
from bootproof.simulation.agents import Agent
from bootproof.simulation.asking import too_much
from bootproof.simulation.automaton import TRACEBACK, Effect, described
from bootproof.simulation.hub import Hub
from bootproof.simulation.machine import LocalRun
from bootproof.simulation.people import (
    PUSHED,
    closed_by_person,
    is_retired,
    own_pulls,
    record_on_base,
    switched_off_by_person,
)
from bootproof.simulation.state import Facts, Meeting
from bootproof.simulation.universe import Forbidden, Universe
from bootproof.simulation.wishes import Epoch
from bootproof.timeline import ClaimState, MarkerClaim

_BY_STEP = {
    "at-most-one-open",
    "one-per-epoch",
    "not-too-soon",
    "nobody-elses",
    "one-comment-per-kind",
    "reopened-once",
    "leaves-switched-off",
    "leaves-the-record",
    "taken-back",
    "only-its-own-logins",
}
RULES: tuple[Rule, ...] = tuple(rule for rule in ALWAYS if rule.id in _BY_STEP)
_DONE = {"open", "record", "retired"}
"""What has to be so that a run may end with status 0."""


@dataclass
class Judge:
    """Judges steps of one simulation; each request in each world once."""

    agent: Agent
    hub: Hub
    own: Registration
    universe: Universe
    _known: dict[tuple[int, Effect, Epoch], tuple[str, ...]] = field(default_factory=dict)
    _facts: dict[int, Facts] = field(default_factory=dict)

    def step(self, world: int, effect: Effect, events: tuple[Event, ...], epoch: Epoch) -> tuple[str, ...]:
        """What was wrong with the effects of one request."""
        if len(events) <= 2:  # the request and its answer: nothing was changed
            return ()
        key = (world, effect, epoch)
        found = self._known.get(key)
        if found is None:
            before = self.before(self.hub.worlds[world], epoch)
            # Nobody has asked for a removal, so its branch is nobody's.
            own = self.own if epoch.removing else replace(self.own, removal_branch=None)
            case = Case(as_events(events), (), own, before=before)
            looks = [(rule.id, rule.judge(case)) for rule in RULES]
            found = tuple(f"{name}: {x.text}" for name, look in looks for x in look.findings)
            if self.universe.forbidden is not Forbidden.NOTHING:
                found += (f"forbidden-here: {events[1].type}",)
            found += tuple(f"forbidden-here: {e.type}" for e in events if e.type in self.universe.never)
            self._known[key] = found
        return found

    def before(self, world: World, epoch: Epoch) -> Before:
        """How things were, for an oracle whose events begin in this world."""
        pulls = own_pulls(world, self.own)
        # One that the operator has since allowed another beside holds that one up no longer.
        seeded = {pull.number: _seeded(pull, dated=pull.number > epoch.allowed) for pull in pulls}
        return Before(
            open=tuple(seeded[p.number] for p in pulls if p.state is PullState.OPEN),
            ended=tuple(seeded[p.number] for p in pulls if p.state is not PullState.OPEN),
            of_this_epoch=tuple(p.number for p in pulls if p.number > epoch.since),
            settled=tuple(
                p.number for p in pulls if p.state is PullState.MERGED or closed_by_person(p, self.own)
            ),
            reopened=tuple(p.number for p in pulls if self._was_reopened(p)),
            switched_off=tuple(p.number for p in pulls if switched_off_by_person(p, self.own)),
            comments=tuple(
                (p.number, c.body) for p in pulls for c in p.comments if c.author in self.own.logins
            ),
            record_on_base=record_on_base(world, self.own) is not None,
            installed=True,
            base_commits=self._base_commits(world),
            pushed_by_people=tuple(PUSHED),
        )

    def _was_reopened(self, pull: PullRequest) -> bool:
        """By the program itself."""
        return any(t.kind is Moment.REOPENED and t.actor in self.own.logins for t in pull.timeline)

    def _base_commits(self, world: World) -> tuple[str, ...]:
        tip = world.repositories[self.own.repository.lower()].branch(self.own.base)
        return tuple(world.git.ancestors(tip)) if tip is not None else ()

    def facts(self, number: int) -> Facts:
        """What a marker or an exit status may claim when this is how things are."""
        found = self._facts.get(number)
        if found is None:
            found = self._facts[number] = facts_of(self.hub.worlds[number], self.own)
        return found

    def run(self, run: LocalRun, known: Facts, meeting: Meeting) -> tuple[str, ...]:
        """What was wrong between two requests: an untrue marker, a request that may not be, or an end that is none."""
        wrong = [text for marker in run.markers if (text := self.untrue_marker(marker, known))]
        effect = run.place.effect
        if effect[0] == "github" and self.universe.forbidden is Forbidden.REQUESTS:
            wrong.append(f"forbidden-here: {described(effect)}")
        if effect[0] == "github" and meeting.rests and meeting.actor.asked is None:
            wrong.append(f"at-rest: {described(effect)}")
        wrong += too_much(run.place, known, self.universe, by_operator=meeting.actor.asked is not None)
        if run.place.ended and effect[1] == TRACEBACK:
            wrong.append(f"traceback: {effect[3]}")
        # With 0, the operator's commands say that the wish is noted, which is no claim about GitHub.
        if run.place.ended and meeting.actor.asked is None:
            wrong.extend(filter(None, [untrue_status(effect[1], known, meeting.epoch.removing)]))
            if effect[1] == 0 and self.universe.forbidden is not Forbidden.NOTHING:
                wrong.append("exit-status: 0, where a person has to do something first")
        return tuple(wrong)

    def untrue_marker(self, marker: bytes, known: Facts) -> str:
        """What is wrong with what this marker claims, given all that was true; empty when nothing is."""
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


def facts_of(world: World, own: Registration) -> Facts:
    """What a marker or an exit status may claim of this world."""
    pulls = own_pulls(world, own)
    opened = {("open", p.number) for p in pulls if p.state is PullState.OPEN}
    record = {("record" if record_on_base(world, own) is not None else "gone", 0)}
    retired = {("retired" if is_retired(world, own) else "wanted", 0)}
    existed = {("existed", p.number) for p in pulls}
    aimed = {("aimed", p.number) for p in pulls if p.state is PullState.OPEN and p.base_ref == own.base}
    return frozenset(opened | record | retired | existed | aimed)


def untrue_status(status: int, known: Facts, removing: bool = False) -> str:
    """What is wrong with the exit status of a run, given what was true since it began and whether a removal of the
    record was ever asked for; empty when nothing is."""
    done = {"gone", *_DONE} if removing else _DONE
    if status == 0 and not {kind for kind, _ in known} & done:
        return "exit-status: 0, and there is neither an open pull request nor the record"
    return ""


def _seeded(pull: PullRequest, *, dated: bool) -> Seeded:
    at = datetime.fromtimestamp(pull.created_at / 1000, UTC) if dated else None
    return Seeded(pull.number, pull.head_ref, pull.author, at=at)
