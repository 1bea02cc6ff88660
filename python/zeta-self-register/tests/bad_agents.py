#!/usr/bin/env python3
"""Bad agents: the real one with one bug each that programs of this kind have had.

usage: python bad_agents.py                       which layer catches which, and by how short a history
       python bad_agents.py --as NAME -- COMMAND  runs zeta-self-register with that bug, such as `-- register`

Sources: lines of first-boot-faults.md, and Z1 to Z16, the numbered field bugs of zeta-cluster.md.  Two of those are
not here: Z9 and Z10 are wrong values in the record (cores, memory, ip), which no crash and no order of events
brings about; the tests of the hardware's facts hold them.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import stages
from bootproof.simulation.universe import Universe
from mutations import (
    DONE,
    NOT_NOW,
    adds_nothing,
    always,
    by_prefix,
    consumes_intent,
    dated,
    deletes_branch,
    dry,
    empty_is_none,
    ends_if,
    falls_back,
    first_page_only,
    forgets_reopening,
    gated,
    is_closed,
    is_file,
    is_marked,
    no_own_pulls,
    repeats,
    signed_out_is_done,
    signs_itself,
    stamps_first,
    syncing_only,
    unknown_is_none,
)
from planting import Plant, patched, row, without
from stages import explored
from zeta_self_register import cli, credentials, looking, names, node, settings, tick, who
from zeta_self_register.acts import Acts
from zeta_self_register.github import GitHub
from zeta_self_register.local_files import MarkerState, Reading
from zeta_self_register.node import Node
from zeta_self_register.situation import Situation


@dataclass(frozen=True)
class Planted:
    """A bad agent: the stage on which it is seen, by which rule, and what is changed in the real one."""

    name: str
    bug: str
    source: str
    stage: Universe
    rule: str
    plants: tuple[Plant, ...]


# fmt: off
BUGS: tuple[Planted, ...] = (
    Planted("stamps-first", "the stamp is written before the act",
            "cloud-init #3284", stages.CRASHES, "liveness",
            (patched(Acts, "_register", stamps_first),
             patched(tick, "_go_round", gated(is_marked(MarkerState.HELD))))),
    Planted("unsynced-file", "a stamp without fsync, and a broken one read as done",
            "cloud-init #3951, #5699", stages.CRASHES, "liveness",
            (patched(node, "write_durably", syncing_only(lambda path: not is_file(path))),
             patched(tick, "_go_round", gated(lambda files: files.marker_reading is Reading.BROKEN)))),
    Planted("unsynced-folder", "the file is synced, its folder is not",
            "litestream #1344", stages.CUT_AND_LATE, "one-comment-per-kind",
            (patched(node, "write_durably", syncing_only(is_file)),)),
    Planted("consumes-input", "the input is consumed before the stamp is on disk",
            "fedora-coreos-config #2697", stages.INTENT, "liveness",
            (patched(tick, "_go_round", consumes_intent), patched(who, "read_intent", empty_is_none))),
    Planted("from-scratch", "runs on a half-applied state as if nothing had happened",
            "fedora-coreos-tracker #1970", stages.CRASHES, "liveness",
            (patched(Situation, "branch", always(None)),)),
    Planted("first-boot-used-up", "an attempt that a power cut ended was the only one",
            "systemd #4511", stages.CRASHES, "liveness",
            (row("half-done", ends_if(lambda s: s.attempt is not None, NOT_NOW)),)),
    Planted("unknown-is-absent", "a failed look-up is read as not there",
            "Z16", stages.TWIN, "at-most-one-open",
            (patched(tick, "take_survey", unknown_is_none),)),
    Planted("repeats-comment", "a POST is repeated by the client after a lost answer",
            "PyGithub's retry", stages.IN_FLIGHT, "one-comment-per-kind",
            (patched(GitHub, "_rest", repeats),)),
    Planted("repeats-pull", "the same, and the first one still arrives",
            "a 502 after the PR", stages.LATE, "one-per-epoch",
            (patched(GitHub, "_rest", repeats),)),
    Planted("does-not-wait", "the same, by the next run",
            "a 502 after the PR", stages.LATE, "one-per-epoch",
            (without("answer-outstanding"),)),
    Planted("first-page-only", "only the first page is looked at",
            "Z13", stages.CROWDED, "at-most-one-open",
            (patched(GitHub, "look", first_page_only),)),
    Planted("by-prefix", "node-a stands down for node-a-b",
            "Z11", stages.NEIGHBOURS, "nobody-elses",
            (patched(Situation, "twin_pull", by_prefix),)),
    Planted("dated-branch", "a time in the name of the branch",
            "create-pull-request #80", stages.CALM, "nobody-elses",
            (patched(Node, "subject", dated),)),
    Planted("signed-out-is-0", "not signed in yet is exit status 0",
            "Z4", stages.SIGNED_OUT, "exit-status",
            (patched(credentials, "read_token", signed_out_is_done),)),
    Planted("closed-is-done", "closed unmerged: done for ever",
            "Z3", stages.CLOSED, "exit-status",
            (row("closed-once", ends_if(is_closed, DONE)),)),
    Planted("opens-again", "closed unmerged: another one is opened",
            "dependabot #2024", stages.CLOSED, "one-per-epoch",
            (without("closed-once"), without("closed"))),
    Planted("reopens-again", "closed unmerged: reopened again and again",
            "dependabot #2024", stages.CLOSED_TWICE, "reopened-once",
            (row("closed-once", forgets_reopening),)),
    Planted("branch-is-done", "a branch without a pull request counts as done",
            "flatpak #383", stages.CRASHES, "exit-status",
            (row("branch-foreign", ends_if(lambda s: s.branch is not None, DONE)),)),
    Planted("deletes-branch", "the branch is deleted on a 5xx that came after the PR was made",
            "Renovate", stages.BROKEN, "taken-back",
            (patched(Acts, "_after_refusal", deletes_branch),)),
    Planted("always-comments", "a comment at every tick",
            "Atlantis #718", stages.IN_FLIGHT, "one-comment-per-kind",
            (patched(Situation, "owes_comment", always(True)),)),
    Planted("from-installer", "registers from the installer",
            "Z1", stages.INSTALLER, "forbidden-here", (without("installer"),)),
    Planted("without-stamp", "registers after an installation that failed",
            "Z1", stages.NOT_INSTALLED, "forbidden-here", (without("no-stamp"),)),
    Planted("empty-commit", "an empty commit is pushed",
            "Z2", stages.CALM, "liveness", (patched(GitHub, "query", adds_nothing),)),
    Planted("hidden-pull", "its own pull request in flight is not seen",
            "Z5", stages.IN_FLIGHT, "liveness", (patched(node, "take_snapshot", no_own_pulls),)),
    Planted("hidden-twin", "that of an old branch is not seen",
            "Z5", stages.TWIN, "at-most-one-open", (patched(looking, "_candidates", always([])),)),
    Planted("login-noreply", "commits under the login-only address",
            "Z6", stages.CALM, "signed", (patched(GitHub, "commit", signs_itself),)),
    Planted("two-names", "one machine registers under two names",
            "Z7", stages.RENAMED_IN_FLIGHT, "forbidden-here",
            (patched(Node, "same_hardware", always(False)),)),
    Planted("leaves-old-record", "a reinstall under a new name leaves the old record",
            "Z8", stages.OTHER_RECORD, "forbidden-here", (without("other-name"),)),
    Planted("test-mode", "a production flag switches the test mode on",
            "Z12", stages.CALM, "exit-status", (patched(settings, "load", dry),)),
    Planted("default-name", "the hostname falls back to one shared default",
            "Z14", stages.NO_NAME, "forbidden-here", (patched(names, "parse_node_name", falls_back),)),
    Planted("marker-gates", "a marker gates everything",
            "Z15", stages.REMOVED, "liveness",
            (patched(tick, "_go_round", gated(is_marked(MarkerState.REGISTERED))),)),
    Planted("no-throttle", "a repair without a bound",
            "Z15", stages.REMOVED, "not-too-soon", (without("throttled"),)),
    Planted("no-note", "the attempt is not noted before it is made",
            "Z15", stages.LATE, "one-per-epoch", (patched(Acts, "_note", always(None)),)),
)

HARMLESS: tuple[Planted, ...] = (
    Planted("unsynced-file alone", "a broken marker is never read as done, and GitHub is asked again",
            "cloud-init #3951", stages.CRASHES, "",
            (patched(node, "write_durably", syncing_only(lambda path: not is_file(path))),)),
    Planted("unsynced-folder alone", "what was forgotten is seen at GitHub, unless it arrives late",
            "litestream #1344", stages.CRASHES, "",
            (patched(node, "write_durably", syncing_only(is_file)),)),
    Planted("repeats-pull alone", "while the first one stands, GitHub refuses the second with 422",
            "PyGithub's retry", stages.LOST, "", (patched(GitHub, "_rest", repeats),)),
)
"""What makes no difference on its stage, and why: the agent, or GitHub itself, has a second line there."""
# fmt: on

PROCESSES: Mapping[str, str] = {
    "stamps-first": "final-state",
    "unsynced-file": "comes-to-rest",
    "from-scratch": "final-state",
    "first-boot-used-up": "final-state",
    "dated-branch": "nobody-elses",
    "branch-is-done": "final-state",
    "empty-commit": "comes-to-rest",
    "test-mode": "final-state",
    # Nothing arrives late there, and without that these do no harm.
    **dict.fromkeys(("unsynced-folder", "repeats-pull", "does-not-wait", "no-note"), "not seen"),
    # The next run reopens what this one closed; the survey finds what the snapshot hides; no installer; no rule.
    **dict.fromkeys(("deletes-branch", "hidden-pull", "from-installer", "login-noreply"), "not seen"),
}
"""What `bootproof torture --lose-unsynced`, as in this program's README, came to with them (2026-11-23); the others
were not run."""

MACHINES: Mapping[str, str] = {}
"""What machines came to with them; `./prove --planted` has four bad agents of its own."""


@contextmanager
def planted(bug: Planted) -> Iterator[Counter[str]]:
    """The real agent has this bug for a while; yields how often each of its changes was met."""
    met: Counter[str] = Counter()
    with ExitStack() as stack:
        for plant in bug.plants:
            stack.enter_context(plant(met))
        yield met


def matrix() -> Iterator[str]:
    """One line for each bad agent: what caught it, and after how many steps the last thing goes wrong."""
    form = "{:<18} {:<27} {:<17} {:<20} {:>5}  {:<13} {}"
    yield form.format("bug", "source", "stage", "explored: rule", "steps", "processes", "machines")
    for bug in BUGS:
        with planted(bug):
            found = explored(bug.stage)
        rule, steps = "NOT CAUGHT", "-"
        for text, trace in list(found.findings.items())[:1]:
            rule, steps = text.partition(":")[0], str(len(trace.steps))
        others = [layer.get(bug.name, "-") for layer in (PROCESSES, MACHINES)]
        yield form.format(bug.name, bug.source, bug.stage.name, rule, steps, *others)
    yield "steps: until the last thing that goes wrong; 0 when nothing has to"


def main(arguments: Sequence[str]) -> int:
    """Prints the matrix, or runs one bad agent as the process that it is."""
    if not arguments:
        for line in matrix():
            sys.stdout.write(f"{line}\n")
        return 0
    named = {bug.name: bug for bug in BUGS}
    if len(arguments) < 4 or arguments[0] != "--as" or arguments[2] != "--" or arguments[1] not in named:
        sys.stderr.write(f"usage: bad_agents.py [--as NAME -- COMMAND ...]; names: {', '.join(named)}\n")
        return 64
    with planted(named[arguments[1]]):
        return cli.run(arguments[3:], os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
