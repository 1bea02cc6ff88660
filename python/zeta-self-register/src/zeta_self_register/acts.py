"""The writes, each after its note and each safe to meet again.

Order of a new registration: the attempt is noted; the branch is created at the base commit that was seen; one
commit is put on it, expecting it where we saw it; the attempt's note is renewed, since from here on a lost answer
must be waited for; the pull request is opened.  Then GitHub is looked at again, and the marker is written from
what that look shows.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

import msgspec

from zeta_self_register import comments, local
from zeta_self_register.answers import MAX_PAUSE_SECONDS, Answer, Outcome, can_be_merged_now
from zeta_self_register.comments import CommentKind
from zeta_self_register.decision import Action, Decision
from zeta_self_register.exits import Exit
from zeta_self_register.local_files import (
    Attempt,
    Marker,
    MarkerState,
    NotedComment,
    Pause,
    Phase,
    PullRequestRef,
    RefusedAutoMerge,
    Reopening,
    encode,
)
from zeta_self_register.moments import Moment
from zeta_self_register.node import Node, Proposal
from zeta_self_register.remote import Content, Pull, PullState
from zeta_self_register.situation import Situation

PAUSE_GROWTH_LIMIT = 6
"""Doublings of a pause that GitHub asked for again and again."""


@dataclass(frozen=True)
class Next:
    """How the tick goes on: with a new look, with what is known, or not at all."""

    look_again: bool = False
    refusal: str = ""
    """What GitHub said against it; the same words twice in one tick end it."""
    merge_refused: str = ""
    """Why GitHub does not merge, as far as this tick is concerned."""
    end: Decision | None = None


LOOK_AGAIN = Next(look_again=True)
GO_ON = Next()


class Acts:
    """What one decision asks for, done in one situation."""

    def __init__(self, node: Node, situation: Situation, decision: Decision) -> None:
        self._node = node
        self._github = node.github
        self._effects = node.effects
        self._situation = situation
        self._decision = decision

    def do(self) -> Next:
        """Carries the decision out.  Raises OSError when a note cannot be written; nothing was sent then."""
        match self._decision.action:
            case Action.PAUSE:
                return self._pause(self._decision.pause_seconds, self._decision)
            case Action.WRITE_MARKER:
                self._write_marker()
                return GO_ON
            case Action.NOTE_ETAG:
                self._note_etag()
                return GO_ON
            case Action.NOTE_AGAIN:
                self._note_again()
                return Next(end=replace(self._decision, action=Action.NOTHING))
            case Action.REGISTER:
                return self._register()
            case Action.REMOVE:
                return self._publish(self._node.removal())
            case Action.RESET:
                return self._reset()
            case Action.WISHES:
                return self._note_wishes()
            case Action.REOPEN:
                return self._reopen(self._pull())
            case Action.CLOSE:
                return self._close(self._pull())
            case Action.MERGE:
                return self._merge(self._pull())
            case Action.ARM:
                return self._arm(self._pull())
            case Action.UPDATE:
                return self._update(self._pull())
            case _:
                return self._comment_and_record()

    def _comment_and_record(self) -> Next:
        """JOIN, HOLD and COMMENT: a comment that fails does not change what the marker may say."""
        if self._decision.comment is not None:
            answer = self._comment(self._pull(), self._decision.comment)
            if answer.outcome is Outcome.PAUSED:
                self._pause(answer.pause_seconds or 0.0, self._decision)
            if answer.outcome is not Outcome.OK:
                self._effects.say(f"{self._decision.row}: the comment was not made: {answer.reason}")
                if self._decision.action is Action.COMMENT and answer.outcome is Outcome.PAUSED:
                    return Next(end=replace(self._decision, action=Action.NOTHING, reason=answer.reason))
        if self._decision.marker is not None:
            self._write_marker()
        if self._pull() not in self._situation.seen.pulls:
            # What was seen is of our own branch; the next look shows the one that was joined as well.
            return Next(end=replace(self._decision, action=Action.NOTHING))
        return GO_ON

    def _pull(self) -> Pull:
        if self._decision.pull is None:
            raise TypeError(f"{self._decision.row} names no pull request")
        return self._decision.pull

    # --- a new registration -------------------------------------------------------------------------------

    def _register(self) -> Next:
        now = self._situation.now.server_time
        return self._publish(self._node.registration(now, self._decision.moves))

    def _publish(self, proposal: Proposal) -> Next:
        node, branch = self._node, self._situation.branch
        self._note(Phase.BRANCH)
        head = self._situation.seen.base_oid
        if branch is None:
            answer = self._github.create_branch(node.subject.branch, head)
        elif branch.content is Content.NOTHING and branch.oid != head:
            answer = self._github.forward_branch(branch.name, head)
        else:
            answer = Answer(Outcome.OK)
        if answer.outcome is Outcome.OK and (branch is None or branch.content is Content.NOTHING):
            put, drop = proposal.additions, proposal.deletions
            answer = self._github.commit(node.subject.branch, head, put, drop, proposal.title)
        if answer.outcome is not Outcome.OK:
            return self._after_refusal(answer)
        return self._open_pull(proposal)

    def _open_pull(self, proposal: Proposal) -> Next:
        node = self._node
        self._note(Phase.PULL_REQUEST)
        answer = self._github.create_pull(
            node.subject.branch,
            node.subject.base,
            proposal.title,
            proposal.body,
        )
        if answer.outcome is Outcome.OK:
            return LOOK_AGAIN
        if answer.outcome is not Outcome.LOST:
            # A refusal is an answer: nothing is on its way, so nothing has to be waited for.
            self._note(Phase.ANSWERED)
        return self._after_refusal(answer)

    def _after_refusal(self, answer: Answer) -> Next:
        if answer.outcome is Outcome.LOOK_AGAIN:
            self._effects.say(f"{self._decision.row}: {answer.reason}; looks again")
            return Next(look_again=True, refusal=answer.reason)
        return self._end(answer)

    # --- what the operator wants ----------------------------------------------------------------------------

    def _reset(self) -> Next:
        """The wish goes last: until then, all of it is done again."""
        state, seen = self._node.files().state, self._situation.seen
        ended = [p.number for p in seen.pulls if p.state is not PullState.OPEN]
        up_to = max([state.ignore_prs_up_to, *ended])
        self._write_state(msgspec.structs.replace(state, ignore_prs_up_to=up_to))
        if self._situation.marker is not None:
            self._decision = replace(self._decision, marker=MarkerState.HELD)
            self._write_marker()
        return self._note_wishes()

    def _note_wishes(self) -> Next:
        if self._decision.wishes is None:
            raise TypeError(f"{self._decision.row} leaves no wishes")
        self._node.write(local.wishes_path(self._node.settings), encode(self._decision.wishes))
        if self._decision.status is Exit.HELD:
            return Next(end=replace(self._decision, action=Action.NOTHING))
        return LOOK_AGAIN

    # --- an existing pull request ---------------------------------------------------------------------------

    def _reopen(self, pull: Pull) -> Next:
        """Only this; the next look shows whether it was done, and the comment that is then owed is a row of its own."""
        self._note_reopening(pull)
        if not pull.branch_exists:
            # GitHub reopens only what still has its branch at the same commit.
            answer = self._github.create_branch(pull.branch, pull.head_oid)
            if answer.outcome is not Outcome.OK:
                return self._after_refusal(answer)
        answer = self._github.reopen_pull(pull.number)
        if answer.outcome is Outcome.LOOK_AGAIN:
            self._note_reopening(pull, refused=True)
        return LOOK_AGAIN if answer.outcome is Outcome.OK else self._after_refusal(answer)

    def _note_reopening(self, pull: Pull, *, refused: bool = False) -> None:
        noted = Reopening(pull_request=pull.number, noted=self._now(), refused=refused)
        self._write_state(msgspec.structs.replace(self._node.files().state, reopening=noted))

    def _close(self, pull: Pull) -> Next:
        state = self._node.files().state
        if state.reopening is not None and state.reopening.refused:
            # GitHub reopens none while another one of its branch is open, which is what this one was.
            self._write_state(msgspec.structs.replace(state, reopening=None))
        answer = self._github.close_pull(pull.number)
        return LOOK_AGAIN if answer.outcome is Outcome.OK else self._end(answer)

    def _merge(self, pull: Pull) -> Next:
        method = self._situation.merge_method
        answer = self._github.merge_pull(pull.number, pull.head_oid, method)
        if answer.outcome is Outcome.OK:
            return LOOK_AGAIN
        if answer.outcome is not Outcome.DENIED:
            return self._end(answer, not_now=True)
        # Somebody may have merged or closed it just now; if not, another way is taken.
        self._effects.say(f"{self._decision.row}: {answer.reason}; looks again")
        return Next(look_again=True, merge_refused=answer.reason)

    def _arm(self, pull: Pull) -> Next:
        method = self._situation.merge_method
        answer = self._github.arm_auto_merge(pull.node_id, pull.head_oid, method)
        if can_be_merged_now(answer):
            return Next(look_again=True, refusal=answer.reason)
        if answer.outcome is Outcome.LOOK_AGAIN and answer.status is Exit.HELD:
            # Asking again at this head would be refused again.
            refused = RefusedAutoMerge(pull_request=pull.number, head=pull.head_oid, reason=answer.reason)
            self._write_state(msgspec.structs.replace(self._node.files().state, auto_merge_refused=refused))
        if answer.outcome is not Outcome.OK:
            return self._end(answer, not_now=True)
        return self._end_with(f"auto-merge of #{pull.number} is armed")

    def _update(self, pull: Pull) -> Next:
        answer = self._github.update_branch(pull.number, pull.head_oid)
        if answer.outcome is not Outcome.OK:
            # A 422 is benign: somebody was faster, or the next look shows the conflict.
            return self._end(answer, not_now=True)
        return self._end_with(f"the branch of #{pull.number} is being brought up to date")

    def _note_comment(self, pull: Pull, kind: CommentKind) -> None:
        state = self._node.files().state
        noted = NotedComment(pull_request=pull.number, kind=kind.value, noted=self._now())
        others = tuple(c for c in state.comments if (c.pull_request, c.kind) != (pull.number, kind.value))
        # That a reopening is to be said says that there was one.
        reopening = None if kind is CommentKind.REOPENED else state.reopening
        self._write_state(msgspec.structs.replace(state, comments=(*others, noted), reopening=reopening))

    def _comment(self, pull: Pull, kind: CommentKind) -> Answer:
        self._note_comment(pull, kind)
        return self._github.comment(pull.number, comments.text(kind, self._node.who.node))

    # --- notes ----------------------------------------------------------------------------------------------

    def _end_with(self, reason: str) -> Next:
        """Something was asked for that takes its time."""
        end = Decision(Action.NOTHING, Exit.NOT_NOW, reason, self._decision.pull, row=self._decision.row)
        return Next(end=end)

    def _end(self, answer: Answer, *, not_now: bool = False) -> Next:
        status = Exit.NOT_NOW if not_now else answer.status
        end = Decision(Action.NOTHING, status, answer.reason, self._decision.pull, row=self._decision.row)
        if answer.outcome is Outcome.PAUSED:
            return self._pause(answer.pause_seconds or 0.0, end)
        return Next(end=end)

    def _pause(self, seconds: float, end: Decision) -> Next:
        state = self._node.files().state
        now = Moment(self._effects.boot_id(), self._effects.monotonic(), 0.0)
        last = state.pause
        attempts = last.attempts + 1 if last is not None and _lately(last, now) else 0
        grown = min(seconds * 2 ** min(attempts, PAUSE_GROWTH_LIMIT), MAX_PAUSE_SECONDS)
        pause = Pause(noted=now, seconds=grown, attempts=attempts)
        self._write_state(msgspec.structs.replace(state, pause=pause))
        return Next(end=replace(end, action=Action.NOTHING, reason=f"{end.reason}: pauses {grown:.0f} s"))

    def _now(self) -> Moment:
        """Now, not earlier than it is: what GitHub's clock said, and all that has passed since it was asked."""
        seen, monotonic = self._situation.seen, self._effects.monotonic()
        return Moment(self._situation.local.boot_id, monotonic, seen.server_time + monotonic - seen.asked_at)

    def _note(self, phase: Phase) -> None:
        who, subject = self._node.who, self._node.subject
        attempt = Attempt(
            phase=phase,
            repository=who.repository,
            operator=subject.operator,
            node=who.node,
            branch=subject.branch,
            noted=self._now(),
            took=self._situation.seen.took,
            lost=self._situation.lost_one(),
        )
        self._node.write(local.attempt_path(self._node.settings), encode(attempt))

    def _note_etag(self) -> None:
        marker, glance = self._situation.marker, self._situation.glance
        if marker is None or glance is None:
            raise TypeError(f"{self._decision.row} is of a node that was not looked at")
        self._node.write(
            self._node.settings.marker, encode(msgspec.structs.replace(marker, etag=glance.etag))
        )

    def _note_again(self) -> None:
        """The same attempt, as of now."""
        noted = self._node.files().attempt
        if noted is None:
            self._note(Phase.PULL_REQUEST)
        else:
            again = msgspec.structs.replace(noted, noted=self._now(), took=self._situation.seen.took)
            self._node.write(local.attempt_path(self._node.settings), encode(again))

    def _write_state(self, state: msgspec.Struct) -> None:
        self._node.write(local.state_path(self._node.settings), encode(state))

    def _write_marker(self) -> None:
        decision, node = self._decision, self._node
        if decision.marker is None:
            raise TypeError(f"{decision.row} names no state for the marker")
        pull, record = decision.pull, self._situation.seen.record
        before = self._situation.marker
        now = self._now().server_time
        same_pull = before is not None and pull is not None and before.pull_request == _ref(pull)
        written_at = datetime.datetime.fromtimestamp(now, datetime.UTC)
        marker = Marker(
            state=decision.marker,
            repository=node.who.repository,
            operator=node.subject.operator,
            node=node.who.node,
            identity=node.identity,
            pull_request=_ref(pull) if pull is not None else None,
            joined=decision.action is Action.JOIN or (same_pull and before is not None and before.joined),
            record_seen=record.blob if record is not None else None,
            boot_id=self._situation.local.boot_id,
            written_at=written_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            server_time=now,
            reason=decision.reason,
        )
        self._node.write(node.settings.marker, encode(marker))


def _ref(pull: Pull) -> PullRequestRef:
    return PullRequestRef(pull.number, pull.url, pull.branch)


def _lately(pause: Pause, now: Moment) -> bool:
    """Whether another pause now is a repetition of this one."""
    since = now.monotonic - pause.noted.monotonic
    return pause.noted.boot_id == now.boot_id and 0 <= since < 2 * pause.seconds + 600
