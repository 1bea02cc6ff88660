"""What people do, beside all programs: merge, close, push, comment, in one call each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from mock_github import contents, discussion, pulls, refs
from mock_github.change import Change
from mock_github.events import Event
from mock_github.state import PullRequest, Repository
from mock_github.world import World

T = TypeVar("T")


class Runner(Protocol):
    """Carries out a deed against the present world."""

    def __call__(self, deed: Callable[[Change], T], /) -> T: ...


class AsUser:
    """A person's acts. Each is checked as GitHub checks it and raises `wire.Refused` if it cannot be done; repositories
    are full names. Rights are not checked: give acts to people who have them."""

    def __init__(self, login: str, run: Runner) -> None:
        self.login = login
        self._run = run

    def open_pull(
        self,
        repository: str,
        head: str,
        *,
        base: str = "main",
        title: str = "",
        body: str | None = None,
        draft: bool = False,
    ) -> int:
        """Opens a pull request from `head` ("branch", or "owner:branch" in a fork); its number."""

        def deed(change: Change) -> int:
            home = change.repository(repository)
            source = pulls.head_of(change, home, head)
            pull = pulls.open_pull(
                change,
                home,
                by=self.login,
                title=title or source[1],
                head=source,
                base=base,
                body=body,
                draft=draft,
            )
            return pull.number

        return self._run(deed)

    def merge(self, repository: str, number: int, *, method: str = "merge") -> str | None:
        """Merges; the commit that did it."""
        return self._on_pull(
            repository,
            number,
            lambda c, home, pull: pulls.merge_pull(c, home, pull, by=self.login, method=method),
        ).merge_commit

    def close(self, repository: str, number: int) -> None:
        self._on_pull(
            repository, number, lambda c, home, pull: pulls.close_pull(c, home, pull, by=self.login)
        )

    def reopen(self, repository: str, number: int) -> None:
        self._on_pull(
            repository, number, lambda c, home, pull: pulls.reopen_pull(c, home, pull, by=self.login)
        )

    def retarget(self, repository: str, number: int, base: str) -> None:
        self._on_pull(
            repository, number, lambda c, home, pull: pulls.edit_pull(c, home, pull, by=self.login, base=base)
        )

    def rename(self, repository: str, number: int, title: str) -> None:
        self._on_pull(
            repository,
            number,
            lambda c, home, pull: pulls.edit_pull(c, home, pull, by=self.login, title=title),
        )

    def enable_auto_merge(self, repository: str, number: int, *, method: str = "merge") -> None:
        self._on_pull(
            repository,
            number,
            lambda c, home, pull: pulls.enable_auto_merge(c, home, pull, by=self.login, method=method),
        )

    def comment(self, repository: str, number: int, body: str) -> int:
        """Says something; the comment's id."""
        return self._on_pull(
            repository,
            number,
            lambda c, home, pull: discussion.add_comment(c, home, pull, by=self.login, body=body),
        ).id

    def review(self, repository: str, number: int, state: str = "APPROVED", body: str = "") -> None:
        """APPROVED, CHANGES_REQUESTED or COMMENTED."""
        self._on_pull(
            repository,
            number,
            lambda c, home, pull: discussion.add_review(c, home, pull, by=self.login, state=state, body=body),
        )

    def set_status(self, repository: str, sha: str, state: str, *, context: str = "default") -> None:
        """As a program of theirs would: error, failure, pending or success."""

        def deed(change: Change) -> None:
            home = change.repository(repository)
            discussion.add_status(change, home, sha, by=self.login, state=state, context=context)

        self._run(deed)

    def push_file(
        self,
        repository: str,
        path: str,
        data: bytes | str,
        *,
        branch: str = "main",
        message: str | None = None,
    ) -> str:
        """Commits one file onto a branch, which is made from the default branch if it is not there; the sha."""
        content = data.encode() if isinstance(data, str) else data
        return self._commit(repository, branch, message or f"Update {path}", {path: content}, ())

    def delete_file(
        self, repository: str, path: str, *, branch: str = "main", message: str | None = None
    ) -> str:
        """Commits the removal of one file; the sha."""
        return self._commit(repository, branch, message or f"Delete {path}", {}, (path,))

    def create_branch(self, repository: str, branch: str, *, at: str | None = None) -> str:
        """Makes a branch at a sha, or where the default branch is; the sha."""

        def deed(change: Change) -> str:
            home = change.repository(repository)
            sha = at or home.branch(home.default_branch) or ""
            refs.create_ref(change, home, f"refs/heads/{branch}", sha, by=self.login)
            return sha

        return self._run(deed)

    def force_branch(self, repository: str, branch: str, sha: str) -> None:
        """Points a branch somewhere else, whatever it had."""

        def deed(change: Change) -> None:
            home = change.repository(repository)
            refs.update_ref(change, home, f"refs/heads/{branch}", sha, by=self.login, force=True)

        self._run(deed)

    def delete_branch(self, repository: str, branch: str) -> None:
        def deed(change: Change) -> None:
            refs.delete_ref(change, change.repository(repository), f"refs/heads/{branch}", by=self.login)

        self._run(deed)

    def _commit(
        self, repository: str, branch: str, message: str, put: dict[str, bytes], remove: tuple[str, ...]
    ) -> str:
        def deed(change: Change) -> str:
            home = change.repository(repository)
            tip = home.branch(home.default_branch)
            if home.branch(branch) is None and tip:
                refs.create_ref(change, home, f"refs/heads/{branch}", tip, by=self.login)
                home = change.repository(repository)
            return contents.commit_files(
                change,
                home,
                branch,
                by=self.login,
                message=message,
                put=put,
                remove=remove,
                author=change.signature(self.login),
                signed=False,
            )

        return self._run(deed)

    def _on_pull(
        self, repository: str, number: int, deed: Callable[[Change, Repository, PullRequest], T]
    ) -> T:
        def on_pull(change: Change) -> T:
            home = change.repository(repository)
            return deed(change, home, change.pull(home, number))

        return self._run(on_pull)


def act(world: World, login: str, deed: Callable[[AsUser], object]) -> tuple[World, tuple[Event, ...]]:
    """A person's act without a server: `act(world, "alice", lambda alice: alice.merge("acme/cluster", 1))`."""
    change = Change(world)

    def run(what: Callable[[Change], T]) -> T:
        return what(change)

    deed(AsUser(login, run))
    pulls.settle(change)
    return change.world, tuple(change.events)
