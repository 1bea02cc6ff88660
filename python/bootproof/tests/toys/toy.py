"""What the toy agents share: one request, and the one way in which they open a pull request.

Toys are run as programs: python TOY --state DIR, with TOY_API and TOY_TOKEN in the environment.
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

STATE = Path(sys.argv[sys.argv.index("--state") + 1])
REPOSITORY, RECORD, BRANCH = "/repos/acme/cluster", "nodes/node-a.yaml", "register-node-a"


def ask(method, path, **body):
    """Status and answer of one request."""
    request = urllib.request.Request(
        os.environ["TOY_API"] + REPOSITORY + path, json.dumps(body).encode() if body else None, method=method
    )
    request.add_header("Authorization", f"Bearer {os.environ['TOY_TOKEN']}")
    request.add_header("User-Agent", "toy/1")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None


def seen():
    """Whether there is a pull request of our branch."""
    return bool(ask("GET", f"/pulls?state=all&head=acme:{BRANCH}")[1])


def opens(branch=BRANCH):
    """Branch, record, pull request; what is there already stays as it is. The status of the last step."""
    base = ask("GET", "/git/ref/heads/main")[1]["object"]["sha"]
    ask("POST", "/git/refs", ref=f"refs/heads/{branch}", sha=base)
    if ask("GET", f"/contents/{RECORD}?ref={branch}")[0] == 404:
        content = base64.b64encode(b"kind: ClusterNode\n").decode()
        ask("PUT", f"/contents/{RECORD}", message="register", branch=branch, content=content)
    return ask("POST", "/pulls", title="register", head=branch, base="main")[0]


def write(name, text, sync=True):
    """A file of the state, whole or not at all; durably only if it is synced."""
    new = STATE / f".{name}.new"
    with new.open("w") as file:
        file.write(text)
        file.flush()
        if sync:
            os.fsync(file.fileno())
    new.rename(STATE / name)
    if sync:
        folder = os.open(STATE, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
