"""GraphQL: users, organizations, and who did something."""

from __future__ import annotations

from mock_github.access import can_see
from mock_github.graphql_base import Ask, Info, View, node_id, when
from mock_github.state import Permission, Repository, User


class Person(View):
    """A User or an Organization."""

    def __init__(self, ask: Ask, user: User) -> None:
        super().__init__(ask)
        self.user = user
        self.TYPE = "Organization" if user.organization else "User"
        self.id = node_id("O" if user.organization else "U", user.id)
        self.databaseId = user.id
        self.login = user.login
        self.name = user.name
        self.email = "" if user.organization else user.email
        self.createdAt = when(user.created_at)
        self.url = f"{ask.site.html}/{user.login}"
        self.resourcePath = f"/{user.login}"
        self.isViewer = user.login == ask.caller.login

    def avatarUrl(self, info: Info) -> str:
        return f"{self.ask.site.html}/avatars/u/{self.user.id}"

    def repository(self, info: Info, name: str) -> object:
        from mock_github import graphql_repository

        found = self.ask.change.world.repository(f"{self.user.login}/{name}")
        if found is None or not can_see(self.ask.caller, found):
            return None
        return graphql_repository.RepositoryView(self.ask, found)


def person(ask: Ask, login: str | None) -> Person | None:
    user = ask.change.world.user(login) if login else None
    return Person(ask, user) if user else None


def person_by_email(ask: Ask, email: str) -> Person | None:
    """The user whom GitHub credits for a commit: by address, or by the id in a noreply address."""
    for user in ask.change.world.users.values():
        if email in (user.email, user.noreply, f"{user.login}@users.noreply.github.com"):
            return Person(ask, user)
    return None


def association(repository: Repository, login: str) -> str:
    """CommentAuthorAssociation of somebody in a repository."""
    if login.lower() == repository.owner.lower():
        return "OWNER"
    given = repository.collaborators.get(login.lower())
    return "COLLABORATOR" if given and given.allows(Permission.READ) else "NONE"


REACTIONS = ("CONFUSED", "EYES", "HEART", "HOORAY", "LAUGH", "ROCKET", "THUMBS_DOWN", "THUMBS_UP")


class _NoUsers:
    totalCount = 0


class ReactionGroupView:
    """Nobody reacts to anything in the mock."""

    def __init__(self, content: str) -> None:
        self.content = content

    def users(self, info: Info, **_page: object) -> _NoUsers:
        return _NoUsers()


def no_reactions() -> list[ReactionGroupView]:
    return [ReactionGroupView(content) for content in REACTIONS]
