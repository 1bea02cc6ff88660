"""The schema and the definition: their committed copies, what they admit, and the checker that goes by them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
import zeta_self_register
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zeta_self_register.plain_yaml import load
from zeta_self_register.record_schema import (
    custom_resource_definition,
    custom_resource_definition_text,
    json_schema,
    json_schema_text,
)
from zeta_self_register.schema_check import Problem, member, problems

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
HERE = Path(__file__).parent
PACKAGE = HERE.parent.parent
COPIES = {
    "clusternodes.crd.yaml": ("--crd", custom_resource_definition_text()),
    "clusternode.schema.json": ("--json-schema", json_schema_text()),
}
WHERE = "zeta_self_register/data/share/zeta-self-register"
RECORDS = {
    name: load((HERE / "records" / f"{name}.yaml").read_bytes()) for name in ("installer", "post-boot")
}
ADMITTED = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@pytest.mark.parametrize("name", COPIES)
def test_the_committed_copy_is_what_the_model_says(name: str) -> None:
    option, text = COPIES[name]
    copy = Path(zeta_self_register.__file__).parent.parent / WHERE / name
    assert copy.read_bytes() == text, f"write it again: zeta-self-register schema {option} > {copy}"


def test_the_copies_are_in_the_wheel(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        PACKAGE / "src", source / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__")
    )
    shutil.copy(PACKAGE / "pyproject.toml", source)
    build = "import setuptools.build_meta as b; b.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        for name, (_, text) in COPIES.items():
            assert packed.read(f"{WHERE}/{name}") == text


def test_the_definition_is_one_document_that_any_yaml_reader_understands() -> None:
    assert yaml.safe_load(custom_resource_definition_text()) == custom_resource_definition()


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(json_schema_text()))


@pytest.mark.parametrize("name", RECORDS)
def test_a_cluster_admits_both_old_shapes_as_they_are(name: str) -> None:
    jsonschema.validate(RECORDS[name], ADMITTED)


def test_of_the_old_shapes_the_schema_refuses_only_the_one_without_roles() -> None:
    assert list(problems(RECORDS["installer"], json_schema())) == []
    (problem,) = problems(RECORDS["post-boot"], json_schema())
    assert problem == Problem("spec.roles", "is missing: write it like `- worker`")


@pytest.mark.parametrize(
    ("path", "key", "whole"),
    [
        ("", "spec", "spec"),
        ("spec", "roles", "spec.roles"),
        ("metadata.labels", "a.b/c", "metadata.labels[a.b/c]"),
        ("spec", "a\nb\u202e\U0001f600", "spec[a b \\U0001f600]"),
        ("spec", "", "spec[]"),
    ],
)
def test_a_path_is_one_line_of_ascii(path: str, key: str, whole: str) -> None:
    assert member(path, key) == whole


SCALARS = st.one_of(
    *(
        st.none(),
        st.booleans(),
        st.integers(-3, 70),
        st.floats(0, 9).filter(lambda figure: not figure.is_integer()),
    ),
    st.sampled_from(["", "worker", "a b", "02:00:5E:10:00:01", "present", "v1:" + "0" * 32, "0123456789ab"]),
    st.text(max_size=70).filter(lambda text: not text.endswith("\n")),
)


def places(schema: dict[str, Any], way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value that a record can have, to a neighbour of it and to the first of its items."""
    yield way
    for key, inner in schema.get("properties", {}).items():
        yield from places(inner, (*way, key))
    if schema["type"] == "object":
        yield (*way, "neighbour")
    if schema["type"] == "array":
        yield from places(schema["items"], (*way, 0))


PLACES = sorted(places(json_schema()), key=repr)


def put(tree: Any, way: tuple[str | int, ...], value: Any) -> Any:
    """The tree with the value at that place; GONE takes it away, and what is no map or list becomes one."""
    if not way:
        return value
    key, *rest = way
    if isinstance(key, int):
        items = tree if isinstance(tree, list) else []
        return [
            *([] if value is GONE and not rest else [put(items[0] if items else None, tuple(rest), value)]),
            *items[1:],
        ]
    found = dict(tree) if isinstance(tree, dict) else {}
    if value is GONE and not rest:
        found.pop(key, None)
    else:
        found[key] = put(found.get(key), tuple(rest), value)
    return found


GONE = object()
VALUES = st.one_of(st.just(GONE), SCALARS, st.just([]), st.just({}), st.lists(SCALARS, max_size=2))


@settings(UNHURRIED, max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(PLACES[1:]), VALUES), min_size=1, max_size=2))
def test_the_checker_says_what_the_library_says(edits: list[tuple[tuple[str | int, ...], Any]]) -> None:
    """For both schemas: a problem exactly where jsonschema has an error, and one printable line each."""
    value = RECORDS["installer"]
    for way, edit in edits:
        value = put(value, way, edit)
    for schema in (json_schema(), ADMITTED):
        found = list(problems(value, schema))
        errors = list(jsonschema.Draft202012Validator(schema).iter_errors(value))
        assert bool(found) == bool(errors), (found, errors)
        for problem in found:
            assert str(problem).isprintable()
            assert len(str(problem)) < 400


@UNHURRIED
@given(st.dictionaries(st.text(max_size=5), SCALARS, max_size=3))
def test_any_map_is_checked(value: Any) -> None:
    assert list(problems(value, json_schema()))
