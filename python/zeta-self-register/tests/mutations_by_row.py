"""Bugs of single rows of the decision table, as changes to functions of the real agent (see `planting`)."""

from __future__ import annotations

from dataclasses import replace

from zeta_self_register.comments import CommentKind
from zeta_self_register.decision import Action
from zeta_self_register.remote import Unknown


def does(action):
    """The row does this where it fits, instead of what it should."""

    def mutation(rule):
        def mutated(s):
            decision = rule(s)
            if decision is None:
                return None
            return replace(decision, action=action, pull=decision.pull or s.open_pull, marker=None)

        return mutated

    return mutation


def puts_back(record_changed):
    """The record as it was, by a pull request that is merged at once."""

    def mutated(s):
        decision = record_changed(s)
        if decision is None:
            return None
        action = Action.REGISTER if s.open_pull is None else Action.MERGE
        return replace(decision, action=action, pull=s.open_pull, marker=None)

    return mutated


def counts_own_notes(closed_once):
    """As if a note about to be written over were GitHub's own event."""

    def mutated(s):
        pulls = tuple(replace(p, reopened=int(s.reopening(p) is not None)) for p in s.seen.pulls)
        return closed_once(replace(s, remote=replace(s.seen, pulls=pulls)))

    return mutated


def finds_anything_the_same(glance):
    """Compares node.yaml alone, so that a file beside it is nothing new."""

    def mutated(github, subject, record, etag):
        found = glance(github, subject, record, etag)
        if isinstance(found, Unknown) or found.unchanged:
            return found
        answer = github.folder(subject.folder, subject.base, None)
        entries = {e.get("name"): e.get("sha") for e in answer.data} if isinstance(answer.data, list) else {}
        return replace(found, unchanged=entries.get("node.yaml") == record)

    return mutated


def comments_on_refusal(merge):
    def mutated(self, pull):
        following = merge(self, pull)
        if following.merge_refused or following.end is not None:
            self._comment(pull, CommentKind.HELD)
        return following

    return mutated


def removes_the_rest(removal):
    def mutated(self):
        proposal = removal(self)
        return replace(proposal, deletions=(*proposal.deletions, "README.md"))

    return mutated
