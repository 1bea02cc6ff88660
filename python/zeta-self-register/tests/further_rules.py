"""Rules that the exploration does not have (yet), in its own words: nothing of this program is in them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from bootproof.simulation.judging import Facts, Judge
from mock_github.state import Moment

DONE = {"open", "record", "retired"}
"""What has to be so that a run may end with status 0."""


class Forbidden(enum.Enum):
    """What no machine may do in a universe, since of what was there from the beginning."""

    NOTHING = "nothing"
    CHANGES = "any change at GitHub"
    REQUESTS = "any request"


@dataclass
class FurtherRules(Judge):
    """The judge with five more rules."""

    forbidden: Forbidden = Forbidden.NOTHING

    def step(self, world, effect, events, epoch):
        """What was wrong with the effects of one request."""
        found = super().step(world, effect, events, epoch)
        if self.forbidden is not Forbidden.NOTHING and len(events) > 2:
            found += (f"forbidden-here: {events[1].type}",)
        for event in events:
            if event.type == "pull-request-reopened" and event.by in self.own.logins:
                found += self._reopened_before(world, event.number)
            if event.type == "pull-request-closed" and event.by in self.own.logins:
                found += self._closed_the_only_one(world, event.number)
        _, after, _ = self.hub.perform(world, effect)
        return found + self._badly_signed(after)

    def run(self, run, known: Facts):
        """What was wrong between two requests."""
        found = super().run(run, known)
        name, *effect = run.place.effect
        if name == "github" and self.forbidden is Forbidden.REQUESTS:
            found += (f"forbidden-here: {effect[0]} {effect[1]}",)
        if name == "end" and effect[0] == 0 and not {kind for kind, _ in known} & DONE:
            found += ("exit-status: 0, and there is neither an open pull request nor the record",)
        return found

    def facts(self, number) -> Facts:
        """What a marker or an exit status may claim; also that a person has retired the node."""
        world = self.hub.worlds[number]
        tip = world.repositories[self.own.repository.lower()].branch(self.own.base)
        retired = f"{self.own.record.rpartition('/')[0]}/retired"
        there = tip is not None and world.git.find(world.git.commit(tip).tree, retired) is not None
        return super().facts(number) | ({("retired", 0)} if there else set())

    def _reopened_before(self, world, number):
        """A machine reopens a pull request once; a second time would be against a person's will."""
        repository = self.hub.worlds[world].repositories[self.own.repository.lower()]
        times = [t for t in repository.pulls[number].timeline if t.kind is Moment.REOPENED]
        again = any(t.actor in self.own.logins for t in times)
        return (f"reopened-once: #{number} was reopened before",) if again else ()

    def _closed_the_only_one(self, world, number):
        """A machine takes back a pull request only where there is another one, or the record."""
        others = {kind for kind, n in self.facts(world) if n != number} & {"open", "record"}
        return () if others else (f"taken-back: #{number} was closed, and there is no other one",)

    def _badly_signed(self, world):
        """A commit on the node's branch has an author whom GitHub can tell: one with a number in the address."""
        there = self.hub.worlds[world]
        tip = there.repositories[self.own.repository.lower()].branch(self.own.branch)
        email = there.git.commit(tip).author.email if tip is not None else ""
        wrong = email in {f"{login}@users.noreply.github.com" for login in self.own.logins}
        return (f"signed: a commit goes out under {email}",) if wrong else ()
