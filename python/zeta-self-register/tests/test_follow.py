"""An open pull request is followed until it is merged: checks, reviews, a base that moves, and people."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace
from stories import marker, put
from zeta_self_register.effects import Response
from zeta_self_register.exits import Exit

HOME = "/repos/acme/cluster"


def guard(machine, **rule):
    """The base branch has rules."""
    machine.world = machine.world.with_protection("acme/cluster", **rule)


def green(machine):
    """The required check succeeds at the head."""
    head = machine.pulls()[0]["head"]["sha"]
    status = {"state": "success", "context": "ci"}
    machine.person("POST", f"{HOME}/statuses/{head}", status, status=201)


def moves_on(machine):
    """Something else is merged."""
    put(machine, f"docs/{machine.uptime}.md", "x")


def pull(machine):
    """The one pull request, as GitHub shows it."""
    return machine.person("GET", f"{HOME}/pulls/1")


def followed(machine):
    """Opened, and looked at until GitHub knows whether it can be merged."""
    machine.tick()
    pull(machine)
    machine.requests.clear()


def writes(machine):
    """The requests that change something."""
    return [r for r in machine.sent() if not r.startswith("POST /graphql")] + [
        "arm" for r in machine.requests if b"mutation AutoMerge" in r.body
    ]


def refuses(machine, when, status, message):
    """Requests of this kind are refused with this."""
    real = machine.github
    body = json.dumps({"message": message, "documentation_url": "x", "status": str(status)}).encode()

    def github(request):
        if not when(request):
            return real(request)
        machine.requests.append(request)
        return Response(status, {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}, body)

    machine.github = github
    return real


def merging(request):
    """It is to be merged."""
    return request.method == "PUT" and request.url.endswith("/merge")


def test_a_branch_that_has_to_be_up_to_date_is_brought_up_to_date(machine):
    guard(machine, required_checks=["ci"], strict=True)
    followed(machine)
    machine.tick("steward")
    moves_on(machine)
    green(machine)
    before = pull(machine)["head"]["sha"]
    machine.requests.clear()
    assert machine.tick("steward").last.reason == "the branch of #1 is being brought up to date"
    assert writes(machine) == ["PUT /repos/acme/cluster/pulls/1/update-branch"]
    assert json.loads(machine.requests[-1].body) == {"expected_head_sha": before}
    green(machine)
    machine.tick("steward")
    assert marker(machine)["state"] == "registered"
    assert len(machine.pulls()) == 1


def test_a_branch_that_is_behind_is_left_where_nobody_minds(machine):
    guard(machine, required_checks=["ci"])
    followed(machine)
    machine.tick("steward")
    moves_on(machine)
    for _ in range(3):
        machine.tick("steward")
    assert not any("update-branch" in request for request in machine.sent())


def test_waiting_for_checks_writes_nothing_and_says_the_same_line(machine):
    guard(machine, required_checks=["ci"])
    followed(machine)
    machine.tick("steward")
    machine.requests.clear()
    machine.lines.clear()
    files = dict(machine.files)
    for _ in range(5):
        assert machine.tick("steward").last.status is Exit.NOT_NOW
    assert writes(machine) == []
    assert len(machine.requests) == 5
    assert machine.files == files
    assert set(machine.lines) == {"armed: #1 is open: auto-merge is armed, waits for checks and reviews"}


def test_a_required_review_is_waited_for(machine):
    guard(machine, required_approvals=1)
    followed(machine)
    machine.tick("steward")
    machine.person("POST", f"{HOME}/pulls/1/reviews", {"event": "APPROVE"})
    machine.tick("steward")
    assert marker(machine)["state"] == "registered"


def test_a_base_that_moved_at_the_moment_of_the_merge_is_tried_again_by_the_next_tick(machine):
    followed(machine)
    real = refuses(machine, merging, 405, "Base branch was modified. Review and try the merge again.")
    last = machine.tick("steward").last
    assert last.status is Exit.NOT_NOW
    assert "Base branch was modified" in last.reason
    assert len(writes(machine)) == 1
    machine.github = real
    machine.tick("steward")
    assert machine.pulls()[0]["merged_at"] is not None


def test_where_merging_is_refused_auto_merge_is_armed_and_where_that_is_too_it_waits(machine):
    followed(machine)
    real = refuses(machine, merging, 405, "Repository rule violations found")
    last = machine.tick("steward").last
    assert "Protected branch rules not configured for this branch" in last.reason
    assert last.status is Exit.NOT_NOW
    assert "mergeable: GitHub refuses it: Repository rule violations found; looks again" in machine.lines
    assert writes(machine) == ["PUT /repos/acme/cluster/pulls/1/merge", "arm"]
    machine.requests.clear()
    last = machine.tick("steward").last
    assert (last.row, last.status) == ("waits-unarmed", Exit.NOT_NOW)
    assert "Repository rule violations found" in last.reason
    assert "Protected branch rules not configured" in last.reason
    assert "arm" not in writes(machine), "what was refused at this head is not asked for again"
    machine.github = real
    machine.tick("steward")
    assert machine.pulls()[0]["merged_at"] is not None


def test_what_somebody_merges_at_the_same_moment_is_not_armed(machine):
    followed(machine)

    def fate(_number, request):
        if merging(request):
            machine.fate = lambda _n, _r: None
            machine.person("PUT", f"{HOME}/pulls/1/merge", {})

    machine.fate = fate
    machine.tick("steward")
    assert "arm" not in writes(machine)
    assert marker(machine)["state"] == "registered"


def test_a_refusal_to_arm_is_remembered_for_this_head_and_said_in_one_line(machine):
    guard(machine, required_checks=["ci"])
    machine.world = machine.world.with_stored(
        replace(machine.world.repository("acme/cluster"), auto_merge_allowed=True)
    )
    followed(machine)
    real, answers = machine.github, []
    message = "Pull request User is not allowed to push to this repository"
    errors = [{"type": "UNPROCESSABLE", "message": message}]
    body = json.dumps({"data": {"enablePullRequestAutoMerge": None}, "errors": errors}).encode()

    def github(request):
        if b"mutation AutoMerge" not in request.body:
            return real(request)
        answers.append(request)
        return Response(200, {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}, body)

    machine.github = github
    for _ in range(3):
        last = machine.tick("steward").last
        assert last.status is Exit.NOT_NOW
    assert len(answers) == 1
    assert last.row == "waits-unarmed"
    assert "User is not allowed to push" in last.reason
    green(machine)
    machine.tick("steward")
    assert machine.pulls()[0]["merged_at"] is not None, (
        "nothing is missing any more, so it is merged directly"
    )


def test_what_has_turned_green_before_it_was_armed_is_merged_in_the_same_tick(machine):
    guard(machine, required_checks=["ci"])
    followed(machine)

    def fate(_number, request):
        if b"mutation AutoMerge" in request.body:
            machine.fate = lambda _n, _r: None
            green(machine)

    machine.fate = fate
    machine.tick("steward")
    assert marker(machine)["state"] == "registered"


def test_auto_merge_that_somebody_else_armed_is_as_good(machine):
    guard(machine, required_checks=["ci"])
    followed(machine)
    switch(machine, "enable")
    machine.tick("steward")
    assert "arm" not in writes(machine)


def switch(machine, way):
    """A person switches auto-merge."""
    found = pull(machine)["node_id"]
    name = f"{way.title()}PullRequestAutoMergeInput!"
    chosen = f"{way}PullRequestAutoMerge(input: $input)"
    mutation = f"mutation S($input: {name}) {{ {chosen} {{ pullRequest {{ number }} }} }}"
    asked = {"query": mutation, "variables": {"input": {"pullRequestId": found}}}
    assert "errors" not in machine.person("POST", "/graphql", asked)


def test_auto_merge_that_a_person_switched_off_stays_off(machine):
    guard(machine, required_checks=["ci"])
    followed(machine)
    machine.tick("steward")
    switch(machine, "disable")
    machine.requests.clear()
    green(machine)
    for _ in range(3):
        last = machine.tick("steward").last
        assert (last.row, last.status) == ("switched-off", Exit.NOT_NOW)
    assert writes(machine) == []


def test_a_pull_request_that_was_closed_and_reopened_is_armed_again(machine):
    """Closing switches auto-merge off, but is no word on auto-merge."""
    guard(machine, required_checks=["ci"])
    followed(machine)
    machine.tick("steward")
    for state in ("closed", "open"):
        machine.person("PATCH", f"{HOME}/pulls/1", {"state": state})
    pull(machine)
    machine.tick("steward")
    machine.tick("steward")
    assert pull(machine)["auto_merge"] is not None


@pytest.mark.parametrize(
    ("reason", "armed"),
    [
        ("Head branch was pushed to by a user without write access", True),
        ("Manually disabled by user", False),
    ],
)
def test_what_github_switched_off_because_of_a_push_is_armed_again(machine, reason, armed):
    guard(machine, required_checks=["ci"])
    followed(machine)
    machine.tick("steward")
    switch(machine, "disable")
    real = machine.github

    def github(request):
        answer = real(request)
        body = answer.body.replace(b'"reason": null', f'"reason": "{reason}"'.encode())
        return Response(
            answer.status, answer.headers, body.replace(b'"reason":null', f'"reason":"{reason}"'.encode())
        )

    machine.github = github
    machine.tick("steward")
    assert (pull(machine)["auto_merge"] is not None) is armed


def test_lost_answers_of_an_update_are_not_repeated_onto_a_new_head(machine):
    guard(machine, required_checks=["ci"], strict=True)
    followed(machine)
    machine.tick("steward")
    moves_on(machine)
    green(machine)
    pull(machine)
    machine.fate = lambda _n, request: "lost after" if request.url.endswith("update-branch") else None
    machine.tick("steward")
    machine.fate = lambda _n, _request: None
    pull(machine)
    machine.requests.clear()
    machine.tick("steward")
    assert writes(machine) == []
