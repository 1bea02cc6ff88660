"""Everything that one decision may depend on, and the questions that the rows of the table ask of it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from zeta_self_register.comments import CommentKind
from zeta_self_register.local_files import (
    Attempt,
    Marker,
    MarkerState,
    Phase,
    Reading,
    Reopening,
    State,
    Wishes,
)
from zeta_self_register.moments import Moment, age
from zeta_self_register.names import NodeName, pull_title, removal_branch_name
from zeta_self_register.remote import (
    Branch,
    Content,
    Elsewhere,
    Glance,
    Pull,
    PullState,
    Snapshot,
    Survey,
    Unknown,
)
from zeta_self_register.settings import Merge, MergeMethod, OnClosed, OnDrift

NO_WISHES = Wishes()


class Owner(enum.Enum):
    """Whose record a node.yaml is."""

    OURS = "ours"
    """This machine's, or nobody's in particular: then it is adopted."""
    OTHERS = "another machine's"
    UNCLEAR = "unclear"
    """The identities disagree with each other, or the file cannot be read."""


class Command(enum.Enum):
    """Which of the two runs of the tick this is."""

    REGISTER = "register"
    STEWARD = "steward"


@dataclass(frozen=True)
class Policy:
    """The settings that decisions depend on.  Times are seconds."""

    base_branch: str
    on_closed: OnClosed
    on_drift: OnDrift
    merge: Merge
    merge_method: MergeMethod
    cluster: tuple[str, ...]
    """Where somebody has to answer before a new registration is begun."""
    request_lifetime: float
    min_pr_interval: float


@dataclass(frozen=True)
class Local:
    """What the machine's own files say."""

    installer: bool
    stamped: bool
    marker_reading: Reading
    marker: Marker | None
    marker_is_ours: bool
    attempt: Attempt | None
    state: State
    boot_id: str
    monotonic: float
    wishes: Wishes = NO_WISHES
    wishes_broken: bool = False
    former: Marker | None = None
    """A marker of this very machine under another name."""
    other_attempt: Attempt | None = None
    """An attempt on another branch of this machine: of its former name, or of the removal of its record."""


@dataclass(frozen=True)
class Situation:
    """Local, remote and policy together.  `owner` judges a node.yaml and is pure."""

    command: Command
    operator: str
    node: NodeName
    path: str
    local: Local
    remote: Snapshot | Unknown | None
    """None while GitHub has not been asked."""
    survey: Survey | None
    policy: Policy
    owner: Callable[[bytes], Owner]
    same_hardware: Callable[[bytes], bool]
    unreachable: tuple[str, ...] | None = None
    """Where in the cluster nobody answers, with the reason; None while nobody has been asked."""
    merge_refused: str = ""
    """Why GitHub refused in this very tick to merge what it shows as mergeable."""
    wall_clock: float | None = None
    """This machine's own clock, once GitHub was not reached: certificates are checked by it.  Nothing else is."""
    glance: Glance | None = None
    """What a conditional request showed, if one was made."""

    @property
    def seen(self) -> Snapshot:
        """The snapshot; only asked once there is one."""
        if not isinstance(self.remote, Snapshot):
            raise TypeError("no snapshot has been taken")
        return self.remote

    @property
    def now(self) -> Moment:
        """Now, by the clocks that are trusted."""
        return Moment(self.local.boot_id, self.local.monotonic, self.seen.server_time)

    @property
    def marker(self) -> Marker | None:
        """The marker, if it is valid."""
        return self.local.marker

    def marker_is(self, state: MarkerState) -> bool:
        """The marker is there and says this."""
        return self.marker is not None and self.marker.state is state

    @property
    def stray_may_come(self) -> bool:
        """A pull request may have been asked for of which nothing was seen: only a whole look shows it."""
        noted, marker = self.local.attempt, self.marker
        if noted is None:
            return False
        opened = marker is not None and marker.pull_request is not None and not marker.joined
        return noted.lost or (noted.phase is Phase.PULL_REQUEST and not opened)

    @cached_property
    def open_pull(self) -> Pull | None:
        """The open pull request of our branch; one at the right base before one that was retargeted."""
        opened = [p for p in self.seen.pulls if p.state is PullState.OPEN]
        at_base = [p for p in opened if p.base == self.policy.base_branch]
        return next(iter(at_base or opened), None)

    @cached_property
    def last_pull(self) -> Pull | None:
        """The newest pull request of this epoch that is not open any more; a stray one never counted."""
        ended = [
            p
            for p in self.seen.pulls
            if p.state is not PullState.OPEN
            and p.number > self.local.state.ignore_prs_up_to
            and CommentKind.STRAY.value not in p.comment_kinds
        ]
        return max(ended, key=lambda p: p.number, default=None)

    @cached_property
    def stray(self) -> Pull | None:
        """An open pull request that a request of ours made so late that there is one that counts beside it: one that
        was merged, or one that a person closed."""
        pull, noted = self.open_pull, self.local.attempt
        if not self.stray_may_come:
            return None  # a person's, who took our title over
        if pull is None or noted is None or pull.title != pull_title(self.node) or not _since(pull, noted):
            return None
        named = self.marker.pull_request if self.marker is not None else None
        if named is not None and named.number == pull.number:
            return None
        last = self.last_pull
        closed = last is not None and last.state is PullState.CLOSED and last.number < pull.number
        return pull if closed or self.record_owner is Owner.OURS else None

    @property
    def removal_branch(self) -> str:
        """The branch from which the record is removed."""
        return removal_branch_name(self.node)

    @property
    def branch(self) -> Branch | None:
        """Our branch."""
        return self.seen.branch

    def owner_of(self, pull: Pull) -> Owner:
        """Whose record a pull request carries; one that carries none of this node is not ours."""
        return Owner.UNCLEAR if pull.record is None else self.owner(pull.record.content)

    @property
    def marker_age(self) -> float:
        """Seconds since the marker was written, by GitHub's clock; without a marker, very long."""
        return self.seen.server_time - self.marker.server_time if self.marker is not None else float("inf")

    def reopening(self, pull: Pull) -> Reopening | None:
        """The note that this node reopens it."""
        noted = self.local.state.reopening
        return noted if noted is not None and noted.pull_request == pull.number else None

    def reopening_age(self, pull: Pull) -> float | None:
        """Seconds since this node noted that it reopens it, or that it says so; None if it never did."""
        noted = self.reopening(pull)
        kind = CommentKind.REOPENED.value
        said = [c.noted for c in self.local.state.comments if (c.pull_request, c.kind) == (pull.number, kind)]
        moments = [noted.noted, *said] if noted is not None else said
        return max((age(one, self.now) or 0.0 for one in moments), default=None)

    @property
    def noted_comments(self) -> frozenset[tuple[int, str]]:
        """Pull request and kind of each comment that was about to be posted."""
        return frozenset((c.pull_request, c.kind) for c in self.local.state.comments)

    def greeting(self, pull: Pull) -> CommentKind | None:
        """What this node says on an open pull request: that it reopened it, or that it joined it."""
        by = {login.lower() for login in pull.reopened_by}
        said = (pull.number, CommentKind.REOPENED.value)
        asked = self.reopening(pull) is not None or said in self.noted_comments
        if asked and self.seen.viewer.lower() in by:
            return CommentKind.REOPENED
        joined = self.marker is not None and self.marker.joined
        return CommentKind.JOINED if joined and CommentKind.REOPENED.value not in pull.comment_kinds else None

    @cached_property
    def branch_owner(self) -> Owner | None:
        """Whose record our branch carries; None when it carries none."""
        record = self.branch.record if self.branch is not None else None
        return None if record is None else self.owner(record.content)

    @cached_property
    def record_owner(self) -> Owner | None:
        """Whose record stands on the base branch; None when none does."""
        return None if self.seen.record is None else self.owner(self.seen.record.content)

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that was noted, until a pull request of it has come to its end: then another epoch begins."""
        noted = self.local.attempt
        ended = (p for p in self.seen.pulls if p.state is not PullState.OPEN)
        return None if noted is None or any(_since(p, noted) for p in ended) else noted

    @cached_property
    def attempt_age(self) -> float | None:
        """Seconds since the attempt was noted; None when its note is from the future."""
        return None if self.attempt is None else age(self.attempt.noted, self.now)

    @property
    def answer_outstanding(self) -> bool:
        """A creation of our pull request was noted, was not answered, and no pull request shows that it landed."""
        return (
            self.attempt is not None and self.attempt.phase is Phase.PULL_REQUEST and self.open_pull is None
        )

    @property
    def creation_outstanding(self) -> float:
        """Seconds for which a creation that was noted, and of which nothing is seen, may still open a pull request
        of our branch, whatever other one is open."""
        noted = self.attempt
        if noted is None or noted.phase is not Phase.PULL_REQUEST:
            return 0.0
        if any(pull.branch == noted.branch and _since(pull, noted) for pull in self.seen.pulls):
            return 0.0
        return max(0.0, self.policy.request_lifetime - (self.attempt_age or 0.0))

    def lost_one(self) -> bool:
        """Whether, when a new attempt is noted, an earlier creation was never answered nor seen."""
        noted = self.local.attempt
        return noted is not None and (
            noted.lost or (noted.phase is Phase.PULL_REQUEST and noted == self.attempt)
        )

    def merged_lately(self) -> Pull | None:
        """The last pull request, if it was merged so lately that the base branch may be shown without it."""
        pull = self.last_pull
        if pull is None or pull.merged_at is None:
            return None
        return pull if self.seen.server_time - pull.merged_at < self.policy.request_lifetime else None

    @property
    def merge_method(self) -> str:
        """How the pull request is merged: as the settings say, else in the first way that the repository allows."""
        chosen = self.policy.merge_method
        if chosen is not MergeMethod.AUTO:
            return str(chosen.value)
        return next(iter(self.seen.merge_methods), MergeMethod.MERGE.value)

    def throttled_for(self) -> float:
        """Seconds until a new pull request is allowed; at most 0 when it is."""
        pull = self.last_pull
        if pull is None:
            return 0.0
        return pull.created_at + self.policy.min_pr_interval - self.seen.server_time

    def auto_merge_refused(self, pull: Pull) -> str:
        """Why GitHub refused to arm auto-merge at this very head; empty when it did not."""
        note = self.local.state.auto_merge_refused
        if note is None or (note.pull_request, note.head) != (pull.number, pull.head_oid):
            return ""
        return note.reason

    def owes_comment(self, pull: Pull, kind: CommentKind) -> bool:
        """The comment is not there, and none is on its way."""
        if kind.value in pull.comment_kinds:
            return False
        noted = [
            c for c in self.local.state.comments if c.pull_request == pull.number and c.kind == kind.value
        ]
        return all((age(c.noted, self.now) or 0.0) >= self.policy.request_lifetime for c in noted)

    @cached_property
    def elsewhere(self) -> tuple[Elsewhere, ...]:
        """What the survey found under another path, or in another branch's open pull request."""
        found = self.survey.found if self.survey is not None else ()
        return tuple(e for e in found if e.path != self.path or e.pull is not None)

    @property
    def twin_pull(self) -> Elsewhere | None:
        """An open pull request of another branch that adds this node's own record."""
        return next((e for e in self.elsewhere if e.path == self.path), None)

    @property
    def other_name(self) -> Elsewhere | None:
        """This very machine under another name or operator, unless that is what the operator wants to be moved."""
        return next((e for e in self._same_machine if e is not self.moved), None)

    @property
    def moved(self) -> Elsewhere | None:
        """The record on the base branch that the operator wants to be moved to this name."""
        wanted = self.local.wishes.move_from
        return next((e for e in self._same_machine if e.path == wanted and e.pull is None), None)

    @cached_property
    def _same_machine(self) -> tuple[Elsewhere, ...]:
        found = (e for e in self.elsewhere if e.path != self.path)
        return tuple(e for e in found if self.same_hardware(e.content))

    @property
    def other_outstanding(self) -> float | None:
        """Seconds that a request of this machine on another branch of its may still live; None when none may, and
        infinite when its note is from the future."""
        noted = self.local.other_attempt
        if noted is None or noted.phase is not Phase.PULL_REQUEST:
            return None
        passed = age(noted.noted, self.now)
        left = self.policy.request_lifetime - passed if passed is not None else float("inf")
        return left if left > 0 else None

    @property
    def name_taken(self) -> Elsewhere | None:
        """Another operator's node of the same name."""
        return next((e for e in self.elsewhere if e.path != self.path and e.node == self.node), None)

    def branch_is(self, content: Content) -> bool:
        """Our branch is there and adds this."""
        return self.branch is not None and self.branch.content is content


def _since(pull: Pull, attempt: Attempt) -> bool:
    """Made after the attempt was noted; the note comes before the request, and `createdAt` has whole seconds."""
    return pull.created_at >= attempt.noted.server_time - attempt.took - 2
