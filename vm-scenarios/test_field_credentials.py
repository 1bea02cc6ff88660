"""The field, credentials: they come late, or never, are wrong, have expired, or become somebody else's.

Until GitHub accepts a token, nothing is changed there, and the journal says what is waited for or what a person has
to do. Whose token it is does not say whose node it is: the installer's intent does, and after it the marker.
"""

from __future__ import annotations

import time

import agent
import field
import pytest
from bootproof.oracle import Final
from cluster import MAINTAINER, MAINTAINER_TOKEN, a_cluster

OTHER_TOKEN = "github_pat_11ALICE0000another0token"
EXPIRED_TOKEN = "github_pat_11ALICE0000expired0token"
UNKNOWN_TOKEN = "github_pat_11ALICE0000unknown0token"

NOT_YET = "systemd.unit-dropin.zeta-creds-restore.service"
RESTORABLE = "/run/by-hand/blob-is-there"


@pytest.mark.long
def test_late(installed_node, github):
    """A real boot: the credentials come when it has long been over, and the steward finds them by itself."""
    node, server = installed_node, github()
    node.connect(server)
    node.machine.credentials = {NOT_YET: f"[Unit]\nConditionPathExists={RESTORABLE}\n".encode()}
    field.not_one_request(node)
    node.boot()
    node.wait_for_run(agent.REGISTER_UNIT)
    field.last_run(node, agent.REGISTER_UNIT).is_told(
        agent.NOT_NOW, "not signed in to GitHub yet", "waits for the credentials"
    )
    field.boot_is_well(node)
    field.trouble_ends(node)

    node.machine.run(
        f"mkdir -p /run/by-hand && touch {RESTORABLE} && systemctl start zeta-creds-restore.service"
    )
    field.opens_by_itself(node, server)
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
def test_nobody_signs_in(installed_node, waiting, github):
    """Nobody signs in: whatever runs says so once, and asks GitHub nothing."""
    node, server = installed_node, github()
    node.site.expect(final=Final.NONE)
    field.go_on(node, waiting, server)
    field.sign_out(node)
    waits = "not signed in to GitHub yet", "gh-hosts", "waits for the credentials to be restored"
    field.register(node).is_told(agent.NOT_NOW, *waits)
    field.steward(node).is_told(agent.NOT_NOW, *waits)
    again = field.steward(node)
    assert (again.status, again.said) == (agent.NOT_NOW, ""), "it is said once"
    assert server.events() == []
    node.off()


@pytest.mark.long
@pytest.mark.parametrize("token", [UNKNOWN_TOKEN, EXPIRED_TOKEN], ids=["wrong", "expired"])
def test_refused(token, installed_node, waiting, github):
    """GitHub answers 401, until somebody signs in again."""
    world = a_cluster(time.time()).with_token(EXPIRED_TOKEN, login=agent.OPERATOR, expired=True)
    node, server = installed_node, github(world)
    field.not_one_write(node)
    field.go_on(node, waiting, server)
    field.sign_in(node, token)
    field.register(node).is_told(agent.HELD, "GitHub does not accept the token", "sign in again")
    field.trouble_ends(node)
    field.sign_in(node)
    field.registers_once(node, server)
    node.off()


@pytest.mark.long
@pytest.mark.parametrize(
    ("token", "login"),
    [(OTHER_TOKEN, agent.OPERATOR), (MAINTAINER_TOKEN, MAINTAINER)],
    ids=["the-operators", "a-colleagues"],
)
def test_replaced_while_a_pull_request_is_open(token, login, installed_node, waiting, github):
    """The pull request is followed with the new token, and stays the operator's."""
    node = installed_node
    server = github(a_cluster(time.time()).with_token(OTHER_TOKEN, login=agent.OPERATOR))
    node.site.expect(final=Final.MERGED)
    field.acts_as(node, agent.OPERATOR, MAINTAINER)
    field.go_on(node, waiting, server)
    assert field.register(node).status == agent.DONE
    field.sign_in(node, token)
    assert field.is_merged(node, server)["operator"] == agent.OPERATOR
    merged = [event.by for event in server.events() if event.type == "pull-request-merged"]
    assert merged == [login]
    node.off()


@pytest.mark.long
def test_the_token_is_a_colleagues(installed_node, waiting, github):
    """A colleague's token from the beginning: the record is in the operator's folder all the same."""
    node, server = installed_node, github()
    node.site.expect(final=Final.MERGED)
    field.acts_as(node, MAINTAINER)
    field.go_on(node, waiting, server)
    field.sign_in(node, MAINTAINER_TOKEN)
    assert field.register(node).status == agent.DONE
    assert field.is_merged(node, server)["operator"] == agent.OPERATOR
    node.off()
