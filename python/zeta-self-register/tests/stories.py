"""What people do in the tests' repository, and what is looked at afterwards."""

from __future__ import annotations

import base64
import json

STATE = "/var/lib/zeta-self-register"
MARKER = "/var/lib/zeta-self-register/registered.json"
ATTEMPT = "/var/lib/zeta-self-register/attempt.json"
RECORD = "maintainers/alice/cluster-nodes/node-a/node.yaml"
BRANCH = "register-node-node-a"
OLD_RECORD = """\
apiVersion: zeta.lucent-financial-group.com/v1
kind: ClusterNode
metadata:
  name: node-a
  namespace: zeta-cluster
spec:
  hostname: node-a
  roles: [worker]
"""
PULL = {"title": "t", "base": "main", "body": ""}


def marker(machine):
    """The marker's content."""
    return json.loads(machine.files[MARKER])


def put(machine, path, content, branch="main", message="by hand"):
    """A person writes a file."""
    body = {"message": message, "content": base64.b64encode(content.encode()).decode(), "branch": branch}
    machine.person("PUT", f"/repos/acme/cluster/contents/{path}", body, status=201)


def new_branch(machine, name):
    """A person creates a branch at main."""
    sha = machine.person("GET", "/repos/acme/cluster/git/ref/heads/main")["object"]["sha"]
    machine.person(
        "POST", "/repos/acme/cluster/git/refs", {"ref": f"refs/heads/{name}", "sha": sha}, status=201
    )


def open_pull(machine, branch, path=RECORD, content=OLD_RECORD):
    """A person opens a pull request that adds a file, at a person's pace."""
    machine.wait(60)
    new_branch(machine, branch)
    put(machine, path, content, branch)
    return machine.person("POST", "/repos/acme/cluster/pulls", {**PULL, "head": branch}, status=201)["number"]
