"""One machine in one run: its settings, names, identity and GitHub, put together for the tick."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from zeta_self_register import credentials, local, names, node_document, record_rules, settings, who
from zeta_self_register.cluster_node import ClusterNode
from zeta_self_register.durable import write_durably
from zeta_self_register.effects import Effects, NotReachable
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.github import GitHub
from zeta_self_register.hardware import Hardware, hardware
from zeta_self_register.identity import (
    Identity,
    OwnMacs,
    SameMachine,
    compare,
    compare_record,
    identity,
    own_macs,
)
from zeta_self_register.local_files import Attempt, Marker, Phase, Wishes
from zeta_self_register.looking import Subject, take_snapshot, viewer
from zeta_self_register.looking import glance as take_glance
from zeta_self_register.moments import Moment
from zeta_self_register.readings import (
    DMI_UUID,
    IP_ADDRESSES,
    IP_ROUTES_4,
    Content,
    Readings,
    Unreadable,
    collect,
)
from zeta_self_register.remote import Glance, Snapshot, Survey, Unknown
from zeta_self_register.settings import Settings
from zeta_self_register.situation import Command, Local, Owner, Policy, Situation

UUID_CREDENTIAL = "dmi-uuid"


@dataclass(frozen=True)
class Proposal:
    """What one pull request is to change, and what it says of that."""

    title: str
    body: str
    additions: Mapping[str, bytes]
    deletions: tuple[str, ...] = ()


class Node:
    """Everything that a tick needs to know of this machine; GitHub is asked only by `look`.

    Made once for each run.  What it reads of the hardware and of the names does not change meanwhile; the
    files of this program are read again after each of its own writes, and nobody else's: the lock is held.
    """

    def __init__(
        self, effects: Effects, configured: Settings, command: str, environment: Mapping[str, str]
    ) -> None:
        self.effects = effects
        self.settings = configured
        self.command = Command.STEWARD if command == Command.STEWARD.value else Command.REGISTER
        self._credentials = environment.get("CREDENTIALS_DIRECTORY")
        self._user_agent = command
        self._files: local.Files | None = None
        files = self.files()
        self.who = who.resolve(effects, configured, files.marker, files.attempt)
        self._operator = self.who.operator
        self.last_look: Snapshot | Unknown | None = None
        self.supposed: Wishes | None = None
        """What to suppose that the operator wants, to see what would come of it."""

    @cached_property
    def github(self) -> GitHub:
        """The repository, with the token read now.  Raises Refused when there is none."""
        return credentials.sign_in(
            self.effects, self.settings, self.who.repository, self._user_agent, self._credentials
        )

    @property
    def requests(self) -> int:
        """Requests made so far; asking costs none and needs no token."""
        return self.github.requests if "github" in self.__dict__ else 0

    @cached_property
    def wall_clock(self) -> float:
        """This machine's own clock when it was first asked for."""
        return self.effects.wall_clock()

    def unreachable(self) -> tuple[str, ...]:
        """Where in the cluster nobody answers, each with the reason; all are asked."""
        silent = []
        for target in self.settings.cluster:
            try:
                self.effects.reachable(target, float(self.settings.cluster_timeout_seconds))
            except NotReachable as error:
                silent.append(f"{target} ({error})")
        return tuple(silent)

    @cached_property
    def readings(self) -> Readings:
        """The machine's hardware, raw."""
        return collect(self.effects, _overrides(self.effects, self._credentials))

    @cached_property
    def hardware(self) -> Hardware:
        """The machine's hardware."""
        return hardware(self.readings)

    @cached_property
    def identity(self) -> Identity:
        """The machine's identity within this repository."""
        return identity(self.readings, self.who.repository)

    @cached_property
    def macs(self) -> OwnMacs:
        """The addresses that a record of this machine may name."""
        return own_macs(self.readings)

    @property
    def subject(self) -> Subject:
        """What is looked at: our own branch, and the pull request that the marker names, whatever its branch."""
        marker, wishes = self._marker(self.files())[0], self.wishes
        known = marker.pull_request.number if marker is not None and marker.pull_request is not None else None
        node, adds = self.who.node, wishes.removal is None
        return Subject(
            operator=self._operator or "",
            node=node,
            branch=names.branch_name(node) if adds else names.removal_branch_name(node),
            base=self.settings.base_branch,
            known_pull=known if wishes.adopt is None else wishes.adopt,
            adds=adds,
            moved=wishes.move_from,
            registers=None if adds else names.branch_name(node),
        )

    @property
    def wishes(self) -> Wishes:
        """What the operator wants."""
        return self.supposed or self.files().wishes

    def files(self) -> local.Files:
        """The files of this program as they are now."""
        if self._files is None:
            self._files = local.read_files(self.effects, self.settings)
        return self._files

    def forget_files(self) -> None:
        """What was read before the lock was held, or before a write, counts no more."""
        self._files = None

    def write(self, path: str, content: bytes) -> None:
        """Replaces one of them durably.  Raises OSError."""
        self.forget_files()
        write_durably(self.effects, path, content)

    def look(self) -> Snapshot | Unknown:
        """Takes the snapshot; where nothing else says who the operator is, asks first whose token this is."""
        if self._operator is None:
            login = viewer(self.github)
            if isinstance(login, Unknown):
                self.last_look = login
                return login
            try:
                self._operator = names.parse_operator(login)
            except names.InvalidName as error:
                raise Refused(
                    Exit.MISCONFIGURED, f"{error.message}; set `operator` in the settings"
                ) from None
        self.last_look = take_snapshot(self.github, self.subject)
        return self.last_look

    def glance(self, situation: Situation) -> Glance | Unknown:
        """Asks whether anything has changed since the last look."""
        marker = situation.marker
        if marker is None or marker.record_seen is None:
            return Glance(unchanged=False)
        return take_glance(self.github, self.subject, marker.record_seen, marker.etag)

    def situation(
        self,
        remote: Snapshot | Unknown | None,
        survey: Survey | None,
        glance: Glance | None = None,
        unreachable: tuple[str, ...] | None = None,
        merge_refused: str = "",
    ) -> Situation:
        """What the next decision is made from."""
        files = self.files()
        subject = self.subject
        marker, former = self._marker(files)
        return Situation(
            command=self.command,
            operator=subject.operator,
            node=self.who.node,
            path=subject.record,
            local=Local(
                installer=local.is_installer(self.effects),
                stamped=local.is_stamped(self.effects, self.settings),
                marker_reading=files.marker_reading,
                marker=marker,
                marker_is_ours=marker is not None and self._is_ours(marker),
                former=former,
                attempt=self._attempt(files, subject),
                other_attempt=self._other_attempt(files, subject),
                state=files.state,
                wishes=self.wishes,
                wishes_broken=files.wishes_broken,
                boot_id=self.effects.boot_id(),
                monotonic=self.effects.monotonic(),
            ),
            remote=remote,
            survey=survey,
            policy=_policy(self.settings),
            owner=self.owner,
            same_hardware=self.same_hardware,
            unreachable=unreachable,
            merge_refused=merge_refused,
            wall_clock=self.wall_clock if isinstance(remote, Unknown) and remote.unsent else None,
            glance=glance,
        )

    def _marker(self, files: local.Files) -> tuple[Marker | None, Marker | None]:
        """The marker, and one of this machine under another name, which counts as none."""
        marker = files.marker
        if marker is None or marker.node == self.who.node or not self._same_machine(marker):
            return marker, None
        return None, marker

    def _attempt(self, files: local.Files, subject: Subject) -> Attempt | None:
        """The attempt's note, if it is of this very registration; a broken one counts as noted in the future."""
        if files.attempt_broken:
            return Attempt(
                phase=Phase.PULL_REQUEST,
                repository=self.who.repository,
                operator=subject.operator,
                node=self.who.node,
                branch=subject.branch,
                noted=Moment("", 0.0, float("inf")),
            )
        mine = (self.who.repository.lower(), subject.operator, self.who.node, subject.branch)
        noted = files.attempt
        if noted is None or (noted.repository.lower(), noted.operator, noted.node, noted.branch) != mine:
            return None
        return noted

    def _other_attempt(self, files: local.Files, subject: Subject) -> Attempt | None:
        """A noted attempt that was on another branch of this machine."""
        noted = files.attempt
        if noted is None or noted.repository.lower() != self.who.repository.lower():
            return None
        return None if noted.branch == subject.branch else noted

    def owner(self, content: bytes) -> Owner:
        """Whose record this node.yaml is."""
        document = node_document.parse(content)
        if isinstance(document, node_document.Problems):
            return Owner.UNCLEAR
        same = compare_record(self.identity, self.macs, document.identity, document.hardware.mac)
        return {SameMachine.OTHER: Owner.OTHERS, SameMachine.DISAGREE: Owner.UNCLEAR}.get(same, Owner.OURS)

    def same_hardware(self, content: bytes) -> bool:
        """Whether a record names this very machine: by its identity, or by its MAC address where it has none."""
        document = node_document.parse(content)
        if isinstance(document, node_document.Problems):
            return False
        if document.identity is None and document.hardware.mac is None:
            return False
        same = compare_record(self.identity, self.macs, document.identity, document.hardware.mac)
        return same is SameMachine.SAME

    def record(self, now: float) -> bytes:
        """The node.yaml of this machine.  Raises Refused (78) when a needed fact is missing."""
        if not self.subject.operator:
            raise Refused(
                Exit.MISCONFIGURED,
                'no operator is set: write `operator = "LOGIN"` into the settings, or an intent',
            )
        document = node_document.compose(
            self.who.node,
            names.parse_operator(self.subject.operator),
            self.hardware,
            self.identity,
            registered_at=datetime.datetime.fromtimestamp(now, datetime.UTC),
            roles=self.settings.roles,
            flake_commit=self.settings.flake_commit,
            flake_host=self.settings.flake_host,
        )
        content, problems = _written(document, self.subject.record)
        if problems:
            raise Refused(
                Exit.MISCONFIGURED, f"no valid node.yaml for this machine: {problems[0]}{self._why()}"
            )
        return content

    def _why(self) -> str:
        """Which of the programs that were asked about the network failed, if one did."""
        for argv in (IP_ADDRESSES, IP_ROUTES_4):
            said = self.readings.command(argv)
            if isinstance(said, Unreadable):
                return f" (`{' '.join(argv)}`: {said.reason})"
        return ""

    def registration(self, now: float, moves: str | None) -> Proposal:
        """What the pull request is to change that registers this machine.  Raises Refused (78)."""
        node, record = self.who.node, self.subject.record
        if moves is None:
            why = f"`{node}` has been installed, has started its installed system and registers itself."
            what = f"This adds `{record}` and nothing else."
        else:
            why = f"This machine has another name now: it is `{node}`, and registers itself under that name."
            what = f"This moves `{moves}` to `{record}` and changes nothing else."
        return Proposal(
            names.pull_title(node),
            f"{why}\n\n{what} Once it is merged, the node is registered.\n",
            {record: self.record(now)},
            () if moves is None else (moves,),
        )

    def removal(self) -> Proposal:
        """What the pull request is to change that removes this machine's record."""
        node, record = self.who.node, self.subject.record
        return Proposal(
            names.removal_title(node),
            f"The operator of `{node}` wants its registration to end.\n\n"
            f"This removes `{record}` and changes nothing else. The node does not register itself again.\n",
            {},
            (record,),
        )

    def _is_ours(self, marker: Marker) -> bool:
        same_names = (marker.repository.lower(), marker.node) == (self.who.repository.lower(), self.who.node)
        return same_names and compare(self.identity, marker.identity) in (
            SameMachine.SAME,
            SameMachine.UNKNOWN,
        )

    def _same_machine(self, marker: Marker) -> bool:
        same_repository = marker.repository.lower() == self.who.repository.lower()
        return same_repository and compare(self.identity, marker.identity) is SameMachine.SAME


@lru_cache(maxsize=16)
def _written(document: ClusterNode, path: str) -> tuple[bytes, tuple[str, ...]]:
    """A document's file, and what is wrong with it."""
    content = node_document.to_yaml(document)
    return content, tuple(map(str, [*record_rules.validate(content, path), *record_rules.advice(content)]))


def load(
    effects: Effects, path: str, environment: Mapping[str, str], command: str, *, must_exist: bool
) -> Node:
    """Reads the settings and puts a node together.  Raises Refused."""
    return Node(
        effects, settings.load(effects, path, environment, must_exist=must_exist), command, environment
    )


def _overrides(effects: Effects, folder: str | None) -> dict[str, Content]:
    """The product UUID is readable only by root, so systemd hands it over as a credential."""
    if folder is None:
        return {}
    try:
        return {DMI_UUID: effects.read(f"{folder}/{UUID_CREDENTIAL}")}
    except OSError:
        return {}


def _policy(configured: Settings) -> Policy:
    return Policy(
        base_branch=configured.base_branch,
        on_closed=configured.on_closed,
        on_drift=configured.on_drift,
        merge=configured.merge,
        merge_method=configured.merge_method,
        cluster=configured.cluster,
        request_lifetime=float(configured.request_lifetime_seconds),
        min_pr_interval=float(configured.min_pr_interval_seconds),
    )
