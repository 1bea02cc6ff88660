from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from zeta_self_register.cluster_node import PREFIX
from zeta_self_register.hardware import Hardware, Network
from zeta_self_register.identity import NO_IDENTITY, Identity
from zeta_self_register.names import NodeName, Operator, record_path
from zeta_self_register.node_document import (
    compose,
    parse,
    to_yaml,
)
from zeta_self_register.record_rules import advice, place_in, validate
from zeta_self_register.schema_check import Problem

HERE = Path(__file__).parent
INSTALLERS = (HERE / "records" / "installer.yaml").read_bytes()
POST_BOOT = (HERE / "records" / "post-boot.yaml").read_bytes()
ALICE, NODE = Operator("alice"), NodeName("node-1a2b3c")
PATH = record_path(ALICE, NODE)
THEN = datetime(2026, 6, 14, 22, 20, 16, 987654, tzinfo=UTC)
CARD = Network("eth0", ("192.0.2.7",), "02:00:5e:10:00:01")
BARE = Hardware(network=CARD)


def written(known: Hardware = BARE, who: Identity = NO_IDENTITY, **more: Any) -> bytes:
    return to_yaml(compose(NODE, ALICE, known, who, registered_at=THEN, **more))


def lines(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def test_the_installers_shape_serves_all_who_read_it() -> None:
    assert validate(INSTALLERS, "maintainers/alice/cluster-nodes/node-f82aa6/node.yaml") == []
    assert lines(advice(INSTALLERS)) == [
        "spec.hardware.network.mac is '80:84:89:01:C5:16': write `80:84:89:01:c5:16`",
        "spec.hardware.network.ip is '192.168.4.36/24': write the address alone, or leave it out",
        "spec.registration.via is missing: write by which program the node was registered",
    ]


def test_the_post_boot_shape_lacks_what_the_validator_wants_and_nothing_else() -> None:
    path = "maintainers/alice/cluster-nodes/node-5b2dfa/node.yaml"
    assert lines(validate(POST_BOOT, path)) == ["spec.roles is missing: write it like `- worker`"]
    assert lines(advice(POST_BOOT)) == [
        "spec.hardware.gpu is empty: leave it out if it is not known",
        "spec.hardware.network.ip is empty: leave it out if it is not known",
    ]


def test_our_own_records_need_no_advice() -> None:
    assert advice(written()) == []


@pytest.mark.parametrize("name", ["node-1a2b3c", "a", "1node", "0a", "12ab34", "x86"])
def test_a_usual_name_is_plain_for_readers_of_lines(name: str) -> None:
    document = compose(NodeName(name), ALICE, BARE, NO_IDENTITY, registered_at=THEN)
    assert validate(to_yaml(document), record_path(ALICE, NodeName(name))) == []


@pytest.mark.parametrize("name", ["1e3", "0x1f", "123", "2026-06-14", "y", "on"])
def test_a_name_that_needs_quotes_is_a_problem_for_the_planner(name: str) -> None:
    document = compose(NodeName(name), ALICE, BARE, NO_IDENTITY, registered_at=THEN)
    (problem,) = validate(to_yaml(document), record_path(ALICE, NodeName(name)))
    assert problem.path == "metadata.name"
    assert f"planner cannot read: name the node otherwise, such as `node-{name}`" in problem.message


AT, MAINTAINER = f"metadata.annotations[{PREFIX}registered-at]", f"metadata.labels[{PREFIX}maintainer]"
VIA, DIGEST = f"metadata.annotations[{PREFIX}registered-via]", f"metadata.annotations[{PREFIX}identity-uuid]"
MAC = '      mac: "02:00:5e:10:00:01"'

# One thing wrong at a time: what to replace in a good record, the path of the problem, and what its line says.
WRONG = [
    (
        "apiVersion: zeta",
        "version: zeta",
        "apiVersion",
        "is missing: write `zeta.lucent-financial-group.com/v1`",
    ),
    (
        "apiVersion: zeta.lucent-financial-group.com/v1",
        "apiVersion: v1",
        "apiVersion",
        "is 'v1': write `zeta",
    ),
    ("kind: ClusterNode", "kind: Node", "kind", "write `ClusterNode`"),
    ("apiVersion", "x: 1\napiVersion", "x", "no field that Kubernetes keeps"),
    ("  name: node-1a2b3c", "  name: Node_1", "metadata.name", "use `node-1`"),
    ("  name: node-1a2b3c", "  name: 12", "metadata.name", "like `node-1a2b3c`, in quotes"),
    ("  name: node-1a2b3c", "  name: localhost", "metadata.name", "share"),
    ("  name: node-1a2b3c", "  name: node-other", "metadata.name", "the folder is 'node-1a2b3c'"),
    ("  name: node-1a2b3c", '  name: "node-1a2b3c"', "metadata.name", "planner"),
    ("namespace: zeta-cluster", "namespace: default", "metadata.namespace", "write `zeta-cluster`"),
    ("/maintainer: alice", "/maintainer: bob", MAINTAINER, "make them the same"),
    (
        "/maintainer: alice",
        '/maintainer: "a b"',
        MAINTAINER,
        "is refused: operator 'a b' is not a GitHub login",
    ),
    ("/maintainer: alice", "/owner: alice", MAINTAINER, "is missing: write it like `alice`"),
    ("  labels:", "  labels:\n    x: " + "y" * 64, "metadata.labels.x", "write something else"),
    ("  labels:", "  labels:\n    x: yes", "metadata.labels.x", "is true: write text, in quotes"),
    ("registered-via: zeta-self-register/0.1.0", "other: x", VIA, "is missing"),
    ("registered-via: zeta-self-register/0.1.0", "registered-via: 5", VIA, "in quotes"),
    (
        "registered-at: ",
        "registered-at: yesterday #",
        AT,
        "is 'yesterday': write it like `2026-01-31T12:00:00Z`",
    ),
    ("timestamp: ", 'timestamp: "2026-06-14T22:20:16" #', "spec.registration.timestamp", "write it like"),
    ("timestamp: ", 'timestamp: "2026-06-31T22:20:16Z" #', "spec.registration.timestamp", "write it like"),
    ("timestamp: ", 'timestamp: "20260614T222016Z" #', "spec.registration.timestamp", "write it like"),
    ("timestamp: ", "time: ", "spec.registration.timestamp", "is missing"),
    (
        "flake-commit: 0123456789ab",
        "flake-commit: unknown",
        f"metadata.annotations[{PREFIX}flake-commit]",
        "write it like `0123456789ab`",
    ),
    (
        "maintainer: alice\n    timestamp",
        "maintainer: bob\n    timestamp",
        "spec.registration.maintainer",
        "write the label's login, 'alice'",
    ),
    ("hostname: node-1a2b3c", "hostname: other", "spec.hostname", "the same as metadata.name"),
    ("hostname: node-1a2b3c", "host: x", "spec.hostname", "is missing"),
    ("  roles:\n  - worker", "  roles: []", "spec.roles", "is empty: write it like `- worker`"),
    ("  roles:\n  - worker", "  roles: worker", "spec.roles", "is 'worker': write it like `- worker`"),
    ("  roles:\n  - worker", "  roles: [worker]", "spec.roles", "planner"),
    ("  roles:\n  - worker", '  roles:\n  - "a b"', "spec.roles[0]", "write something else"),
    ("  roles:\n  - worker", "  roles:\n  - worker\n  - 5", "spec.roles[1]", "is 5: write text, in quotes"),
    (MAC, '      mac: ""', "spec.hardware.network.mac", "is ''"),
    (MAC, '      mac: "00:00:00:00:00:00"', "spec.hardware.network.mac", "write it like"),
    (MAC, '      mac: "02:00:5e"', "spec.hardware.network.mac", "write it like"),
    (MAC, '      port: "1"', "spec.hardware.network.mac", "is missing: write it like `02:00:5e:10:00:01`"),
    (MAC, "      mac: ", "spec.hardware.network.mac", "is missing"),
    ('ip: "192.0.2.7"', "ip: 3", "spec.hardware.network.ip", "in quotes"),
    ("tpm2: indeterminate", "tpm2: no", "spec.hardware.tpm2", "is false: write one of present, absent"),
    ("tpm2: indeterminate", "tpm2: maybe", "spec.hardware.tpm2", "one of present, absent, unreadable"),
    ("tpm2: indeterminate", "cores: 0", "spec.hardware.cores", "write it like `8`"),
    ("tpm2: indeterminate", "cores: yes", "spec.hardware.cores", "is true"),
    ("tpm2: indeterminate", 'threads: "4"', "spec.hardware.threads", "write it like `16`"),
    (
        "tpm2: indeterminate",
        "kernel: 6.12",
        "spec.hardware.kernel",
        "is 6.12: write it like `6.12.57`, in quotes",
    ),
    ("tpm2: indeterminate", "memory: 66", "spec.hardware.memory", "in quotes"),
    ("tpm2: indeterminate", "gpu:", "spec.hardware.gpu", "is empty"),
    ("tpm2: indeterminate", "virtual: maybe", "spec.hardware.virtual", "write it like `false`"),
    (
        "tpm2: indeterminate",
        "storage: [{a: b}]",
        "spec.hardware.storage[0]",
        "is a map of fields: write text",
    ),
    ("  hardware:", "  other:", "spec.hardware", "is missing: write a map of fields with network"),
    (
        "  registration:",
        "  registration: x\n  other:",
        "spec.registration",
        "a map of fields with maintainer",
    ),
    (
        f"    {PREFIX}registered-at:",
        f"    {PREFIX}identity-uuid: v1:nonsense\n    {PREFIX}identity-uuid-source: x\n    {PREFIX}registered-at:",
        DIGEST,
        "write it like `v1:",
    ),
    (
        f"    {PREFIX}registered-at:",
        f"    {PREFIX}identity-uuid-source: x\n    {PREFIX}registered-at:",
        DIGEST,
        "go together",
    ),
]


@pytest.mark.parametrize(("good", "bad", "path", "says"), WRONG, ids=lambda text: ascii(text)[:24])
def test_each_rule_is_noticed_and_named(good: str, bad: str, path: str, says: str) -> None:
    text = written(flake_commit="0123456789ab").decode()
    assert validate(text.encode(), PATH) == []
    broken = text.replace(good, bad, 1)
    assert broken != text
    problems = validate(broken.encode(), PATH)
    assert any(says in problem.message for problem in problems if problem.path == path), lines(problems)
    assert all(line.isprintable() and len(line) < 400 for line in lines(problems))
    parse(broken.encode())


ODD = [
    ('ip: "192.0.2.7"', 'ip: "192.0.2.7/24"', "spec.hardware.network.ip", "the address alone"),
    (MAC, '      mac: "02-00-5E-10-00-01"', "spec.hardware.network.mac", "write `02:00:5e:10:00:01`"),
    ("tpm2: indeterminate", "storage: []", "spec.hardware.storage", "is empty"),
    ("tpm2: indeterminate", 'gpu: ""', "spec.hardware.gpu", "is empty"),
    ("tpm2: indeterminate", 'storage: ["/dev/sda 1B", ""]', "spec.hardware.storage[1]", "is empty"),
    ("spec:", "spec:\n  extra: {}", "spec.extra", "is empty"),
    ("spec:", 'spec:\n  network: {mac: "02:00:5e:10:00:01"}', "spec.network", "early sketch"),
]


@pytest.mark.parametrize(("good", "bad", "path", "says"), ODD, ids=lambda text: ascii(text)[:24])
def test_what_readers_cope_with_is_advice_and_no_problem(good: str, bad: str, path: str, says: str) -> None:
    odd = written().decode().replace(good, bad, 1).encode()
    assert validate(odd, PATH) == []
    assert any(says in one.message for one in advice(odd) if one.path == path), lines(advice(odd))


def test_fields_of_others_are_left_alone_in_the_spec_and_refused_where_kubernetes_drops_them() -> None:
    text = written().decode()
    assert validate(text.replace("spec:", "spec:\n  rack: 4\n", 1).encode(), PATH) == []
    assert validate(text.replace("  labels:", "  labels:\n    team: blue", 1).encode(), PATH) == []
    (problem,) = validate(text.replace("spec:", "status: {}\nspec:", 1).encode(), PATH)
    assert problem.path == "status"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (PATH, PATH),
        (f"/srv/cluster/{PATH}", PATH),
        (f"/srv/maintainers/bob/{PATH}", PATH),
        ("/tmp/node.yaml", None),
        (f"/srv/{PATH}.orig", None),
        (f"/srv/{PATH}\n", None),
    ],
)
def test_a_files_place_in_the_repository(path: str, place: str | None) -> None:
    assert place_in(path) == place


@pytest.mark.parametrize(
    "path", ["node.yaml", "maintainers/alice/cluster-nodes/../node.yaml/x", "", "\n" * 500]
)
def test_a_record_in_no_records_place(path: str) -> None:
    (problem,) = validate(written(), path)
    assert str(problem).isprintable()
    assert "cluster-nodes/<node>" in problem.message


def test_a_record_in_another_operators_folder() -> None:
    (problem,) = validate(written(), record_path(Operator("bob"), NODE))
    assert problem.path == MAINTAINER
    assert "'bob'" in problem.message
