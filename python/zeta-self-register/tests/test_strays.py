"""A request that outlived everybody's patience opens a second pull request: it is closed, and the first one goes on."""

from __future__ import annotations

from urllib.parse import urlsplit

from mock_github import wire
from mock_github.step import step


def test_a_reopening_that_a_stray_was_in_the_way_of_is_made_up_for(machine):
    """GitHub reopens none while another one of its branch is open.  Found by `bootproof explore beyond-q-closed`."""
    machine.fate = lambda _number, request: "lost before" if request.url.endswith("/pulls") else None
    machine.tick()
    machine.fate = lambda _number, _request: None
    (creation,) = [r for r in machine.requests if r.method == "POST" and r.url.endswith("/pulls")]
    machine.wait(400)
    machine.tick()
    machine.person("PATCH", "/repos/acme/cluster/pulls/1", {"state": "closed"})
    landed = []

    def lands_just_before_the_reopening(_number, request):
        if request.method == "PATCH" and not landed:
            sent = wire.Request(
                "POST", urlsplit(creation.url).path, "", tuple(creation.headers.items()), creation.body
            )
            machine.world, answer, _ = step(machine.world, sent)
            landed.append(answer.json()["number"])

    machine.fate = lands_just_before_the_reopening
    for _ in range(4):
        machine.tick("steward")
        machine.wait(400)
    assert landed == [2]
    assert [(p["number"], p["state"], p["merged_at"] is not None) for p in machine.pulls()] == [
        (2, "closed", False),
        (1, "closed", True),
    ]
