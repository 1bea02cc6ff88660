"""Kubernetes' rules for a CustomResourceDefinition (apiextensions.k8s.io/v1), as far as no cluster is needed to ask.

Each rule is a function that yields what breaks it; its docstring names where Kubernetes has it. "schema/" stands for
staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/ in kubernetes/kubernetes, "validation.go" alone for
pkg/apis/apiextensions/validation/validation.go beside it, and "docs" for the page "Extend the Kubernetes API with
CustomResourceDefinitions". Not here: defaults and CEL expressions, of which this project's definition has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]
Found = Iterator[str]

JUNCTORS = ("allOf", "anyOf", "oneOf", "not")
INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
DNS_LABEL = re.compile(
    r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
)  # RFC 1035, as apimachinery's IsDNS1035Label has it

# The fields of JSONSchemaProps in pkg/apis/apiextensions/v1/types_jsonschema.go that a structural schema may have.
WORDS = {
    *("type", "format", "title", "description", "default", "nullable", "externalDocs", "example"),
    *("properties", "additionalProperties", "items", "required", "enum", "pattern", *JUNCTORS),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    *("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"),
    *(
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type",
        "x-kubernetes-validations",
    ),
}


def broken(definition: Node) -> list[str]:
    """Everything that Kubernetes would refuse."""
    found = [line for rule in DEFINITION_RULES for line in rule(definition)]
    for version in definition["spec"]["versions"]:
        root = version["schema"]["openAPIV3Schema"]
        found += [line for rule in SCHEMA_RULES for line in rule(root)]
        found += columns_show_what_is_there(version)
    return found


def structural(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every schema that is not inside a junctor, with its path."""
    yield path, node
    for name, inner in (node.get("properties") or {}).items():
        yield from structural(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(node.get(word), dict):
            yield from structural(node[word], f"{path}[{word}]")


def nested(node: Node, path: str) -> Iterator[tuple[str, Node, Node | None]]:
    """Every schema inside a junctor of `node`, with the structural one that it speaks of (None: there is none)."""
    for word in JUNCTORS:
        inside = node.get(word) or []
        for index, inner in enumerate([inside] if isinstance(inside, dict) else inside):
            yield from _inside(inner, node, f"{path}({word}[{index}])")


def _inside(inner: Node, outer: Node | None, path: str) -> Iterator[tuple[str, Node, Node | None]]:
    yield path, inner, outer
    outer = outer or {}
    for name, deeper in (inner.get("properties") or {}).items():
        yield from _inside(deeper, (outer.get("properties") or {}).get(name), f"{path}.{name}")
    if isinstance(inner.get("items"), dict):
        yield from _inside(inner["items"], outer.get("items"), f"{path}[items]")
    for word in JUNCTORS:
        inside = inner.get(word) or []
        for index, deeper in enumerate([inside] if isinstance(inside, dict) else inside):
            yield from _inside(deeper, outer, f"{path}({word}[{index}])")


def every_schema_has_a_type(root: Node) -> Found:
    """schema/validation.go, validateStructuralInvariants; docs, "Specifying a structural schema", 1."""
    for path, node in structural(root):
        free = node.get("x-kubernetes-int-or-string") or node.get("x-kubernetes-preserve-unknown-fields")
        if not node.get("type") and not free:
            yield f"{path}: no type"
        if node.get("type") not in (None, "object", "array", "string", "integer", "number", "boolean"):
            yield f"{path}: type {node['type']}"
        if node.get("type") == "array" and not isinstance(node.get("items"), dict):
            yield f"{path}: a list whose items are no schema"
    if root.get("type") != "object":
        yield "the root is no object"


def only_words_that_kubernetes_has(root: Node) -> Found:
    """schema/convert.go, validateUnsupportedFields: no $ref, definitions, …; all others are unknown fields of
    JSONSchemaProps, which strict decoding refuses; docs, "Specifying a structural schema", the list of words."""
    for path, node in structural(root):
        for where, one in [(path, node), *((p, n) for p, n, _ in nested(node, path))]:
            for word in one.keys() - WORDS:
                yield f"{where}: the word {word}"


def no_unique_items(root: Node) -> Found:
    """validation.go, ValidateCustomResourceDefinitionOpenAPISchema: its cost is quadratic."""
    for path, node in structural(root):
        if node.get("uniqueItems"):
            yield f"{path}: uniqueItems"


def fields_or_a_map(root: Node) -> Found:
    """validation.go, ValidateCustomResourceDefinitionOpenAPISchema: properties and additionalProperties exclude
    each other (additionalProperties: true apart); schema/validation.go: none of the second at the root."""
    if "additionalProperties" in root:
        yield "additionalProperties at the root"
    for path, node in structural(root):
        if node.get("properties") and node.get("additionalProperties") not in (None, True):
            yield f"{path}: properties and additionalProperties"
        if node.get("type") != "object" and (node.get("properties") or "additionalProperties" in node):
            yield f"{path}: fields of something that is no object"


def metadata_is_kubernetes_own(root: Node) -> Found:
    """schema/validation.go, validateStructuralMetadataInvariants: of the object's metadata no more than name and
    generateName may be restricted; apiVersion and kind are strings."""
    fields = root.get("properties") or {}
    metadata = fields.get("metadata")
    if metadata is not None:
        if metadata.get("type") != "object":
            yield "metadata is no object"
        if metadata.keys() - {"type", "properties"} or (metadata.get("properties") or {}).keys() - {
            "name",
            "generateName",
        }:
            yield "metadata is restricted in more than name and generateName"
    for name in ("apiVersion", "kind"):
        if fields.get(name, {"type": "string"}).get("type") != "string":
            yield f"{name} is no string"


def junctors_only_validate(root: Node) -> Found:
    """schema/validation.go, validateNestedValueValidation; docs, "Specifying a structural schema", 3 and 4: inside
    allOf, anyOf, oneOf and not there is no type, default, title, description, nullable, additionalProperties and no
    x-kubernetes word, and nothing about metadata; int-or-string's two patterns may have types."""
    forbidden = {
        "type",
        "default",
        "title",
        "description",
        "nullable",
        "externalDocs",
        "additionalProperties",
    }
    for path, node in structural(root):
        allowed = _int_or_string(node)
        for where, inner, _ in nested(node, path):
            words = inner.keys() & forbidden | {word for word in inner if word.startswith("x-kubernetes-")}
            if words and not any(inner is one for one in allowed):
                yield f"{where}: {', '.join(sorted(words))} inside a junctor"
            if "metadata" in (inner.get("properties") or {}):
                yield f"{where}: metadata inside a junctor"


def _int_or_string(node: Node) -> list[Node]:
    """The parts of the two patterns that x-kubernetes-int-or-string may be written with."""
    if not node.get("x-kubernetes-int-or-string"):
        return []
    parts = [node.get("anyOf"), *(one.get("anyOf") for one in (node.get("allOf") or [])[:1])]
    return [one for part in parts if part == INT_OR_STRING for one in part]


def what_is_validated_is_also_declared(root: Node) -> Found:
    """schema/complete.go, validateStructuralCompleteness; docs, "Specifying a structural schema", 2."""
    for path, node in structural(root):
        for where, _, outer in nested(node, path):
            if outer is None:
                yield f"{where}: is not declared outside the junctor"


def extensions_fit(root: Node) -> Found:
    """schema/validation.go, validateExtensions, and validation.go, the x-kubernetes words of
    ValidateCustomResourceDefinitionOpenAPISchema."""
    for path, node in structural(root):
        kind = node.get("type")
        either, keep = (
            node.get("x-kubernetes-int-or-string"),
            node.get("x-kubernetes-preserve-unknown-fields"),
        )
        embedded = node.get("x-kubernetes-embedded-resource")
        if "x-kubernetes-preserve-unknown-fields" in node and keep is not True:
            yield f"{path}: x-kubernetes-preserve-unknown-fields is true or left out"
        if keep and kind not in (None, "object"):
            yield f"{path}: unknown fields of something that is no object"
        if either and (kind or keep or embedded):
            yield f"{path}: x-kubernetes-int-or-string beside a type or another word"
        if embedded and (kind != "object" or not (keep or node.get("properties"))):
            yield f"{path}: x-kubernetes-embedded-resource without an object's fields"
        yield from _lists_and_maps(path, node)


def _lists_and_maps(path: str, node: Node) -> Found:
    lists, keys = node.get("x-kubernetes-list-type"), node.get("x-kubernetes-list-map-keys")
    if lists and (node.get("type") != "array" or lists not in ("atomic", "set", "map")):
        yield f"{path}: x-kubernetes-list-type {lists}"
    if (lists == "map") != bool(keys):
        yield f"{path}: x-kubernetes-list-map-keys go with x-kubernetes-list-type map"
    items = node.get("items") or {}
    for key in keys or ():
        field = (items.get("properties") or {}).get(key)
        if field is None or not (key in items.get("required", ()) or "default" in field):
            yield f"{path}: the key {key} is no required field of the items"
    maps = node.get("x-kubernetes-map-type")
    if maps and (node.get("type") != "object" or maps not in ("atomic", "granular")):
        yield f"{path}: x-kubernetes-map-type {maps}"


def patterns_are_for_re2(root: Node) -> Found:
    """schema/validation.go, validateValueValidation, compiles them with Go's regexp (RE2): no looking around and no
    back references.  That they are anchored is this project's own rule."""
    for path, node in structural(root):
        pattern = node.get("pattern")
        if pattern is not None:
            re.compile(pattern)
            if re.search(r"\(\?[=!<P]|\\[1-9AZzbB]|[*+?}][+]", pattern):
                yield f"{path}: {pattern} is no RE2"
            if not (pattern.startswith("^") and pattern.endswith("$")):
                yield f"{path}: {pattern} is not anchored"


def allowed_values_are_of_the_type(root: Node) -> Found:
    """This project's own rule: a word of another type could never be given, and Kubernetes would not say so."""
    types: dict[str, type] = {"string": str, "integer": int, "boolean": bool}
    for path, node in structural(root):
        for value in node.get("enum") or ():
            if not isinstance(value, types.get(node.get("type", ""), object)):
                yield f"{path}: {value!r} is not of its type"


def the_definition_is_named_by_its_plural(definition: Node) -> Found:
    """validation.go, ValidateCustomResourceDefinition and ValidateCustomResourceDefinitionNames; groups of
    Kubernetes' own (*.k8s.io, *.kubernetes.io) need an annotation: docs, "api-approved.kubernetes.io"."""
    spec = definition["spec"]
    names, group = spec["names"], spec["group"]
    if (definition["apiVersion"], definition["kind"]) != (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
    ):
        yield "apiVersion and kind"
    if definition["metadata"]["name"] != f"{names['plural']}.{group}":
        yield "metadata.name is not plural.group"
    if not all(DNS_LABEL.fullmatch(label) for label in group.split(".")) or "." not in group:
        yield f"group {group}"
    if group.endswith((".k8s.io", ".kubernetes.io")):
        yield "a group of Kubernetes' own"
    labels = [names["plural"], names["singular"], *names.get("shortNames", ()), *names.get("categories", ())]
    labels += [names["kind"].lower(), names["listKind"].lower()]
    yield from (f"names: {label}" for label in labels if not DNS_LABEL.fullmatch(label))
    if names["kind"] == names["listKind"]:
        yield "kind and listKind are the same"
    if spec["scope"] not in ("Namespaced", "Cluster"):
        yield f"scope {spec['scope']}"


def one_version_is_stored(definition: Node) -> Found:
    """validation.go, validateCustomResourceDefinitionSpec: names differ, exactly one is stored, each has a schema."""
    versions = definition["spec"]["versions"]
    names = [version["name"] for version in versions]
    if len(set(names)) != len(names) or not all(DNS_LABEL.fullmatch(name) for name in names):
        yield f"versions {names}"
    if sum(version["storage"] for version in versions) != 1:
        yield "not exactly one version is stored"
    if not any(version["served"] for version in versions):
        yield "no version is served"
    if "preserveUnknownFields" in definition["spec"]:
        yield "preserveUnknownFields is of v1beta1"


def columns_show_what_is_there(version: Node) -> list[str]:
    """validation.go, ValidateCustomResourceColumnDefinition: a name, one of five types, a simple path.  Kubernetes
    shows an empty column where the path leads nowhere; that it leads somewhere is this project's own rule."""
    found = []
    for column in version.get("additionalPrinterColumns", ()):
        path = column["jsonPath"]
        if not column["name"] or column["type"] not in ("integer", "number", "string", "boolean", "date"):
            found.append(f"column {column['name']}: {column['type']}")
        if not re.fullmatch(r"(\.[A-Za-z0-9_-]+)+", path):
            found.append(f"column {column['name']}: {path} is no simple path")
        node: Node | None = version["schema"]["openAPIV3Schema"]
        for name in path.split(".")[1:]:
            node = ((node or {}).get("properties") or {}).get(name)
        if node is None:
            found.append(f"column {column['name']}: {path} leads nowhere")
    return found


DEFINITION_RULES = (the_definition_is_named_by_its_plural, one_version_is_stored)
SCHEMA_RULES = (
    every_schema_has_a_type,
    only_words_that_kubernetes_has,
    no_unique_items,
    fields_or_a_map,
    metadata_is_kubernetes_own,
    junctors_only_validate,
    what_is_validated_is_also_declared,
    extensions_fit,
    patterns_are_for_re2,
    allowed_values_are_of_the_type,
)
