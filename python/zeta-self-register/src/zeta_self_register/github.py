"""The requests that this program makes, each of them once, and what their answers say."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import gidgethub.sansio
import msgspec

from zeta_self_register import __version__, queries
from zeta_self_register.answers import Answer, Outcome, interpret
from zeta_self_register.effects import Effects, NoAnswer, NotSent, Request


def is_token(text: str) -> bool:
    """Whether this can be a token: one word, fit for a header."""
    return bool(text) and text.isascii() and text.isprintable() and not any(c in text for c in " :{}[]'\"")


class GitHub:
    """One repository on one GitHub, for one command; remembers nothing but how many requests it made."""

    def __init__(self, effects: Effects, api_url: str, repository: str, token: str, command: str) -> None:
        self._effects = effects
        self._api = api_url.rstrip("/")
        self._repository = repository
        self.owner, self.name = repository.split("/")
        self._headers = gidgethub.sansio.create_headers(
            f"zeta-self-register/{__version__} ({command})",
            accept="application/vnd.github+json",
            # As a bearer, which GitHub takes of every kind of token; a signature it takes in no other way.
            jwt=token,
        ) | {"content-type": "application/json", "x-github-api-version": "2022-11-28"}
        self.requests = 0

    def clock(self) -> float:
        """This machine's monotonic clock."""
        return self._effects.monotonic()

    def query(self, document: str, variables: dict[str, Any]) -> Answer:
        """One GraphQL request; `data` of the answer is GraphQL's `data`."""
        body = {"query": document, "variables": variables}
        answer = self._send("POST", self._graphql_url(), body)
        if answer.outcome is not Outcome.OK:
            return answer
        if not isinstance(answer.data, dict) or not isinstance(answer.data.get("data"), dict):
            return Answer(Outcome.LOST, "GitHub's answer has no data")
        return replace(answer, data=answer.data["data"])

    def look(self, document: str, variables: dict[str, Any]) -> Answer:
        """A query about this repository."""
        return self.query(document, {"owner": self.owner, "name": self.name, **variables})

    def folder(self, path: str, branch: str, etag: str | None) -> Answer:
        """The entries of a folder on a branch; UNCHANGED, which costs nothing, while the ETag still names them."""
        url = f"{self._api}/repos/{self._repository}/contents/{quote(path)}?ref={quote(branch, safe='')}"
        condition = {} if etag is None else {"if-none-match": etag}
        return self._send("GET", url, None, condition)

    def create_branch(self, branch: str, oid: str) -> Answer:
        """Creates the branch at a commit.  That it exists already is LOOK_AGAIN."""
        return self._rest("POST", "git/refs", {"ref": f"refs/heads/{branch}", "sha": oid})

    def forward_branch(self, branch: str, oid: str) -> Answer:
        """Moves an empty branch forward to a later commit of the base branch; never backwards or sideways."""
        return self._rest("PATCH", f"git/refs/heads/{branch}", {"sha": oid, "force": False})

    def commit(
        self, branch: str, head: str, put: Mapping[str, bytes], drop: Sequence[str], headline: str
    ) -> Answer:
        """Changes files of a branch that must still stand at `head`, in one commit; that it moved is LOOK_AGAIN."""
        additions = [{"path": p, "contents": base64.b64encode(c).decode()} for p, c in put.items()]
        return self.query(
            queries.COMMIT,
            {
                "input": {
                    "branch": {"repositoryNameWithOwner": self._repository, "branchName": branch},
                    "expectedHeadOid": head,
                    "message": {"headline": headline},
                    "fileChanges": {
                        "additions": additions,
                        "deletions": [{"path": path} for path in drop],
                    },
                }
            },
        )

    def create_pull(self, branch: str, base: str, title: str, body: str) -> Answer:
        """Opens the pull request.  That an open one exists, or that there is nothing to merge, is LOOK_AGAIN."""
        return self._rest("POST", "pulls", {"title": title, "head": branch, "base": base, "body": body})

    def reopen_pull(self, number: int) -> Answer:
        """Reopens a closed pull request; refused when its branch was recreated."""
        return self._rest("PATCH", f"pulls/{number}", {"state": "open"})

    def close_pull(self, number: int) -> Answer:
        """Closes a pull request without merging it."""
        return self._rest("PATCH", f"pulls/{number}", {"state": "closed"})

    def comment(self, number: int, body: str) -> Answer:
        """Posts one comment."""
        return self._rest("POST", f"issues/{number}/comments", {"body": body})

    def merge_pull(self, number: int, head: str, method: str) -> Answer:
        """Merges, if the head is still the one that was seen."""
        return self._rest("PUT", f"pulls/{number}/merge", {"sha": head, "merge_method": method})

    def update_branch(self, number: int, head: str) -> Answer:
        """Merges the base into the branch, if the head is still the one that was seen; done some time after the 202."""
        return self._rest("PUT", f"pulls/{number}/update-branch", {"expected_head_sha": head})

    def arm_auto_merge(self, node_id: str, head: str, method: str) -> Answer:
        """Lets GitHub merge once the base branch's rules are met, if the head is still the one that was seen."""
        details = {"pullRequestId": node_id, "expectedHeadOid": head, "mergeMethod": method.upper()}
        return self.query(queries.AUTO_MERGE, {"input": details})

    def installation_token(self, installation: int) -> Answer:
        """A token of a GitHub App's installation: for this repository alone, for what this program does, for an hour.

        Asked in the App's own name, with its signature.  Another one is no harm: an unused token expires.
        """
        asked = {
            "repositories": [self.name],
            "permissions": {"contents": "write", "pull_requests": "write"},
        }
        return self._send("POST", f"{self._api}/app/installations/{installation}/access_tokens", asked)

    def _rest(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        return self._send(method, f"{self._api}/repos/{self._repository}/{path}", body)

    def _send(
        self, method: str, url: str, body: dict[str, Any] | None, further: Mapping[str, str] | None = None
    ) -> Answer:
        self.requests += 1
        content = b"" if body is None else msgspec.json.encode(body)
        try:
            response = self._effects.github(
                Request(method, url, {**self._headers, **(further or {})}, content)
            )
        except NotSent as error:
            return Answer(Outcome.NOT_SENT, f"GitHub is not reached: {error}; waits for the network")
        except NoAnswer as error:
            return Answer(Outcome.LOST, f"GitHub gave no whole answer: {error}")
        return interpret(response)

    def _graphql_url(self) -> str:
        # GitHub Enterprise has REST under /api/v3 and GraphQL under /api/graphql.
        return self._api.removesuffix("/v3") + "/graphql"
