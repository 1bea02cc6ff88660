"""What a record has to be so that everything that reads it can: the rules of `node_document`'s readers in one place."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from zeta_self_register.hardware import Tpm2
from zeta_self_register.identity import is_digest
from zeta_self_register.names import InvalidName, parse_node_name, parse_operator, shown, split_record_path
from zeta_self_register.network_interfaces import parse_mac
from zeta_self_register.node_document import API_VERSION, KIND, NAMESPACE, PREFIX, section
from zeta_self_register.plain_yaml import NotPlainYaml, Value, load
from zeta_self_register.readings import one_line

# How the planner finds name and roles: by lines, without a YAML reader.
_NAME_LINE = re.compile(r"^\s*name:\s*(\S+)\s*$", re.MULTILINE)
_ROLES_BLOCK = re.compile(r"roles:\s*\n((?:\s+-\s+\S+\n)+)")
_ROLE_LINE = re.compile(r"^\s+-\s+(\S+)\s*$", re.MULTILINE)

_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_TEXT_FIELDS = ("cpu", "memory", "gpu", "kernel", "product")


def validate(raw: bytes, path: str | None = None) -> list[str]:
    """Problems of a record, one line each and best fixed in this order; none if all its readers can use it.

    `path` is the record's place in the repository, which has to fit its name and its maintainer.
    """
    try:
        tree = load(raw)
    except NotPlainYaml as error:
        return [f"the file {error}"]
    if not isinstance(tree, Mapping):
        return ["the file is no map of fields"]
    problems = [
        *_header(tree),
        *_metadata(section(tree, "metadata")),
        *_spec(section(tree, "spec"), section(tree, "metadata")),
        *_hardware(section(section(tree, "spec"), "hardware")),
        *_empty(tree, ""),
    ]
    if path is not None:
        problems += _place(tree, path)
    if not problems:
        problems += _lines(raw.decode("utf-8-sig"), tree)
    return problems


def _header(tree: Mapping[str, Value]) -> Iterator[str]:
    for key, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if tree.get(key) != expected:
            yield f"{key} is {_shown(tree.get(key))}: write `{expected}`"
    for key in ("metadata", "spec"):
        if not section(tree, key):
            yield f"{key} is missing or no map of fields"


def _metadata(metadata: Mapping[str, Value]) -> Iterator[str]:
    name = metadata.get("name")
    if not isinstance(name, str):
        yield f"metadata.name is {_shown(name)}: write the node's name, in quotes if it looks like a number"
    else:
        try:
            parse_node_name(name)
        except InvalidName as error:
            yield f"metadata.name: {error.message}"
    if metadata.get("namespace") != NAMESPACE:
        yield f"metadata.namespace is {_shown(metadata.get('namespace'))}: write `{NAMESPACE}`"
    labels, annotations = section(metadata, "labels"), section(metadata, "annotations")
    for key, value in labels.items():
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            yield f"label {_shown(key)} is {_shown(value)}: at most 63 letters, digits, `-`, `_`, `.` inside"
    if not labels.get(f"{PREFIX}maintainer"):
        yield f"label {PREFIX}maintainer is missing: write the operator's login"
    for key, value in annotations.items():
        if not isinstance(value, str):
            yield f"annotation {_shown(key)} is {_shown(value)}: annotations are text, put it in quotes"
    for key in ("registered-at", "registered-via"):
        if f"{PREFIX}{key}" not in annotations:
            yield f"annotation {PREFIX}{key} is missing"
    yield from _annotations(annotations)


def _annotations(annotations: Mapping[str, Value]) -> Iterator[str]:
    commit = annotations.get(f"{PREFIX}flake-commit")
    if isinstance(commit, str) and not re.fullmatch(r"[0-9a-f]{12}", commit):
        yield f"annotation {PREFIX}flake-commit is {_shown(commit)}: 12 hexadecimal digits, or leave it out"
    yield from _moment(f"annotation {PREFIX}registered-at", annotations.get(f"{PREFIX}registered-at"))
    for name in ("uuid", "macs"):
        digest = annotations.get(f"{PREFIX}identity-{name}")
        if digest is not None and not (isinstance(digest, str) and is_digest(digest)):
            yield f"annotation {PREFIX}identity-{name} is {_shown(digest)}: no keyed hash, leave it out"
        if (digest is None) != (annotations.get(f"{PREFIX}identity-{name}-source") is None):
            yield f"annotation {PREFIX}identity-{name} and its -source go together: write both or none"


def _spec(spec: Mapping[str, Value], metadata: Mapping[str, Value]) -> Iterator[str]:
    if spec.get("hostname") != metadata.get("name"):
        yield f"spec.hostname is {_shown(spec.get('hostname'))}: write the same as metadata.name"
    roles = spec.get("roles")
    if not isinstance(roles, list) or not roles:
        yield "spec.roles is missing: list at least one role, such as `worker`"
    elif not all(isinstance(role, str) and _LABEL_VALUE.fullmatch(role) for role in roles):
        yield "spec.roles has something that is no role name: letters, digits, `-`, `_`, `.` inside"
    registration = section(spec, "registration")
    for key in ("maintainer", "timestamp", "via"):
        if not isinstance(registration.get(key), str):
            yield f"spec.registration.{key} is {_shown(registration.get(key))}: write it as text"
    yield from _moment("spec.registration.timestamp", registration.get("timestamp"))
    maintainer = section(metadata, "labels").get(f"{PREFIX}maintainer")
    if registration.get("maintainer") != maintainer:
        yield f"spec.registration.maintainer is not the label's {_shown(maintainer)}: write the same login"
    if isinstance(maintainer, str):
        try:
            parse_operator(maintainer)
        except InvalidName as error:
            yield f"the maintainer: {error.message}"


def _hardware(hardware: Mapping[str, Value]) -> Iterator[str]:
    network = section(hardware, "network")
    if "mac" not in network:
        yield "spec.hardware.network.mac is missing: the bring-up tool knows a node on the wire by it"
    elif parse_mac(network["mac"]) is None or network["mac"] != parse_mac(network["mac"]):
        yield f"spec.hardware.network.mac is {_shown(network['mac'])}: write it like `02:00:5e:10:00:01`"
    if "ip" in network and not _is_address(network["ip"]):
        yield f"spec.hardware.network.ip is {_shown(network['ip'])}: no IP address, leave it out if unknown"
    if "tpm2" in hardware and hardware["tpm2"] not in {state.value for state in Tpm2}:
        states = ", ".join(state.value for state in Tpm2)
        yield f"spec.hardware.tpm2 is {_shown(hardware['tpm2'])}: one of {states}"
    for key in ("cores", "threads"):
        value = hardware.get(key, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            yield f"spec.hardware.{key} is {_shown(value)}: a whole number, or leave it out"
    for key in _TEXT_FIELDS:
        if not isinstance(hardware.get(key, "text"), str):
            yield f"spec.hardware.{key} is {_shown(hardware[key])}: put it in quotes"
    storage = hardware.get("storage", [])
    if not isinstance(storage, list) or not all(isinstance(disk, str) for disk in storage):
        yield "spec.hardware.storage is no list of texts: one line a disk, the size as its last word"


def _empty(value: Value, where: str) -> Iterator[str]:
    if value is None or value == "" or value == [] or value == {}:
        yield f"{where or 'the file'} is empty: leave it out if it is not known"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _empty(item, f"{where}.{one_line(key, 80)}".removeprefix("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _empty(item, f"{where}[{index}]")


def _place(tree: Mapping[str, Value], path: str) -> Iterator[str]:
    place = split_record_path(path)
    if place is None:
        yield f"path {shown(path, 120)} is not maintainers/<operator>/cluster-nodes/<node>/node.yaml"
        return
    operator, node = place
    metadata = section(tree, "metadata")
    if metadata.get("name") != node:
        yield f"metadata.name is {_shown(metadata.get('name'))} but the folder is {shown(node)}: make them the same"
    if section(metadata, "labels").get(f"{PREFIX}maintainer") != operator:
        yield f"the maintainer is not {shown(operator)}, in whose folder the record is: make them the same"


def _lines(text: str, tree: Mapping[str, Value]) -> Iterator[str]:
    """What the planner sees, which takes quotes for a part of the name."""
    name = _NAME_LINE.search(text)
    if name is None or name[1] != section(tree, "metadata").get("name"):
        yield "metadata.name is not the first `name:` line or is in quotes, which the planner cannot read"
    block = _ROLES_BLOCK.search(text)
    if block is None or _ROLE_LINE.findall(block[1]) != section(tree, "spec").get("roles"):
        yield "spec.roles is not one unquoted role a line, indented, which the planner cannot read"


def _moment(where: str, value: Value) -> Iterator[str]:
    if not isinstance(value, str):
        return
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        yield f"{where} is {_shown(value)}: write it like `2026-01-31T12:00:00Z`"


def _is_address(value: Value) -> bool:
    try:
        return isinstance(value, str) and bool(ipaddress.ip_address(value))
    except ValueError:
        return False


def _shown(value: Value) -> str:
    if value is None:
        return "missing"
    return shown(value if isinstance(value, str) else str(value)[:200])
