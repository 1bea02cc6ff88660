"""Bad agents: the real one with one bug each that programs of this kind have had.

Sources: lines of first-boot-faults.md, and Z1 to Z16, the numbered field bugs of zeta-cluster.md.  Two of those are
not here: Z9 and Z10 are wrong values in the record (cores, memory, ip), which no crash and no order of events
brings about; the tests of the hardware's facts hold them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from bugs_by_row import BY_ROW, HARMLESS_BY_ROW
from mutations import (
    DONE,
    NOT_NOW,
    adds_nothing,
    always,
    by_prefix,
    consumes_intent,
    dated,
    deletes_branch,
    drops_nothing,
    dry,
    empty_is_none,
    ends_if,
    falls_back,
    first_page_only,
    forgets_removal,
    forgets_reopening,
    forgets_wish_first,
    gated,
    is_closed,
    is_file,
    is_marked,
    no_own_pulls,
    repeats,
    sees_no_change,
    signed_out_is_done,
    signs_itself,
    stamps_first,
    syncing_only,
    unknown_is_none,
)
from planting import Planted, patched, row, without
from zeta_self_register import credentials, names, node, rules_operator, settings, surveying, tick, who
from zeta_self_register.acts import Acts
from zeta_self_register.github import GitHub
from zeta_self_register.local_files import MarkerState, Reading
from zeta_self_register.node import Node
from zeta_self_register.situation import Situation

# fmt: off
FIELD_BUGS: tuple[Planted, ...] = (
    Planted("stamps-first", "the stamp is written before the act",
            "cloud-init #3284", "crashes", "liveness",
            (patched(Acts, "_register", stamps_first),
             patched(tick, "_go_round", gated(is_marked(MarkerState.HELD))))),
    Planted("unsynced-file", "a stamp without fsync, and a broken one read as done",
            "cloud-init #3951, #5699", "crashes", "liveness",
            (patched(node, "write_durably", syncing_only(lambda path: not is_file(path))),
             patched(tick, "_go_round", gated(lambda files: files.marker_reading is Reading.BROKEN)))),
    Planted("unsynced-folder", "the file is synced, its folder is not",
            "litestream #1344", "cut-and-late", "one-comment-per-kind",
            (patched(node, "write_durably", syncing_only(is_file)),)),
    Planted("consumes-input", "the input is consumed before the stamp is on disk",
            "fedora-coreos-config #2697", "intent", "liveness",
            (patched(tick, "_go_round", consumes_intent), patched(who, "read_intent", empty_is_none))),
    Planted("from-scratch", "runs on a half-applied state as if nothing had happened",
            "fedora-coreos-tracker #1970", "crashes", "liveness",
            (patched(Situation, "branch", always(None)),)),
    Planted("first-boot-used-up", "an attempt that a power cut ended was the only one",
            "systemd #4511", "crashes", "liveness",
            (row("half-done", ends_if(lambda s: s.attempt is not None, NOT_NOW)),)),
    Planted("unknown-is-absent", "a failed look-up is read as not there",
            "Z16", "twin", "at-most-one-open",
            (patched(tick, "take_survey", unknown_is_none),)),
    Planted("repeats-comment", "a POST is repeated by the client after a lost answer",
            "PyGithub's retry", "in-flight", "one-comment-per-kind",
            (patched(GitHub, "_rest", repeats),)),
    Planted("repeats-pull", "the same, and the first one still arrives",
            "a 502 after the PR", "late", "one-per-epoch",
            (patched(GitHub, "_rest", repeats),)),
    Planted("does-not-wait", "the same, by the next run",
            "a 502 after the PR", "late", "one-per-epoch",
            (without("answer-outstanding"),)),
    Planted("first-page-only", "only the first page is looked at",
            "Z13", "crowded", "at-most-one-open",
            (patched(GitHub, "look", first_page_only),)),
    Planted("by-prefix", "node-a stands down for node-a-b",
            "Z11", "start-prefix", "nobody-elses",
            (patched(Situation, "twin_pull", by_prefix),)),
    Planted("dated-branch", "a time in the name of the branch",
            "create-pull-request #80", "calm", "nobody-elses",
            (patched(Node, "subject", dated),)),
    Planted("signed-out-is-0", "not signed in yet is exit status 0",
            "Z4", "signed-out", "exit-status",
            (patched(credentials, "read_token", signed_out_is_done),)),
    Planted("closed-is-done", "closed unmerged: done for ever",
            "Z3", "closed", "exit-status",
            (row("closed-once", ends_if(is_closed, DONE)),)),
    Planted("opens-again", "closed unmerged: another one is opened",
            "dependabot #2024", "closed", "one-per-epoch",
            (without("closed-once"), without("closed"))),
    Planted("reopens-again", "closed unmerged: reopened again and again",
            "dependabot #2024", "closed-twice", "reopened-once",
            (row("closed-once", forgets_reopening),)),
    Planted("branch-is-done", "a branch without a pull request counts as done",
            "flatpak #383", "crashes", "exit-status",
            (row("branch-foreign", ends_if(lambda s: s.branch is not None, DONE)),)),
    Planted("deletes-branch", "the branch is deleted on a 5xx that came after the PR was made",
            "Renovate", "5xx-after", "taken-back",
            (patched(Acts, "_after_refusal", deletes_branch),)),
    Planted("always-comments", "a comment at every tick",
            "Atlantis #718", "in-flight", "one-comment-per-kind",
            (patched(Situation, "owes_comment", always(True)),)),
    Planted("from-installer", "registers from the installer",
            "Z1", "start-installer", "forbidden-here", (without("installer"),)),
    Planted("without-stamp", "registers after an installation that failed",
            "Z1", "start-no-stamp", "forbidden-here", (without("no-stamp"),)),
    Planted("empty-commit", "an empty commit is pushed",
            "Z2", "calm", "liveness", (patched(GitHub, "query", adds_nothing),)),
    Planted("hidden-pull", "its own pull request in flight is not seen",
            "Z5", "in-flight", "liveness", (patched(node, "take_snapshot", no_own_pulls),)),
    Planted("hidden-twin", "that of an old branch is not seen",
            "Z5", "twin", "at-most-one-open", (patched(surveying, "_candidates", always([])),)),
    Planted("login-noreply", "commits under the login-only address",
            "Z6", "calm", "signed", (patched(GitHub, "commit", signs_itself),)),
    Planted("two-names", "one machine registers under two names",
            "Z7", "renamed-in-flight", "forbidden-here",
            (patched(Node, "same_hardware", always(False)),)),
    Planted("leaves-old-record", "a reinstall under a new name leaves the old record",
            "Z8", "start-other-name", "forbidden-here", (without("other-name"),)),
    Planted("test-mode", "a production flag switches the test mode on",
            "Z12", "calm", "exit-status", (patched(settings, "load", dry),)),
    Planted("default-name", "the hostname falls back to one shared default",
            "Z14", "no-name", "forbidden-here", (patched(names, "parse_node_name", falls_back),)),
    Planted("marker-gates", "a marker gates everything",
            "Z15", "removed", "liveness",
            (patched(tick, "_go_round", gated(is_marked(MarkerState.REGISTERED))),)),
    Planted("no-throttle", "a repair without a bound",
            "Z15", "removed", "not-too-soon", (without("throttled"),)),
    Planted("404-is-nothing-new", "whatever the cheap look shows, all is as it was",
            "Z15", "removed", "exit-status", (patched(node, "take_glance", sees_no_change),)),
    Planted("forgets-the-lost", "a lost request is forgotten once another one was answered",
            "elemental's late joins", "late-long", "liveness",
            (patched(Situation, "lost_one", always(False)),)),
    Planted("never-updates", "a branch that has fallen behind is left there",
            "automerge-action #74", "strict", "liveness", (without("behind"),)),
    Planted("never-arms", "checks are waited for, and auto-merge is not armed",
            "4th of the fixes asked for", "checks", "liveness", (without("not-armed"),)),
    Planted("merges-against", "auto-merge that a person switched off is armed again",
            "Renovate", "switched-off", "leaves-switched-off", (without("switched-off"),)),
    Planted("no-note", "the attempt is not noted before it is made",
            "Z15", "late", "one-per-epoch", (patched(Acts, "_note", always(None)),)),
    Planted("forgets-the-wish", "the operator's wish is taken off the list before it is carried out",
            "cloud-init #3284", "start-reset", "liveness", (patched(Acts, "_reset", forgets_wish_first),)),
    Planted("pauses-not", "a pause that only the command knows of",
            "-", "start-paused", "at-rest", (without("paused-by-operator"),)),
    Planted("adopts-anything", "a number is taken for a proof that it is ours",
            "-", "start-adopt-of-another", "nobody-elses",
            (patched(rules_operator, "_against", always("")),)),
    Planted("moves-by-copying", "a machine with a new name leaves its old record behind",
            "Z8", "start-rename", "liveness", (patched(GitHub, "commit", drops_nothing),)),
    Planted("comes-back", "what was removed on purpose is taken for drift, and repaired",
            "-", "start-deregister", "not-too-soon", (row("removed", forgets_removal),)),
    Planted("removes-again", "a removal does not wait for its own lost request",
            "PyGithub's retry", "start-deregister-late", "one-per-epoch", (without("removal-waits"),)),
)

BUGS = (*FIELD_BUGS, *BY_ROW)

HARMLESS: tuple[Planted, ...] = (
    Planted("unsynced-file alone", "a broken marker is never read as done, and GitHub is asked again",
            "cloud-init #3951", "crashes", "",
            (patched(node, "write_durably", syncing_only(lambda path: not is_file(path))),)),
    Planted("unsynced-folder alone", "what was forgotten is seen at GitHub, unless it arrives late",
            "litestream #1344", "crashes", "",
            (patched(node, "write_durably", syncing_only(is_file)),)),
    Planted("repeats-pull alone", "while the first one stands, GitHub refuses the second with 422",
            "PyGithub's retry", "lost", "", (patched(GitHub, "_rest", repeats),)),
    *HARMLESS_BY_ROW,
)
"""What makes no difference on its stage, and why: the agent, or GitHub itself, has a second line there."""
# fmt: on

_LACKS: Mapping[str, tuple[str, ...]] = {
    "nothing late": ("forgets-the-lost", "unsynced-folder", "repeats-pull", "does-not-wait", "no-note"),
    "no rules on the base": ("never-updates", "never-arms", "merges-against"),
    "no people": (
        "closed-is-done",
        "opens-again",
        "reopens-again",
        "marker-gates",
        "no-throttle",
        "404-is-nothing-new",
    ),
    "no earlier life": (
        *("unknown-is-absent", "repeats-comment", "first-page-only", "hidden-pull", "hidden-twin"),
        *("two-names", "leaves-old-record", "always-comments"),
    ),
    "no neighbour": ("by-prefix",),
    "no installer": ("from-installer", "without-stamp"),
    "no intent": ("consumes-input",),
    "signed in": ("signed-out-is-0",),
    "has a name": ("default-name",),
    "no 5xx": ("deletes-branch",),
    "no rule": ("login-noreply",),
    "no operator": (
        *("forgets-the-wish", "pauses-not", "adopts-anything", "moves-by-copying", "comes-back"),
        "removes-again",
    ),
}
UNSEEN: Mapping[str, str] = {
    **{name: why for why, names in _LACKS.items() for name in names},
    **{bug.name: "a first registration does not come to that row" for bug in BY_ROW},
}
"""Why `bootproof torture` of a first registration cannot show these; all others are run by it."""

MACHINES: Mapping[str, str] = {
    "stamps-first": "marker-before-the-act",
    "from-installer": "registers-from-the-installer",
    "without-stamp": "stamp-not-checked",
    **{
        name: name
        for name in (
            *("no-note", "does-not-wait", "repeats-pull", "deletes-branch"),
            *("branch-is-done", "closed-is-done", "reopens-again", "marker-gates"),
        )
    },
}
"""The same bugs in `vm-scenarios/planted.py`, for machines."""


@contextmanager
def planted(bug: Planted) -> Iterator[Counter[str]]:
    """The real agent has this bug for a while; yields how often each of its changes was met."""
    met: Counter[str] = Counter()
    with ExitStack() as stack:
        for plant in bug.plants:
            stack.enter_context(plant(met))
        yield met
