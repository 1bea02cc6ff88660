"""The record of a node, `node.yaml`, kind ClusterNode: composed, written, and read in every shape that exists.

Who reads it: a validator wants `spec.roles`; the bring-up tool wants a MAC address, by which it knows the node on
the wire; the planner wants `metadata.name` to be the folder's name and takes name and roles from lines of the text;
the capacity check adds up the last word of each line of `spec.hardware.storage`. `record_rules.validate` holds all
of that. What is not known is left out, never written empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from zeta_self_register import __version__
from zeta_self_register.cluster_node import (
    KIND,
    LABEL_VALUE_PATTERN,
    NAMESPACE,
    Annotations,
    ClusterNode,
    Labels,
    Metadata,
    NodeHardware,
    NodeNetwork,
    Registration,
    Spec,
)
from zeta_self_register.hardware import Disk, Hardware, Network, NoNetwork
from zeta_self_register.identity import Evidence, Identity, Presence
from zeta_self_register.names import NodeName, Operator
from zeta_self_register.plain_yaml import NotPlainYaml, Value, dump, load
from zeta_self_register.readings import one_line

VIA = f"zeta-self-register/{__version__}"
DEFAULT_ROLE = "worker"
"""The role that grants nothing: a node must not become a control plane because nobody said otherwise."""

MAX_GPUS = 32
MAX_ITEMS = 64
MAX_TEXT = 300
"""Characters of a text, and members of a list, that are read or written; machines have fewer."""

_COMMIT = re.compile(r"[0-9a-f]{12,64}")


class Problems(msgspec.Struct, frozen=True):
    """Why a record cannot be read: one line each."""

    messages: tuple[str, ...]


def compose(
    node: NodeName,
    operator: Operator,
    hardware: Hardware,
    identity: Identity,
    *,
    registered_at: datetime,
    via: str = VIA,
    roles: Sequence[str] = (),
    flake_commit: str | None = None,
    flake_host: str | None = None,
) -> ClusterNode:
    """The record of this node. `registered_at` has to know its time zone, else ValueError.

    Without `roles` the flake's host is the role, as the installer has always had it (its hosts are named by what
    they do), and "worker" if that is not known either. Texts are bounded and made fit for one line. Whether the
    record satisfies all who read it, above all whether it has a MAC address, `record_rules.validate` says.
    """
    if registered_at.tzinfo is None:
        raise ValueError("registered_at has no time zone")
    host = one_line(flake_host or "", 63)
    host = host if host and re.fullmatch(LABEL_VALUE_PATTERN, host) else None
    commit = (flake_commit or "").strip().lower()
    moment = registered_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    program = one_line(via, 100) or VIA
    annotations = Annotations(
        registered_at=moment,
        registered_via=program,
        flake_commit=commit[:12] if _COMMIT.fullmatch(commit) else None,
        flake_host=host,
        **_annotated("identity_uuid", identity.uuid),
        **_annotated("identity_macs", identity.macs),
    )
    return ClusterNode(
        metadata=Metadata(
            name=node, namespace=NAMESPACE, annotations=annotations, labels=Labels(maintainer=operator)
        ),
        spec=Spec(
            hostname=node,
            roles=tuple(dict.fromkeys(roles)) or (host or DEFAULT_ROLE,),
            registration=Registration(maintainer=operator, timestamp=moment, via=program),
            hardware=_hardware(hardware),
        ),
    )


def to_yaml(document: ClusterNode) -> bytes:
    """The record's file: always the same bytes for the same document, in ASCII."""
    return dump(_without_empty(msgspec.to_builtins(document)))


@lru_cache(maxsize=64)
def parse(raw: bytes) -> ClusterNode | Problems:
    """Reads any record that exists, ours, the installer's and the post-boot shell version's.

    Kept, since several rows of the table ask about the same few records at each decision.

    Tolerant: what is missing or of the wrong type is not known. Problems only if it is no record at all.
    """
    try:
        tree = load(raw)
    except NotPlainYaml as error:
        return Problems((f"the file {error}",))
    if not isinstance(tree, Mapping) or tree.get("kind") != KIND:
        return Problems((f"the file is no {KIND}",))
    document = _read(tree, _model())
    assert isinstance(document, ClusterNode)
    return document if document.name else Problems(("the file has no metadata.name",))


def disk_line(disk: Disk) -> str:
    """A disk in one line: device, what is known of it, and the exact size as the last word, in bytes with a `B`."""
    kind = None if disk.rotational is None else "hdd" if disk.rotational else "ssd"
    # The word before the last must not be mistaken for the size, so the description is in brackets.
    known = ", ".join(part for part in (disk.transport, kind, disk.model) if part)
    return f"/dev/{disk.name} {f'({known}) ' if known else ''}{disk.size_bytes}B"


def _annotated(name: str, evidence: Evidence) -> dict[str, Any]:
    """A record does not say why something is not in it, so only what is present is written."""
    if evidence.presence is not Presence.PRESENT:
        return {}
    return {name: evidence.digest, f"{name}_source": evidence.source}


def _hardware(hardware: Hardware) -> NodeHardware:
    memory = hardware.memory_bytes
    return NodeHardware(
        cpu=hardware.cpu,
        cores=hardware.cores,
        threads=hardware.threads,
        memory=None if memory is None else f"{memory // 1024}Ki",
        gpu=", ".join(f"{gpu.vendor}:{gpu.device}" for gpu in (hardware.gpus or ())[:MAX_GPUS]) or None,
        kernel=hardware.kernel,
        tpm2=hardware.tpm2,
        storage=tuple(disk_line(disk) for disk in (hardware.storage or ())[:MAX_ITEMS]),
        network=_network(hardware.network),
        product=hardware.product,
        virtual=hardware.virtual,
    )


def _network(network: Network | NoNetwork | None) -> NodeNetwork:
    """All addresses only where there is more than one: the first is `ip`."""
    if not isinstance(network, Network):
        return NodeNetwork()
    addresses = (network.addresses or ())[:MAX_ITEMS]
    first = addresses[0] if addresses else None
    return NodeNetwork(ip=first, mac=network.mac, addresses=addresses if len(addresses) > 1 else ())


@cache  # and not at each start: most runs read no record
def _model() -> inspect.Type:
    return inspect.type_info(ClusterNode)


def _read(value: Value, kind: inspect.Type) -> Any:
    """The value as the model has it, None where it is of another type. Whether it is well formed is not asked."""
    match kind:
        case inspect.Metadata(type=inner) | inspect.UnionType(types=(inner, inspect.NoneType())):
            return _read(value, inner)
        case inspect.StructType(cls=model, fields=fields):
            return _read_object(value, model, fields)
        case inspect.VarTupleType(item_type=inner):
            items = value[:MAX_ITEMS] if isinstance(value, list) else ()
            return tuple(read for item in items if (read := _read(item, inner)) is not None)
        case inspect.EnumType(cls=words):
            return next((word for word in words if word.value == value), None)
        case inspect.IntType():
            return value if type(value) is int and 0 < value < 1 << 31 else None
        case inspect.BoolType():
            return value if isinstance(value, bool) else None
    return _text(value)


def _read_object(value: Value, model: type[Any], fields: tuple[inspect.Field, ...]) -> Any:
    tree = value if isinstance(value, Mapping) else {}
    found = {one.name: _read(tree[one.encode_name], one.type) for one in fields if one.encode_name in tree}
    return model(**{name: read for name, read in found.items() if read is not None})


def _text(value: Value) -> str | None:
    """Text fit for one line; numbers that somebody forgot to quote are taken as they print."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return one_line(str(value), MAX_TEXT)


def _without_empty(value: object) -> Value:
    """The tree without what is not known, at every depth."""
    if isinstance(value, dict):
        members = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in members.items() if item not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [item for item in map(_without_empty, value) if item not in (None, "", [], {})]
    assert value is None or isinstance(value, str | int | bool)
    return value
