"""What every scenario plays on: a node of a cluster (cluster.py) that can be installed, booted and cut off.

The words here are the operator's: install, boot, reboot, tick.  Whatever is done to the machine is written into the
site's timeline as it happens; the oracle judges that record beside the mock's event log, not what a scenario
believes it did.
"""

from __future__ import annotations

import datetime
import functools
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import agent
from bootproof import installation, network
from bootproof.errors import MachineError
from bootproof.evidence import Site
from bootproof.guest import GuestFolder
from bootproof.machine import EventKind, Machine, MachineEvent
from bootproof.oracle import Before, Registration
from bootproof.qemu import QemuMachine
from bootproof.saved import Saved
from bootproof.testinfra_host import host_of
from bootproof.timeline import ClaimState, MachineKind, MarkerClaim
from bootproof.verdict import HarnessError, Landing
from cluster import record_path
from mock_github.server import MockServer
from runs import TIMED_OUT, OfUnits, Runs, until_idle
from testinfra.host import Host
from under_test import AgentUnderTest, Promise

MOCK_ADDRESS = "10.0.2.100"
REGISTRATION_SECONDS = 60
"""For one run of the agent, on hardware; machines stretch it by their own factor."""


def registration(node: str) -> Registration:
    """How the oracle knows this node's registration from everything else."""
    return Registration(
        repository=agent.REPOSITORY,
        record=record_path(node),
        branch=f"register-node-{node}",
        old_branch=rf"register-{node}-\d{{8}}T\d{{6}}Z",
        user_agent=agent.USER_AGENT,
        logins=(agent.OPERATOR,),
        comment_kinds={
            kind: rf"<!-- zeta-self-register: {kind} -->" for kind in ("joined", "reopened", "held", "stray")
        },
        seconds_between=agent.SECONDS_BETWEEN,
    )


@dataclass
class Node:
    """A machine of the cluster with its site: what is done to it is recorded there."""

    machine: Machine
    recorder: Recorder
    guest: GuestFolder
    name: str = ""
    boots: list[str] = field(default_factory=list)
    agent: AgentUnderTest = field(default_factory=lambda: OURS)

    def __post_init__(self) -> None:
        self.runs: Runs = OfUnits(self.machine)
        """How the agent is run by hand."""

    @property
    def site(self) -> Site:
        """Where the evidence goes."""
        return self.recorder.site

    @property
    def emulator(self) -> QemuMachine:
        """The machine, for what no other kind can do.  Raises HarnessError."""
        if not isinstance(self.machine, QemuMachine):
            raise HarnessError(f"{self.machine.name} is no emulator, which this scenario needs")
        return self.machine

    @functools.cached_property
    def host(self) -> Host:
        """testinfra's view of the running system, for what is asked once: owners, modes, settings of units."""
        return host_of(self.machine)

    def connect(self, github: MockServer) -> None:
        """Plugs the mock GitHub in; it is all that the machine can reach.  Only while it is off."""
        self.machine.forwards = (network.Forward(MOCK_ADDRESS, 443, github.port),)

    def promises(self, promise: Promise) -> bool:
        """Whether the agent under test promises this; what it does not promise is not asked of it."""
        return promise in self.agent.promises

    @property
    def is_ours(self) -> bool:
        """Whether it is the agent of this repository, of which more is asked than of any other."""
        return self.agent is OURS

    def stretched(self, seconds: float) -> float:
        """A time limit on hardware, as this machine needs it."""
        return seconds * self.machine.factor

    # --- installing -----------------------------------------------------------------------------------------

    def install(self, payload: bytes, *, fail_before: str = "", fail_after: str = "") -> bool:
        """Boots the stick and installs; whether it succeeded.  Nothing of it may reach GitHub."""
        with self.site.phase("installs"):
            self.site.timeline.record(MachineKind.INSTALL_STARTED)
            self.recorder.installing = True
            self.machine.insert_stick(self.guest)
            self.machine.power_on()
            self.machine.wait_for_shell()
            done = installation.install(
                self.machine,
                an_installation(payload, fail_before=fail_before, fail_after=fail_after, of=self.agent),
                unit=self.guest.guest.installer or "",
            )
            kind = MachineKind.INSTALL_FINISHED if done else MachineKind.INSTALL_FAILED
            self.site.timeline.record(kind)
            # One that fails after the intent was written leaves a node, too, of which the oracle must know.
            if done or self.agent.node or INTENT_WRITTEN.search(self.machine.console.text):
                self.name = self.agent.node or name_in(self.machine.console.text)
                self.site.registration = self.agent.registration(self.name)
            self.machine.power_off()
            self.machine.remove_stick()
            self.recorder.installing = False
        return done

    # --- booting --------------------------------------------------------------------------------------------

    def boot(self, *, network: bool = True) -> str:
        """Switches it on and waits until the system is up; the boot id."""
        with self.site.phase("boots"):
            self.machine.power_on()
            if not network:
                self.machine.set_link(False)
            return self._up()

    def resume(self, saved: Saved) -> str:
        """Goes on from a boot that was saved when the system was up; the boot id."""
        with self.site.phase("goes on"):
            self.machine.resume(saved)
            self.site.timeline.record(MachineKind.MULTI_USER)
            self.boots.append(self.machine.boot_id)
            return self.machine.boot_id

    def restart(self, way: str) -> str:
        """Orderly, by the reset button or by a power cut; waits until the system is up again; the boot id."""
        with self.site.phase(f"restarts ({way})"):
            self.keep_journal()
            return self.start_again(way)

    def start_again(self, way: str) -> str:
        """The same at once, whatever is running."""
        if way == "orderly":
            self.machine.reboot()
        elif way == "reset":
            self.machine.reset()
        else:
            self.cut(f"the running system ({way})")
            self.machine.power_on()
        return self._up()

    def cut(self, aimed_at: str, landing: Landing | None = None) -> None:
        """Takes the power away; whether it landed is for who aimed it at a moment."""
        self.site.timeline.cut(aimed_at, landing, self.machine.cut_loses)
        self.machine.cut()

    def off(self) -> None:
        """Shuts it down in order."""
        self.keep_journal()
        self.machine.power_off()

    def _up(self) -> str:
        boot_id = self.machine.wait_for_shell()
        try:
            self.machine.wait_until("multi-user.target")
        except MachineError:
            self._not_held_up()
            raise
        self.site.timeline.record(MachineKind.MULTI_USER)
        self.boots.append(boot_id)
        return boot_id

    def _not_held_up(self) -> None:
        """A boot that waits for a unit of the agent's is the agent's fault; any other is the machine's."""
        jobs = self.machine.run("systemctl list-jobs --plain --no-legend", check=False).text
        started = {line.split()[1] for line in jobs.splitlines() if line.split()[2:] == ["start", "running"]}
        for unit in self.agent.units:
            assert unit not in started, f"the boot waits for {unit}, which does not end"

    # --- the agent ------------------------------------------------------------------------------------------

    def registered(self) -> dict[str, Any]:
        """Waits for the first tick, which the timer starts, and for the steward's after it; the marker."""
        with self.site.phase("registers"):
            self.wait_for_run(self.agent.unit)
            self.join_tick()
            return self.marker()

    def wait_for_run(self, unit: str) -> None:
        """Waits until a run of this unit that the machine began by itself has ended in this boot."""
        said = self.first_job(unit)
        self.marker()  # what is claimed now is judged, whatever mends it later
        assert said.startswith(("Finished ", "Failed to start ")), f"{unit} has not run: {said}"

    def first_job(self, unit: str) -> str:
        """What systemd says of it when what this boot began with this unit is over: finished, failed, or skipped."""
        over = "^(Finished|Failed to start) |skipped.* condition check"
        line = f"journalctl -b -u {unit} -f -n all -o cat | grep -m1 -E '{over}'"
        done = self.machine.run(f'timeout 600 sh -c "{line}"', timeout=REGISTRATION_SECONDS, check=False)
        assert done.exit_status == 0, f"{unit} has not run: {self.journal(unit)}"
        return done.text

    def tick(self) -> int:
        """Forces one tick of the steward and waits for its end; its exit status.  One that is under way has looked
        before now, so that it is waited for first."""
        self.machine.run(until_idle(self.agent.tick_unit), timeout=REGISTRATION_SECONDS)
        return self.join_tick()

    def join_tick(self) -> int:
        """Waits for the end of the tick that is under way, or else of a new one; its exit status."""
        unit = self.agent.tick_unit
        with self.site.phase("the steward ticks"):
            # Where a timer begins the next one at once, it is that one's status.
            tick = f"systemctl start {unit}; {until_idle(unit)}"
            done = self.machine.run(tick, timeout=REGISTRATION_SECONDS, check=False)
            assert done.exit_status != TIMED_OUT, f"{unit} does not end: {self.journal(unit)[-500:]}"
            self.site.timeline.unit_state(unit, f"exit status {done.text}")
            return int(done.text)

    def property(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.machine.run(f"systemctl show -P {name} {unit}").text

    def started(self, unit: str) -> bool:
        """Whether a process of this unit was started in this boot."""
        return self.property(unit, "ExecMainStartTimestampMonotonic") not in ("", "0")

    def marker(self) -> dict[str, Any]:
        """The marker, which is recorded with what it claims; empty if there is none."""
        dates = f"echo && date +%s.%N && stat -c %.Y {self.agent.marker}"
        found = self.machine.run(f"cat {self.agent.marker} && {dates}", check=False)
        boot_id = self.machine.boot_id
        if found.exit_status:
            self.site.timeline.marker_seen("", boot_id, None)
            return {}
        text, now, written = found.text.rsplit("\n", 2)
        text = text.rstrip("\n")
        age = round(float(now) - float(written), 3)
        try:
            content = dict(self.agent.read_marker(text))
            claim = claim_of(content)
        except (LookupError, ValueError, TypeError) as error:
            self.site.timeline.marker_seen(text, boot_id, None, age)
            raise AssertionError(f"the marker is torn ({error}): {text[:200]!r}") from None
        self.site.timeline.marker_seen(text, boot_id, claim, age)
        return content

    def journal(self, unit: str) -> str:
        """The unit's lines of this boot."""
        return self.machine.run(f"journalctl -b -u {unit} -o short-monotonic --no-hostname").text

    def keep_journal(self) -> None:
        """Saves the whole journal of this boot beside the console, where the token is looked for as well; and what
        it says of the units."""
        text = self.machine.run("journalctl -b -o short-precise; ps -eo args", timeout=30, check=False).stdout
        (self.site.consoles / f"journal-{len(self.boots)}.txt").write_bytes(text)
        self.site.unit_journal.ask(self.machine, self.agent.units)


_NAMES = f"echo '{MOCK_ADDRESS} github.test api.github.test' >>$TARGET/etc/hosts"
_INTENT = f"zeta-self-register intent --operator {agent.OPERATOR} --repository {agent.REPOSITORY}"
# The machine is called what it registers as.
_HOSTNAME = r"sed -n 's/.*\"node\": \"\(.*\)\".*/\1/p' /etc/zeta-self-register/intent.json >/etc/hostname"
WRITTEN = {
    "operator-key": "root/.ssh/authorized_keys",
    "password": "etc/operator-password",
    "wifi": "var/lib/iwd/home.psk",
}
"""What the installer's smaller steps put into the new system."""
_STEPS = {
    step: f"mkdir -p $TARGET/{posixpath.dirname(path)} && echo {step} >$TARGET/{path}"
    for step, path in WRITTEN.items()
}
_SYSTEM = f"systemd-sysusers && {agent.COMPILE} && {_INTENT} && {_HOSTNAME}"
_STAMP = "zeta-self-register stamp"


def provisioning(of: AgentUnderTest) -> str:
    """All of an installation that is the agent's, on a system that runs already."""
    return f"TARGET= && {_NAMES} && {of.set_up} && sync && {of.stamp}"


def an_installation(
    payload: bytes, *, fail_before: str = "", fail_after: str = "", of: AgentUnderTest | None = None
) -> installation.Installation:
    """What the operator's installer does beside the system itself: the intent, and last of all the stamp."""
    of = of or OURS
    return installation.Installation(
        node=of.node,
        payloads=(payload,),
        after={**_STEPS, "hostname": _NAMES},
        inside={"install": of.set_up, "stamp": of.stamp},
        fail_before=fail_before,
        fail_after=fail_after,
    )


def landing(waited: bool) -> Landing:
    """Of an interruption that was aimed at a client that waits: whether it waited until then."""
    return Landing.LANDED if waited else Landing.TOO_LATE


INTENT_WRITTEN = re.compile(r"intent\.json: (\S+) is to be registered by")


def name_in(console: str) -> str:
    """The node's name, as `intent` said it in the installer."""
    found = INTENT_WRITTEN.search(console)
    assert found, "the installer did not say which node it installed"
    return found[1]


def claim_of(marker: Mapping[str, Any]) -> MarkerClaim:
    """What a marker claims, in the oracle's words."""
    state = {"pr-open": ClaimState.PR_OPEN, "registered": ClaimState.REGISTERED}.get(
        marker["state"], ClaimState.OTHER
    )
    pull = marker["pull_request"]
    return MarkerClaim(
        state,
        pull_request=pull["number"] if pull else None,
        boot_id=marker.get("boot_id", ""),
        written_at=datetime.datetime.fromisoformat(marker["written_at"]) if "written_at" in marker else None,
    )


OURS: AgentUnderTest = AgentUnderTest(
    name="zeta-self-register",
    unit=agent.REGISTER_UNIT,
    tick_unit=agent.STEWARD_UNIT,
    marker=agent.MARKER,
    read_marker=json.loads,
    registration=registration,
    files=agent.build,
    settings=agent.more_files,
    set_up=_SYSTEM,
    stamp=_STAMP,
    user_agent=r"\(register\)",
    promises=frozenset(Promise),
)
"""The agent of this repository."""


_KINDS = {
    EventKind.POWER_ON: MachineKind.POWER_ON,
    EventKind.RESET: MachineKind.RESET,
    EventKind.POWER_OFF: MachineKind.POWER_OFF,
}


@dataclass
class Recorder:
    """What a machine tells of itself goes into the site's timeline; cuts are told by the one who aims them.

    While the stick runs it is the installer that boots, not the system whose boots are counted.
    """

    site: Site
    installing: bool = False

    def __call__(self, event: MachineEvent) -> None:
        if event.kind is EventKind.BOOT and not self.installing:
            self.site.timeline.boot(event.detail)
        elif event.kind in _KINDS:
            self.site.timeline.record(_KINDS[event.kind], detail=event.detail)


def pull_in(marker: Mapping[str, Any]) -> int:
    """The number of the pull request that a marker names."""
    pull = marker.get("pull_request")
    assert pull, f"it has not come to a pull request: its marker is {marker or 'not there'}"
    return int(pull["number"])


def installed_before(site: Site, **fields: Any) -> None:
    """The disk was installed before this record began."""
    site.before = Before(installed=True, **fields)
