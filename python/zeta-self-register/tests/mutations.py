"""Bugs that programs of this kind have had, as changes to functions of the real agent.

Each takes what the agent has and returns what takes its place (see `planting`).
"""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from types import SimpleNamespace

import msgspec
from zeta_self_register import names
from zeta_self_register.answers import Outcome
from zeta_self_register.decision import Action, Decision, nothing
from zeta_self_register.durable import write_durably
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.local_files import MarkerState
from zeta_self_register.remote import PullState, Snapshot, Survey, Unknown
from zeta_self_register.settings import Mode
from zeta_self_register.tick import Run

DONE = nothing(Exit.DONE, "done already")
NOT_NOW = nothing(Exit.NOT_NOW, "not now")


def ends_if(condition, end):
    """A row that ends the run where the condition holds."""
    return lambda real: lambda s: end if condition(s) else real(s)


def gated(condition):
    """A run that ends at once where the condition holds of its files."""

    def mutation(go_round):
        def mutated(node, act):
            if condition(node.files()):
                return Run([NOT_NOW])
            return go_round(node, act)

        return mutated

    return mutation


def stamps_first(register):
    def mutated(self):
        # A state that claims nothing, so that it is what it leads to that is seen.
        self._decision = replace(self._decision, marker=MarkerState.HELD)
        self._write_marker()
        return register(self)

    return mutated


def syncing_only(wanted):
    """A durable write that syncs only some of what it should."""

    def mutation(write):
        def mutated(effects, path, content, mode=0o644):
            def sync(what):
                if wanted(what):
                    effects.sync(what)

            write(SimpleNamespace(write=effects.write, rename=effects.rename, sync=sync), path, content, mode)

        return mutated

    return mutation


def empty_is_none(read_intent):
    return lambda effects, path: read_intent(effects, path) if effects.read(path) else None


def consumes_intent(go_round):
    def mutated(node, act):
        path = node.settings.intent_file
        if not node.effects.read(path) and node.files().marker is None:
            return Run([NOT_NOW])
        write_durably(node.effects, path, b"")
        return go_round(node, act)

    return mutated


def unknown_is_none(take_survey):
    def mutated(*arguments):
        found = take_survey(*arguments)
        return Survey(()) if isinstance(found, Unknown) else found

    return mutated


def repeats(rest):
    def mutated(self, method, path, body):
        answer = rest(self, method, path, body)
        lost = method == "POST" and answer.outcome is Outcome.LOST
        return rest(self, method, path, body) if lost else answer

    return mutated


def no_own_pulls(take_snapshot):
    def mutated(*arguments):
        seen = take_snapshot(*arguments)
        if not isinstance(seen, Snapshot):
            return seen
        return replace(seen, pulls=tuple(p for p in seen.pulls if p.state is not PullState.OPEN))

    return mutated


def first_page_only(look):
    def mutated(self, document, variables):
        answer = look(self, document, variables)
        pulls = ((answer.data or {}).get("repository") or {}).get("pullRequests") or {}
        pulls.get("pageInfo", {}).update(hasNextPage=False)
        return answer

    return mutated


def by_prefix(_twin_pull):
    def mutated(s):
        mine = names.branch_name(s.node)
        return next((e for e in s.elsewhere if e.pull and e.pull.branch.startswith(mine)), None)

    return mutated


def dated(subject):
    def mutated(self):
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.effects.wall_clock()))
        return replace(subject(self), branch=f"register-{self.who.node}-{at}")

    return mutated


def signed_out_is_done(read_token):
    def mutated(*arguments):
        try:
            return read_token(*arguments)
        except Refused as refused:
            raise Refused(Exit.DONE, refused.line) from None

    return mutated


def deletes_branch(after_refusal):
    def mutated(self, answer):
        if answer.outcome is Outcome.LOST:
            self._github._rest("DELETE", f"git/refs/heads/{self._node.subject.branch}", {})
        return after_refusal(self, answer)

    return mutated


def adds_nothing(query):
    def mutated(self, document, variables):
        if "fileChanges" in variables.get("input", {}):
            variables["input"]["fileChanges"]["additions"] = []
        return query(self, document, variables)

    return mutated


def signs_itself(_commit):
    def mutated(self, branch, _head, put, _drop, headline):
        ((path, content),) = put.items()
        who_ = {"name": "alice", "email": "alice@users.noreply.github.com"}
        text = base64.b64encode(content).decode()
        body = {"message": headline, "content": text, "branch": branch, "author": who_}
        return self._rest("PUT", f"contents/{path}", body)

    return mutated


def forgets_wish_first(reset):
    def mutated(self):
        self._note_wishes()
        return reset(self)

    return mutated


def drops_nothing(commit):
    return lambda self, branch, head, put, _drop, headline: commit(self, branch, head, put, (), headline)


def forgets_removal(_removed):
    """As if the wish were fulfilled for good once the record is gone."""

    def rule(s):
        if s.local.wishes.removal is None or s.seen.record is not None:
            return None
        wishes = msgspec.structs.replace(s.local.wishes, removal=None)
        return Decision(Action.WISHES, Exit.NOT_NOW, "removed", wishes=wishes)

    return rule


def falls_back(parse_node_name):
    def mutated(text):
        try:
            return parse_node_name(text)
        except names.InvalidName:
            return names.NodeName("zeta-node")

    return mutated


def always(value):
    """Whatever it is asked."""
    return lambda _real: lambda *_arguments, **_named: value


def dry(load):
    return lambda *a, **named: msgspec.structs.replace(load(*a, **named), mode=Mode.DRY_RUN)


def forgets_reopening(closed_once):
    def mutated(s):
        pulls = tuple(replace(pull, reopened=0) for pull in s.seen.pulls)
        return closed_once(replace(s, remote=replace(s.seen, pulls=pulls)))

    return mutated


def sees_no_change(glance):
    def mutated(github, subject, record, etag):
        found = glance(github, subject, record, etag)
        return found if isinstance(found, Unknown) else replace(found, unchanged=True)

    return mutated


# --- conditions ---------------------------------------------------------------------------------------------


def is_marked(state):
    """The files of the machine have a marker that says this."""
    return lambda files: files.marker is not None and files.marker.state is state


def is_closed(s):
    """A person closed the last pull request."""
    return s.last_pull is not None and s.last_pull.state is PullState.CLOSED


def is_file(path):
    """It is a temporary file that is synced, not a folder."""
    return path.endswith(".new")
