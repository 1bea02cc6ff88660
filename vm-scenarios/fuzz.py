"""Reboot fuzzing: histories that nobody has thought of, each from a machine that was saved when it was up.

`./prove --fuzz MINUTES` runs it, and nothing else does: each test here is one schedule, as long as there is time.
"""

from __future__ import annotations

import contextlib
import shutil

import agent
import msgspec
import pytest
from bootproof.evidence import Site
from bootproof.oracle import Final
from bootproof.plugin import ROW, SCENARIO, blamed, new_folder, verdict_on, with_failure
from bootproof.report import explain
from bootproof.simulation import agents
from bootproof.simulation.aiming import aimed
from bootproof.simulation.ending import final_of
from bootproof.simulation.scheduling import Scheduler
from bootproof.simulation.steps import write_trace
from bootproof.verdict import Verdict, worst
from cluster import as_begun
from fuzz_run import BUDGET
from fuzzing import Fuzzer, Kept, simulated
from replaying import Clock, Replay


@pytest.fixture(scope="session")
def simulation(planted, tmp_path_factory):
    """The agent that the schedules are drawn from."""
    return simulated(planted, tmp_path_factory.mktemp("fuzz"))


@pytest.fixture(scope="session")
def fuzzer(request, simulation, play, shared):
    traces = request.config.rootpath / ".cache" / "traces"
    seed = request.config.getoption("--seed")
    return Fuzzer(Scheduler(simulation), seed, play, Kept(traces, shared / "shrunk"))


@pytest.fixture(scope="session")
def play(request, staged, waiting, simulation, tmp_path_factory):
    """Plays a trace on a machine of its own, and judges it."""
    keep = request.config.getoption("--keep")

    def played(name, trace):
        site = Site(new_folder(keep or tmp_path_factory.getbasetemp(), name), name)
        site.attach("trace.json", write_trace(trace))
        failure = None
        with site.phase(name) as shown:
            try:
                with staged(site) as (node, github), in_order(site):
                    go(node, trace, simulation, waiting, github)
            except (Exception, pytest.fail.Exception) as error:
                failure = error
            row = with_failure(site.judged(finished=failure is None), failure)
            shown.result = row.verdict.value
        if keep is None and row.verdict is Verdict.HOLDS:
            shutil.rmtree(site.disks, ignore_errors=True)
        return row

    return played


@contextlib.contextmanager
def in_order(site):
    """A failure meanwhile is no word about the program if the machine is not in order."""
    try:
        yield
    except (Exception, pytest.fail.Exception) as error:
        if verdict_on(error) is Verdict.VIOLATED and (why := site.trouble()):
            raise blamed(why, error) from error
        raise


def go(node, trace, simulated, waiting, github):
    """The trace, and what must come of it."""
    clock = Clock()
    server = github(as_begun(trace, node.site.registration), clock)
    node.connect(server)
    node.machine.credentials = agent.BY_HAND
    node.resume(waiting)
    Replay(node, server, clock, agents.registration(simulated), simulated.thresholds).go(aimed(trace))
    final = final_of(server.world, node.site.registration)
    node.site.expect(final=final)
    if final is Final.MERGED:
        assert node.marker().get("state") == "registered", "it comes to rest, and its marker does not say so"
    node.off()


def test_schedule(schedule, fuzzer, request):
    rows = []
    with request.config.stash[BUDGET].one():
        for row in fuzzer.rows(schedule):
            rows.append(row)
            told = (SCENARIO, row.scenario), (ROW, msgspec.json.encode(row).decode())
            request.node.user_properties += told
    if worst(row.verdict for row in rows) is not Verdict.HOLDS:
        said = "\n".join(f"{row.scenario}: {line}" for row in rows for line in explain(row))
        pytest.fail(said, pytrace=False)
