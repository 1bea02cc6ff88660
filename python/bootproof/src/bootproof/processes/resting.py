"""Faults have ended: the program is run until it comes to rest, and the oracle judges the whole history."""

from __future__ import annotations

from bootproof.leaks import no_leak, search_files
from bootproof.oracle import judge
from bootproof.oracle_case import Case, Expectations, Window
from bootproof.oracle_expect import expected_rules
from bootproof.oracle_rules import Rule
from bootproof.processes.agreement import standing
from bootproof.processes.scene import Scene
from bootproof.simulation.ending import End, judged, says_registered
from bootproof.simulation.people import Act, request_of
from bootproof.simulation.state import State
from bootproof.simulation.transitions import TOKEN
from bootproof.simulation.universe import Forbidden
from bootproof.timeline import MachineKind
from bootproof.verdict import HarnessError

SOON = 60.0
"""Seconds from one run to the next one when nothing has been waited for yet."""
MAX_RUNS = 40
"""Runs until rest; a program that goes on for longer never comes to rest."""


def rested(here: Scene, state: State) -> tuple[End, tuple[str, ...]]:
    """What the history comes to when nothing goes wrong any more, and all that was wrong with it. `state` is the
    simulation's when the trace was over. Raises HarnessError where something cannot be judged."""
    here.record(MachineKind.FAULTS_ENDED)
    here.let_go()
    wrong = _run_to_rest(here)
    here.github.settle()
    end, bad = _end(here, removals=1 if state.epoch.since else 0)
    found = [*_judged(here), *filter(None, (wrong or bad,))]
    return end, here.simulation.universe.unexpected(dict.fromkeys(found))


def _run_to_rest(here: Scene) -> str:
    """As the simulation's own fault-free way (`Simulation.default`): after a run that changed nothing, the next one
    comes after a longer time; at last somebody merges what is open. A machine on which the command that is run again
    and again says that nothing is to be done has come to rest. What is wrong where it never rests."""
    thresholds, calm = here.simulation.agent.thresholds, 0
    done: set[int] = set()
    for _ in range(MAX_RUNS):
        if calm > len(thresholds) or len(done) == len(here.hosts):
            if not _merged_at_last(here):
                return ""
            calm, done = 0, set()
        host = next((one for one in here.hosts if one.fresh), here.hosts[calm % len(here.hosts)])
        commands = here.simulation.agent.commands
        marked = here.simulation.agent.marker in here.files(host)
        command = commands[0] if host.fresh and not marked else commands[-1]
        here.skip(thresholds[calm - 1] + SOON if calm else SOON)
        before = _everything(here)
        status = host.run_freely(command)
        here.look_at_marker(host)
        same = _everything(here) == before
        calm, done = (calm + 1, done) if same else (0, set())
        if status == 0 and command == commands[-1]:
            done.add(host.number)
    return f"liveness: no rest after {MAX_RUNS} runs without a fault"


def _everything(here: Scene) -> object:
    """All that a run could change, but for what it says of the time."""
    world = standing(here.github.server.world, here.simulation.own)
    return [here.files(host) for host in here.hosts], world


def _merged_at_last(here: Scene) -> bool:
    """Whether there was something for a person to merge."""
    if not here.simulation.universe.merged_at_last:
        return False
    asked = request_of(Act.MERGE, here.github.server.world, here.simulation.own)
    if asked is None:
        return False
    here.github.act(asked)
    return True


def _end(here: Scene, removals: int) -> tuple[End, str]:
    agent, universe = here.simulation.agent, here.simulation.universe
    markers = [here.files(host).get(agent.marker) for host in here.hosts]
    says_so = [says_registered(agent, marker) for marker in markers]
    return judged(here.github.server.world, here.simulation.own, universe, says_so, removals)


def _judged(here: Scene) -> list[str]:
    """What the oracle finds, in the words of the simulation's findings."""
    case = here.case()
    outputs = [host.layout.output for host in here.hosts if host.layout.output.exists()]
    states = [host.layout.state for host in here.hosts]
    results = [
        *judge(case, _forbidden(case, here.simulation.universe.forbidden), finished=False),
        no_leak(search_files([*outputs, *states], TOKEN.encode())),
    ]
    for result in results:
        if result.error is not None:
            raise HarnessError(f"{result.rule}: not judged: {result.error}")
    return [f"{result.rule}: {finding.text}" for result in results for finding in result.findings]


def _forbidden(case: Case, forbidden: Forbidden) -> tuple[Rule, ...]:
    """The rule against what may not be done at all from this beginning."""
    everywhere = (Window(),)
    match forbidden:
        case Forbidden.NOTHING:
            return ()
        case Forbidden.CHANGES:
            expect = Expectations(only_reads=everywhere)
        case Forbidden.REQUESTS:
            expect = Expectations(no_requests=everywhere)
    asked = Case(case.events, case.timeline, case.registration, expect, case.before)
    return tuple(rule for rule in expected_rules(asked) if rule.id != "final-state")
