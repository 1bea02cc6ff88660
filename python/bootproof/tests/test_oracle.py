"""Each rule that always holds, with a log that keeps it and one that breaks it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from bootproof.oracle import ALWAYS, Before, Case, Seeded
from bootproof.oracle_rules import Look
from bootproof.timeline import ClaimState, MachineKind, MarkerClaim
from bootproof.verdict import MissingEvidence

RULES = {rule.id: rule.judge for rule in ALWAYS}
RECORD = "maintainers/alice/cluster-nodes/node-a/node.yaml"


def look(rule: str, case: Case) -> Look:
    return RULES[rule](case)


def broken(rule: str, case: Case) -> list[str]:
    return [str(finding) for finding in look(rule, case).findings]


# --- at most one open


def test_one_pull_request_after_another_is_one_at_a_time(booted: Any) -> None:
    booted.opens(1)
    booted.does("pull-request-closed", number=1, head="acme:register-node-a", agent=None)
    booted.opens(2)
    assert look("at-most-one-open", booted.case()) == Look(3)


def test_a_twin_is_found_with_both_openings(booted: Any) -> None:
    first, twin = booted.opens(1), booted.opens(2)
    assert broken("at-most-one-open", booted.case()) == [
        f"#2 was opened while #1 was [{first.seq}, {twin.seq}]"
    ]


def test_an_old_branch_with_a_time_in_its_name_is_the_nodes_too(booted: Any) -> None:
    booted.opens(1, head="acme:register-node-a-20240101T120000Z", agent=None, paths=("other",))
    booted.opens(2)
    assert len(broken("at-most-one-open", booted.case())) == 1


@pytest.mark.parametrize(
    "head",
    [
        "acme:register-node-a-b",
        "acme:register-node",
        "acme:register-node-a-20240101T120000Z-b",
        "mallory:register-node-a",
    ],
)
def test_another_nodes_or_a_forks_branch_is_not_the_nodes(booted: Any, head: str) -> None:
    booted.opens(1, head=head, agent=None, by="bob", paths=("maintainers/bob/other",))
    booted.opens(2)
    assert look("at-most-one-open", booted.case()) == Look(1)


def test_a_pull_request_that_adds_the_record_counts_whatever_its_branch(booted: Any) -> None:
    booted.opens(1, head="acme:by-hand", agent=None)
    booted.opens(2)
    assert len(broken("at-most-one-open", booted.case())) == 1


def test_a_person_may_open_a_second_one(booted: Any) -> None:
    booted.opens(1)
    booted.opens(2, head="acme:by-hand", agent=None, by="bob")
    assert broken("at-most-one-open", booted.case()) == []


def test_reopening_beside_an_open_one_makes_two(booted: Any) -> None:
    booted.opens(1)
    booted.does("pull-request-closed", number=1, head="acme:register-node-a", agent=None)
    booted.opens(2, agent=None)
    booted.does("pull-request-reopened", number=1, head="acme:register-node-a")
    assert len(broken("at-most-one-open", booted.case())) == 1


def test_what_was_open_before_the_log_counts(booted: Any) -> None:
    booted.opens(8)
    seeded = Before(open=(Seeded(7, "acme:register-node-a", "bob"),))
    assert len(broken("at-most-one-open", booted.case(seeded))) == 1
    assert broken("at-most-one-open", booted.case()) == []


# --- one per epoch


def close_and_open_again(story: Any, *between: MachineKind) -> Case:
    story.opens(1)
    story.does("pull-request-closed", number=1, head="acme:register-node-a", agent=None)
    for kind in between:
        story.machine(kind)
    story.opens(2)
    return story.case()  # type: ignore[no-any-return]


def test_a_second_pull_request_after_a_no_breaks_the_epoch(booted: Any) -> None:
    assert len(broken("one-per-epoch", close_and_open_again(booted))) == 1


@pytest.mark.parametrize("kind", [MachineKind.BOOT, MachineKind.CUT, MachineKind.MULTI_USER])
def test_a_boot_begins_no_epoch(booted: Any, kind: MachineKind) -> None:
    assert len(broken("one-per-epoch", close_and_open_again(booted, kind))) == 1


@pytest.mark.parametrize("kind", [MachineKind.INSTALL_FINISHED, MachineKind.OPERATOR_RESET])
def test_a_new_epoch_may_have_its_own(booted: Any, kind: MachineKind) -> None:
    assert look("one-per-epoch", close_and_open_again(booted, kind)) == Look(2)


def merged_touched_and_opened_again(story: Any, **touched: Any) -> None:
    story.opens(1)
    story.merges(1)
    story.does("branch-moved", branch="main", after="c9", paths=(RECORD,), agent=None, **touched)
    if touched == {}:
        story.machine(MachineKind.RECORD_REMOVED)
    story.opens(2)


@pytest.mark.parametrize("touched", [{"removed": (RECORD,)}, {}], ids=["by the log", "by the timeline"])
def test_the_removal_of_the_record_begins_an_epoch(booted: Any, touched: dict[str, Any]) -> None:
    merged_touched_and_opened_again(booted, **touched)
    assert look("one-per-epoch", booted.case()) == Look(2)


def test_a_change_of_the_record_does_not(booted: Any) -> None:
    merged_touched_and_opened_again(booted, removed=())
    assert len(broken("one-per-epoch", booted.case())) == 1


def test_where_a_change_cannot_be_told_from_a_removal_nothing_is_judged(booted: Any) -> None:
    booted.opens(1)
    booted.merges(1)
    booted.does("branch-moved", branch="main", after="c9", paths=(RECORD,), agent=None)
    booted.opens(2)
    with pytest.raises(MissingEvidence, match="whether that removed it"):
        look("one-per-epoch", booted.case())


# --- nothing before the install is complete


def test_requests_of_the_installed_system_are_fine(booted: Any) -> None:
    booted.opens(1)
    assert look("nothing-before-installed", booted.case()) == Look(1)


@pytest.mark.parametrize("agent", ["agent/1", "curl/8", "git/2.40"])
def test_the_installer_may_not_ask_anything_whatever_the_program(story: Any, agent: str) -> None:
    story.machine(MachineKind.INSTALL_STARTED)
    story.request(agent=agent)
    story.machine(MachineKind.INSTALL_FAILED)
    (text,) = broken("nothing-before-installed", story.case())
    assert "1 request(s) in a run of the installer, the first: POST /graphql [1]" in text


def test_not_even_after_the_install_while_its_system_runs(story: Any) -> None:
    story.machine(MachineKind.INSTALL_STARTED)
    story.machine(MachineKind.INSTALL_FINISHED)
    story.request()
    story.boots()
    story.request()
    assert len(broken("nothing-before-installed", story.case())) == 1


def test_a_request_before_the_installer_showed_itself_is_the_installers(story: Any) -> None:
    story.machine(MachineKind.POWER_ON)
    story.request()
    story.installs()
    assert len(broken("nothing-before-installed", story.case())) == 1


def test_a_reinstall_is_an_install_too(booted: Any) -> None:
    booted.machine(MachineKind.RESET)
    booted.request()
    booted.machine(MachineKind.INSTALL_STARTED)
    assert "in a run of the installer" in broken("nothing-before-installed", booted.case())[0]


def test_a_boot_without_a_reset_ends_the_installers_run(story: Any) -> None:
    story.machine(MachineKind.INSTALL_FINISHED)
    story.machine(MachineKind.BOOT, boot_id="boot-1")
    story.request()
    assert look("nothing-before-installed", story.case()) == Look(1)


def test_the_machine_is_booted_from_a_disk_whose_install_failed(story: Any) -> None:
    story.machine(MachineKind.INSTALL_STARTED)
    story.machine(MachineKind.INSTALL_FAILED)
    story.boots()
    story.request()
    (text,) = broken("nothing-before-installed", story.case())
    assert "before the first boot of an installed system" in text


def test_an_installer_that_gave_up_early_left_the_old_system(booted: Any) -> None:
    for end in (MachineKind.INSTALL_ABANDONED, MachineKind.INSTALL_FAILED):
        booted.machine(MachineKind.RESET)
        booted.machine(MachineKind.INSTALL_STARTED)
        booted.machine(end)
        booted.boots(end.value)
        booted.request()
    (text,) = broken("nothing-before-installed", booted.case())
    assert text.endswith(f"[{booted.events[-1].seq}]")


def test_persons_and_probes_may_ask_at_any_time(story: Any) -> None:
    story.request(agent="browser", by="bob")
    story.request(agent="probe/1", by=None)
    story.installs()
    story.registration = msgspec.structs.replace(story.registration, not_the_machine="^probe/")
    assert broken("nothing-before-installed", story.case()) == []


def test_a_stranger_without_a_login_is_taken_for_the_machine(story: Any) -> None:
    story.request(agent="curl/8", by=None)
    story.installs()
    assert len(broken("nothing-before-installed", story.case())) == 1


def test_without_a_word_on_the_install_nothing_is_judged(story: Any) -> None:
    story.boots()
    with pytest.raises(MissingEvidence, match="when the install"):
        look("nothing-before-installed", story.case())
    assert look("nothing-before-installed", story.case(Before(installed=True))) == Look(0)


# --- what a marker says


OPEN_1 = MarkerClaim(ClaimState.PR_OPEN, 1, "boot-1")
REGISTERED_1 = MarkerClaim(ClaimState.REGISTERED, 1, "boot-1")


def test_markers_that_were_true(booted: Any) -> None:
    booted.opens(1)
    booted.marker(OPEN_1)
    booted.merges(1)
    booted.marker(REGISTERED_1)
    booted.marker(None)
    assert look("markers-were-true", booted.case()) == Look(2, note="1 marker(s) claimed nothing")


def test_a_marker_that_was_there_before_its_pull_request(booted: Any) -> None:
    booted.marker(OPEN_1)
    booted.opens(1)
    assert broken("markers-were-true", booted.case()) == [
        "a marker claims #1, which did not exist yet [t6]",
    ]


def test_registered_is_not_said_when_the_pull_request_is_only_open(booted: Any) -> None:
    booted.opens(1)
    booted.marker(REGISTERED_1)
    assert "the record to be on the base, and it was not" in broken("markers-were-true", booted.case())[0]


def test_a_marker_is_judged_by_the_boot_that_wrote_it(booted: Any) -> None:
    booted.cut()
    booted.boots("boot-2")
    booted.opens(1)
    booted.marker(OPEN_1)
    booted.marker(MarkerClaim(ClaimState.PR_OPEN, 1, "boot-2"))
    assert broken("markers-were-true", booted.case()) == ["a marker claims #1, which did not exist yet [t9]"]


def test_a_boot_that_was_saved_and_goes_on_again_is_one_boot(booted: Any) -> None:
    booted.opens(1)
    booted.machine(MachineKind.POWER_OFF)
    booted.boots("boot-1")
    booted.merges(1)
    booted.marker(REGISTERED_1)
    assert look("markers-were-true", booted.case()) == Look(1)


def test_a_marker_of_a_boot_that_never_was(booted: Any) -> None:
    booted.opens(1)
    booted.marker(MarkerClaim(ClaimState.PR_OPEN, 1, "boot-9"))
    assert "boot boot-9, which the machine had not had" in broken("markers-were-true", booted.case())[0]


def test_a_pull_request_that_was_closed_in_an_earlier_boot_is_not_open(booted: Any) -> None:
    booted.opens(1)
    booted.does("pull-request-closed", number=1, head="acme:register-node-a", agent=None)
    booted.boots("boot-2")
    booted.marker(MarkerClaim(ClaimState.PR_OPEN, 1, "boot-2"))
    assert "#1 to be open, and it was not" in broken("markers-were-true", booted.case())[0]


def test_a_pull_request_that_landed_after_the_cut_was_not_there_before_it(booted: Any) -> None:
    request = booted.request()
    booted.cut()
    fields = {"head": "acme:register-node-a", "base": "main", "paths": (RECORD,)}
    booted.log("pull-request-opened", request=request, by="alice", number=1, **fields)
    booted.marker(OPEN_1)
    assert "#1, which did not exist yet" in broken("markers-were-true", booted.case())[0]


def test_where_the_record_may_be_gone_a_marker_is_not_judged(booted: Any) -> None:
    booted.opens(1)
    booted.merges(1)
    booted.does("branch-moved", branch="main", after="c9", paths=(RECORD,), agent=None)
    booted.boots("boot-2")
    booted.marker(MarkerClaim(ClaimState.REGISTERED, 1, "boot-2"))
    with pytest.raises(MissingEvidence, match="when the marker was written"):
        look("markers-were-true", booted.case())


def test_another_nodes_pull_request_is_none_to_claim(booted: Any) -> None:
    booted.opens(1, head="acme:register-node-a-b", paths=("else",), agent=None)
    booted.marker(OPEN_1)
    assert "which is no PR of this node" in broken("markers-were-true", booted.case())[0]


def test_the_time_in_the_file_is_held_against_the_opening(booted: Any) -> None:
    opened = booted.opens(1)
    for early, expected in ((timedelta(seconds=1), 0), (timedelta(seconds=3), 1)):
        booted.timeline = booted.timeline[:4]
        booted.marker(msgspec.structs.replace(OPEN_1, written_at=opened.at - early))
        assert len(broken("markers-were-true", booted.case())) == expected
