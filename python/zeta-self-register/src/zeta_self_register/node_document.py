"""The record of a node, `node.yaml`, kind ClusterNode: composed, written, and read in every shape that exists.

Who reads it: a validator wants `spec.roles`; the bring-up tool wants a MAC address, by which it knows the node on
the wire; the planner wants `metadata.name` to be the folder's name and takes name and roles from lines of the text;
the capacity check adds up the last word of each line of `spec.hardware.storage`. `record_rules.validate` holds all
of that. What is not known is left out, never written empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from zeta_self_register import __version__
from zeta_self_register.hardware import Disk, Hardware, Tpm2
from zeta_self_register.identity import Evidence, Identity, Presence, recorded_evidence
from zeta_self_register.names import NodeName, Operator
from zeta_self_register.network_interfaces import parse_mac
from zeta_self_register.plain_yaml import NotPlainYaml, Value, dump, load
from zeta_self_register.readings import one_line

PREFIX = "zeta.lucent-financial-group.com/"
API_VERSION = f"{PREFIX}v1"
KIND = "ClusterNode"
NAMESPACE = "zeta-cluster"
VIA = f"zeta-self-register/{__version__}"
DEFAULT_ROLE = "worker"
"""The role that grants nothing: a node must not become a control plane because nobody said otherwise."""

_COMMIT = re.compile(r"[0-9a-f]{12,64}")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


class Problems(msgspec.Struct, frozen=True):
    """Why a record cannot be read: one line each."""

    messages: tuple[str, ...]


class RecordedHardware(msgspec.Struct, frozen=True, kw_only=True):
    """`spec.hardware`, in the words of the record. None is "not said"."""

    cpu: str | None = None
    cores: int | None = None
    threads: int | None = None
    memory: str | None = None  # ours is exact, a Kubernetes quantity in Ki; old ones are rounded ("66G")
    gpu: str | None = None
    kernel: str | None = None
    tpm2: Tpm2 | None = None
    storage: tuple[str, ...] = ()
    ip: str | None = None
    mac: str | None = None
    product: str | None = None
    virtual: bool | None = None


class NodeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One record. Old ones may lack everything but the name; `roles` is empty where they have none."""

    name: str
    namespace: str | None = None
    maintainer: str | None = None
    hostname: str | None = None
    roles: tuple[str, ...] = ()
    registered_at: str | None = None  # RFC 3339, UTC
    registered_via: str | None = None
    flake_commit: str | None = None
    flake_host: str | None = None
    identity: Identity | None = None
    hardware: RecordedHardware = RecordedHardware()


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
) -> NodeDocument:
    """The record of this node. `registered_at` has to know its time zone, else ValueError.

    Without `roles` the flake's host is the role, as the installer has always had it (its hosts are named by what
    they do), and "worker" if that is not known either. Texts are bounded and made fit for one line. Whether the
    record satisfies all who read it, above all whether it has a MAC address, `record_rules.validate` says.
    """
    if registered_at.tzinfo is None:
        raise ValueError("registered_at has no time zone")
    host = one_line(flake_host or "", 63)
    host = host if host and _LABEL_VALUE.fullmatch(host) else None
    commit = (flake_commit or "").strip().lower()
    return NodeDocument(
        name=node,
        namespace=NAMESPACE,
        maintainer=operator,
        hostname=node,
        roles=tuple(dict.fromkeys(roles)) or (host or DEFAULT_ROLE,),
        registered_at=registered_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        registered_via=one_line(via, 100) or VIA,
        flake_commit=commit[:12] if _COMMIT.fullmatch(commit) else None,
        flake_host=host,
        identity=_worth_recording(identity),
        hardware=_record(hardware),
    )


def to_yaml(document: NodeDocument) -> bytes:
    """The record's file: always the same bytes for the same document, in ASCII."""
    annotations = {
        "registered-at": document.registered_at,
        "registered-via": document.registered_via,
        "flake-commit": document.flake_commit,
        "flake-host": document.flake_host,
        **_identity_annotations(document.identity),
    }
    hardware = document.hardware
    tree: dict[str, object] = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": document.name,
            "namespace": document.namespace,
            "annotations": {f"{PREFIX}{key}": value for key, value in annotations.items()},
            "labels": {f"{PREFIX}maintainer": document.maintainer},
        },
        "spec": {
            "hostname": document.hostname,
            "roles": list(document.roles),
            "registration": {
                "maintainer": document.maintainer,
                "timestamp": document.registered_at,
                "via": document.registered_via,
            },
            "hardware": _hardware_tree(hardware),
        },
    }
    return dump(_without_empty(tree))


@lru_cache(maxsize=64)
def parse(raw: bytes) -> NodeDocument | Problems:
    """Reads any record that exists, ours, the installer's and the post-boot shell version's.

    Kept, since several rows of the table ask about the same few records at each decision.

    Tolerant: what is missing or of the wrong type is None. Problems only if it is no record at all.
    """
    try:
        tree = load(raw)
    except NotPlainYaml as error:
        return Problems((f"the file {error}",))
    if not isinstance(tree, Mapping) or tree.get("kind") != KIND:
        return Problems((f"the file is no {KIND}",))
    metadata, spec = section(tree, "metadata"), section(tree, "spec")
    name = _text(metadata.get("name"))
    if name is None:
        return Problems(("the file has no metadata.name",))
    annotations = section(metadata, "annotations")
    registration = section(spec, "registration")

    def annotation(key: str) -> str | None:
        return _text(annotations.get(f"{PREFIX}{key}"))

    return NodeDocument(
        name=name,
        namespace=_text(metadata.get("namespace")),
        maintainer=_text(registration.get("maintainer"))
        or _text(section(metadata, "labels").get(f"{PREFIX}maintainer")),
        hostname=_text(spec.get("hostname")),
        roles=_texts(spec.get("roles")),
        registered_at=annotation("registered-at") or _text(registration.get("timestamp")),
        registered_via=annotation("registered-via")
        or _text(registration.get("via"))
        or _text(registration.get("registered-via")),
        flake_commit=annotation("flake-commit") or _text(registration.get("flake-commit")),
        flake_host=annotation("flake-host") or _text(registration.get("flake-host")),
        identity=_recorded_identity(annotation),
        hardware=_recorded_hardware(spec),
    )


def section(tree: Mapping[str, Value], key: str) -> Mapping[str, Value]:
    """A map inside a map, empty if it is not there or is something else."""
    value = tree.get(key)
    return value if isinstance(value, Mapping) else {}


def disk_line(disk: Disk) -> str:
    """A disk in one line: device, what is known of it, and the exact size as the last word, in bytes with a `B`."""
    kind = None if disk.rotational is None else "hdd" if disk.rotational else "ssd"
    # The word before the last must not be mistaken for the size, so the description is in brackets.
    known = ", ".join(part for part in (disk.transport, kind, disk.model) if part)
    return f"/dev/{disk.name} {f'({known}) ' if known else ''}{disk.size_bytes}B"


def _worth_recording(identity: Identity) -> Identity | None:
    """The identity as it will be read back: a record does not say why something is not in it."""
    uuid, macs = (recorded_evidence(one.digest, one.source) for one in (identity.uuid, identity.macs))
    return None if identity.is_empty else Identity(uuid, macs)


def _record(hardware: Hardware) -> RecordedHardware:
    network = hardware.network
    memory = hardware.memory_bytes
    return RecordedHardware(
        cpu=hardware.cpu,
        cores=hardware.cores,
        threads=hardware.threads,
        memory=None if memory is None else f"{memory // 1024}Ki",
        gpu=", ".join(f"{gpu.vendor}:{gpu.device}" for gpu in (hardware.gpus or ())[:32]) or None,
        kernel=hardware.kernel,
        tpm2=hardware.tpm2,
        storage=tuple(disk_line(disk) for disk in (hardware.storage or ())[:64]),
        ip=network.ip if network else None,
        mac=network.mac if network else None,
        product=hardware.product,
        virtual=hardware.virtual,
    )


def _hardware_tree(hardware: RecordedHardware) -> dict[str, object]:
    return {
        "cpu": hardware.cpu,
        "cores": hardware.cores,
        "threads": hardware.threads,
        "memory": hardware.memory,
        "gpu": hardware.gpu,
        "kernel": hardware.kernel,
        "tpm2": hardware.tpm2.value if hardware.tpm2 else None,
        "product": hardware.product,
        "virtual": hardware.virtual,
        "storage": list(hardware.storage),
        "network": {"ip": hardware.ip, "mac": hardware.mac},
    }


def _recorded_hardware(spec: Mapping[str, Value]) -> RecordedHardware:
    tree = section(spec, "hardware")
    # An early sketch of the schema has the network beside the hardware.
    network = section(tree, "network") or section(spec, "network")
    tpm2, virtual = tree.get("tpm2"), tree.get("virtual")
    return RecordedHardware(
        cpu=_text(tree.get("cpu")),
        cores=_count(tree.get("cores")),
        threads=_count(tree.get("threads")),
        memory=_text(tree.get("memory")),
        gpu=_text(tree.get("gpu")),
        kernel=_text(tree.get("kernel")),
        tpm2=next((state for state in Tpm2 if state.value == tpm2), None),
        storage=_texts(tree.get("storage")),
        ip=_text(network.get("ip")),
        mac=parse_mac(network.get("mac")),
        product=_text(tree.get("product")),
        virtual=virtual if isinstance(virtual, bool) else None,
    )


def _identity_annotations(identity: Identity | None) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, evidence in (("uuid", identity.uuid), ("macs", identity.macs)) if identity else ():
        if evidence.presence is Presence.PRESENT:
            found |= {f"identity-{name}": evidence.digest, f"identity-{name}-source": evidence.source}
    return found


def _recorded_identity(annotation: Callable[[str], str | None]) -> Identity | None:
    def evidence(name: str) -> Evidence:
        return recorded_evidence(annotation(f"identity-{name}"), annotation(f"identity-{name}-source"))

    identity = Identity(evidence("uuid"), evidence("macs"))
    return None if identity.is_empty else identity


def _text(value: object) -> str | None:
    """Text fit for one line; numbers that somebody forgot to quote are taken as they print."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return one_line(str(value), 300)


def _texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else []
    return tuple(text for item in items[:64] if (text := _text(item)))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else None


def _without_empty(value: object) -> Value:
    """The tree without what is not known, at every depth."""
    if isinstance(value, dict):
        members = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in members.items() if item not in (None, "", [], {})}
    if isinstance(value, list):
        return [item for item in map(_without_empty, value) if item not in (None, "", [], {})]
    assert value is None or isinstance(value, str | int | bool)
    return value
