"""The definition keeps Kubernetes' rules, and each rule can be broken."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from kubernetes_rules import SCHEMA_RULES, broken, structural
from zeta_self_register.record_schema import PRESERVE, custom_resource_definition

DEFINITION = custom_resource_definition()


def test_kubernetes_takes_the_definition() -> None:
    assert broken(DEFINITION) == []


def changed(path: str, value: Any) -> dict[str, Any]:
    """The definition with one thing put in, or (None) taken out."""
    found = copy.deepcopy(DEFINITION)
    *way, last = path.split("/")
    node: Any = found
    for step in way:
        node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
    if value is None:
        del node[last]
    else:
        node[last] = value
    return found


ROOT = "spec/versions/0/schema/openAPIV3Schema"
SPEC = f"{ROOT}/properties/spec"
ROLES = f"{SPEC}/properties/roles"
EITHER = [{"type": "integer"}, {"type": "string"}]

BREAKS = [
    ("metadata/name", "clusternodes", "plural.group"),
    ("apiVersion", "apiextensions.k8s.io/v1beta1", "apiVersion and kind"),
    ("spec/group", "zeta.k8s.io", "Kubernetes' own"),
    ("spec/group", "zeta", "group zeta"),
    ("spec/scope", "Everywhere", "scope"),
    ("spec/names/plural", "ClusterNodes", "names: ClusterNodes"),
    ("spec/names/shortNames", ["c n"], "names: c n"),
    ("spec/names/listKind", "ClusterNode", "the same"),
    ("spec/versions/0/storage", False, "is stored"),
    ("spec/versions/0/served", False, "is served"),
    ("spec/versions/0/name", "v1/x", "versions"),
    ("spec/preserveUnknownFields", False, "v1beta1"),
    ("spec/versions/0/additionalPrinterColumns/0/jsonPath", ".spec.owner", "leads nowhere"),
    ("spec/versions/0/additionalPrinterColumns/0/jsonPath", "spec.roles", "no simple path"),
    ("spec/versions/0/additionalPrinterColumns/0/type", "text", "column Maintainer"),
    (f"{ROOT}/type", "array", "no object"),
    (f"{ROOT}/additionalProperties", True, "at the root"),
    (f"{ROOT}/properties/metadata/description", "ours", "metadata is restricted"),
    (f"{ROOT}/properties/metadata/properties", {"labels": {"type": "object"}}, "metadata is restricted"),
    (f"{ROOT}/properties/metadata/type", None, "metadata is no object"),
    (f"{ROOT}/properties/kind/type", "integer", "kind is no string"),
    (f"{SPEC}/type", "null", "type null"),
    (f"{SPEC}/properties/hostname/type", None, ".spec.hostname: no type"),
    (f"{SPEC}/additionalProperties", False, "properties and additionalProperties"),
    (f"{SPEC}/additionalProperties", {"type": "string"}, "properties and additionalProperties"),
    (f"{SPEC}/{PRESERVE}", False, "true or left out"),
    (f"{SPEC}/properties/hostname/{PRESERVE}", True, "no object"),
    (f"{SPEC}/properties/hostname/additionalProperties", {"type": "string"}, "no object"),
    (f"{SPEC}/$ref", "#/x", "the word $ref"),
    (f"{SPEC}/properties/hostname/const", "x", "the word const"),
    (f"{SPEC}/properties/hostname/examples", ["x"], "the word examples"),
    (f"{SPEC}/properties/hostname/pattern", "^(?=a)$", "no RE2"),
    (f"{SPEC}/properties/hostname/pattern", "a", "not anchored"),
    (f"{SPEC}/properties/hostname/enum", [1], "not of its type"),
    (f"{SPEC}/properties/hostname/x-kubernetes-int-or-string", True, "beside a type"),
    (f"{SPEC}/properties/hostname/x-kubernetes-embedded-resource", True, "without an object's fields"),
    (f"{SPEC}/properties/hostname/x-kubernetes-list-type", "set", "x-kubernetes-list-type"),
    (f"{SPEC}/properties/hostname/x-kubernetes-map-type", "atomic", "x-kubernetes-map-type"),
    (f"{ROLES}/items", None, "items are no schema"),
    (f"{ROLES}/items", [{"type": "string"}], "items are no schema"),
    (f"{ROLES}/uniqueItems", True, "uniqueItems"),
    (f"{ROLES}/x-kubernetes-list-type", "bag", "x-kubernetes-list-type bag"),
    (f"{ROLES}/x-kubernetes-list-type", "map", "go with"),
    (f"{SPEC}/anyOf", [{"type": "object"}], "type inside a junctor"),
    (f"{SPEC}/allOf", [{"properties": {"hostname": {"description": "x"}}}], "description inside a junctor"),
    (f"{SPEC}/not", {"properties": {"roles": {PRESERVE: True}}}, f"{PRESERVE} inside a junctor"),
    (f"{SPEC}/not", {"properties": {"metadata": {}}}, "metadata inside a junctor"),
    (f"{SPEC}/oneOf", [{"properties": {"colour": {"minLength": 1}}}], "not declared outside"),
    (f"{SPEC}/anyOf", [{"allOf": [{"$ref": "x"}]}], "the word $ref"),
]


@pytest.mark.parametrize(("path", "value", "says"), BREAKS, ids=lambda value: str(value)[-40:])
def test_each_rule_can_be_broken(path: str, value: Any, says: str) -> None:
    found = broken(changed(path, value))
    assert any(says in line for line in found), found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{SPEC}/anyOf", [{"required": ["roles"]}, {"properties": {"hostname": {"minLength": 3}}}]),
        (f"{ROOT}/properties/metadata/properties", {"name": {"type": "string", "maxLength": 63}}),
        (f"{SPEC}/properties/port", {"x-kubernetes-int-or-string": True, "anyOf": EITHER}),
        (f"{SPEC}/properties/port", {"x-kubernetes-int-or-string": True, "allOf": [{"anyOf": EITHER}]}),
        (f"{SPEC}/properties/any", {PRESERVE: True}),
        (f"{SPEC}/properties/map", {"type": "object", "additionalProperties": {"type": "string"}}),
    ],
)
def test_what_kubernetes_allows_is_not_refused(path: str, value: Any) -> None:
    assert broken(changed(path, value)) == []


@pytest.mark.parametrize("rule", SCHEMA_RULES, ids=lambda rule: rule.__name__)
def test_every_rule_names_its_source(rule: Any) -> None:
    assert any(
        source in rule.__doc__ for source in ("validation.go", "schema/", "docs", "This project's own")
    )


def test_fields_of_others_are_kept_in_the_spec_at_every_depth() -> None:
    root = DEFINITION["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    kept = {path for path, node in structural(root) if node.get(PRESERVE)}
    objects = {path for path, node in structural(root) if node["type"] == "object"}
    assert kept == {path for path in objects if path.startswith(".spec")}
    assert ".spec.hardware.network" in kept
