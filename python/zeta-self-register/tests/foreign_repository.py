"""The parsers of what lies in the GitOps repository: records of others, and a pull request that is to be judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from foreign_hardware import own_record
from foreign_port import Foreign, Parser, hold, line, lines
from garbling import Form
from zeta_self_register import check_pull, node_document, output, pull_rules, record_rules
from zeta_self_register.check_pull import Asked
from zeta_self_register.exits import Refused
from zeta_self_register.pull_rules import Change, PullRequest

HERE = Path(__file__).parent
PLACE = "maintainers/alice/cluster-nodes/node-a/node.yaml"
RECORDS = (
    own_record(),
    *(path.read_bytes() for path in sorted((HERE / "machine" / "records").glob("*.yaml"))),
)
ASKED = Asked("main", "register-node-node-a", "register-node-node-a", "alice")
NONE, SOME = b"0" * 40, b"a" * 40
RAW = b":000000 100644 %b %b A\0%b\0" % (NONE, SOME, PLACE.encode())
EVENT = json.dumps(
    {
        "action": "opened",
        "pull_request": {
            "head": {"ref": "register-node-node-a", "sha": "a" * 40, "repo": {"full_name": "acme/cluster"}},
            "base": {"ref": "main", "sha": "b" * 40, "repo": {"full_name": "acme/cluster"}},
            "user": {"login": "alice"},
        },
    }
).encode()


def _record(content: bytes) -> bool:
    """As `validate` shows it, and as a tick reads it."""
    problems, advice = record_rules.validate(content, PLACE), record_rules.advice(content)
    checked = output.Validation("node.yaml", PLACE, tuple(problems), tuple(advice))
    lines(output.validation_lines([checked]))
    output.as_json(output.validation_as_table([checked]))
    document = node_document.parse(content)
    if isinstance(document, node_document.Problems):
        for message in document.messages:
            line(message)
        hold(not checked.valid, "a valid record that cannot be read")
    return checked.valid


def _event(content: bytes) -> bool:
    try:
        asked = check_pull.from_event(Foreign({"/event": content}), "/event")
    except Refused as refused:
        line(refused.line)
        return False
    return _judged(asked, {"diff": RAW, "blob": RECORDS[0], "-s": b"%d\n" % len(RECORDS[0])})


def _judged(asked: Asked, printed: dict[str, bytes]) -> bool:
    """What `check-pull` says; True lets the pull request through."""

    def git(argv: Sequence[str]) -> bytes | None:
        return next((said for word, said in printed.items() if word in argv), None)

    try:
        pull = check_pull.read(Foreign(outputs=git), ".", asked)
    except Refused as refused:
        line(refused.line)
        return False
    return _lets_through(pull)


def _lets_through(pull: PullRequest) -> bool:
    found = pull_rules.violations(pull)
    for one in found:
        line(one)
    output.as_json({"violations": found})
    return not found


def _diff(content: bytes) -> bool:
    return _judged(ASKED, {"diff": content, "blob": RECORDS[0], "-s": b"%d\n" % len(RECORDS[0])})


def _size(content: bytes) -> bool:
    return _judged(ASKED, {"diff": RAW, "blob": RECORDS[0], "-s": content})


def _folders(content: bytes) -> bool:
    """`git ls-tree`, by which an App's pull request is judged."""
    asked = Asked("main", "x", "register-node-node-a", "zeta[bot]")
    return _judged(
        asked, {"diff": RAW, "blob": RECORDS[0], "-s": b"%d\n" % len(RECORDS[0]), "ls-tree": content}
    )


def _path(content: bytes) -> bool:
    path = content.decode("utf-8", "surrogateescape")
    through = _lets_through(
        PullRequest(
            "register-node-node-a",
            "alice",
            False,
            (Change(path, pull_rules.NOTHING, pull_rules.FILE, None, RECORDS[0]),),
            frozenset(),
        )
    )
    hold(not through or path == PLACE, f"let through: {path!r}")
    return through


REPOSITORY = (
    Parser("node.yaml of others", Form.LINES, RECORDS, _record, turn=40),
    Parser("check-pull: the event", Form.JSON, (EVENT,), _event, turn=100),
    Parser("check-pull: git diff", Form.BYTES, (RAW, RAW + RAW), _diff, turn=200),
    Parser("check-pull: git cat-file -s", Form.BYTES, (b"812\n",), _size, turn=100),
    Parser("check-pull: git ls-tree", Form.BYTES, (b"alice\0bob\0",), _folders, turn=100),
    Parser("check-pull: a path", Form.BYTES, (PLACE.encode(),), _path, turn=200),
)
