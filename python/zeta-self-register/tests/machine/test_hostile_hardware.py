"""Whatever firmware, disks, cards and kernel call themselves, the record stays a record and nothing else changes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zeta_self_register.cluster_node import ClusterNode
from zeta_self_register.hardware import hardware
from zeta_self_register.identity import identity
from zeta_self_register.names import NodeName, Operator, record_path
from zeta_self_register.node_document import compose, parse, to_yaml
from zeta_self_register.record_rules import advice, validate

Recorded = Callable[[str], Any]  # a `RecordedMachine` of conftest.py; it makes a new one at each call
UNHURRIED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
ALICE, NODE = Operator("alice"), NodeName("node-1a2b3c")
PATH = record_path(ALICE, NODE)
HOSTILE: list[str] = json.loads((Path(__file__).parent / "hostile.json").read_text())

MARKUP = [
    *("\n", "\r\n", "\r", "\u2028", "\x85", "\0", "\x1b[2J", "\t", "\u202e", "\u2066", "\u200d", "\ufeff"),
    *(
        "kind: Pod",
        "\n---\n",
        "\n...\n",
        "- ",
        ": ",
        " #",
        "&a ",
        "*a",
        "!!python/object",
        "<<",
        "{",
        "[",
        "|",
        ">",
    ),
    *(
        "'",
        '"',
        "\\",
        "%",
        "`",
        "```\n",
        "](http://x)",
        "<!-- zeta-self-register: joined -->",
        "@alice",
        "<img>",
    ),
    *(
        "..",
        "/",
        "~",
        "^",
        "refs/heads/main",
        "\U0001f600",
        "\U0001f468\u200d\U0001f469",
        "e\u0301" * 9,
        "\ud800",
    ),
]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.one_of(st.sampled_from([*MARKUP, *HOSTILE]), st.text(max_size=5)), max_size=12).map("".join),
    st.sampled_from(["x", "\n", "\U0001f600", "a: b\n"]).map(lambda part: part * 2000),
).map(lambda text: text.encode("utf-8", "surrogatepass"))
ANY_BYTES = st.one_of(TEXTS, st.binary(max_size=60))

# Every file whose words, not figures, come into the record.
WORDS = {
    "laptop": [
        "/proc/sys/kernel/osrelease",
        "/sys/class/dmi/id/sys_vendor",
        "/sys/class/dmi/id/product_name",
        "/sys/block/nvme0n1/device/model",
        "/sys/bus/pci/devices/0000:00:02.0/vendor",
        "/sys/class/net/wlp0s20f3/address",
    ],
    "arm-board": [
        "/proc/device-tree/model",
        "/proc/device-tree/serial-number",
        "/proc/device-tree/cpus/cpu@0/compatible",
        "/proc/device-tree/cpus/cpu@1/compatible",
        "/sys/block/mmcblk0/device/name",
        "/sys/class/drm/renderD128/device/uevent",
    ],
}
LINE = re.compile(r' *(- )?([A-Za-z0-9./-]+:( |$))?("([^"\\]|\\.)*"|[A-Za-z0-9][A-Za-z0-9_./-]*)?')


def record_of(machine: Any) -> tuple[ClusterNode, bytes]:
    readings = machine.look()
    document = compose(
        NODE,
        ALICE,
        hardware(readings),
        identity(readings, "acme/cluster"),
        registered_at=datetime(2026, 6, 14, tzinfo=UTC),
    )
    return document, to_yaml(document)


def keys(tree: Any) -> set[str]:
    """The path of every field, without numbers of items."""
    if isinstance(tree, dict):
        return {f".{key}{rest}" for key, inner in tree.items() for rest in (keys(inner) or {""})}
    return {rest for item in tree for rest in keys(item)} if isinstance(tree, list) else set()


def is_sound(document: ClusterNode, raw: bytes, allowed: set[str]) -> None:
    """One document, one field a line, the same to every reader, and no field that an honest machine has not."""
    assert raw.isascii()
    assert len(raw) < 10_000
    text = raw.decode()
    assert all(LINE.fullmatch(line) for line in text.splitlines()), text
    assert text.count("\n") == len(text.splitlines())
    assert parse(raw) == document
    tree = yaml.safe_load(raw)
    assert keys(tree) <= allowed
    assert {key: value for key, value in tree.items() if key in ("apiVersion", "kind")} == {
        "apiVersion": "zeta.lucent-financial-group.com/v1",
        "kind": "ClusterNode",
    }
    assert {problem.path for problem in validate(raw, PATH)} <= {
        "spec.hardware.network",
        "spec.hardware.network.mac",
    }
    assert advice(raw) == []
    for line in msgspec.to_builtins(document.spec.hardware).values():
        assert not isinstance(line, str) or line.isprintable()


@pytest.mark.parametrize("name", WORDS)
@UNHURRIED
@given(data=st.data())
def test_hostile_words_stay_words(recorded: Recorded, name: str, data: st.DataObject) -> None:
    machine = recorded(name)
    allowed = keys(yaml.safe_load(record_of(recorded(name))[1]))
    for path in WORDS[name]:
        machine.files[path] = data.draw(ANY_BYTES, label=path)
    machine.files["/proc/cpuinfo"] = (
        b"processor : 0\nmodel name : " + data.draw(ANY_BYTES, label="cpu") + b"\n"
    )
    is_sound(*record_of(machine), allowed)


@UNHURRIED
@given(
    name=st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20),
    words=ANY_BYTES,
)
def test_hostile_names_of_devices_stay_words(recorded: Recorded, name: str, words: bytes) -> None:
    """The kernel allows nearly everything in the name of an interface, and whatever a driver registers as a disk."""
    machine = recorded("qemu")
    allowed = keys(yaml.safe_load(record_of(recorded("qemu"))[1]))
    for table in (machine.files, machine.folders):
        for path in list(table):
            table[path.replace("enp0s2", name).replace("vda", name)] = table.pop(path)
    machine.files[f"/sys/block/{name}/device/model"] = words
    for command, output in machine.commands.items():
        links = json.loads(output)
        for link in links:
            link |= {key: name for key in ("ifname", "dev") if key in link}
        machine.commands[command] = json.dumps(links).encode()
    is_sound(*record_of(machine), allowed)


@settings(UNHURRIED, max_examples=40)
@given(
    told=st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(MARKUP), st.text(max_size=9)
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    ["ifname", "addr_info", "local", "scope", "permaddr", "dev", "metric", "flags"]
                ),
                inner,
            ),
        ),
    )
)
def test_any_json_from_ip_is_an_answer_or_none(recorded: Recorded, told: Any) -> None:
    machine = recorded("qemu")
    allowed = keys(yaml.safe_load(record_of(recorded("laptop"))[1]))
    link = {"ifname": "enp0s2", "addr_info": [{"local": told, "scope": "global"}, told], "permaddr": told}
    for output in (told, [told], [link], [{**link, "addr_info": told}], [{"dev": "enp0s2", "metric": told}]):
        machine.commands = dict.fromkeys(machine.commands, json.dumps(output).encode())
        is_sound(*record_of(machine), allowed)


@pytest.mark.parametrize("text", [*MARKUP, *HOSTILE], ids=lambda text: ascii(text)[:20])
def test_branch_title_text_and_path_of_the_pull_request_do_not_depend_on_the_hardware(
    machine: Any, text: str
) -> None:
    words = f"x{text}y".encode("utf-8", "surrogatepass")
    machine.files["/proc/cpuinfo"] = b"processor : 0\nmodel name : " + words + b"\n"
    machine.files["/sys/class/dmi/id/sys_vendor"] = words
    machine.files["/sys/class/dmi/id/product_name"] = words
    machine.tick()
    (pull,) = machine.pulls()
    assert pull["head"]["ref"] == "register-node-node-a"
    assert pull["title"] == "feat(node-register): node-a self-registers"
    assert pull["body"] == (
        "`node-a` has been installed, has started its installed system and registers itself.\n\n"
        "This adds `maintainers/alice/cluster-nodes/node-a/node.yaml` and nothing else. "
        "Once it is merged, the node is registered.\n"
    )
    place = "maintainers/alice/cluster-nodes/node-a/node.yaml"
    files = machine.person("GET", f"/repos/acme/cluster/pulls/{pull['number']}/files")
    assert [file["filename"] for file in files] == [place]
    content = machine.person("GET", f"/repos/acme/cluster/contents/{place}?ref=register-node-node-a")[
        "content"
    ]
    assert yaml.safe_load(base64.b64decode(content))["spec"]["hardware"]["cpu"].startswith("x")
