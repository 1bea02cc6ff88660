"""What a record has to be so that everything that reads it can: the schema, and the rules that no schema can say.

Two answers. A problem: some reader fails, or Kubernetes refuses it. Advice: all of them cope, as they do with the
records of the shell versions, but this program writes it otherwise.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from zeta_self_register.cluster_node import PREFIX
from zeta_self_register.names import (
    InvalidName,
    parse_node_name,
    parse_operator,
    shown,
    split_record_path,
)
from zeta_self_register.network_interfaces import parse_mac
from zeta_self_register.plain_yaml import NotPlainYaml, Value, is_plain, load
from zeta_self_register.record_schema import json_schema
from zeta_self_register.schema_check import Problem, member, problems

# How the planner finds name and roles: by lines, without a YAML reader.
_NAME_LINE = re.compile(r"^\s*name:\s*(\S+)\s*$", re.MULTILINE)
_ROLES_BLOCK = re.compile(r"roles:\s*\n((?:\s+-\s+\S+\n)+)")
_ROLE_LINE = re.compile(r"^\s+-\s+(\S+)\s*$", re.MULTILINE)

# RFC 3339, section 5.6: what `format: date-time` means; the ranges are Python's to check.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_PLACE = re.compile(r"(?:.*/)?(maintainers/[^/]+/cluster-nodes/[^/]+/node\.yaml)", re.DOTALL)

_LABEL = member("metadata.labels", f"{PREFIX}maintainer")
_AT = member("metadata.annotations", f"{PREFIX}registered-at")

Tree = Mapping[str, Value]


def validate(raw: bytes, path: str | None = None) -> list[Problem]:
    """Problems of a record, best mended in this order; none if all its readers can use it.

    `path` is the record's place in the repository, which has to fit its name and its maintainer.
    """
    try:
        tree = load(raw)
    except NotPlainYaml as error:
        return [Problem("", f"the file {error}")]
    if not isinstance(tree, Mapping):
        return [Problem("", "the file is no map of fields")]
    # Where a rule has something to say, it says it better than the schema does.
    ruled = list(_rules(tree))
    paths = {problem.path for problem in ruled}
    found = [*(one for one in problems(tree, json_schema()) if one.path not in paths), *ruled]
    if path is not None:
        found += _place(tree, path)
    return found or list(_lines(raw.decode("utf-8-sig"), tree))


def advice(raw: bytes) -> list[Problem]:
    """What a record says otherwise than this program would, though its readers cope with it."""
    try:
        tree = load(raw)
    except NotPlainYaml:
        return []
    return [*_old_words(_section(tree, "spec")), *_empty(tree, "")]


def place_in(path: str) -> str | None:
    """The part of a file's absolute path that is a record's place in the repository, None if it is in none."""
    found = _PLACE.fullmatch(path)
    return found[1] if found else None


def _section(tree: Value, *keys: str) -> Tree:
    """A map inside maps, empty if it is not there or is something else."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree if isinstance(tree, Mapping) else {}


def _rules(tree: Tree) -> Iterator[Problem]:
    metadata, spec = _section(tree, "metadata"), _section(tree, "spec")
    registration = _section(spec, "registration")
    yield from _names(metadata, spec)
    mac = _section(spec, "hardware", "network").get("mac")
    if isinstance(mac, str) and parse_mac(mac) is None:
        yield Problem("spec.hardware.network.mac", f"is {shown(mac)}: write it like `02:00:5e:10:00:01`")
    annotations = _section(metadata, "annotations")
    yield from _moment(_AT, annotations.get(f"{PREFIX}registered-at"))
    yield from _moment("spec.registration.timestamp", registration.get("timestamp"))
    for name in (f"{PREFIX}identity-uuid", f"{PREFIX}identity-macs"):
        if (name in annotations) != (f"{name}-source" in annotations):
            yield Problem(
                member("metadata.annotations", name), "and its -source go together: write both or none"
            )
    yield from _maintainer(_section(metadata, "labels").get(f"{PREFIX}maintainer"), registration)


def _names(metadata: Tree, spec: Tree) -> Iterator[Problem]:
    name, hostname = metadata.get("name"), spec.get("hostname")
    if isinstance(name, str):
        try:
            parse_node_name(name)
        except InvalidName as error:
            yield Problem("metadata.name", f"is refused: {error.message}")
    if isinstance(hostname, str) and hostname != name:
        yield Problem("spec.hostname", f"is {shown(hostname)}: write the same as metadata.name")


def _maintainer(label: Value, registration: Tree) -> Iterator[Problem]:
    if not isinstance(label, str):
        return
    try:
        parse_operator(label)
    except InvalidName as error:
        yield Problem(_LABEL, f"is refused: {error.message}")
    said = registration.get("maintainer")
    if isinstance(said, str) and said != label:
        yield Problem(
            "spec.registration.maintainer", f"is {shown(said)}: write the label's login, {shown(label)}"
        )


def _moment(path: str, value: Value) -> Iterator[Problem]:
    if not isinstance(value, str):
        return
    try:
        written = _MOMENT.fullmatch(value) is not None and bool(datetime.fromisoformat(value.upper()))
    except ValueError:
        written = False
    if not written:
        yield Problem(path, f"is {shown(value)}: write it like `2026-01-31T12:00:00Z`")


def _place(tree: Tree, path: str) -> Iterator[Problem]:
    place = split_record_path(path)
    if place is None:
        message = f"the path {shown(path, 120)} is not maintainers/<operator>/cluster-nodes/<node>/node.yaml"
        yield Problem("", message)
        return
    operator, node = place
    metadata = _section(tree, "metadata")
    if metadata.get("name") != node:
        name = shown(str(metadata.get("name")))
        yield Problem("metadata.name", f"is {name} but the folder is {shown(node)}: make them the same")
    if _section(metadata, "labels").get(f"{PREFIX}maintainer") != operator:
        message = f"is not {shown(operator)}, in whose folder the record is: make them the same"
        yield Problem(_LABEL, message)


def _lines(text: str, tree: Tree) -> Iterator[Problem]:
    """What the planner sees, which takes quotes for a part of the name."""
    name, found = str(_section(tree, "metadata").get("name")), _NAME_LINE.search(text)
    if not is_plain(name):
        message = (
            f"needs quotes, which the planner cannot read: name the node otherwise, such as `node-{name}`"
        )
        yield Problem("metadata.name", message)
    elif found is None or found[1] != name:
        message = "is not the first `name:` line or is in quotes, which the planner cannot read: mend that"
        yield Problem("metadata.name", message)
    block = _ROLES_BLOCK.search(text)
    if block is None or _ROLE_LINE.findall(block[1]) != _section(tree, "spec").get("roles"):
        message = (
            "is not one unquoted role a line, indented, which is all the planner can read: write it like that"
        )
        yield Problem("spec.roles", message)


def _old_words(spec: Tree) -> Iterator[Problem]:
    network, registration = _section(spec, "hardware", "network"), _section(spec, "registration")
    mac, ip = network.get("mac"), network.get("ip")
    if parse_mac(mac) not in (None, mac):
        yield Problem("spec.hardware.network.mac", f"is {shown(str(mac))}: write `{parse_mac(mac)}`")
    if isinstance(ip, str) and ip and not _is_address(ip):
        yield Problem("spec.hardware.network.ip", f"is {shown(ip)}: write the address alone, or leave it out")
    if registration and "via" not in registration:
        yield Problem("spec.registration.via", "is missing: write by which program the node was registered")
    if "network" in spec:
        yield Problem("spec.network", "is from an early sketch: write it into spec.hardware")


def _empty(value: Value, path: str) -> Iterator[Problem]:
    if value in ("", [], {}):
        yield Problem(path or "the file", "is empty: leave it out if it is not known")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _empty(item, member(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _empty(item, f"{path}[{index}]")


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False
