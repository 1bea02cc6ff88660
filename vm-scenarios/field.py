"""The words of the stories of the field: a trouble, what the node says while it lasts, and what comes of it after.

A story begins with the machine that was saved in its first boot, with everything up and nothing of the agent run:
there is a trouble, the register unit runs into it, the steward runs into it again, nothing is at GitHub. Then the
trouble ends, and the steward's next tick registers the node. Where the boot itself is the story, a real one is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import agent
import msgspec
from bootproof import health
from bootproof.network import Forward
from bootproof.oracle import Final, Window
from bootproof.saved import Saved
from cluster import checked, only_pull
from mock_github.faults import Match
from mock_github.gates import Gate, Waiting
from mock_github.server import MockServer
from stage import REGISTRATION_SECONDS, Node, pull_in

SETTINGS = "/etc/zeta-self-register/settings.toml"
INTENT = "/etc/zeta-self-register/intent.json"
NETWORK = "systemd-networkd.service"
TROUBLE_ENDS = "the trouble ends"
HOSTS = "/run/by-hand/hosts"
FREE = "df --output=avail -B1 /var/tmp | tail -1 | tr -d ' '"
FILL = f"fallocate -l $(($({FREE}) - 1048576)) /var/tmp/filler"
REQUEST_SECONDS = 30
"""Until a run's next request is there, on hardware; machines stretch it by their own factor."""

BY_ITSELF_SECONDS = 120
"""Until the steward comes round, on hardware: 30 s after the boot, then a minute later, and its run."""

CREATES_BRANCH = Match(method="POST", path=r".*/git/refs", user_agent=agent.PROGRAM)
COMMITS = Match(operation="Commit", user_agent=agent.PROGRAM)
OPENS_PULL = Match(method="POST", path=r".*/pulls", user_agent=agent.PROGRAM)


@dataclass(frozen=True)
class Run:
    """What one run of a unit came to: its exit status, and its own lines in the journal."""

    status: int
    said: str

    def is_told(self, status: int, *words: str) -> None:
        """It ended with this status, and one of its lines has all these words."""
        assert self.status == status, f"exit status {self.status}, and it said: {self.said}"
        told = [line for line in self.said.splitlines() if all(word in line for word in words)]
        assert told, f"no line has all of {words}: {self.said}"


def go_on(node: Node, waiting: Saved, github: MockServer, *further: Forward) -> None:
    """From the saved machine; nothing of the agent runs but by hand.  GitHub is reached, and what `further` names."""
    node.connect(github)
    node.machine.forwards = (*node.machine.forwards, *further)
    node.machine.credentials = agent.BY_HAND
    node.resume(waiting)


def register(node: Node) -> Run:
    """The register unit's run, as its timer would start it; without the steward after it."""
    with node.site.phase("the register unit runs"):
        node.runs.begin("register")
        return ended(node, agent.REGISTER_UNIT)


def steward(node: Node) -> Run:
    """One tick of the steward."""
    with node.site.phase("the steward ticks"):
        node.runs.begin("steward")
        return ended(node, agent.STEWARD_UNIT)


def creation_on_its_way(node: Node, github: MockServer) -> tuple[Gate, Waiting]:
    """The register unit runs, and its request to open the pull request stands at this gate."""
    gate = github.gate(OPENS_PULL)
    node.runs.begin("register")
    return gate, gate.next(node.stretched(REQUEST_SECONDS))


def ended(node: Node, unit: str) -> Run:
    """Waits until this unit's run, which was begun, is over; what came of it is recorded."""
    run = Run(node.runs.await_end(), said_by(node, unit))
    node.site.timeline.unit_state(unit, f"exit status {run.status}")
    node.marker()  # what is claimed now is judged, whatever mends it later
    return run


def systemd_says(node: Node, unit: str, *words: str) -> None:
    """The unit could not be started at all, and one line in the journal says why in these words."""
    lines = node.journal(unit).splitlines()
    assert any(all(word in line for word in words) for line in lines), lines


def opens_by_itself(node: Node, github: MockServer) -> None:
    """Waits until the node has opened its pull request, which nobody but its own timers makes it do."""
    github.wait_for(lambda event: event.type == "pull-request-opened", node.stretched(BY_ITSELF_SECONDS))


def last_run(node: Node, unit: str) -> Run:
    """How the unit's last run ended in this boot, and what it said."""
    status = int(node.property(unit, "ExecMainStatus"))
    return Run(status, said_by(node, unit))


def said_by(node: Node, unit: str) -> str:
    """The program's own lines of the unit's last run."""
    invocation = node.property(unit, "InvocationID")
    lines = f"journalctl --sync; journalctl -b -q -o cat _SYSTEMD_INVOCATION_ID={invocation}"
    return node.machine.run(lines).text


def not_one_write(node: Node) -> None:
    """Until the trouble ends nothing is changed at GitHub; in the end there is one pull request, merged."""
    node.site.expect(
        only_reads=(Window("", TROUBLE_ENDS),),
        states={TROUBLE_ENDS: Final.NONE},
        final=Final.MERGED,
    )


def not_one_request(node: Node) -> None:
    """Until the trouble ends nothing is even asked of GitHub."""
    not_one_write(node)
    node.site.expect(no_requests=(Window("", TROUBLE_ENDS),), only_reads=())


def trouble_ends(node: Node) -> None:
    """From here on nothing is in the way."""
    node.site.timeline.point(TROUBLE_ENDS)


def registers_once(node: Node, github: MockServer) -> dict[str, Any]:
    """The steward's next tick registers the node, and the one after it finds all checks green; the last marker."""
    registered = steward(node)
    assert registered.status in (agent.DONE, agent.NOT_NOW), registered.said
    return is_merged(node, github)


def is_merged(node: Node, github: MockServer) -> dict[str, Any]:
    """There is one pull request, which the marker names; its check succeeds, and the steward merges it; the marker."""
    number, marker = only_pull(github), node.marker()
    assert marker.get("state") == "pr-open", marker
    assert pull_in(marker) == number
    checked(github, number)
    last = steward(node)
    assert last.status == agent.DONE, last.said
    marker = node.marker()
    assert marker.get("state") == "registered", marker
    return marker


def configure(node: Node, lines: str) -> None:
    """Adds these lines to the node's settings."""
    text = node.machine.get_file(SETTINGS)
    node.machine.put_file(SETTINGS, text + lines.encode())


def sign_in(node: Node, token: str = agent.TOKEN) -> None:
    """Puts these credentials where the operator's blob brings them."""
    node.site.secret(token)
    node.machine.put_file(agent.HOSTS_FILE, agent.hosts_yml(token), 0o600)


def sign_out(node: Node) -> None:
    """Nobody is signed in."""
    node.machine.run(f"rm {agent.HOSTS_FILE}")


def set_clock(node: Node, seconds: float) -> None:
    """Sets the machine's clock to so many seconds since 1970."""
    node.machine.run(f"date --set=@{seconds:.3f}")


def call(node: Node, hostname: str) -> None:
    """Gives the machine another hostname."""
    node.machine.run(f"echo {hostname} >/proc/sys/kernel/hostname")


def without_intent(node: Node) -> None:
    """No installer has said who the machine is to become; its owner stands in the settings."""
    node.machine.run(f"rm {INTENT}")
    configure(node, f'operator = "{agent.OPERATOR}"\n')


def names_lead_to(node: Node, address: str, *names: str) -> None:
    """The name server answers this, until `names_are_right`."""
    pattern = "|".join(name.replace(".", "[.]") for name in names)
    made = f"grep -vE '{pattern}' /etc/hosts >{HOSTS}; echo '{address} {' '.join(names)}' >>{HOSTS}"
    node.machine.run(f"mkdir -p /run/by-hand && {{ {made}; }} && mount --bind {HOSTS} /etc/hosts")


def names_are_right(node: Node) -> None:
    """Every name leads to where it should again."""
    node.machine.run("umount /etc/hosts")


def unplug(node: Node) -> None:
    """Pulls the cable, and waits until the system has noticed."""
    since = now(node)
    node.machine.set_link(False)
    await_line(node, NETWORK, since, "Lost carrier")


def plug_in(node: Node) -> None:
    """Puts the cable back, and waits until the machine has its address again."""
    since = now(node)
    node.machine.set_link(True)
    await_line(node, NETWORK, since, "DHCPv4 address")


def now(node: Node) -> str:
    """The place that the journal has reached."""
    return node.machine.run(
        "journalctl --sync; journalctl -q -n 1 --show-cursor -o cat | sed -n 's/^-- cursor: //p'"
    ).text


def await_line(node: Node, unit: str, since: str, words: str) -> None:
    """Waits until the unit has said this after that place."""
    follow = f"journalctl -q -f -n all -o cat -u {unit} --after-cursor='{since}'"
    node.machine.run(f"timeout 600 sh -c \"{follow} | grep -m1 -F '{words}'\"", timeout=REGISTRATION_SECONDS)


def state_folder_is_there(node: Node) -> None:
    """As an earlier run has left it."""
    owner = "-o zeta-self-register -g zeta-self-register -m 750"
    node.machine.run(f"install -d {owner} {agent.KEPT_IN}")


def fill_disk(node: Node) -> None:
    """To its last block; nobody can write any more, and systemd cannot either."""
    _full_on_purpose(node)
    node.machine.run(f"{FILL}; dd if=/dev/zero of=/var/tmp/rest bs=4k", check=False)


def fill_disk_for_users(node: Node) -> None:
    """As far as users can; what is reserved for root, as most systems have it, is left."""
    _full_on_purpose(node)
    reserve = "tune2fs -r 16384 $(findmnt -no SOURCE /)"
    as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    rest = f"{as_nobody} dd if=/dev/zero of=/var/tmp/rest bs=4k"
    node.machine.run(f"{reserve} && {FILL} && {rest}", check=False)
    assert node.machine.run(FREE).text == "0"


def _full_on_purpose(node: Node) -> None:
    """A disk that is full because the story wants it so is no excuse for the program."""
    found = node.site.trouble
    node.site.trouble = lambda: "" if (said := found()).startswith(health.DISK_FULL) else said


def free_disk(node: Node) -> None:
    """There is room again."""
    node.machine.run("rm /var/tmp/filler /var/tmp/rest")


def read_only(node: Node) -> None:
    """As the kernel leaves every file system that it can no longer trust."""
    node.machine.run("echo u >/proc/sysrq-trigger")


def writable(node: Node) -> None:
    """The system's disk is mounted as it should be."""
    node.machine.run("mount -o remount,rw /")


def boot_is_well(node: Node, but: str = "") -> None:
    """The boot has come to its end, and nothing has failed `but` this unit, whatever the agent waits for.

    Nor is anything about to be started again: NixOS's switch-to-configuration fails by either.
    """
    node.wait_for_run(agent.STEWARD_UNIT)
    assert node.property("multi-user.target", "ActiveState") == "active"
    listed = "systemctl list-units --state=failed,auto-restart --plain --no-legend"
    failed = {line.split()[0] for line in node.machine.run(listed).text.splitlines()} - {but}
    assert not failed, f"failed: {failed}"


def boot_did_not_wait(node: Node) -> None:
    """It was at its end before the agent was even started."""
    ended, began = (
        int(node.property(unit, f"{what}TimestampMonotonic"))
        for unit, what in (("multi-user.target", "ActiveEnter"), (agent.REGISTER_UNIT, "ExecMainStart"))
    )
    assert 0 < ended < began, f"multi-user.target at {ended} µs, the agent at {began} µs"


def acts_as(node: Node, *logins: str) -> None:
    """The node's tokens may be of these people."""
    assert node.site.registration is not None
    node.site.registration = msgspec.structs.replace(node.site.registration, logins=logins)
