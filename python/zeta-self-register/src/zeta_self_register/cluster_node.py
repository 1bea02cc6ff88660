"""The custom resource ClusterNode, as `node.yaml` holds it: the one description of its fields.

What is written (`node_document`), what is read in every shape that exists, the JSON Schema that `validate` goes by
and the definition that Kubernetes gets (`record_schema`) all follow from these types. A field that is not known is
None or empty and is left out of the file, so nothing here has to be given; what the record's readers cannot do
without is marked with who needs it.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import replace

from zeta_self_register.hardware import Tpm2
from zeta_self_register.identity import DIGEST_PATTERN, Identity, recorded_evidence
from zeta_self_register.network_interfaces import parse_mac

GROUP = "zeta.lucent-financial-group.com"
VERSION = "v1"
KIND = "ClusterNode"
NAMESPACE = "zeta-cluster"
PREFIX = f"{GROUP}/"
API_VERSION = f"{PREFIX}{VERSION}"

NEEDED, IN_EVERY_RECORD = "needed", "in-every-record"
"""Marks of a field: some reader needs it, though old records lack it; or every record that exists has it."""


def field(description: str, *, example: object = None, mark: str | None = None, **schema: Any) -> Meta:
    """What is said of one field: `example` is what a problem's line tells to write, `schema` more JSON Schema."""
    return Meta(
        description=description,
        examples=None if example is None else [example],
        extra={"mark": mark},
        extra_json_schema=schema or None,
    )


# By Kubernetes' rule for label values, which is also what a role may be called.
LABEL_VALUE_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
LabelValue = Annotated[str, Meta(pattern=LABEL_VALUE_PATTERN)]
Name = Annotated[str, Meta(min_length=1, max_length=253)]
Digest = Annotated[str, Meta(pattern=DIGEST_PATTERN)]
Commit = Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$")]
Count = Annotated[int, Meta(ge=1)]
# Capitals and hyphens are in old records; every reader takes them.
Mac = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$")]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
ApiVersion = Annotated[str, Meta(extra_json_schema={"enum": [API_VERSION]})]
Kind = Annotated[str, Meta(extra_json_schema={"enum": [KIND]})]
Namespace = Annotated[str, Meta(extra_json_schema={"enum": [NAMESPACE]})]

_MOMENT = "2026-01-31T12:00:00Z"
_VIA = "zeta-self-register/0.1.0"


def _prefixed(name: str) -> str:
    return PREFIX + name.replace("_", "-")


class Annotations(Struct, frozen=True, kw_only=True, rename=_prefixed):
    """`metadata.annotations`: how the node was registered, and by which hashes its hardware is known again."""

    registered_at: Annotated[
        Moment | None, field("When, RFC 3339 with its zone.", example=_MOMENT, mark=NEEDED)
    ] = None
    registered_via: Annotated[str | None, field("By which program.", example=_VIA, mark=NEEDED)] = None
    flake_commit: Annotated[
        Commit | None, field("The system's flake: 12 digits of its commit.", example="0123456789ab")
    ] = None
    flake_host: Annotated[str | None, field("The flake's host.", example="worker")] = None
    identity_uuid: Annotated[
        Digest | None, field("Keyed hash of the product UUID.", example="v1:0123456789abcdef0123456789abcdef")
    ] = None
    identity_uuid_source: Annotated[str | None, field("The file that the UUID is in.")] = None
    identity_macs: Annotated[
        Digest | None,
        field("Keyed hash of the burnt-in MAC addresses.", example="v1:0123456789abcdef0123456789abcdef"),
    ] = None
    identity_macs_source: Annotated[str | None, field("The files that the addresses are in.")] = None


class Labels(Struct, frozen=True, kw_only=True, rename=_prefixed):
    """`metadata.labels`."""

    maintainer: Annotated[LabelValue | None, field("The operator's login.", example="alice", mark=NEEDED)] = (
        None
    )


class Metadata(Struct, frozen=True, kw_only=True):
    """`metadata`. What others put beside these is between them and Kubernetes."""

    name: Annotated[
        Name | None, field("The node, as its folder is called.", example="node-1a2b3c", mark=NEEDED)
    ] = None
    namespace: Annotated[Namespace | None, field("Where the nodes are.", mark=NEEDED)] = None
    annotations: Annotated[
        Annotations,
        field("How the node was registered.", mark=NEEDED, additionalProperties={"type": "string"}),
    ] = Annotations()
    labels: Annotated[
        Labels,
        field(
            "Whose node it is.",
            mark=NEEDED,
            additionalProperties={"type": "string", "pattern": rf"^({LABEL_VALUE_PATTERN[1:-1]})?$"},
        ),
    ] = Labels()


class Registration(Struct, frozen=True, kw_only=True, rename="kebab"):
    """`spec.registration`. The installer's shape says `registered-via` and the flake here, and has no `via`."""

    maintainer: Annotated[str | None, field("The operator's login.", example="alice", mark=NEEDED)] = None
    timestamp: Annotated[
        Moment | None, field("When, RFC 3339 with its zone.", example=_MOMENT, mark=NEEDED)
    ] = None
    via: Annotated[str | None, field("By which program.", example=_VIA)] = None
    registered_via: Annotated[str | None, field("Old records: by which program.")] = None
    flake_commit: Annotated[str | None, field("Old records: the flake's commit.")] = None
    flake_host: Annotated[str | None, field("Old records: the flake's host.")] = None


class NodeNetwork(Struct, frozen=True, kw_only=True):
    """`spec.hardware.network`: the interface of the default route."""

    ip: Annotated[str | None, field("Its first address.", example="192.0.2.7")] = None
    mac: Annotated[
        Mac | None,
        field("By which the bring-up tool knows the node.", example="02:00:5e:10:00:01", mark=NEEDED),
    ] = None
    addresses: Annotated[tuple[str, ...], field("All of its addresses, where it has more than one.")] = ()


class NodeHardware(Struct, frozen=True, kw_only=True):
    """`spec.hardware`. Old records count threads as cores and round the memory."""

    cpu: Annotated[str | None, field("The model.")] = None
    cores: Annotated[Count | None, field("Physical cores.", example=8)] = None
    threads: Annotated[Count | None, field("Logical processors.", example=16)] = None
    memory: Annotated[
        str | None, field("What the kernel has, as a quantity (1Ki is 1024 bytes).", example="65536000Ki")
    ] = None
    gpu: Annotated[str | None, field("Display controllers as vendor:device.", example="10de:1eb8")] = None
    kernel: Annotated[str | None, field("Its release.", example="6.12.57")] = None
    tpm2: Annotated[
        Tpm2 | None, field("Whether there is a TPM 2.0; could not look is not absent.", example="absent")
    ] = None
    product: Annotated[str | None, field("What the vendor calls the machine.")] = None
    virtual: Annotated[bool | None, field("Whether it is a virtual machine.", example=False)] = None
    storage: Annotated[
        tuple[str, ...],
        field(
            "A line a disk, its size the last word: the capacity check adds them up.",
            example=["/dev/sda 512B"],
        ),
    ] = ()
    network: Annotated[NodeNetwork, field("The default route's interface.", mark=NEEDED)] = NodeNetwork()

    @property
    def mac(self) -> str | None:
        """The address by which the node is known on the wire, in lower case with colons."""
        return parse_mac(self.network.mac)


class Spec(Struct, frozen=True, kw_only=True):
    """`spec`."""

    hostname: Annotated[
        Name | None, field("The same as metadata.name.", example="node-1a2b3c", mark=IN_EVERY_RECORD)
    ] = None
    roles: Annotated[
        Annotated[tuple[LabelValue, ...], Meta(min_length=1)],
        field("What the node is for.", example=["worker"], mark=NEEDED),
    ] = ()
    registration: Annotated[Registration, field("How the node was registered.", mark=NEEDED)] = Registration()
    hardware: Annotated[NodeHardware, field("What the machine is.", mark=NEEDED)] = NodeHardware()
    network: Annotated[NodeNetwork, field("Old sketch: stands in the hardware now.")] = NodeNetwork()


class ClusterNode(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A node of the cluster, registered by the machine itself."""

    api_version: Annotated[ApiVersion, field("Kubernetes' group and version.", mark=IN_EVERY_RECORD)] = (
        API_VERSION
    )
    kind: Annotated[Kind, field("Always the same.", mark=IN_EVERY_RECORD)] = KIND
    metadata: Annotated[Metadata, field("The node's name and owner.", mark=IN_EVERY_RECORD)] = Metadata()
    spec: Annotated[Spec, field("What is registered.", mark=IN_EVERY_RECORD)] = Spec()

    # What the agent asks of a record, wherever its shape says it.

    @property
    def name(self) -> str:
        """`metadata.name`, without which there is no record."""
        return self.metadata.name or ""

    @property
    def maintainer(self) -> str | None:
        """Whose node it is."""
        return self.spec.registration.maintainer or self.metadata.labels.maintainer

    @property
    def registered_at(self) -> str | None:
        """When it was registered, as it is written."""
        return self.metadata.annotations.registered_at or self.spec.registration.timestamp

    @property
    def registered_via(self) -> str | None:
        """By which program it was registered."""
        said = self.spec.registration
        return self.metadata.annotations.registered_via or said.via or said.registered_via

    @property
    def flake_commit(self) -> str | None:
        """The commit of the system's flake."""
        return self.metadata.annotations.flake_commit or self.spec.registration.flake_commit

    @property
    def flake_host(self) -> str | None:
        """The flake's host."""
        return self.metadata.annotations.flake_host or self.spec.registration.flake_host

    @property
    def hardware(self) -> NodeHardware:
        """The hardware, with the network where an early sketch of this resource had it."""
        said = self.spec.hardware
        return said if said.network != NodeNetwork() else replace(said, network=self.spec.network)

    @property
    def identity(self) -> Identity | None:
        """The hashes of the hardware, None where the record is older than they are."""
        said = self.metadata.annotations
        identity = Identity(
            recorded_evidence(said.identity_uuid, said.identity_uuid_source),
            recorded_evidence(said.identity_macs, said.identity_macs_source),
        )
        return None if identity.is_empty else identity
