"""The installer matrix: each step fails, or the power goes in it; then somebody boots the disk, and the stick again.

Nothing reaches GitHub before an installation is complete, neither from the installer nor from what is on the disk:
where that boots, the steward says that the installation is not complete. Then the stick works, and there is one pull
request.

One installation is saved before each of its steps, and each failure goes on from there. Disks with the same contents
are followed up once, both those that a failure has left and those that the stick then has installed: the row that comes
first does it, and the others say which that was.
"""

from __future__ import annotations

from pathlib import Path

import agent
import matrix_play as play
import msgspec
import pytest
import selection
from bootproof import disk
from bootproof.diskstates import contents
from bootproof.oracle import Final
from bootproof.timeline import MachineKind
from matrix_leaders import judged_there, leader
from matrix_play import Booted
from matrix_rows import ROWS, Ending
from matrix_table import PROPERTY, Outcome, seconds_on
from stage import registration

SAYS_WHEN = (agent.STAMP,)
"""What each installation writes otherwise."""
SHOWS_A_BAD_ONE = "sync-fails-at-once"


@pytest.fixture
def outcome(node, request):
    """What the row comes to is told at the end of the run, however far it got."""
    made = Outcome("")
    yield made
    made.machine_seconds = seconds_on(node.site.timeline.events)
    text = msgspec.json.encode(made).decode()
    node.site.attach("row.json", text.encode())
    request.node.user_properties.append((PROPERTY, text))


def pytest_generate_tests(metafunc):
    selection.all_or_one(metafunc, "row", ROWS, SHOWS_A_BAD_ONE)


@pytest.mark.long
def test_installer_matrix(row, node, outcome, step_by_step, github, stick, payload, shared, planted):
    server, whole = github(), step_by_step
    outcome.row = row.name
    node.connect(server)
    node.name = whole.node
    node.site.registration = registration(node.name)
    node.site.expect(final=Final.NONE)
    outcome.written = play.stopped(node, whole, row, stick, payload)
    assert server.events() == [], "the installer reached GitHub"

    left = play.raw_copy(node, node.site.disks / "left.raw")
    outcome.state = contents.fingerprint(left)
    complete = row.ending is Ending.TWO_TRIES_FAIL or (row.at_end and is_stamped(left))
    node.site.timeline.record(MachineKind.INSTALL_FINISHED if complete else MachineKind.INSTALL_FAILED)
    leads = leader(
        shared / f"followed-up-{planted}", f"{outcome.state}{'-must-hold' * row.must_hold}", row.name
    )
    if leads != row.name:
        node.site.add(judged_there("it left", leads))
        left.unlink()
        return
    outcome.followed = True
    if row.ending is Ending.TOO_SMALL:
        node.machine.disks = (disk.blank(node.site.disks / "larger.raw"),)
    booted, outcome.note = play.boot_the_disk(node)
    outcome.booted = booted.value
    if complete:
        assert booted is Booted.REGISTERED
    else:
        assert server.events() == [], "a failed installation reached GitHub"
        assert booted is Booted.HELD or not row.must_hold
    if booted is Booted.REGISTERED:
        node.site.expect(final=Final.EXACTLY_ONE_OPEN)
    if row.ending is Ending.TWO_TRIES_FAIL:
        return
    asked = len(server.events())
    play.install_again(node, whole, stick)
    assert len(server.events()) == asked, "the installer reached GitHub"
    outcome.installed = installed(play.raw_copy(node, node.site.disks / "installed.raw"), booted)
    leads = leader(shared / f"registered-{planted}", outcome.installed, row.name)
    if leads != row.name:
        node.site.add(judged_there("the stick then installed", leads))
        return
    node.site.expect(final=Final.EXACTLY_ONE_OPEN)
    outcome.registered = "does not register"
    outcome.registered = play.register(node, server)


def is_stamped(disk: Path) -> bool:
    """Whether the installer has come to its end on it."""
    return agent.is_stamp(contents.content(disk, agent.STAMP))


def installed(disk: Path, before: Booted) -> str:
    """What tells this disk, and what GitHub knows of its machine, from others."""
    assert is_stamped(disk), "it installs without its stamp"
    known = "-known" if before is Booted.REGISTERED else ""
    return f"{contents.fingerprint(disk, names_alone=SAYS_WHEN)}{known}"
