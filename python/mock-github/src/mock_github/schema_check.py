"""Whether GraphQL documents, and the mock's own schema, agree with GitHub's public schema.

The public schema comes from the npm package that GitHub's own client is built with, at a pinned version, checked by
its SHA-512 and kept in the user's cache folder.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    parse,
    validate,
)

PACKAGE, VERSION = "@octokit/graphql-schema", "15.26.1"
SHA512 = "RFDC2MpRBd4AxSRvUeBIVeBU7ojN/SxDfALUd7iVYOSeEK3gZaqR2MGOysj4Zh2xj2RY5fQAUT+Oqq7hWTraMA=="
_SECONDS = 120


class SchemaUnavailable(RuntimeError):
    """The public schema is neither in the cache nor to be had; says why."""


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mock-github"


@lru_cache(1)
def public_schema() -> GraphQLSchema:
    """GitHub's public schema; SchemaUnavailable if it is neither cached nor to be had by npm."""
    archive = cache_folder() / f"octokit-graphql-schema-{VERSION}.tgz"
    if not archive.exists():
        _download(archive)
    _check(archive)
    with tarfile.open(archive) as package:
        member = package.extractfile("package/schema.graphql")
        if member is None:
            raise SchemaUnavailable(f"{archive} holds no schema.graphql")
        return build_schema(member.read().decode(), assume_valid=True)


def _download(archive: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SchemaUnavailable("npm is not installed; it fetches GitHub's public GraphQL schema")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, cwd=folder)
        except subprocess.TimeoutExpired:
            raise SchemaUnavailable(f"npm did not fetch {PACKAGE} within {_SECONDS} s") from None
        fetched = Path(folder) / archive.name
        if done.returncode or not fetched.exists():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise SchemaUnavailable(f"npm could not fetch {PACKAGE}@{VERSION}: {last}")
        fetched.replace(archive)  # at once: another test run may be fetching it, too


def _check(archive: Path) -> None:
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != SHA512:
        archive.unlink()
        raise ValueError(f"{archive} is not the {PACKAGE} that is pinned (SHA-512 {found}); removed it")


def document_errors(text: str, schema: GraphQLSchema) -> list[str]:
    """Why GitHub would refuse this document; empty if it would not."""
    try:
        return [error.message for error in validate(schema, parse(text))]
    except GraphQLError as error:
        return [error.message]


def subset_errors(ours: GraphQLSchema, public: GraphQLSchema) -> list[str]:
    """Where a schema says something that the public one does not; empty if it is a faithful part of it."""
    found: list[str] = []
    for name, kind in ours.type_map.items():
        if name.startswith("__"):
            continue
        whole = public.type_map.get(name)
        if whole is None or type(whole) is not type(kind):
            found.append(f"{name}: {type(whole).__name__ if whole else 'not'} in the public schema")
        else:
            found += [f"{name}{problem}" for problem in _type_errors(kind, whole)]
    return found


def _type_errors(kind: GraphQLNamedType, whole: Any) -> list[str]:
    if isinstance(kind, GraphQLEnumType):
        return [f".{value}: no such value" for value in kind.values if value not in whole.values]
    if isinstance(kind, GraphQLUnionType):
        names = {member.name for member in whole.types}
        return [f": {member.name} is no member" for member in kind.types if member.name not in names]
    if isinstance(kind, GraphQLInputObjectType):
        found = _member_errors(kind.fields, whole.fields)
        required = [name for name, field in whole.fields.items() if str(field.type).endswith("!")]
        return found + [f".{name}: required, and missing" for name in required if name not in kind.fields]
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        names = {interface.name for interface in whole.interfaces}
        found = [f": is no {i.name}" for i in kind.interfaces if i.name not in names]
        found += _member_errors(kind.fields, whole.fields)
        for name, field in kind.fields.items():
            if name in whole.fields:
                found += [
                    f".{name}{problem}" for problem in _member_errors(field.args, whole.fields[name].args)
                ]
        return found
    return []


def _member_errors(ours: dict[str, Any], public: dict[str, Any]) -> list[str]:
    found = []
    for name, member in ours.items():
        if name not in public:
            found.append(f".{name}: not in the public schema")
        elif str(member.type) != str(public[name].type):
            found.append(f".{name}: {member.type}, in the public schema {public[name].type}")
        elif getattr(member, "default_value", None) != getattr(public[name], "default_value", None):
            found.append(f".{name}: another default than in the public schema")
    return found
