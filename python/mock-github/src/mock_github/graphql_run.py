"""GraphQL: a document is read and checked once (by its text), then executed against views of the state."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import FieldsOnCorrectTypeRule, KnownArgumentNamesRule, KnownTypeNamesRule

from mock_github.graphql_base import Ask
from mock_github.graphql_mutations import MutationRoot
from mock_github.graphql_query import QueryRoot
from mock_github.wire import Refused, Response, json_response, unknown_to_mock

_FILES = ("base", "repository", "pulls", "timeline", "mutations")
_SUBSET_RULES = (FieldsOnCorrectTypeRule, KnownArgumentNamesRule, KnownTypeNamesRule)
_NOT_IN_SUBSET = re.compile(r"does not exist in|not to include unknown field|is not defined by type")


def schema_text() -> str:
    """The part of GitHub's schema that the mock implements, in GraphQL's schema language."""
    folder = files("mock_github")
    return "\n".join((folder / f"schema_{name}.graphql").read_text() for name in _FILES)


@lru_cache(1)
def schema() -> GraphQLSchema:
    built = build_schema(schema_text(), assume_valid=True)  # GitHub's own is not, strictly: a deprecation
    for kind in built.type_map.values():
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            kind.resolve_type = lambda value, _info, _kind: value.TYPE
    return built


class Document(msgspec.Struct, frozen=True):
    """What is known of a document's text: its tree, or the errors or the refusal that it earns."""

    tree: DocumentNode | None
    errors: tuple[dict[str, Any], ...] = ()
    unknown: str | None = None


@lru_cache(1024)
def document(text: str) -> Document:
    try:
        tree = parse(text)
    except GraphQLError as error:
        return Document(None, (_formatted(error, kind=None),))
    if missing := validate(schema(), tree, _SUBSET_RULES):
        return Document(None, unknown="; ".join(error.message for error in missing))
    errors = validate(schema(), tree, specified_rules)
    if unknown := [error.message for error in errors if _NOT_IN_SUBSET.search(error.message)]:
        return Document(None, unknown="; ".join(unknown))
    return Document(None if errors else tree, tuple(_formatted(error, kind=None) for error in errors))


@lru_cache(1024)
def operation_of(text: str, name: str | None) -> tuple[str | None, bool]:
    """The name of the operation that would run, and whether it is a mutation; (None, False) if it cannot be told."""
    try:
        node = get_operation_ast(parse(text), name)
    except GraphQLError:
        return None, False
    if not isinstance(node, OperationDefinitionNode):
        return name, False
    return (node.name.value if node.name else None), node.operation is OperationType.MUTATION


class Payload(msgspec.Struct, frozen=True):
    """What a client posts."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None


def read_payload(body: bytes) -> Payload | None:
    """None for a body that is no GraphQL request."""
    try:
        return msgspec.json.decode(body, type=Payload)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def answer(ask: Ask, payload: Payload) -> Response:
    """Executes; always 200 but for 501 where the document asks for what the mock does not implement."""
    known = document(payload.query)
    if known.unknown:
        raise unknown_to_mock(f"this part of GitHub's GraphQL: {known.unknown}")
    if known.tree is None:
        return json_response(200, {"errors": known.errors})
    _, mutates = operation_of(payload.query, payload.operationName)
    result = execute_sync(
        schema(),
        known.tree,
        MutationRoot(ask) if mutates else QueryRoot(ask),
        variable_values=payload.variables or {},
        operation_name=payload.operationName,
    )
    errors = [_checked(error) for error in result.errors or ()]
    body: dict[str, Any] = (
        {} if result.data is None and errors and not _reached(errors) else {"data": result.data}
    )
    if errors:
        body["errors"] = errors
    return json_response(200, body)


def _reached(errors: list[dict[str, Any]]) -> bool:
    return any("path" in error for error in errors)


def _checked(error: GraphQLError) -> dict[str, Any]:
    original = error.original_error
    if isinstance(original, Refused):
        if original.status == 501:
            raise original
        return _formatted(error, kind=original.kind, message=original.for_graphql())
    if original is not None and not isinstance(original, GraphQLError):
        raise original
    if _NOT_IN_SUBSET.search(error.message):
        raise unknown_to_mock(f"this part of GitHub's GraphQL: {error.message}")
    return _formatted(error, kind=None)


def _formatted(error: GraphQLError, kind: str | None, message: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {} if kind is None else {"type": kind}
    if error.path:
        body["path"] = error.path
    body["locations"] = [{"line": spot.line, "column": spot.column} for spot in error.locations or ()]
    body["message"] = message or error.message
    return body
