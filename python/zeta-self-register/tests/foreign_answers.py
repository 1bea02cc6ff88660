"""The parsers of GitHub's answers, each asked by the very request that production makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import msgspec
from foreign_port import Broken, Foreign, Parser, answer_of, hold, line, lines
from foreign_stages import STAGES, exchanges, sample
from garbling import Form
from small_machine import TOKEN
from stories import BRANCH, RECORD
from zeta_self_register import output
from zeta_self_register.answers import Answer, Outcome
from zeta_self_register.commands import everyone
from zeta_self_register.decide import decide
from zeta_self_register.decision import Decision
from zeta_self_register.exits import Refused
from zeta_self_register.fleet import take_fleet
from zeta_self_register.github import GitHub
from zeta_self_register.looking import Subject, glance, take_snapshot, viewer
from zeta_self_register.node import Node
from zeta_self_register.remote import Moved, Snapshot, Survey, Unknown
from zeta_self_register.settings import from_table
from zeta_self_register.simulated import MACHINE
from zeta_self_register.surveying import take_survey

API = "https://api.github.com"
SUBJECT = Subject("alice", "node-a", BRANCH, "main")
OID = "0" * 40
FLEET = {
    "data": {
        "repository": {
            "base": {"name": "main"},
            "records": {
                "entries": [
                    {
                        "name": "alice",
                        "object": {
                            "entries": [
                                {
                                    "name": "cluster-nodes",
                                    "object": {
                                        "entries": [
                                            {"name": "node-a", "object": {"entries": [{"name": "node.yaml"}]}}
                                        ]
                                    },
                                }
                            ]
                        },
                    }
                ]
            },
            "pullRequests": {
                "pageInfo": {"hasNextPage": False, "endCursor": None},
                "nodes": [
                    {
                        "number": number,
                        "url": f"https://github.test/acme/cluster/pull/{number}",
                        "state": state,
                        "baseRefName": "main",
                        "headRefName": f"register-node-node-{node}",
                        "isCrossRepository": False,
                        "createdAt": "2026-01-01T00:00:00Z",
                        "files": {
                            "nodes": [{"path": f"maintainers/alice/cluster-nodes/node-{node}/node.yaml"}]
                        },
                    }
                    for number, state, node in ((1, "MERGED", "a"), (2, "OPEN", "b"), (3, "CLOSED", "c"))
                ],
            },
        }
    }
}


def _github(*answers: bytes) -> GitHub:
    return GitHub(Foreign(answers=[answer_of(one) for one in answers]), API, "acme/cluster", TOKEN, "fuzz")


@cache
def _node() -> Node:
    table = {"repository": "acme/cluster", "operator": "alice"}
    return Node(Foreign(MACHINE), from_table(table, "x"), "steward", {})


def _decided(remote: Snapshot, survey: Survey | None = None) -> Decision:
    """What the table makes of it, and what a person is shown."""
    node = _node()
    decision = decide(node.situation(remote, survey))
    line(decision.reason)
    lines(output.status_lines(node, node.files(), remote, decision))
    return decision


def _unknown(seen: object) -> bool:
    """Whether nothing is known by it, which is said in one line."""
    if isinstance(seen, Unknown):
        line(seen.reason)
    return isinstance(seen, Unknown)


def _snapshot(content: bytes) -> bool:
    seen = take_snapshot(_github(content), SUBJECT)
    if isinstance(seen, Snapshot):
        _decided(seen)
    return not _unknown(seen)


def _comments(content: bytes) -> bool:
    (stage,) = (one for one in STAGES if one.name == "much discussed")
    first = exchanges(stage)[0].answer
    return not _unknown(take_snapshot(_github(first, content), SUBJECT))


@cache
def _seen(stage: str) -> tuple[Snapshot, list[bytes]]:
    """What a stage's first look shows, and the answers to the survey after it."""
    (found,) = (one for one in STAGES if one.name == stage)
    snapshot, *others = (one.answer for one in exchanges(found) if one.name.startswith("query"))
    seen = take_snapshot(_github(snapshot), SUBJECT)
    hold(isinstance(seen, Snapshot), "a stage that cannot be looked at")
    assert isinstance(seen, Snapshot)
    return seen, others


def _surveyed(stage: str, *answers: bytes) -> bool:
    seen, _ = _seen(stage)
    found = take_survey(_github(*answers), SUBJECT, seen.base_oid)
    if isinstance(found, Survey):
        _decided(seen, found)
    return not _unknown(found) and found is not Moved.MOVED


def _survey(content: bytes) -> bool:
    return _surveyed("beside others", content, _seen("beside others")[1][1])


def _candidates(content: bytes) -> bool:
    return _surveyed("beside others", _seen("beside others")[1][0], content)


def _viewer(content: bytes) -> bool:
    login = viewer(_github(content))
    hold(isinstance(login, str | Unknown), "a login that is no text")
    return not _unknown(login)


def _glance(content: bytes) -> bool:
    seen = glance(_github(content), SUBJECT, OID, '"e"')
    return not _unknown(seen)


def _fleet(content: bytes) -> bool:
    try:
        found = take_fleet(_github(content), "main").nodes("main")
    except Refused as refused:
        line(refused.line)
        return False
    for one in everyone.lines(found):
        line(one)
    return True


def _write(send: Callable[[GitHub], Answer]) -> Callable[[bytes], bool]:
    """A write: of its answer only how it ended counts."""

    def read(content: bytes) -> bool:
        answer = send(_github(content))
        line(answer.reason)
        hold(answer.pause_seconds is None or 1 <= answer.pause_seconds <= 3600, "an endless pause")
        if answer.outcome is Outcome.OK and not 200 <= answer_of(content).status < 300:
            raise Broken("a refusal that counts as done")
        return answer.outcome is Outcome.OK

    return read


WRITES: dict[str, Callable[[GitHub], Answer]] = {
    "POST git/refs": lambda github: github.create_branch(BRANCH, OID),
    f"PATCH git/refs/heads/{BRANCH}": lambda github: github.forward_branch(BRANCH, OID),
    "mutation Commit": lambda github: github.commit(BRANCH, OID, {RECORD: b"x"}, (), "t"),
    "POST pulls": lambda github: github.create_pull(BRANCH, "main", "t", "b"),
    "PATCH pulls/1": lambda github: github.reopen_pull(1),
    "POST issues/1/comments": lambda github: github.comment(1, "b"),
    "PUT pulls/1/merge": lambda github: github.merge_pull(1, OID, "merge"),
    "PUT pulls/1/update-branch": lambda github: github.update_branch(1, OID),
    "mutation AutoMerge": lambda github: github.arm_auto_merge("PR_1", OID, "merge"),
}
REFUSALS = (
    b'422\ndate: Thu, 01 Jan 2026 00:00:00 GMT\n\n{"message": "Validation Failed", "errors": [{"message": "m"}]}',
    b"403\nx-ratelimit-limit: 5000\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 1767225700\n"
    b'x-accepted-github-permissions: contents=write\nretry-after: 17\n\n{"message": "API rate limit exceeded"}',
    b"301\nlocation: https://example.test/x\n\n{}",
)


def _answers() -> tuple[Parser, ...]:
    answer = Form.ANSWER
    fleet = b"200\ndate: Thu, 01 Jan 2026 00:00:00 GMT\n\n" + msgspec.json.encode(FLEET)
    looks = (
        Parser("query Snapshot", answer, sample("query Snapshot"), _snapshot, turn=250),
        Parser("query Comments", answer, sample("query Comments"), _comments, turn=250),
        Parser("query Survey", answer, sample("query Survey"), _survey, turn=250),
        Parser("query Candidates", answer, sample("query Candidates"), _candidates, turn=250),
        Parser("query Viewer", answer, sample("query Viewer"), _viewer),
        Parser("query Fleet", answer, (fleet,), _fleet, turn=400),
        Parser(
            "GET the node's folder",
            answer,
            (*sample("GET contents/maintainers/alice/cluster-nodes/node-a"), b"304\n\n"),
            _glance,
        ),
    )
    return looks + tuple(
        Parser(name, answer, sample(name) + REFUSALS, _write(send), turn=500) for name, send in WRITES.items()
    )


ANSWERS = _answers()
