"""The keeper that replays a trace on a machine, with a process in the place of the machine: what it aims at, what it
takes for landed, and what it says when a trace does not apply."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import agent
import pytest
import replaying
from bootproof.evidence import Site
from bootproof.machine import CommandResult
from bootproof.oracle import Final
from bootproof.simulation.aiming import Move, Then
from bootproof.simulation.ending import final_of
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.people import Act
from bootproof.simulation.steps import By, Do, Step
from bootproof.simulation.universes import UNIVERSES
from bootproof.timeline import MachineKind
from bootproof.verdict import HarnessError, Landing, Loses
from mock_github import wire
from mock_github.graphql_base import node_id
from mock_github.live import Live
from mock_github.server import MockServer
from mock_github.state import PullState
from replaying import FAULTS, Clock, Replay
from stage import Node, Recorder, registration

HELD = 77
REF = "POST /repos/acme/cluster/git/refs"
LOOK = "GET /repos/acme/cluster"
PROGRAM = """
import json, sys, urllib.error, urllib.request
url, token, branch, sha, patience, status, *asks = sys.argv[1:]
headers = {"user-agent": "zeta-self-register/toy", "authorization": f"Bearer {token}"}
for ask in asks:
    method, path = ask.split(" ", 1)
    body = json.dumps({"ref": f"refs/heads/{branch}", "sha": sha}).encode() if method == "POST" else None
    request = urllib.request.Request(url + path, body, headers, method=method)
    try:
        urllib.request.urlopen(request, timeout=float(patience)).read()
    except OSError:
        sys.exit(75)
sys.exit(int(status))
"""


class Machine:
    """Does what the keeper asks of a machine; the unit is a process that asks one thing after the other."""

    boot_id = "boot-1"
    factor = 1.0
    cut_loses = Loses.PAGE_CACHE

    def __init__(self, server: MockServer, own: object, asks: list[list[str]]) -> None:
        self.server, self.own, self.asks = server, own, asks
        self.patience, self.status = 20.0, HELD
        self.process: subprocess.Popen[bytes] | None = None
        self.done: list[str] = []
        self.invocations = 0

    def run(self, command: str, **_: object) -> CommandResult:
        text, status = "", 0
        if "mkfifo" in command:
            self._start()
        elif "read over" in command:
            assert self.process is not None
            if "systemctl kill" in command:
                self.process.kill()
            self.process.wait(30)
        elif "SubState" in command:
            text = "75"  # idle since the run before
        elif "-p InvocationID" in command:
            assert self.process is not None
            status_now = abs(self.process.returncode)
            text = f"InvocationID={self.invocations}\nExecMainStatus={status_now}"
        elif "InvocationID" in command:
            text = str(self.invocations)
        elif "ExecMainCode" in command:
            assert self.process is not None
            text = "2" if self.process.returncode < 0 else "1"
        elif "ExecMainStatus" in command:
            assert self.process is not None
            text = str(abs(self.process.returncode))
        elif command.startswith("cat "):
            status = 1
        return CommandResult(status, text.encode(), b"")

    def _start(self) -> None:
        asks = self.asks.pop(0) if self.asks else []
        sha = self.server.world.repository("acme/cluster").branch("main")
        self.invocations += 1
        words = [agent.TOKEN, self.own.branch, sha, str(self.patience), str(self.status), *asks]
        self.process = subprocess.Popen([sys.executable, "-c", PROGRAM, self.server.url, *words])

    def cut(self) -> None:
        self.done.append("cut")
        self._stop()

    def power_on(self) -> None:
        self.done.append("on")

    def power_off(self) -> None:
        self.done.append("off")

    def reboot(self) -> None:
        self.done.append("reboot")
        self._stop()

    def reset(self) -> None:
        self.done.append("reset")
        self._stop()

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)

    def wait_for_shell(self) -> str:
        return self.boot_id

    def wait_until(self, unit: str) -> None: ...


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Callable[..., Replay]]:
    """A replay whose program asks these things, one list for each run."""
    running: list[MockServer] = []

    def made(*asks: list[str], universe: str = "alone") -> Replay:
        site = Site(tmp_path, "replay")
        own = site.registration = registration("node-1a2b3c")
        clock = Clock()
        server = MockServer(UNIVERSES[universe].begins(own, agent.TOKEN), tls=False, clock=clock)
        server.start()
        running.append(server)
        machine = Machine(server, own, list(asks))
        return Replay(Node(machine, Recorder(site), None), server, clock, registration("node-a"), (300.0,))

    yield made
    for server in running:
        server.stop()


def move(do: Do, what: str = "", then: Then = Then.UNSAID, asks: str = "", **fields: object) -> Move:
    interrupt = fields.pop("interrupt", None)
    wait = fields.pop("wait", 0.0)
    return Move(1, Step(do, what, **fields), wait, then, asks, interrupt)


def landings(replay: Replay, kind: MachineKind) -> list[Landing]:
    return [event.landing for event in replay.node.site.timeline.events if event.kind is kind]


def branches(replay: Replay) -> list[str]:
    return [event.branch for event in replay.server.events() if event.type == "branch-created"]


def test_a_history_from_its_first_request_to_its_end(keeper):
    replay = keeper([LOOK, REF])
    replay.go(
        [
            move(Do.RUN, "register", Then.REQUEST, LOOK),
            move(Do.ANSWER, LOOK, Then.REQUEST, REF),
            move(Do.ANSWER, REF, Then.END, fault="lost-after"),
            move(Do.RUN, "steward", Then.END, wait=300.0),
        ]
    )
    assert branches(replay) == [replay.own.branch]
    assert replay.node.machine.done == ["off", "on"], "time passes while it is off"
    assert replay.clock.ahead == 300.0
    assert [event.fault for event in replay.server.events() if event.type == "fault-landed"] == ["drop-after"]


def test_a_kill_lands_while_the_request_is_on_its_way(keeper):
    replay = keeper([REF])
    replay.go([move(Do.RUN, "register", Then.REQUEST), move(Do.KILL)])
    assert landings(replay, MachineKind.KILL) == [Landing.LANDED]
    assert branches(replay) == [], "it never reached GitHub"


def test_a_kill_while_the_answer_is_held(keeper):
    replay = keeper([REF])
    killed = move(Do.ANSWER, REF, local="killed before anything was written", interrupt=Do.KILL)
    replay.go([move(Do.RUN, "register", Then.REQUEST, REF), killed])
    assert landings(replay, MachineKind.KILL) == [Landing.LANDED]
    assert branches(replay) == [replay.own.branch]


def test_a_kill_of_a_program_that_gave_up_before_came_too_late(keeper):
    replay = keeper([REF])
    replay.node.machine.patience = 0.2
    replay.run(move(Do.RUN, "register", Then.REQUEST))
    replay.node.machine.process.wait(30)
    wait_until_gone(replay)
    replay.broken_off(move(Do.KILL))
    assert landings(replay, MachineKind.KILL) == [Landing.TOO_LATE]


def wait_until_gone(replay):
    end = time.monotonic() + 10
    while replay.at_the_gate().connected() and time.monotonic() < end:
        time.sleep(0.01)


def test_a_power_cut_lands_and_the_machine_starts_again(keeper):
    replay = keeper([REF])
    replay.go([move(Do.RUN, "register", Then.REQUEST), move(Do.CUT)])
    assert landings(replay, MachineKind.CUT) == [Landing.LANDED]
    assert replay.node.machine.done == ["cut", "on"]
    assert branches(replay) == []


@pytest.mark.parametrize(("how", "by", "done"), [(Do.CUT, By.RESET, "reset"), (Do.KILL, By.REBOOT, "reboot")])
@pytest.mark.parametrize("answered", [True, False], ids=["answered", "on-its-way"])
def test_a_reset_or_a_reboot_in_a_run_starts_the_machine_again_once(answered, how, by, done, keeper):
    replay = keeper([REF])
    local = "killed before anything was written"
    last = move(Do.ANSWER, REF, local=local, interrupt=how, by=by) if answered else move(how, by=by)
    replay.go([move(Do.RUN, "register", Then.REQUEST), last])
    assert landings(replay, MachineKind.KILL) == [Landing.LANDED]
    (killed,) = (event for event in replay.node.site.timeline.events if event.kind is MachineKind.KILL)
    assert killed.name == by.value
    assert replay.node.machine.done == [done]
    assert branches(replay) == ([replay.own.branch] if answered else [])
    assert len(replay.node.boots) == 1


def test_a_reset_when_the_program_has_given_up_came_too_late(keeper):
    replay = keeper([REF])
    replay.node.machine.patience = 0.2
    replay.run(move(Do.RUN, "register", Then.REQUEST))
    replay.node.machine.process.wait(30)
    wait_until_gone(replay)
    replay.broken_off(move(Do.CUT, by=By.RESET))
    assert landings(replay, MachineKind.KILL) == [Landing.TOO_LATE]


def test_a_late_request_takes_effect_at_its_step(keeper):
    replay = keeper([REF], [LOOK])
    replay.run(move(Do.RUN, "register", Then.REQUEST, REF))
    replay.answer(move(Do.ANSWER, REF, Then.END, fault="late"))
    assert replay.node.machine.process.returncode == 75
    assert branches(replay) == []
    replay.arrive_late(move(Do.LATE, REF))
    assert branches(replay) == [replay.own.branch]


def test_one_that_the_trace_does_not_let_arrive_is_lost(keeper):
    replay = keeper([REF])
    replay.go([move(Do.RUN, "register", Then.REQUEST), move(Do.ANSWER, REF, Then.END, fault="late")])
    assert branches(replay) == []


def test_another_request_than_the_trace_names(keeper):
    replay = keeper([LOOK])
    with pytest.raises(
        HarnessError, match=r"^after step 1 \(run register\) the program asks GET .*, and not POST"
    ):
        replay.go([move(Do.RUN, "register", Then.REQUEST, REF)])


def test_a_request_where_the_trace_says_the_end(keeper):
    replay = keeper([REF, LOOK])
    replay.node.machine.patience = 0.5
    replay.run(move(Do.RUN, "register", Then.REQUEST, REF))
    with pytest.raises(HarnessError, match=f"does not end, but asks {LOOK}"):
        replay.answer(move(Do.ANSWER, REF, Then.END))


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (
            "DELETE /repos/acme/cluster/git/refs/heads/register-node-node-1a2b3c",
            "DELETE /repos/acme/cluster/git/refs/heads/register-node-node-a",
        ),
        (
            "GET /repos/acme/cluster/contents/maintainers/alice/cluster-nodes/node-1a2b3c?ref=main",
            "GET /repos/acme/cluster/contents/maintainers/alice/cluster-nodes/node-a?ref=main",
        ),
    ],
)
def test_a_request_is_named_as_the_simulated_node_would_ask_it(keeper, asked, named):
    replay = keeper([asked])
    replay.go([move(Do.RUN, "register", Then.REQUEST, named), move(Do.KILL)])


def test_status_0_without_a_registration_is_no_good_end(keeper):
    replay = keeper([LOOK])
    replay.node.machine.status = 0
    with pytest.raises(AssertionError, match="exit-status: 0, and there is neither"):
        replay.go([move(Do.RUN, "register", Then.REQUEST), move(Do.ANSWER, LOOK, Then.END)])


@pytest.fixture
def cable(monkeypatch):
    """What is done to it is written down, and what goes on meanwhile."""
    monkeypatch.setattr(replaying, "unplug", lambda node: node.machine.done.append("cable out"))
    monkeypatch.setattr(replaying, "plug_in", lambda node: node.machine.done.append("cable in"))
    run, start = Machine.run, Machine._start

    def telling(machine, command, **how):
        if "network-online.target" in command:
            machine.done.append("network-online")
        return run(machine, command, **how)

    def started(machine):
        machine.done.append("run")
        start(machine)

    monkeypatch.setattr(Machine, "run", telling)
    monkeypatch.setattr(Machine, "_start", started)


WITHOUT_A_NETWORK = Move(1, Step(Do.RUN, "register"), then=Then.END, offline=True)


def test_a_run_without_a_network_had_it_before_asks_nothing_and_the_cable_is_put_back(keeper, cable):
    replay = keeper([], [LOOK])
    replay.run(WITHOUT_A_NETWORK)
    replay.run(move(Do.RUN, "steward", Then.REQUEST, LOOK))
    assert replay.node.machine.done == ["network-online", "cable out", "run", "cable in", "run"]


def test_a_run_that_asks_something_was_not_without_a_network(keeper, cable):
    replay = keeper([LOOK])
    replay.node.machine.patience = 2.0
    with pytest.raises(HarnessError, match=f"does not end, but asks {LOOK}"):
        replay.run(WITHOUT_A_NETWORK)


def test_people_act_through_the_mock_under_a_name_of_their_own(keeper):
    replay = keeper([LOOK])
    replay.person(move(Do.PERSON, "merges something else"))
    moved = replay.server.events()[-2]
    assert (moved.type, moved.by, moved.paths) == ("branch-moved", "maria", ("other.md",))
    with pytest.raises(HarnessError, match="there is nothing to do it to"):
        replay.person(move(Do.PERSON, "closes it"))


def test_people_switch_auto_merge_off_and_checks_turn_green(keeper):
    replay = keeper([LOOK], universe="switched-off")
    assert not replay.can(Act.CHECK), "there is no pull request yet"
    replay.act(Act.FORCE_PUSH)
    number = replay.server.as_user("maria").open_pull(replay.own.repository, replay.own.branch)
    assert replay.can(Act.CHECK)
    assert not replay.can(Act.DISARM), "auto-merge is not on"
    home = replay.server.world.repository(replay.own.repository)
    arm = f'enablePullRequestAutoMerge(input: {{pullRequestId: "{node_id("PR", home.id, number)}"}})'
    query = {"query": f"mutation {{ {arm} {{ clientMutationId }} }}"}
    replay.server.ask(wire.request("POST", "/graphql", token=agent.TOKEN, json=query))
    replay.person(move(Do.PERSON, "switches auto-merge off"))
    replay.person(move(Do.PERSON, "the checks turn green"))
    (pull,) = replay.server.world.repository(replay.own.repository).pulls.values()
    switched = [(one.kind.value, one.actor) for one in pull.timeline if "AUTO_MERGE" in one.kind.value]
    assert switched == [("AUTO_MERGE_ENABLED_EVENT", "alice"), ("AUTO_MERGE_DISABLED_EVENT", "maria")]
    assert pull.state is PullState.OPEN, "it was merged all the same"


def test_what_github_refuses_people_is_told_though_it_answers_with_200(keeper, monkeypatch):
    replay = keeper([], universe="switched-off")
    nobodys = {
        "query": 'mutation { disablePullRequestAutoMerge(input: {pullRequestId: "x"}) { clientMutationId } }'
    }
    monkeypatch.setattr(replaying, "request_of", lambda *_: ("POST", "/graphql", nobodys))
    with pytest.raises(HarnessError, match=r"switches auto-merge off: GitHub refuses it: 200 .*NOT_FOUND"):
        replay.act(Act.DISARM)


def test_people_see_what_a_request_before_has_done(keeper, monkeypatch):
    perform = Live.perform

    def in_its_own_time(live, arrival):
        time.sleep(0.5 if arrival.request.method == "POST" else 0)
        return perform(live, arrival)

    monkeypatch.setattr(Live, "perform", in_its_own_time)
    replay = keeper([REF])
    replay.run(move(Do.RUN, "register", Then.REQUEST, REF))
    replay.answer(move(Do.ANSWER, REF))
    replay.person(move(Do.PERSON, "deletes the branch"))


def test_what_there_must_be_in_the_end_is_what_people_left_possible(keeper):
    replay = keeper()
    server, own = replay.server, replay.own
    alice, maria = server.as_user("alice"), server.as_user("maria")
    assert final_of(server.world, own) is Final.MERGED
    alice.push_file(own.repository, own.record, "x", branch=own.branch)
    number = alice.open_pull(own.repository, own.branch)
    assert final_of(server.world, own) is Final.MERGED
    maria.retarget(own.repository, number, "release")
    assert final_of(server.world, own) is Final.EXACTLY_ONE_OPEN
    maria.close(own.repository, number)
    assert final_of(server.world, own) is Final.CLOSED


def test_in_the_end_the_steward_ticks_until_a_person_has_to_act(keeper):
    replay = keeper()
    replay.node.machine.status = 75
    replay.to_the_end()
    assert replay.node.machine.done == ["off", "on"], "soon, and after Q"
    replay.node.machine.status = HELD
    replay.to_the_end()
    assert replay.node.machine.done == ["off", "on"]


def test_every_fault_of_a_request_has_its_like_or_a_way_of_its_own():
    otherwise = {RequestFault.NOT_SENT.value, RequestFault.LATE.value}
    assert set(FAULTS) == {"", *(fault.value for fault in RequestFault)} - otherwise
