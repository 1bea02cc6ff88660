"""The decision table: every row has an example, the table is total, and a few things hold whatever is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zeta_self_register import rules_follow
from zeta_self_register.comments import CommentKind
from zeta_self_register.decide import TABLE, decide
from zeta_self_register.decision import LOOKS, Action
from zeta_self_register.exits import Exit
from zeta_self_register.identity import NO_IDENTITY
from zeta_self_register.local_files import (
    Attempt,
    Marker,
    MarkerState,
    NotedComment,
    Pause,
    Phase,
    PullRequestRef,
    Reading,
    RefusedAutoMerge,
    Removal,
    State,
    Wishes,
)
from zeta_self_register.moments import Moment
from zeta_self_register.output import decision_table
from zeta_self_register.remote import (
    Branch,
    Content,
    Elsewhere,
    Glance,
    Mergeable,
    Pull,
    PullState,
    Record,
    Snapshot,
    Survey,
    Unknown,
)
from zeta_self_register.settings import Merge, MergeMethod, OnClosed, OnDrift, Settings
from zeta_self_register.situation import Command, Local, Owner, Policy, Situation

NOW = 1_000_000.0
DAY = 86_400.0
PATH = "maintainers/alice/cluster-nodes/n/node.yaml"
OWNERS = {b"ours": Owner.OURS, b"others": Owner.OTHERS, b"unclear": Owner.UNCLEAR}

POLICY = Policy(
    base_branch="main",
    on_closed=OnClosed.REOPEN_ONCE,
    on_drift=OnDrift.REPAIR,
    merge=Merge.AUTO,
    merge_method=MergeMethod.SQUASH,
    request_lifetime=300,
    min_pr_interval=DAY,
    cluster=(),
)
LOCAL = Local(
    installer=False,
    stamped=True,
    marker_reading=Reading.ABSENT,
    marker=None,
    marker_is_ours=False,
    attempt=None,
    state=State(),
    boot_id="this",
    monotonic=1000.0,
)
EMPTY = Snapshot(
    viewer="alice",
    asked_at=999.0,
    server_time=NOW,
    archived=False,
    auto_merge_allowed=True,
    merge_methods=("merge", "squash", "rebase"),
    base_oid="base",
    record=None,
    retired=False,
    branch=None,
    pulls=(),
)
NOWHERE = Survey(())


def pull(number: int = 7, state: PullState = PullState.OPEN, **changes: Any) -> Pull:
    """A pull request of this node, opened two days ago unless said otherwise."""
    opened = Pull(
        node_id=f"PR_{number}",
        number=number,
        url=f"https://github.test/acme/cluster/pull/{number}",
        state=state,
        base="main",
        branch="register-node-n",
        branch_exists=True,
        head_oid="head",
        record=Record("blob", b"ours"),
        created_at=NOW - 2 * DAY,
        closed_at=None if state is PullState.OPEN else NOW - DAY,
        merged_at=NOW - DAY if state is PullState.MERGED else None,
        reopened=0,
        paths=(PATH,),
        comment_kinds=frozenset(),
        mergeable=Mergeable.MERGEABLE,
        merge_state="BLOCKED",
        auto_merge=False,
    )
    return dataclasses.replace(opened, **changes)


def branch(content: Content = Content.OUR_FILE, record: bytes | None = b"ours") -> Branch:
    """Our branch, with a record or without."""
    return Branch(
        "register-node-n", "head", content, 0, Record("blob", record) if record is not None else None
    )


def marker(state: MarkerState, **changes: Any) -> Marker:
    """A valid marker of this machine."""
    ref = PullRequestRef(7, "https://github.test/acme/cluster/pull/7", "register-node-n")
    return msgspec.structs.replace(
        Marker(
            state=state,
            repository="acme/cluster",
            operator="alice",
            node="n",
            identity=NO_IDENTITY,
            pull_request=ref,
            record_seen="blob",
            boot_id="this",
            written_at="2026-01-01T00:00:00Z",
            server_time=NOW - DAY,
            reason="",
        ),
        **changes,
    )


def with_marker(state: MarkerState, **changes: Any) -> Local:
    """Local knowledge with that marker."""
    return dataclasses.replace(
        LOCAL, marker_reading=Reading.VALID, marker=marker(state, **changes), marker_is_ours=True
    )


def with_attempt(phase: Phase, seconds_ago: float, boot_id: str = "this") -> Local:
    """Local knowledge with an attempt noted so long ago."""
    noted = Moment(boot_id, LOCAL.monotonic - seconds_ago, NOW - seconds_ago)
    attempt = Attempt(
        phase=phase,
        repository="acme/cluster",
        operator="alice",
        node="n",
        branch="register-node-n",
        noted=noted,
    )
    return dataclasses.replace(LOCAL, attempt=attempt)


def situation(
    local: Local = LOCAL,
    remote: Snapshot | Unknown | None = EMPTY,
    survey: Survey | None = NOWHERE,
    policy: Policy = POLICY,
    command: Command = Command.REGISTER,
) -> Situation:
    """A machine of which nothing is known, in a repository that has nothing of it, unless said otherwise."""
    return Situation(
        command=command,
        operator="alice",
        node="n",
        path=PATH,
        local=local,
        remote=remote,
        survey=survey,
        policy=policy,
        owner=lambda content: OWNERS[content],
        same_hardware=lambda content: content == b"ours",
    )


STRAY = pull(8, created_at=NOW - 10, title="feat(node-register): n self-registers")


def seen(**changes: Any) -> Snapshot:
    """A snapshot that shows this."""
    return dataclasses.replace(EMPTY, **changes)


def local(**changes: Any) -> Local:
    """Local knowledge of this."""
    return dataclasses.replace(LOCAL, **changes)


def policy(**changes: Any) -> Policy:
    """Another policy."""
    return dataclasses.replace(POLICY, **changes)


NEEDS_CLUSTER = policy(cluster=("10.0.0.1:6443",))
RECORD = Record("blob", b"ours")
REGISTERED = with_marker(MarkerState.REGISTERED)
PR_OPEN = with_marker(MarkerState.PR_OPEN)
OLD_TWIN = Elsewhere(PATH, "alice", "n", b"ours", pull(9, branch="register-n-20250101T000000Z"))
TO_GO = Wishes(removal=Removal(ignore_prs_up_to=4))
OLD_PATH = "maintainers/alice/cluster-nodes/m/node.yaml"
OLD_NAME = Elsewhere(OLD_PATH, "alice", "m", b"ours")
REMOVAL = "deregister-node-n"


def wishing(**wanted: Any) -> Local:
    """A machine whose operator wants this."""
    return dataclasses.replace(LOCAL, wishes=Wishes(**wanted))


def to_go(base: Local = LOCAL, **changes: Any) -> Local:
    """A machine whose record is to be removed."""
    return dataclasses.replace(base, wishes=TO_GO, **changes)


def attempt_elsewhere(seconds_ago: float) -> Attempt:
    """An unanswered attempt on another branch."""
    noted = with_attempt(Phase.PULL_REQUEST, seconds_ago).attempt
    assert noted is not None
    return msgspec.structs.replace(noted, branch="register-node-m")


PAUSED = State(pause=Pause(noted=Moment("this", 990.0, 0.0), seconds=60, attempts=0))

REFUSED = State(auto_merge_refused=RefusedAutoMerge(pull_request=7, head="head", reason="not allowed"))


def follows(
    policy: Policy = POLICY, state: State | None = None, auto_merge_allowed: bool = True, **changes: Any
) -> Situation:
    """The steward beside its open pull request."""
    known = PR_OPEN if state is None else dataclasses.replace(PR_OPEN, state=state)
    remote = seen(pulls=(pull(**changes),), branch=branch(), auto_merge_allowed=auto_merge_allowed)
    return situation(known, remote, policy=policy, command=Command.STEWARD)


LOST = msgspec.structs.replace(with_attempt(Phase.PULL_REQUEST, 9e4).attempt, lost=True)


def unsent(wall_clock: float) -> Situation:
    """Nobody was reached, and the machine's own clock stands there."""
    asked = situation(remote=Unknown(Exit.NOT_NOW, "no certificate", unsent=True))
    return dataclasses.replace(asked, wall_clock=wall_clock)


def wanted_when_registered(wishes: Wishes) -> Situation:
    """The steward of a registered node whose operator wants something that is not done yet."""
    known = looked(None)
    return dataclasses.replace(known, local=dataclasses.replace(known.local, wishes=wishes))


def looked(glance: Glance | None, attempt: Attempt | None = None) -> Situation:
    """The steward of a registered node that was looked at before."""
    known = dataclasses.replace(with_marker(MarkerState.REGISTERED, etag="e"), attempt=attempt)
    asking = situation(known, None, command=Command.STEWARD)
    return dataclasses.replace(asking, glance=glance)


EXAMPLES: list[tuple[str, Situation, Action, Exit]] = [
    ("installer", situation(local(installer=True), None), Action.NOTHING, Exit.HELD),
    (
        "marker-unreadable",
        situation(local(marker_reading=Reading.UNREADABLE), None),
        Action.NOTHING,
        Exit.MISCONFIGURED,
    ),
    (
        "marker-newer",
        situation(local(marker_reading=Reading.NEWER), None),
        Action.NOTHING,
        Exit.MISCONFIGURED,
    ),
    (
        "marker-foreign",
        situation(dataclasses.replace(REGISTERED, marker_is_ours=False), None),
        Action.NOTHING,
        Exit.HELD,
    ),
    ("no-stamp", situation(local(stamped=False), None), Action.NOTHING, Exit.HELD),
    ("clock", unsent(0.0), Action.NOTHING, Exit.NOT_NOW),
    ("clock", unsent(4e9), Action.NOTHING, Exit.NOT_NOW),
    ("unknown", unsent(1_767_225_600.0), Action.NOTHING, Exit.NOT_NOW),
    ("cluster-not-asked", situation(survey=None, policy=NEEDS_CLUSTER), Action.REACH, Exit.NOT_NOW),
    (
        "cluster-unreachable",
        dataclasses.replace(situation(policy=NEEDS_CLUSTER), unreachable=("10.0.0.1:6443 (refused)",)),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    (
        "not-surveyed",
        dataclasses.replace(situation(survey=None, policy=NEEDS_CLUSTER), unreachable=()),
        Action.SURVEY,
        Exit.NOT_NOW,
    ),
    ("paused", situation(local(state=PAUSED), None), Action.NOTHING, Exit.NOT_NOW),
    ("not-asked", situation(LOCAL, None), Action.LOOK, Exit.NOT_NOW),
    ("unknown", situation(remote=Unknown(Exit.NOT_NOW, "down")), Action.NOTHING, Exit.NOT_NOW),
    ("unknown", situation(remote=Unknown(Exit.NOT_NOW, "limit", 60)), Action.PAUSE, Exit.NOT_NOW),
    ("retired", situation(remote=seen(retired=True, record=RECORD)), Action.WRITE_MARKER, Exit.DONE),
    (
        "retired",
        situation(with_marker(MarkerState.RETIRED), seen(retired=True)),
        Action.NOTHING,
        Exit.DONE,
    ),
    ("record-of-another", situation(remote=seen(record=Record("b", b"others"))), Action.NOTHING, Exit.HELD),
    ("record-of-another", situation(remote=seen(record=Record("b", b"unclear"))), Action.NOTHING, Exit.HELD),
    (
        "record-changed",
        situation(REGISTERED, seen(record=Record("new", b"others"))),
        Action.WRITE_MARKER,
        Exit.DONE,
    ),
    ("registered", situation(REGISTERED, seen(record=RECORD)), Action.NOTHING, Exit.DONE),
    ("glance", looked(None), Action.GLANCE, Exit.NOT_NOW),
    ("unchanged", looked(Glance(unchanged=True, etag="e")), Action.NOTHING, Exit.DONE),
    ("unchanged", looked(Glance(unchanged=True, etag="other")), Action.NOTE_ETAG, Exit.DONE),
    ("unchanged", looked(Glance(unchanged=True)), Action.NOTHING, Exit.DONE),
    ("not-asked", looked(Glance(unchanged=False)), Action.LOOK, Exit.NOT_NOW),
    (
        "glance",
        looked(None, attempt=with_attempt(Phase.PULL_REQUEST, 9e4).attempt),
        Action.GLANCE,
        Exit.NOT_NOW,
    ),
    ("not-asked", wanted_when_registered(Wishes(reset=True)), Action.LOOK, Exit.NOT_NOW),
    ("not-asked", wanted_when_registered(TO_GO), Action.LOOK, Exit.NOT_NOW),
    ("not-asked", looked(None, attempt=LOST), Action.LOOK, Exit.NOT_NOW),
    ("not-asked", dataclasses.replace(looked(None), command=Command.REGISTER), Action.LOOK, Exit.NOT_NOW),
    ("record-found", situation(remote=seen(record=RECORD)), Action.WRITE_MARKER, Exit.DONE),
    (
        "record-found",
        situation(PR_OPEN, seen(record=RECORD, pulls=(pull(state=PullState.MERGED),))),
        Action.WRITE_MARKER,
        Exit.DONE,
    ),
    ("archived", situation(remote=seen(archived=True)), Action.NOTHING, Exit.HELD),
    (
        "pull-retargeted",
        situation(remote=seen(pulls=(pull(base="dev"),), branch=branch())),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "pull-of-another",
        situation(remote=seen(pulls=(pull(record=Record("blob", b"others")),), branch=branch())),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "pull-opened-by-us",
        situation(with_attempt(Phase.PULL_REQUEST, 5), seen(pulls=(pull(),), branch=branch())),
        Action.WRITE_MARKER,
        Exit.DONE,
    ),
    ("pull-found", situation(remote=seen(pulls=(pull(),), branch=branch())), Action.JOIN, Exit.DONE),
    (
        "comment-owed",
        situation(with_marker(MarkerState.PR_OPEN, joined=True), seen(pulls=(pull(),), branch=branch())),
        Action.COMMENT,
        Exit.NOT_NOW,
    ),
    ("pull-open", situation(PR_OPEN, seen(pulls=(pull(),), branch=branch())), Action.NOTHING, Exit.DONE),
    ("left-to-people", follows(policy=policy(merge=Merge.NEVER)), Action.NOTHING, Exit.NOT_NOW),
    ("changes-more", follows(paths=(PATH, "flake.nix")), Action.NOTHING, Exit.NOT_NOW),
    ("draft", follows(draft=True, merge_state="DRAFT"), Action.NOTHING, Exit.NOT_NOW),
    ("switched-off", follows(switched_off=True, merge_state="CLEAN"), Action.NOTHING, Exit.NOT_NOW),
    ("switched-off", follows(switched_off=True, merge_state="BEHIND"), Action.NOTHING, Exit.NOT_NOW),
    ("behind", follows(merge_state="BEHIND"), Action.UPDATE, Exit.NOT_NOW),
    ("behind", follows(merge_state="BEHIND", auto_merge=True), Action.UPDATE, Exit.NOT_NOW),
    ("armed", follows(auto_merge=True), Action.NOTHING, Exit.NOT_NOW),
    (
        "mergeable-unknown",
        follows(mergeable=Mergeable.UNKNOWN, merge_state="UNKNOWN"),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    ("conflict", follows(mergeable=Mergeable.CONFLICTING, merge_state="DIRTY"), Action.NOTHING, Exit.NOT_NOW),
    ("mergeable", follows(merge_state="CLEAN"), Action.MERGE, Exit.NOT_NOW),
    ("mergeable", follows(merge_state="UNSTABLE"), Action.MERGE, Exit.NOT_NOW),
    ("mergeable", follows(merge_state="CLEAN", state=REFUSED), Action.MERGE, Exit.NOT_NOW),
    ("not-armed", follows(), Action.ARM, Exit.NOT_NOW),
    (
        "not-armed",
        dataclasses.replace(follows(merge_state="CLEAN"), merge_refused="no"),
        Action.ARM,
        Exit.NOT_NOW,
    ),
    ("not-armed", follows(state=REFUSED, head_oid="another"), Action.ARM, Exit.NOT_NOW),
    ("waits-unarmed", follows(state=REFUSED), Action.NOTHING, Exit.NOT_NOW),
    ("waits-unarmed", follows(auto_merge_allowed=False), Action.NOTHING, Exit.NOT_NOW),
    (
        "merged-lately",
        situation(remote=seen(pulls=(pull(state=PullState.MERGED, merged_at=NOW - 10),))),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    (
        "merged-elsewhere",
        situation(remote=seen(pulls=(pull(state=PullState.MERGED, merged_at=NOW - 90_000, base="release"),))),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "stray",
        situation(
            with_attempt(Phase.PULL_REQUEST, 900), seen(record=RECORD, pulls=(STRAY,), branch=branch())
        ),
        Action.COMMENT,
        Exit.NOT_NOW,
    ),
    (
        "stray",
        situation(
            with_attempt(Phase.PULL_REQUEST, 900),
            seen(
                record=RECORD,
                pulls=(dataclasses.replace(STRAY, comment_kinds=frozenset({"stray"})),),
                branch=branch(),
            ),
        ),
        Action.CLOSE,
        Exit.NOT_NOW,
    ),
    ("note-from-future", situation(with_attempt(Phase.PULL_REQUEST, -50)), Action.NOTE_AGAIN, Exit.NOT_NOW),
    ("answer-outstanding", situation(with_attempt(Phase.PULL_REQUEST, 50)), Action.NOTHING, Exit.NOT_NOW),
    (
        "answer-outstanding",
        situation(with_attempt(Phase.PULL_REQUEST, 50, boot_id="before")),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    (
        "closed-once",
        situation(remote=seen(pulls=(pull(state=PullState.CLOSED),))),
        Action.REOPEN,
        Exit.NOT_NOW,
    ),
    (
        "closed",
        situation(remote=seen(pulls=(pull(state=PullState.CLOSED, reopened=1),))),
        Action.HOLD,
        Exit.HELD,
    ),
    (
        "closed",
        situation(remote=seen(pulls=(pull(state=PullState.CLOSED),)), policy=policy(on_closed=OnClosed.HOLD)),
        Action.HOLD,
        Exit.HELD,
    ),
    (
        "closed",
        situation(
            with_marker(MarkerState.HELD),
            seen(pulls=(pull(state=PullState.CLOSED, reopened=1, comment_kinds=frozenset({"held"})),)),
        ),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "registered-lately",
        situation(with_marker(MarkerState.REGISTERED, server_time=NOW - 5)),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    (
        "closed-of-another",
        situation(remote=seen(pulls=(pull(state=PullState.CLOSED, record=Record("blob", b"others")),))),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "closed-of-another",
        situation(remote=seen(pulls=(pull(state=PullState.CLOSED, record=None),))),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "twin-retargeted",
        situation(survey=Survey((dataclasses.replace(OLD_TWIN, pull=pull(9, base="dev")),))),
        Action.NOTHING,
        Exit.HELD,
    ),
    ("drift-held", situation(REGISTERED, policy=policy(on_drift=OnDrift.HOLD)), Action.NOTHING, Exit.HELD),
    (
        "throttled",
        situation(
            remote=seen(pulls=(pull(state=PullState.MERGED, created_at=NOW - DAY / 2, merged_at=NOW - 999),))
        ),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    ("branch-foreign", situation(remote=seen(branch=branch(Content.FOREIGN))), Action.NOTHING, Exit.HELD),
    (
        "branch-foreign",
        situation(remote=seen(branch=branch(record=b"others"))),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "half-done",
        situation(with_attempt(Phase.BRANCH, 5), seen(branch=branch())),
        Action.REGISTER,
        Exit.NOT_NOW,
    ),
    ("half-done", situation(with_attempt(Phase.PULL_REQUEST, 301)), Action.REGISTER, Exit.NOT_NOW),
    ("half-done", situation(with_attempt(Phase.ANSWERED, 1)), Action.REGISTER, Exit.NOT_NOW),
    ("not-surveyed", situation(survey=None), Action.SURVEY, Exit.NOT_NOW),
    (
        "twin-of-another",
        situation(survey=Survey((dataclasses.replace(OLD_TWIN, content=b"others"),))),
        Action.NOTHING,
        Exit.HELD,
    ),
    ("twin-found", situation(survey=Survey((OLD_TWIN,))), Action.JOIN, Exit.DONE),
    (
        "other-name",
        situation(
            survey=Survey((Elsewhere("maintainers/alice/cluster-nodes/m/node.yaml", "alice", "m", b"ours"),))
        ),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "name-taken",
        situation(
            survey=Survey((Elsewhere("maintainers/bob/cluster-nodes/n/node.yaml", "bob", "n", b"others"),))
        ),
        Action.NOTHING,
        Exit.HELD,
    ),
    ("branch-left", situation(remote=seen(branch=branch())), Action.REGISTER, Exit.NOT_NOW),
    (
        "branch-left",
        situation(remote=seen(branch=branch(Content.NOTHING, None))),
        Action.REGISTER,
        Exit.NOT_NOW,
    ),
    (
        "wishes-broken",
        situation(local(wishes_broken=True), None),
        Action.NOTHING,
        Exit.MISCONFIGURED,
    ),
    ("paused-by-operator", situation(wishing(paused=True), None), Action.NOTHING, Exit.HELD),
    (
        "former-name",
        situation(local(former=marker(MarkerState.REGISTERED, node="m")), None),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "other-outstanding",
        situation(local(other_attempt=attempt_elsewhere(50))),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    (
        "other-outstanding",
        situation(local(other_attempt=attempt_elsewhere(-50))),
        Action.NOTE_AGAIN,
        Exit.NOT_NOW,
    ),
    ("nothing-there", situation(local(other_attempt=attempt_elsewhere(301))), Action.REGISTER, Exit.NOT_NOW),
    ("reset-needless", situation(wishing(reset=True), seen(record=RECORD)), Action.WISHES, Exit.NOT_NOW),
    (
        "reset-needless",
        situation(wishing(reset=True), seen(pulls=(pull(),), branch=branch())),
        Action.WISHES,
        Exit.NOT_NOW,
    ),
    (
        "reset",
        situation(wishing(reset=True), seen(pulls=(pull(7, PullState.CLOSED, reopened=1),))),
        Action.RESET,
        Exit.NOT_NOW,
    ),
    ("reset", situation(wishing(reset=True)), Action.RESET, Exit.NOT_NOW),
    (
        "merged-lately",
        situation(
            wishing(reset=True), seen(pulls=(pull(7, PullState.MERGED, merged_at=NOW - 20),), record=None)
        ),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    ("adopt", situation(wishing(adopt=7), seen(pulls=(pull(branch="x"),))), Action.JOIN, Exit.DONE),
    (
        "adopt",
        situation(dataclasses.replace(PR_OPEN, wishes=Wishes(adopt=7)), seen(pulls=(pull(branch="x"),))),
        Action.WISHES,
        Exit.NOT_NOW,
    ),
    *(
        ("adopt", situation(wishing(adopt=7), remote), Action.WISHES, Exit.HELD)
        for remote in (
            seen(),
            seen(record=RECORD),
            seen(pulls=(pull(state=PullState.CLOSED),)),
            seen(pulls=(pull(base="dev"),)),
            seen(pulls=(pull(record=None),)),
            seen(pulls=(pull(record=Record("blob", b"others")),)),
            seen(pulls=(pull(branch="x"), pull(8))),
        )
    ),
    ("moved", situation(wishing(move_from=OLD_PATH), seen(record=RECORD)), Action.WISHES, Exit.NOT_NOW),
    (
        "move",
        situation(wishing(move_from=OLD_PATH), survey=Survey((OLD_NAME,))),
        Action.REGISTER,
        Exit.NOT_NOW,
    ),
    (
        "other-name",
        situation(wishing(move_from=OLD_PATH), survey=Survey((dataclasses.replace(OLD_NAME, pull=pull(9)),))),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "other-name",
        situation(
            wishing(move_from=OLD_PATH),
            survey=Survey((OLD_NAME, dataclasses.replace(OLD_NAME, path=OLD_PATH.replace("/m/", "/k/")))),
        ),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "removal-begins",
        situation(wishing(removal=Removal()), seen(record=RECORD)),
        Action.WISHES,
        Exit.NOT_NOW,
    ),
    *(
        ("removal-held", situation(to_go(), remote), Action.NOTHING, Exit.HELD)
        for remote in (
            seen(record=Record("b", b"others")),
            seen(record=RECORD, archived=True),
            seen(record=RECORD, pulls=(pull(branch=REMOVAL, base="dev"),)),
            seen(record=RECORD, pulls=(pull(7, PullState.CLOSED, branch=REMOVAL),)),
            seen(record=RECORD, pulls=(pull(7, PullState.MERGED, branch=REMOVAL),)),
            seen(record=RECORD, branch=branch(Content.FOREIGN)),
            seen(pulls=(pull(),)),
        )
    ),
    (
        "removal-held",
        situation(
            local(wishes=msgspec.structs.replace(TO_GO, reset=True)),
            seen(record=RECORD, pulls=(pull(branch=REMOVAL),)),
        ),
        Action.NOTHING,
        Exit.HELD,
    ),
    (
        "removal-waits",
        situation(to_go(with_attempt(Phase.PULL_REQUEST, 50)), seen(record=RECORD)),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    (
        "removal-waits",
        situation(to_go(other_attempt=attempt_elsewhere(50)), seen(record=RECORD)),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    (
        "removal-waits",
        situation(to_go(with_marker(MarkerState.REGISTERED, server_time=NOW - 5))),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    (
        "removal-waits",
        situation(
            to_go(),
            seen(record=RECORD, pulls=(pull(7, PullState.MERGED, branch=REMOVAL, merged_at=NOW - 9),)),
        ),
        Action.NOTHING,
        Exit.NOT_NOW,
    ),
    (
        "removal-taken-back",
        situation(local(wishes=msgspec.structs.replace(TO_GO, reset=True)), seen(record=RECORD)),
        Action.WISHES,
        Exit.NOT_NOW,
    ),
    (
        "removal-open",
        situation(to_go(), seen(record=RECORD, pulls=(pull(branch=REMOVAL),))),
        Action.NOTHING,
        Exit.DONE,
    ),
    (
        "removal-open",
        situation(
            to_go(),
            seen(record=RECORD, pulls=(pull(branch=REMOVAL, merge_state="CLEAN"),)),
            command=Command.STEWARD,
        ),
        Action.MERGE,
        Exit.NOT_NOW,
    ),
    ("removed", situation(to_go()), Action.WRITE_MARKER, Exit.DONE),
    ("removed", situation(to_go(with_marker(MarkerState.RETIRED))), Action.NOTHING, Exit.DONE),
    ("remove", situation(to_go(), seen(record=RECORD)), Action.REMOVE, Exit.NOT_NOW),
    (
        "remove",
        situation(to_go(), seen(record=RECORD, pulls=(pull(3, PullState.CLOSED, branch=REMOVAL),))),
        Action.REMOVE,
        Exit.NOT_NOW,
    ),
    ("drift-repair", situation(REGISTERED), Action.REGISTER, Exit.NOT_NOW),
    ("nothing-there", situation(), Action.REGISTER, Exit.NOT_NOW),
]


@pytest.mark.parametrize(
    ("row", "known", "action", "status"), EXAMPLES, ids=[f"{i:02}-{e[0]}" for i, e in enumerate(EXAMPLES)]
)
def test_each_row_decides_as_the_table_says(row: str, known: Situation, action: Action, status: Exit) -> None:
    decision = decide(known)
    assert (decision.row, decision.action, decision.status) == (row, action, status)
    assert "\n" not in decision.reason
    assert decision.reason


def test_every_row_has_an_example() -> None:
    assert [row.name for row in TABLE if row.name not in {example[0] for example in EXAMPLES}] == []


def test_the_pull_request_that_removes_the_record_is_followed_by_the_same_rules() -> None:
    following = [row.name for row in TABLE if row.rule.__module__ == rules_follow.__name__]
    assert [rule.__name__.replace("_", "-") for rule in rules_follow.RULES] == following


def test_a_comment_is_made_once() -> None:
    joined = with_marker(MarkerState.PR_OPEN, joined=True)
    there = seen(pulls=(pull(comment_kinds=frozenset({"joined"})),), branch=branch())
    assert decide(situation(joined, there)).action is Action.NOTHING
    missing = seen(pulls=(pull(),), branch=branch())
    noted = NotedComment(
        pull_request=7, kind=CommentKind.JOINED.value, noted=Moment("this", 900.0, NOW - 100)
    )
    on_its_way = dataclasses.replace(joined, state=State(comments=(noted,)))
    assert decide(situation(on_its_way, missing)).action is Action.NOTHING
    long_ago = msgspec.structs.replace(noted, noted=Moment("this", 100.0, NOW - 900))
    dead = dataclasses.replace(joined, state=State(comments=(long_ago,)))
    assert decide(situation(dead, missing)).action is Action.COMMENT


def test_a_reset_allows_a_new_registration() -> None:
    closed = seen(pulls=(pull(7, PullState.CLOSED, reopened=1, created_at=NOW - 60),))
    assert decide(situation(local(state=State(ignore_prs_up_to=7)), closed)).action is Action.REGISTER
    assert decide(situation(local(state=State(ignore_prs_up_to=6)), closed)).action is Action.HOLD


locals_ = st.builds(
    Local,
    installer=st.booleans(),
    stamped=st.booleans(),
    marker_reading=st.sampled_from(Reading),
    marker=st.none() | st.builds(marker, st.sampled_from(MarkerState), joined=st.booleans()),
    marker_is_ours=st.booleans(),
    attempt=st.none()
    | st.builds(
        with_attempt, st.sampled_from(Phase), st.floats(-1e4, 1e4), st.sampled_from(["this", "before"])
    ).map(lambda known: known.attempt),
    state=st.just(State()) | st.just(PAUSED) | st.just(State(ignore_prs_up_to=8)),
    boot_id=st.just("this"),
    monotonic=st.just(1000.0),
    wishes=st.just(Wishes())
    | st.builds(
        Wishes,
        paused=st.booleans(),
        reset=st.booleans(),
        adopt=st.none() | st.integers(1, 9),
        move_from=st.none() | st.just(OLD_PATH),
        removal=st.none() | st.builds(Removal, ignore_prs_up_to=st.none() | st.integers(0, 9)),
    ),
)
records = st.none() | st.builds(Record, st.sampled_from(["blob", "new"]), st.sampled_from(sorted(OWNERS)))
pulls = st.builds(
    pull,
    st.integers(1, 9),
    st.sampled_from(PullState),
    base=st.sampled_from(["main", "dev"]),
    created_at=st.floats(NOW - 3 * DAY, NOW),
    reopened=st.integers(0, 2),
    mergeable=st.sampled_from(Mergeable),
    merge_state=st.sampled_from(["CLEAN", "BLOCKED", "UNKNOWN", "BEHIND", "DRAFT"]),
    auto_merge=st.booleans(),
    draft=st.booleans(),
    switched_off=st.booleans(),
    record=records,
)
snapshots = st.builds(
    Snapshot,
    viewer=st.just("alice"),
    asked_at=st.just(999.0),
    server_time=st.just(NOW),
    archived=st.booleans(),
    auto_merge_allowed=st.booleans(),
    merge_methods=st.sampled_from([("merge", "squash", "rebase"), ("squash",), ()]),
    base_oid=st.just("base"),
    record=records,
    retired=st.booleans(),
    branch=st.none()
    | st.builds(branch, st.sampled_from(Content), st.none() | st.sampled_from(sorted(OWNERS))),
    pulls=st.lists(pulls, max_size=3, unique_by=lambda p: p.number).map(tuple),
)
remotes = st.none() | st.builds(Unknown, st.sampled_from(Exit), st.just("why")) | snapshots
situations = st.builds(
    situation,
    locals_,
    remotes,
    st.none() | st.just(NOWHERE) | st.just(Survey((OLD_TWIN,))),
    st.just(POLICY) | st.just(policy(on_closed=OnClosed.HOLD, on_drift=OnDrift.HOLD, merge=Merge.NEVER)),
    st.sampled_from(Command),
)


@given(situations)
@settings(max_examples=1000, deadline=None)
def test_whatever_is_known_there_is_one_decision(known: Situation) -> None:
    decision = decide(known)
    writes = decision.action not in {Action.NOTHING, Action.PAUSE, *LOOKS}
    if not isinstance(known.remote, Snapshot):
        assert not writes, "nothing is written while GitHub is unknown"
        return
    if known.local.installer or not known.local.stamped:
        assert not writes, "nothing is written before the installation is complete"
    if decision.action is Action.REGISTER:
        assert known.remote.record is None
        assert all(p.state is not PullState.OPEN for p in known.remote.pulls), "never a twin of an open one"
        assert known.survey is not None
    if decision.action in {Action.MERGE, Action.ARM, Action.UPDATE}:
        assert decision.pull is not None
        assert decision.pull.paths == (PATH,), "only its own record"
        assert decision.pull.auto_merge or not decision.pull.switched_off, "a person's word counts"
    if decision.marker is MarkerState.REGISTERED:
        assert known.remote.record is not None
    if decision.marker is MarkerState.PR_OPEN:
        assert decision.pull is not None
        assert decision.pull.state is PullState.OPEN


def test_the_readme_shows_the_table_that_decides() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    assert decision_table() in readme, "put the output of `zeta-self-register plan --table` into the README"


def test_the_readme_knows_every_setting() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    assert [name for name in Settings.__struct_fields__ if f"`{name}`" not in readme] == []
