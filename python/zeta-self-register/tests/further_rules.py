"""A rule of this program alone.

It is none of the oracle's: the events of GitHub's log name no authors, and under which address a program commits is
a requirement of this cluster, not part of acting exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass

from bootproof.simulation.judging import Judge


@dataclass
class Signed(Judge):
    """The judge, and: a commit goes out under an address with the login's number in it, by which GitHub can tell
    whose it is."""

    def step(self, world, effect, events, epoch):
        """What was wrong with the effects of one request."""
        _, after, _ = self.hub.perform(world, effect)
        return super().step(world, effect, events, epoch) + self._badly_signed(after)

    def _badly_signed(self, number):
        world = self.hub.worlds[number]
        tip = world.repositories[self.own.repository.lower()].branch(self.own.branch)
        email = world.git.commit(tip).author.email if tip is not None else ""
        wrong = email in {f"{login}@users.noreply.github.com" for login in self.own.logins}
        return (f"signed: a commit goes out under {email}",) if wrong else ()
