"""The one table: what is known of the machine and of GitHub, and what is done about it.

`decide` is pure and total: it takes the first row that fits, and the last row fits always.  The rows are data;
`zeta-self-register plan --table` and the README print them from here.
"""

from __future__ import annotations

from zeta_self_register import (
    rules_follow,
    rules_found,
    rules_local,
    rules_new,
    rules_operator,
    rules_registered,
)
from zeta_self_register.decision import Decision, Row
from zeta_self_register.situation import Situation


def decide(situation: Situation) -> Decision:
    """The decision of the first row that fits."""
    for row in TABLE:
        decision = row.rule(situation)
        if decision is not None:
            return Decision(**{**decision.__dict__, "row": row.name})
    raise AssertionError("the last row fits always")


# One row a line, so that it reads as the table it is.
# fmt: off
TABLE: tuple[Row, ...] = (
    Row("installer", "installer system", "not asked", "nothing; 77", rules_local.installer),
    Row("marker-unreadable", "marker cannot be read", "not asked", "nothing; 78", rules_local.marker_unreadable),
    Row("marker-newer", "marker of a newer version", "not asked", "nothing; 78", rules_local.marker_newer),
    Row("marker-foreign", "marker of another machine", "not asked", "nothing; 77", rules_local.marker_foreign),
    Row("no-stamp", "installation not complete", "not asked", "nothing; 77", rules_local.no_stamp),
    Row("wishes-broken", "the operator's wishes cannot be read", "not asked", "nothing; 78", rules_operator.wishes_broken),
    Row("paused-by-operator", "`pause`", "not asked", "nothing; 77", rules_operator.paused),
    Row("former-name", "marker of this machine under another name", "not asked", "held until `rename`; 77", rules_operator.former_name),
    Row("paused", "pause running", "not asked", "nothing; 75", rules_local.paused),
    Row("glance", "registered", "not asked", "steward: asks whether node's folder has changed", rules_registered.glance),
    Row("unchanged", "registered", "the folder is as it was", "steward: nothing; 0", rules_registered.unchanged),
    Row("not-asked", "any", "not asked", "takes the snapshot", rules_local.not_asked),
    Row("clock", "clock in the past or far ahead", "not reached", "waits; 75", rules_local.clock),
    Row("unknown", "any", "unknown", "nothing; 75, or 77 or 78 when a person has to act", rules_local.unknown),
    Row("retired", "any", "`retired` on base", "marker retired; 0", rules_found.retired),
    Row("removal-held", "`deregister`", "not ours, archived, closed, retargeted, foreign commits, or a PR still registers", "nothing; 77", rules_operator.removal_held),
    Row("removal-begins", "`deregister`", "any", "notes which pull requests are earlier ones", rules_operator.removal_begins),
    Row("removal-waits", "`deregister`", "an answer is outstanding, or a look may be stale", "waits; 75", rules_operator.removal_waits),
    Row("removal-taken-back", "`deregister`, then `reset`", "no PR that removes node.yaml", "forgets the wish to remove", rules_operator.removal_taken_back),
    Row("removal-open", "`deregister`", "PR open that removes node.yaml", "as `pull-open`", rules_operator.removal_open),
    Row("removed", "`deregister`", "no node.yaml", "marker retired; 0", rules_operator.removed),
    Row("remove", "`deregister`", "node.yaml on base, ours or nobody's", "opens one PR that removes it", rules_operator.remove),
    Row("stray", "attempt noted", "PR of a lost request beside one that was merged or closed", "says so, closes it; 75", rules_found.stray),
    Row("adopt", "`adopt`", "any", "joins that PR, or says why not; 77", rules_operator.adopt),
    Row("reset-needless", "`reset`", "node.yaml on base, or PR open", "forgets the wish", rules_operator.reset_needless),
    Row("moved", "`rename`", "node.yaml on base, ours or nobody's", "forgets the wish", rules_operator.moved),
    Row("record-of-another", "not registered", "node.yaml on base, another machine's", "held; 77", rules_found.record_of_another),
    Row("record-changed", "registered", "node.yaml changed", "reported, left; 0", rules_registered.record_changed),
    Row("registered", "registered", "node.yaml on base", "nothing; 0", rules_registered.registered),
    Row("record-found", "not registered", "node.yaml on base, ours or nobody's", "marker registered; 0", rules_found.record_found),
    Row("archived", "any", "repository archived", "nothing; 77", rules_found.archived),
    Row("pull-retargeted", "any", "PR open, other base", "held; 77", rules_found.pull_retargeted),
    Row("pull-of-another", "any", "PR open, another machine's", "held; 77", rules_found.pull_of_another),
    Row("pull-opened-by-us", "attempt noted", "PR open", "marker pr-open; 0", rules_found.pull_opened_by_us),
    Row("pull-found", "none", "PR open, ours", "joins it: one comment, marker pr-open; 0", rules_found.pull_found),
    Row("comment-owed", "pr-open, joined", "PR open, comment missing", "comments", rules_found.comment_owed),
    Row("pull-open", "pr-open", "PR open", "register: nothing; 0", rules_found.pull_open),
    Row("left-to-people", "pr-open", "PR open, policy never to merge", "steward: waits; 75", rules_follow.left_to_people),
    Row("changes-more", "pr-open", "PR open, changes more than the record", "steward: waits for a person; 75", rules_follow.changes_more),
    Row("draft", "pr-open", "PR open, a draft", "steward: waits for a person; 75", rules_follow.draft),
    Row("switched-off", "pr-open", "PR open, somebody switched auto-merge off", "steward: waits for a person; 75", rules_follow.switched_off),
    Row("behind", "pr-open", "PR open, behind, and the base wants it up to date", "steward: updates the branch; 75", rules_follow.behind),
    Row("armed", "pr-open", "PR open, auto-merge armed", "steward: waits for checks and reviews; 75", rules_follow.armed),
    Row("mergeable-unknown", "pr-open", "PR open, GitHub computes whether it can be merged", "steward: waits; 75", rules_follow.mergeable_unknown),
    Row("conflict", "pr-open", "PR open, conflicts with the base", "steward: waits for a person; 75", rules_follow.conflict),
    Row("mergeable", "pr-open", "PR open, can be merged", "steward: merges it; where that is refused, looks again and goes on below", rules_follow.mergeable),
    Row("not-armed", "pr-open", "PR open, checks or reviews missing, or merging refused", "steward: arms auto-merge; 75", rules_follow.not_armed),
    Row("waits-unarmed", "pr-open", "the same, auto-merge off or refused", "steward: waits; 75", rules_follow.waits_unarmed),
    Row("merged-lately", "any", "PR merged less than Q ago, no node.yaml", "waits; 75", rules_found.merged_lately),
    Row("note-from-future", "attempt noted in the future", "no PR", "notes it afresh, waits; 75", rules_found.note_from_future),
    Row("answer-outstanding", "attempt unanswered, < Q old", "no PR", "waits; 75", rules_found.answer_outstanding),
    Row("registered-lately", "registered less than Q ago", "no node.yaml", "waits; 75", rules_found.registered_lately),
    Row("other-outstanding", "attempt on another branch unanswered, < Q old", "no PR", "waits; 75", rules_operator.other_outstanding),
    Row("reset", "`reset`", "no PR, no node.yaml", "earlier PRs and the marker count no more", rules_operator.reset),
    Row("merged-elsewhere", "any", "PR merged into another base", "held; 77", rules_found.merged_elsewhere),
    Row("closed-of-another", "any", "PR closed, another machine's", "held; 77", rules_found.closed_of_another),
    Row("closed-once", "any", "PR closed, never reopened", "by policy: reopens with a comment", rules_found.reopen),
    Row("closed", "any", "PR closed", "one comment, marker held; 77", rules_found.closed),
    Row("drift-held", "registered", "no node.yaml, policy hold", "nothing; 77", rules_new.drift),
    Row("throttled", "any", "last PR opened less than 24 h ago", "waits; 75", rules_new.throttled),
    Row("branch-foreign", "any", "branch with foreign commits or record", "held; 77", rules_new.branch_foreign),
    Row("cluster-not-asked", "the settings name places of the cluster", "nothing of this node", "asks whether they answer", rules_new.cluster_not_asked),
    Row("cluster-unreachable", "nobody answers there", "nothing of this node", "waits; 75", rules_new.cluster_unreachable),
    Row("not-surveyed", "any", "not surveyed", "takes the survey", rules_new.not_surveyed),
    Row("twin-of-another", "none", "PR of an old branch, another machine's", "held; 77", rules_new.twin_of_another),
    Row("twin-retargeted", "none", "PR of an old branch, other base", "held; 77", rules_new.twin_retargeted),
    Row("twin-found", "none", "PR of an old branch, ours", "joins it", rules_new.twin_found),
    Row("other-name", "none", "this machine under another name", "held until `rename`; 77", rules_new.other_name),
    Row("name-taken", "none", "the name under another operator", "held; 77", rules_new.name_taken),
    Row("move", "`rename`", "this machine under another name", "registers, the old record goes with the same commit", rules_operator.move),
    Row("half-done", "attempt noted", "branch or nothing", "goes on where it stopped, no comment", rules_new.half_done),
    Row("drift-repair", "registered", "no node.yaml", "registers in a new epoch", rules_new.repair),
    Row("branch-left", "none", "branch with nothing or just our file", "adopts it, opens the PR", rules_new.branch_left),
    Row("nothing-there", "none", "nothing", "registers", rules_new.nothing_there),
)
# fmt: on
