"""GraphQL: where every query begins."""

from __future__ import annotations

from mock_github.access import can_see
from mock_github.graphql_base import Ask, Info, View, node_parts
from mock_github.graphql_commits import RefView, git_thing
from mock_github.graphql_mutations import repository_by_id
from mock_github.graphql_people import Person, person
from mock_github.graphql_pulls import CommentView, PullView
from mock_github.graphql_repository import RepositoryView
from mock_github.limits import graphql_window
from mock_github.state import Repository
from mock_github.wire import Refused, unknown_to_mock


class RateLimitView:
    cost = 1
    nodeCount = 0

    def __init__(self, ask: Ask) -> None:
        window = graphql_window(ask.change.world, ask.caller)
        self.limit = window.limit
        self.used = window.used
        self.remaining = window.remaining
        self.resetAt = window.reset_at


class QueryRoot(View):
    @property
    def viewer(self) -> Person | None:
        return person(self.ask, self.ask.caller.name)

    def rateLimit(self, info: Info, dryRun: bool = False) -> RateLimitView:
        return RateLimitView(self.ask)

    def repository(
        self, info: Info, owner: str, name: str, followRenames: bool = True
    ) -> RepositoryView | None:
        world = self.ask.change.world
        full_name = f"{owner}/{name}"
        if followRenames:
            full_name = world.moved.get(full_name.lower(), full_name)
        found = world.repository(full_name)
        if found is None or not can_see(self.ask.caller, found):
            message = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise Refused(404, message, kind="NOT_FOUND")
        return RepositoryView(self.ask, found)

    def user(self, info: Info, login: str) -> Person:
        found = person(self.ask, login)
        if found is None or found.TYPE != "User":
            raise Refused(404, f"Could not resolve to a User with the login of '{login}'.", kind="NOT_FOUND")
        return found

    def repositoryOwner(self, info: Info, login: str) -> Person | None:
        return person(self.ask, login)

    def node(self, info: Info, id: str) -> object:  # noqa: A002 - the schema's word
        prefix, parts = node_parts(id)
        if prefix in ("U", "O") and parts:
            found = [u for u in self.ask.change.world.users.values() if str(u.id) == parts[0]]
            view: object = Person(self.ask, found[0]) if found else None
        else:
            home = repository_by_id(self.ask, parts[0]) if parts else None
            view = self._in_repository(home, prefix, parts[1:]) if home else None
        if view is None:
            message = f"Could not resolve to a node with the global id of '{id}'"
            raise Refused(404, message, kind="NOT_FOUND")
        return view

    def nodes(self, info: Info, ids: list[str]) -> list[object]:
        return [self.node(info, one) for one in ids]

    def _in_repository(self, home: Repository, prefix: str, rest: list[str]) -> object:
        key = rest[0] if rest else ""
        if prefix == "R":
            return RepositoryView(self.ask, home)
        if prefix == "PR":
            pull = home.pulls.get(int(key))
            return PullView(self.ask, home, pull) if pull else None
        if prefix == "REF":
            return RefView(self.ask, home, key, home.refs[key]) if key in home.refs else None
        if prefix in ("C", "T", "B"):
            return git_thing(self.ask, home, key) if home.has_object(self.ask.change.git, key) else None
        if prefix == "IC":
            for pull in home.pulls.values():
                for comment in pull.comments:
                    if str(comment.id) == key:
                        return CommentView(PullView(self.ask, home, pull), comment)
            return None
        raise unknown_to_mock(f"nodes whose id begins with {prefix}_")
