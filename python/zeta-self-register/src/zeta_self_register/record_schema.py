"""The model of `cluster_node` as a JSON Schema and as Kubernetes' CustomResourceDefinition.

The schema says what a record has to be for everyone who reads one, and `validate` goes by it. The definition is what
a cluster admits: it asks of the spec only what every record that exists has, so that the ones of the shell versions
can be applied as they are. Fields that it does not know are kept, in the spec: a reader of somebody else's may need
them, and Argo CD would see a difference for ever if Kubernetes dropped them. At the top there is nothing but the
four fields of every object; what else is there Kubernetes drops, so the schema refuses it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from zeta_self_register.cluster_node import GROUP, IN_EVERY_RECORD, KIND, NEEDED, VERSION, ClusterNode
from zeta_self_register.plain_yaml import dump

Schema = dict[str, Any]

PLURAL = "clusternodes"
PRESERVE = "x-kubernetes-preserve-unknown-fields"

# What `kubectl get clusternodes` shows. The wide ones need `-o wide`.
_COLUMNS = (
    ("Maintainer", "string", ".spec.registration.maintainer", 0),
    ("Roles", "string", ".spec.roles", 0),
    ("Cores", "integer", ".spec.hardware.cores", 0),
    ("Memory", "string", ".spec.hardware.memory", 0),
    ("Registered", "date", ".spec.registration.timestamp", 0),
    ("CPU", "string", ".spec.hardware.cpu", 1),
    ("TPM2", "string", ".spec.hardware.tpm2", 1),
    ("MAC", "string", ".spec.hardware.network.mac", 1),
)


@lru_cache(maxsize=1)
def json_schema() -> Schema:
    """What every record has to be that is written from now on (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{KIND} {GROUP}/{VERSION}",
        **_schema(inspect.type_info(ClusterNode), frozenset({NEEDED, IN_EVERY_RECORD})),
    }


def custom_resource_definition() -> Schema:
    """The definition that a cluster needs before it takes the records."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["cn"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _structural()},
                    "additionalPrinterColumns": [
                        {"name": name, "type": kind, "jsonPath": path, "priority": priority}
                        for name, kind, path, priority in _COLUMNS
                    ],
                }
            ],
        },
    }


def json_schema_text() -> bytes:
    """The schema's file."""
    return msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) + b"\n"


def custom_resource_definition_text() -> bytes:
    """The definition's file, for `kubectl apply`."""
    return dump(custom_resource_definition())


def _structural() -> Schema:
    """The model in Kubernetes' subset of OpenAPI 3, in which the metadata are Kubernetes' own business."""
    found = _for_kubernetes(_schema(inspect.type_info(ClusterNode), frozenset({IN_EVERY_RECORD})))
    found["properties"] |= {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    return {**found, "required": ["spec"]}


def _for_kubernetes(schema: Schema) -> Schema:
    """Without the words that structural schemas do not have; open objects say so in Kubernetes' way."""
    found = {key: value for key, value in schema.items() if key not in ("examples", "additionalProperties")}
    if "properties" in found:
        found["properties"] = {key: _for_kubernetes(value) for key, value in found["properties"].items()}
        if "additionalProperties" not in schema:
            found[PRESERVE] = True
    if "items" in found:
        found["items"] = _for_kubernetes(found["items"])
    return found


def _schema(kind: inspect.Type, required: frozenset[str]) -> Schema:
    """One type of the model; `required` are the marks of the fields that have to be there."""
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=said):
            return {**_schema(inner, required), **(said or {})}
        case inspect.UnionType(types=(inner, inspect.NoneType())):
            return _schema(inner, required)  # None is "left out", never null
        case inspect.StructType():
            return _object(kind, required)
        case inspect.VarTupleType(item_type=inner, min_length=least):
            return _without_none(type="array", items=_schema(inner, required), minItems=least)
        case inspect.EnumType(cls=words):
            return {"type": "string", "enum": [word.value for word in words]}
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            return _without_none(type="string", minLength=least, maxLength=most, pattern=pattern)
        case inspect.IntType(ge=least):
            return _without_none(type="integer", minimum=least)
        case inspect.BoolType():
            return {"type": "boolean"}
    raise TypeError(f"the model has a type that has no schema: {kind}")


def _object(kind: inspect.StructType, required: frozenset[str]) -> Schema:
    needed = [one.encode_name for one in kind.fields if _mark(one) in required]
    return _without_none(
        type="object",
        description=kind.cls.__doc__ if kind.cls is ClusterNode else None,
        properties={one.encode_name: _schema(one.type, required) for one in kind.fields},
        required=needed or None,
        additionalProperties=False if kind.forbid_unknown_fields else None,
    )


def _mark(field: inspect.Field) -> str | None:
    extra = field.type.extra if isinstance(field.type, inspect.Metadata) else None
    return (extra or {}).get("mark")


def _without_none(**words: Any) -> Schema:
    return {word: value for word, value in words.items() if value is not None}
