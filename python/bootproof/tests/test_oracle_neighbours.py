"""What is others' stays others', and a thing is said once: each rule with a log that keeps it and one that
does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from bootproof.oracle import ALWAYS, Case
from bootproof.oracle_rules import Look

RULES = {rule.id: rule.judge for rule in ALWAYS}
RECORD = "maintainers/alice/cluster-nodes/node-a/node.yaml"


def look(rule: str, case: Case) -> Look:
    return RULES[rule](case)


def broken(rule: str, case: Case) -> list[str]:
    return [str(finding) for finding in look(rule, case).findings]


# --- nobody else's


def own_registration(story: Any) -> None:
    """All that an honest program does, from the branch to the merge."""
    story.does("branch-created", branch="register-node-a", after="c0")
    story.does("branch-moved", branch="register-node-a", after="c1", paths=(RECORD,))
    story.opens(1)
    story.does("auto-merge-enabled", number=1)
    story.comments(1, "hello")
    story.merges(1, agent="agent/1")
    story.does("branch-deleted", branch="register-node-a")


def test_its_own_branch_pull_request_and_record(booted: Any) -> None:
    own_registration(booted)
    assert look("nobody-elses", booted.case()) == Look(8)


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        ("branch-moved", {"branch": "main", "paths": (RECORD,)}, "other than by merging its PR"),
        ("branch-moved", {"branch": "feature"}, "feature is no branch of this node"),
        ("branch-moved", {"branch": "register-node-a-b"}, "register-node-a-b is no branch of this node"),
        ("branch-deleted", {"branch": "register-node-b"}, "register-node-b is no branch of this node"),
        ("branch-created", {"branch": "register-node-a-20240101T120000Z"}, "is not register-node-a"),
        ("branch-moved", {"branch": "register-node-a", "paths": (RECORD, "flake.nix")}, "touches flake.nix"),
        ("branch-created", {"branch": "register-node-a", "repository": "acme/other"}, "in acme/other"),
        ("pull-request-closed", {"number": 5}, "#5, which is no PR of this node"),
        ("pull-request-edited", {"number": 5}, "#5, which is no PR of this node"),
        ("comment-created", {"number": 5, "body": "x"}, "#5, which is no PR of this node"),
        ("pull-request-closed", {"number": 6}, "#6, which bob opened"),
        ("comment-deleted", {"number": 6, "comment": 77}, "that the machine did not write"),
        ("repository-edited", {}, "no rule knows whom it touches"),
    ],
)
def test_what_is_anothers(booted: Any, kind: str, fields: dict[str, Any], text: str) -> None:
    booted.opens(5, head="acme:feature", paths=("else",), agent=None, by="bob")
    booted.opens(6, agent=None, by="bob")
    booted.does(kind, **fields)
    (found,) = broken("nobody-elses", booted.case())
    assert text in found
    assert found.endswith(f"[{booted.events[-1].seq}]")


def test_what_persons_do_is_their_business(booted: Any) -> None:
    booted.does("branch-moved", branch="main", paths=("flake.nix",), agent=None)
    booted.does("branch-moved", branch="main", paths=("flake.nix",), agent="browser", by="bob")
    assert look("nobody-elses", booted.case()) == Look(0)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"head": "acme:register-node-a-20240101T120000Z"}, "not register-node-a to main"),
        ({"base": "release"}, "not register-node-a to main"),
        ({"paths": (RECORD, "flake.nix")}, "touches flake.nix"),
    ],
)
def test_a_pull_request_of_its_own_may_bring_only_the_record(
    booted: Any, fields: dict[str, Any], text: str
) -> None:
    booted.opens(1, **fields)
    assert text in broken("nobody-elses", booted.case())[0]


def test_a_rename_may_take_the_old_record_away(booted: Any) -> None:
    booted.opens(1, paths=(RECORD, "old/node.yaml"))
    assert len(broken("nobody-elses", booted.case())) == 1
    booted.registration = msgspec.structs.replace(booted.registration, also_paths=("old/node.yaml",))
    assert broken("nobody-elses", booted.case()) == []


def test_bringing_the_branch_up_to_date_takes_in_what_others_did(booted: Any) -> None:
    request = booted.request("/repos/acme/cluster/pulls/1/update-branch", "PUT")
    booted.log("branch-moved", request=request, by="alice", branch="register-node-a", paths=("flake.nix",))
    assert look("nobody-elses", booted.case()) == Look(1)


# --- one comment per kind


def test_one_of_each_kind(booted: Any) -> None:
    booted.opens(1)
    booted.comments(1, "node-a joins this")
    booted.comments(1, "reopened, because it was closed")
    booted.comments(1, "node-a joins this", agent=None, by="bob")
    assert look("one-comment-per-kind", booted.case()) == Look(2)


def test_a_comment_at_each_tick(booted: Any) -> None:
    booted.opens(1)
    for tick in range(3):
        booted.comments(1, f"still waiting at 12:0{tick}, boot 4f2e9a1c{tick}")
    found = broken("one-comment-per-kind", booted.case())
    assert len(found) == 2
    assert "#1 got another comment of the kind 'still waiting at #:#, boot #'" in found[0]


def test_kinds_that_were_given_tell_comments_that_read_differently(booted: Any) -> None:
    booted.registration = msgspec.structs.replace(booted.registration, comment_kinds={"joined": "joins"})
    booted.opens(1)
    booted.comments(1, "node-a joins this")
    booted.comments(1, "still: it joins this")
    assert "of the kind 'joined'" in broken("one-comment-per-kind", booted.case())[0]


def test_the_program_acts_under_its_own_login(booted: Any) -> None:
    booted.opens(1)
    assert look("only-its-own-logins", booted.case()) == Look(2)
    booted.opens(2, by="root-of-all")
    assert "2 event(s) under root-of-all" in broken("only-its-own-logins", booted.case())[0]
