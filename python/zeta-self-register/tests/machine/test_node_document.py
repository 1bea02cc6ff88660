from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zeta_self_register.cluster_node import (
    PREFIX,
    Annotations,
    ClusterNode,
    Labels,
    Metadata,
    NodeHardware,
    NodeNetwork,
    Registration,
    Spec,
)
from zeta_self_register.hardware import Disk, Gpu, Hardware, Network, Tpm2, hardware
from zeta_self_register.identity import NO_IDENTITY, Identity, Presence, identity
from zeta_self_register.names import NodeName, Operator, record_path
from zeta_self_register.node_document import (
    Problems,
    compose,
    disk_line,
    parse,
    to_yaml,
)
from zeta_self_register.plain_yaml import SIZE_LIMIT
from zeta_self_register.record_rules import validate

# How long an example takes says something of the machine, not of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
Recorded = Callable[[str], Any]  # a `RecordedMachine` of conftest.py

HERE = Path(__file__).parent
ALICE, NODE = Operator("alice"), NodeName("node-1a2b3c")

PATH = record_path(ALICE, NODE)

THEN = datetime(2026, 6, 14, 22, 20, 16, 987654, tzinfo=UTC)

CARD = Network("eth0", ("192.0.2.7",), "02:00:5e:10:00:01")

BARE = Hardware(network=CARD)

INSTALLERS = (HERE / "records" / "installer.yaml").read_bytes()

POST_BOOT = (HERE / "records" / "post-boot.yaml").read_bytes()


def written(known: Hardware = BARE, who: Identity = NO_IDENTITY, **more: Any) -> bytes:
    return to_yaml(compose(NODE, ALICE, known, who, registered_at=THEN, **more))


def read(raw: bytes) -> ClusterNode:
    document = parse(raw)
    assert isinstance(document, ClusterNode), document
    return document


def problems_of(raw: bytes) -> tuple[str, ...]:
    document = parse(raw)
    assert isinstance(document, Problems)
    assert [str(problem) for problem in validate(raw)] == list(document.messages)
    for message in document.messages:
        assert message.isprintable()
        assert len(message) < 300
    return document.messages


@pytest.mark.parametrize("machine", ["laptop", "server", "qemu", "arm-board"])
def test_what_is_composed_of_a_machine_satisfies_everyone_and_reads_back(
    recorded: Recorded, machine: str
) -> None:
    readings = recorded(machine).look()
    document = compose(
        NODE,
        ALICE,
        hardware(readings),
        identity(readings, "acme/cluster"),
        registered_at=THEN,
        flake_host="worker-gpu",
    )
    raw = to_yaml(document)
    assert validate(raw, PATH) == []
    assert parse(raw) == document


def test_the_whole_file() -> None:
    known = Hardware(
        cpu="AMD EPYC",
        cores=8,
        threads=16,
        memory_bytes=1024**3,
        gpus=(Gpu("10de", "1eb8"), Gpu("102b", "0536")),
        kernel="6.12.57",
        tpm2=Tpm2.UNAVAILABLE,
        storage=(Disk("sda", 512, "ST600", True, "sas"),),
        network=CARD,
        product="Dell Inc. PowerEdge R640",
        virtual=False,
    )
    assert written(
        known, flake_commit="0123456789abcdef0123456789abcdef01234567", flake_host="gpu"
    ).decode() == (
        """\
apiVersion: zeta.lucent-financial-group.com/v1
kind: ClusterNode
metadata:
  name: node-1a2b3c
  namespace: zeta-cluster
  annotations:
    zeta.lucent-financial-group.com/registered-at: "2026-06-14T22:20:16Z"
    zeta.lucent-financial-group.com/registered-via: zeta-self-register/0.1.0
    zeta.lucent-financial-group.com/flake-commit: 0123456789ab
    zeta.lucent-financial-group.com/flake-host: gpu
  labels:
    zeta.lucent-financial-group.com/maintainer: alice
spec:
  hostname: node-1a2b3c
  roles:
  - gpu
  registration:
    maintainer: alice
    timestamp: "2026-06-14T22:20:16Z"
    via: zeta-self-register/0.1.0
  hardware:
    cpu: "AMD EPYC"
    cores: 8
    threads: 16
    memory: 1048576Ki
    gpu: "10de:1eb8, 102b:0536"
    kernel: "6.12.57"
    tpm2: unavailable
    product: "Dell Inc. PowerEdge R640"
    virtual: false
    storage:
    - "/dev/sda (sas, hdd, ST600) 512B"
    network:
      ip: "192.0.2.7"
      mac: "02:00:5e:10:00:01"
"""
    )


def test_of_several_addresses_the_first_is_the_ip_and_all_are_listed(recorded: Recorded) -> None:
    network = read(written(hardware(recorded("laptop").look()))).hardware.network
    assert network == NodeNetwork(
        ip="192.168.4.36", mac="c4:75:ab:00:12:34", addresses=("192.168.4.36", "2001:db8:4::36")
    )


def test_the_same_document_gives_the_same_bytes() -> None:
    assert written() == written()


def test_without_a_mac_the_record_cannot_satisfy_the_bring_up_tool(recorded: Recorded) -> None:
    known = hardware(recorded("container").look())
    (problem,) = validate(written(known), PATH)
    assert "spec.hardware.network" in str(problem)


def test_unknown_values_are_left_out_and_never_empty(recorded: Recorded) -> None:
    raw = written(hardware(recorded("container").look()))
    tree = yaml.safe_load(raw)
    assert tree["spec"]["hardware"] == {"threads": 2, "memory": "4028048Ki", "tpm2": "unreadable"}
    assert not re.search(rb'""|null|\[\]|\{\}', raw)


def test_roles_are_what_was_asked_for_else_the_flakes_host_else_the_least() -> None:
    assert read(written(roles=["storage", "worker-gpu", "storage"])).spec.roles == ("storage", "worker-gpu")
    assert read(written(flake_host="control-plane")).spec.roles == ("control-plane",)
    assert read(written()).spec.roles == ("worker",)


def test_a_moment_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        compose(NODE, ALICE, BARE, NO_IDENTITY, registered_at=THEN.replace(tzinfo=None))


def test_the_moment_is_written_in_utc() -> None:
    east = THEN.astimezone(timezone(timedelta(hours=9)))
    document = compose(NODE, ALICE, BARE, NO_IDENTITY, registered_at=east)
    assert document.registered_at == "2026-06-14T22:20:16Z"


@pytest.mark.parametrize("commit", ["", "unknown", "0123", "0123456789ag", "dirty-0123456789ab"])
def test_a_commit_that_is_none_is_left_out(commit: str) -> None:
    assert read(written(flake_commit=commit)).flake_commit is None
    assert validate(written(flake_commit=commit), PATH) == []


def test_the_identity_is_recorded_with_its_sources(recorded: Recorded) -> None:
    mine = identity(recorded("server").look(), "acme/cluster")
    tree = yaml.safe_load(written(who=mine))
    annotations = tree["metadata"]["annotations"]
    assert annotations[f"{PREFIX}identity-uuid"] == mine.uuid.digest
    assert annotations[f"{PREFIX}identity-uuid-source"] == "/sys/class/dmi/id/product_uuid"
    assert annotations[f"{PREFIX}identity-macs"] == mine.macs.digest
    assert read(written(who=mine)).identity == mine


def test_a_missing_half_of_the_identity_reads_back_as_unknown(recorded: Recorded) -> None:
    mine = identity(recorded("server").look(), "acme/cluster")
    back = read(written(who=msgspec.structs.replace(mine, uuid=NO_IDENTITY.uuid))).identity
    assert back is not None
    assert back.uuid.presence is Presence.UNKNOWN
    assert back.macs == mine.macs


def test_the_installers_record() -> None:
    document = read(INSTALLERS)
    assert document == ClusterNode(
        metadata=Metadata(
            name="node-f82aa6",
            namespace="zeta-cluster",
            annotations=Annotations(
                registered_at="2026-05-27T09:09:17Z",
                registered_via="iter-5.4.1",
                flake_commit="0123456789ab",
                flake_host="control-plane",
            ),
            labels=Labels(maintainer="alice"),
        ),
        spec=Spec(
            hostname="node-f82aa6",
            roles=("control-plane",),
            registration=Registration(
                maintainer="alice",
                timestamp="2026-05-27T09:09:17Z",
                registered_via="iter-5.4.1",
                flake_commit="0123456789ab",
                flake_host="control-plane",
            ),
            hardware=NodeHardware(
                cpu="Intel(R) Core(TM) Ultra 9 285H",
                cores=16,
                memory="66G",
                storage=("/dev/nvme0n1 931.5G", "/dev/sda 0B"),
                network=NodeNetwork(ip="192.168.4.36/24", mac="80:84:89:01:C5:16"),
            ),
        ),
    )
    assert (document.name, document.maintainer) == ("node-f82aa6", "alice")
    assert document.hardware.mac == "80:84:89:01:c5:16"


def test_the_post_boot_shells_record() -> None:
    document = read(POST_BOOT)
    assert document.spec.roles == ()
    assert document.registered_via == "postboot"
    assert document.identity is None
    assert document.hardware == NodeHardware(
        cpu="Intel(R) Core(TM) Ultra 9 185H",
        cores=22,
        memory="66G",
        kernel="6.12.90",
        network=NodeNetwork(mac="b0:41:6f:17:87:cc"),
    )


@pytest.mark.parametrize("record", [INSTALLERS, POST_BOOT])
def test_what_a_record_says_is_found_wherever_its_shape_says_it(record: bytes) -> None:
    """Taking the annotations away leaves the same answers, from the registration."""
    tree = yaml.safe_load(record)
    del tree["metadata"]["annotations"]
    whole, less = read(record), read(yaml.safe_dump(tree).encode())
    for answer in ("registered_at", "flake_commit", "flake_host"):
        assert getattr(less, answer) == getattr(whole, answer), answer
    assert less.registered_via in ("iter-5.4.1", "post-boot-self-register")


def test_an_early_sketch_has_the_network_beside_the_hardware() -> None:
    raw = b"kind: ClusterNode\nmetadata: {name: a}\nspec: {hardware: {cores: 4}, network: {mac: '02:00:5E:10:00:01'}}"
    assert read(raw).hardware.mac == "02:00:5e:10:00:01"
    assert read(raw).hardware.cores == 4


@pytest.mark.parametrize(
    "raw",
    [
        b"kind: ClusterNode\nmetadata: {name: a}",
        b"kind: ClusterNode\nmetadata: {name: a, annotations: 3, labels: []}\nspec: nonsense",
        b"kind: ClusterNode\nmetadata: {name: a}\nspec: {roles: x, hardware: {storage: {a: b}, network: [], cores: x}}",
        b"\xef\xbb\xbfkind: ClusterNode\r\nmetadata:\r\n  name: a\r\n",
    ],
)
def test_what_is_missing_or_of_the_wrong_type_is_not_known(raw: bytes) -> None:
    assert read(raw) == ClusterNode(metadata=Metadata(name="a"))
    assert validate(raw)


BOMB = b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nkind: ClusterNode\nmetadata: {name: *c}\n"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "empty"),
        (b"\n\n# nothing\n", "empty"),
        (b"just text", "no "),
        (b"- a\n- b", "no "),
        (b"null", "no "),
        (BOMB, "anchor or alias in line 1"),
        (b"kind: ClusterNode\n<<: *nothing", "alias in line 2"),
        (b"*a : b", "alias in line 1"),
        (b"kind: ClusterNode\nmetadata: {name: a}\nkind: ClusterNode", "`kind` twice, again in line 3"),
        (b"kind: ClusterNode\n---\nkind: ClusterNode", "more than one document"),
        (b"kind: ClusterNode\n...\nmore", "document"),
        (b"!!python/object/apply:os.system [id]", "a tag in line 1"),
        (b"kind: !!str ClusterNode", "a tag in line 1"),
        (b"? [a]\n: b", "a key that is no text"),
        (b"kind: 'ClusterNode", "not YAML"),
        (b"a: b: c", "not YAML"),
        (b"\t- x", "not YAML"),
        (b'a: "\\UFFFFFFFF"', "not YAML"),
        (b"kind: \x00ClusterNode", "not YAML"),
        (b"\xff\xfe\x00", "not UTF-8 (byte 0)"),
        (b"\x7fELF\x02\x01\x01\x00", "not YAML"),
        ("kind: ClusterNode".encode("utf-16"), "not UTF-8"),
        (b"[" * 60_000, "nested too deep"),
        (b"- " * 30_000, "nested too deep"),
        (b"{a: " * 15_000, "nested too deep"),
        (b"a: [" + b"x," * 30_000 + b"]", "too long"),
        (b"x" * (SIZE_LIMIT + 1), f"{SIZE_LIMIT + 1} bytes"),
        (b"<<<<<<< HEAD\nkind: ClusterNode\n=======\n>>>>>>> theirs\n", "not YAML"),
    ],
)
def test_what_is_no_record_is_one_line_and_no_traceback(raw: bytes, says: str) -> None:
    started = perf_counter()
    document = parse(raw)
    (message,) = document.messages if isinstance(document, Problems) else ("read",)
    assert says in message
    assert message.isprintable()
    assert len(message) < 300
    assert perf_counter() - started < 20, "a second on an idle machine; a bomb takes hours"
    assert validate(raw)


def test_a_problem_of_the_yaml_is_the_same_for_reader_and_validator() -> None:
    assert problems_of(BOMB) == ("the file has an anchor or alias in line 1: write the value out",)


def test_another_kind_is_no_record() -> None:
    assert parse(b"kind: Pod\nmetadata: {name: a}") == Problems(("the file is no ClusterNode",))
    assert parse(b"kind: ClusterNode\nmetadata: {}") == Problems(("the file has no metadata.name",))


@UNHURRIED
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    parse(raw)
    assert validate(raw)


@UNHURRIED
@given(
    st.lists(
        st.sampled_from(
            ["a", ":", " ", "\n", "- ", "{", "}", "[", "]", "&a", "*a", "!!str", "'", '"', "|", "---\n"]
        )
    )
)
def test_any_yaml_is_read_or_refused(parts: list[str]) -> None:
    parse("".join(parts).encode())


HOSTILE: list[str] = [*json.loads((HERE / "hostile.json").read_text()), "x" * 1_000_000]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_a_hostile_model_name_stays_text_and_bounded(recorded: Recorded, text: str) -> None:
    machine = recorded("qemu")
    machine.files["/proc/cpuinfo"] = b"model name : " + text.encode("utf-8", "surrogatepass") + b"\n"
    machine.files["/sys/block/vda/device/model"] = text.encode("utf-8", "surrogatepass")
    known = hardware(machine.look())
    raw = written(known, via=text)
    assert len(raw) < 8000
    assert raw.isascii()
    assert validate(raw, PATH) == []
    tree = yaml.safe_load(raw)
    assert tree["spec"]["hardware"].get("cpu") == known.cpu
    assert read(raw).hardware.cpu == known.cpu


@UNHURRIED
@given(
    st.text(max_size=30),
    st.integers(1, 2**63),
    st.sampled_from([True, False, None]),
    st.sampled_from(["nvme", "ata", None]),
)
def test_the_last_word_of_a_disks_line_is_its_exact_size(
    model: str, size: int, spins: bool | None, bus: str | None
) -> None:
    """The capacity check adds these up; `B` is bytes there."""
    line = disk_line(Disk("sda", size, model or None, spins, bus))
    assert line.split()[0] == "/dev/sda"
    assert line.split()[-1] == f"{size}B"
