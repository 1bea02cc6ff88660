from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from zeta_self_register.hardware import Hardware, Network
from zeta_self_register.identity import NO_IDENTITY, Identity
from zeta_self_register.names import NodeName, Operator, record_path
from zeta_self_register.node_document import (
    PREFIX,
    compose,
    parse,
    to_yaml,
)
from zeta_self_register.record_rules import validate

HERE = Path(__file__).parent
INSTALLERS = (HERE / "records" / "installer.yaml").read_bytes()
POST_BOOT = (HERE / "records" / "post-boot.yaml").read_bytes()
ALICE, NODE = Operator("alice"), NodeName("node-1a2b3c")
PATH = record_path(ALICE, NODE)
THEN = datetime(2026, 6, 14, 22, 20, 16, 987654, tzinfo=UTC)
CARD = Network("eth0", "192.0.2.7", "02:00:5e:10:00:01")
BARE = Hardware(network=CARD)


def written(known: Hardware = BARE, who: Identity = NO_IDENTITY, **more: Any) -> bytes:
    return to_yaml(compose(NODE, ALICE, known, who, registered_at=THEN, **more))


def test_what_the_two_old_shapes_lack_is_said() -> None:
    assert validate(POST_BOOT, "maintainers/alice/cluster-nodes/node-5b2dfa/node.yaml") == [
        "spec.roles is missing: list at least one role, such as `worker`",
        "spec.hardware.network.ip is '': no IP address, leave it out if unknown",
        "spec.hardware.gpu is empty: leave it out if it is not known",
        "spec.hardware.network.ip is empty: leave it out if it is not known",
    ]
    assert validate(INSTALLERS) == [
        "spec.registration.via is missing: write it as text",
        "spec.hardware.network.mac is '80:84:89:01:C5:16': write it like `02:00:5e:10:00:01`",
        "spec.hardware.network.ip is '192.168.4.36/24': no IP address, leave it out if unknown",
    ]


@pytest.mark.parametrize("name", ["node-1a2b3c", "a", "1node", "0a", "12ab34", "x86"])
def test_a_usual_name_is_plain_for_readers_of_lines(name: str) -> None:
    document = compose(NodeName(name), ALICE, BARE, NO_IDENTITY, registered_at=THEN)
    assert validate(to_yaml(document), record_path(ALICE, NodeName(name))) == []


@pytest.mark.parametrize("name", ["1e3", "0x1f", "123", "2026-06-14", "y", "on"])
def test_a_name_that_needs_quotes_is_a_problem_for_the_planner(name: str) -> None:
    document = compose(NodeName(name), ALICE, BARE, NO_IDENTITY, registered_at=THEN)
    (problem,) = validate(to_yaml(document), record_path(ALICE, NodeName(name)))
    assert "planner" in problem


# One thing wrong at a time: what to replace in a good record, and the problem that names it.
WRONG = [
    ("apiVersion: zeta.lucent-financial-group.com/v1", "apiVersion: v1", "apiVersion"),
    ("kind: ClusterNode", "kind: Node", "kind"),
    ("  name: node-1a2b3c", "  name: Node_1", "use `node-1`"),
    ("  name: node-1a2b3c", "  name: 12", "in quotes"),
    ("  name: node-1a2b3c", "  name: localhost", "share"),
    ("  name: node-1a2b3c", "  name: node-other", "the folder is 'node-1a2b3c'"),
    ("  name: node-1a2b3c", '  name: "node-1a2b3c"', "planner"),
    ("namespace: zeta-cluster", "namespace: default", "metadata.namespace"),
    ("/maintainer: alice", "/maintainer: bob", "make them the same"),
    ("/maintainer: alice", '/maintainer: "a b"', "label"),
    ("/maintainer: alice", "/owner: alice", "maintainer is missing"),
    ("  labels:", "  labels:\n    x: " + "y" * 64, "label 'x'"),
    ("  labels:", "  labels:\n    x: yes", "label 'x'"),
    ("registered-via: zeta-self-register/0.1.0", "other: x", "registered-via is missing"),
    ("registered-via: zeta-self-register/0.1.0", "registered-via: 5", "annotations are text"),
    ('registered-at: "2026-06-14T22:20:16Z"', "registered-at: yesterday", "registered-at is 'yesterday'"),
    ('timestamp: "2026-06-14T22:20:16Z"', 'timestamp: "2026-06-14T22:20:16"', "registration.timestamp"),
    ('timestamp: "2026-06-14T22:20:16Z"', "time: x", "spec.registration.timestamp is missing"),
    ("flake-commit: 0123456789ab", "flake-commit: unknown", "12 hexadecimal"),
    ("via: zeta-self-register/0.1.0\n  h", "by: x\n  h", "spec.registration.via is missing"),
    ("maintainer: alice\n    timestamp", "maintainer: bob\n    timestamp", "not the label's 'alice'"),
    ("hostname: node-1a2b3c", "hostname: other", "same as metadata.name"),
    ("  roles:\n  - worker", "  roles: []", "spec.roles is missing"),
    ("  roles:\n  - worker", "  roles: worker", "spec.roles is missing"),
    ("  roles:\n  - worker", "  roles: [worker]", "planner"),
    ("  roles:\n  - worker", '  roles:\n  - "a b"', "no role name"),
    ("  roles:\n  - worker", "  roles:\n  - 5", "no role name"),
    ('      mac: "02:00:5e:10:00:01"', '      mac: ""', "mac is ''"),
    ('      mac: "02:00:5e:10:00:01"', '      mac: "02:00:5E:10:00:01"', "write it like"),
    ('      mac: "02:00:5e:10:00:01"', '      mac: "00:00:00:00:00:00"', "write it like"),
    ('      mac: "02:00:5e:10:00:01"', '      port: "1"', "mac is missing"),
    ('ip: "192.0.2.7"', 'ip: "192.0.2.7/24"', "no IP address"),
    ('ip: "192.0.2.7"', "ip: 3", "no IP address"),
    ("tpm2: indeterminate", "tpm2: no", "tpm2 is 'False'"),
    ("tpm2: indeterminate", "tpm2: maybe", "present, absent, unreadable"),
    ("tpm2: indeterminate", "cores: 0", "cores"),
    ("tpm2: indeterminate", "cores: yes", "cores"),
    ("tpm2: indeterminate", 'threads: "4"', "threads"),
    ("tpm2: indeterminate", "kernel: 6.12", "kernel"),
    ("tpm2: indeterminate", "memory: 66", "memory"),
    ("tpm2: indeterminate", "gpu:", "gpu is empty"),
    ("tpm2: indeterminate", "storage: []", "storage is empty"),
    ("tpm2: indeterminate", "storage: [{a: b}]", "storage"),
    ("tpm2: indeterminate", 'storage: ["/dev/sda 1B", ""]', "storage[1] is empty"),
    ("spec:", "extra: {}\nspec:", "extra is empty"),
    (
        "registered-at:",
        f"a: x\n    {PREFIX}identity-uuid: v1:nonsense\n    {PREFIX}registered-at:",
        "no keyed hash",
    ),
    (
        "registered-at:",
        f"a: x\n    {PREFIX}identity-macs-source: x\n    {PREFIX}registered-at:",
        "go together",
    ),
]


@pytest.mark.parametrize(("good", "bad", "says"), WRONG, ids=lambda text: ascii(text)[:24])
def test_each_rule_is_noticed_and_named(good: str, bad: str, says: str) -> None:
    text = written(flake_commit="0123456789ab").decode()
    assert validate(text.encode(), PATH) == []
    broken = text.replace(good, bad, 1)
    assert broken != text
    problems = validate(broken.encode(), PATH)
    assert any(says in problem for problem in problems), problems
    assert all(problem.isprintable() and len(problem) < 300 for problem in problems)
    parse(broken.encode())


@pytest.mark.parametrize(
    "path", ["node.yaml", "maintainers/alice/cluster-nodes/../node.yaml/x", "", "\n" * 500]
)
def test_a_record_in_no_records_place(path: str) -> None:
    (problem,) = validate(written(), path)
    assert problem.isprintable()
    assert "cluster-nodes/<node>" in problem


def test_a_record_in_another_operators_folder() -> None:
    (problem,) = validate(written(), record_path(Operator("bob"), NODE))
    assert "'bob'" in problem
