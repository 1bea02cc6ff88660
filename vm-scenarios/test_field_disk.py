"""The field, disk: it is full before the first run or in the middle of it, or the state folder cannot be written.

What cannot be noted is not begun; what was begun at GitHub is found again. When there is room the node goes on, and
when a person has to do something the journal says what.
"""

from __future__ import annotations

import agent
import field
import pytest
from bootproof.oracle import Final

EXIT_STATE_DIRECTORY = 238
"""systemd's own exit status, see systemd.exec(5)."""
NO_SPACE = "no space left", "make room"


@pytest.mark.long
def test_full_before_anything_is_noted(installed_node, waiting, github):
    """No attempt can be noted, so none is made."""
    node, server = installed_node, github()
    field.not_one_write(node)
    field.go_on(node, waiting, server)
    field.fill_disk_for_users(node)
    field.register(node).is_told(agent.NOT_NOW, *NO_SPACE)
    field.trouble_ends(node)
    field.free_disk(node)
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
def test_full_to_the_last_block(installed_node, waiting, github):
    """systemd cannot even make the state folder, and says so."""
    node, server = installed_node, github()
    field.not_one_request(node)
    field.go_on(node, waiting, server)
    field.fill_disk(node)
    assert field.register(node).status == EXIT_STATE_DIRECTORY
    field.systemd_says(node, agent.REGISTER_UNIT, "/var/lib", "No space left on device")
    field.trouble_ends(node)
    field.free_disk(node)
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
def test_boots_with_a_full_disk(installed_node, waiting, github):
    """Nothing can be noted in a whole boot; once there is room, nobody has to come."""
    node, server = installed_node, github()
    field.not_one_request(node)
    field.go_on(node, waiting, server)
    field.fill_disk(node)
    node.machine.credentials = {}
    node.restart("orderly")
    node.wait_for_run(agent.REGISTER_UNIT)
    assert field.last_run(node, agent.REGISTER_UNIT).status == EXIT_STATE_DIRECTORY
    field.trouble_ends(node)
    field.free_disk(node)
    field.opens_by_itself(node, server)
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
def test_full_while_the_pull_request_is_created(installed_node, waiting, github):
    """It is there, and the marker cannot be written: the next run finds it, and opens no other one."""
    node, server = installed_node, github()
    node.site.expect(final=Final.MERGED)
    field.go_on(node, waiting, server)
    creation, request = field.creation_on_its_way(node, server)
    field.fill_disk_for_users(node)
    request.let()
    creation.open()
    field.ended(node, agent.REGISTER_UNIT).is_told(agent.NOT_NOW, *NO_SPACE)
    assert node.marker() == {}
    field.free_disk(node)
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
def test_read_only(installed_node, waiting, github):
    """The state folder's file system cannot be written: a person has to mount it so."""
    node, server = installed_node, github()
    field.not_one_write(node)
    field.go_on(node, waiting, server)
    field.state_folder_is_there(node)
    field.read_only(node)
    field.register(node).is_told(agent.MISCONFIGURED, "Read-only file system", "mount it writable")
    field.trouble_ends(node)
    field.writable(node)
    field.registers_once(node, server)
    node.off()
