"""One step in the making: the world as it is so far, and what happened on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from mock_github.events import Event, event_at
from mock_github.git_objects import GitObjects, Signature
from mock_github.state import Moment, PullRequest, Repository, TimelineItem, User
from mock_github.wire import not_found
from mock_github.world import World


class Change:
    """Collects a step's effects. The worlds before and after stay values; only this object is mutable, and only
    while its step runs. `request` is the id of the request that causes it, None for a person's act."""

    def __init__(self, world: World, request: str | None = None) -> None:
        self.world = world
        self.request = request
        self.events: list[Event] = []

    @property
    def git(self) -> GitObjects:
        return self.world.git

    @property
    def now(self) -> int:
        return self.world.now

    def emit(self, type_: str, /, *, by: str | None, **fields: object) -> None:
        seq = self.world.events + 1
        self.events.append(event_at(self.now, seq, type_, request=self.request, by=by, **fields))
        self.world = replace(self.world, events=seq)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Takes back what was done inside if it ends in an exception."""
        world, count = self.world, len(self.events)
        try:
            yield
        except BaseException:
            self.world = world
            del self.events[count:]
            raise

    def new_id(self) -> int:
        number = self.world.next_id
        self.world = replace(self.world, next_id=number + 1)
        return number

    def store(self, repository: Repository) -> Repository:
        self.world = self.world.with_stored(repository)
        return repository

    def store_pull(self, repository: Repository, pull: PullRequest, *, touch: bool = True) -> PullRequest:
        """Puts a pull request into the repository as it is now (not as the caller last saw it)."""
        current = self.repository(repository.full_name)
        if touch:
            pull = replace(pull, updated_at=self.now)
        self.store(replace(current, pulls=current.pulls.set(pull.number, pull)))
        return pull

    def repository(self, full_name: str) -> Repository:
        found = self.world.repository(full_name)
        if found is None:
            raise not_found()
        return found

    def pull(self, repository: Repository, number: int) -> PullRequest:
        found = self.repository(repository.full_name).pulls.get(number)
        if found is None:
            raise not_found()
        return found

    def user(self, login: str) -> User:
        found = self.world.user(login)
        if found is None:
            raise not_found()
        return found

    def moment(
        self, kind: Moment, actor: str, before: str | None = None, after: str | None = None
    ) -> TimelineItem:
        return TimelineItem(self.new_id(), kind, actor, self.now, before, after)

    def signature(self, login: str) -> Signature:
        user = self.user(login)
        return Signature(user.name or user.login, user.noreply, self.now // 1000)

    def web_flow(self) -> Signature:
        """The committer of commits that GitHub itself makes, and signs."""
        return Signature("GitHub", "noreply@github.com", self.now // 1000)
