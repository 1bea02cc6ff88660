"""The mock's schema is a faithful part of GitHub's, its views have every field of it, and GitHub would take every
document of the tests."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Generic

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, build_schema
from mock_github import (
    graphql_base,
    graphql_commits,
    graphql_mutations,
    graphql_people,
    graphql_pulls,
    graphql_query,
    graphql_repository,
    graphql_timeline,
    schema_check,
)
from mock_github.graphql_run import document, schema, schema_text
from mock_github.schema_check import document_errors, subset_errors

DOCUMENTS = sorted((Path(__file__).parent / "documents").glob("*.graphql"))


def test_every_type_field_and_argument_is_githubs(public_graphql_schema: GraphQLSchema) -> None:
    assert subset_errors(schema(), public_graphql_schema) == []


@pytest.mark.parametrize(
    ("theirs", "ours", "problem"),
    [
        ("type Query { a: Int! }", "type Query { a: Int }", "Query.a: Int, in the public schema Int!"),
        ("type Query { a: Int }", "type Query { b: Int }", "Query.b: not in the public schema"),
        (
            "type Query { a(x: Int): Int }",
            "type Query { a(x: [Int]): Int }",
            "Query.a.x: [Int], in the public schema Int",
        ),
        ("type Query { a: Int } enum E { A }", "type Query { a: Int } enum E { B }", "E.B: no such value"),
        ("type Query { a: Int }", "type Query { a: Int } type T { a: Int }", "T: not in the public schema"),
    ],
)
def test_the_comparison_sees_a_difference(theirs: str, ours: str, problem: str) -> None:
    assert subset_errors(build_schema(ours), build_schema(theirs)) == [problem]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_github_would_take_the_document(path: Path, public_graphql_schema: GraphQLSchema) -> None:
    assert document_errors(path.read_text(), public_graphql_schema) == []
    assert document_errors(path.read_text() + " query X { viewer { nonsense } }", public_graphql_schema)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_the_mock_takes_the_document(path: Path) -> None:
    known = document(path.read_text())
    assert known.tree is not None, known.unknown or known.errors


def test_a_schema_that_is_not_the_pinned_one_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archive = schema_check.cache_folder() / f"octokit-graphql-schema-{schema_check.VERSION}.tgz"
    archive.parent.mkdir()
    archive.write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-512"):
        schema_check.public_schema.__wrapped__()
    assert not archive.exists()


def test_without_npm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(schema_check.SchemaUnavailable, match="npm is not installed"):
        schema_check.public_schema.__wrapped__()


VIEWS: dict[str, type] = {
    "Query": graphql_query.QueryRoot,
    "Mutation": graphql_mutations.MutationRoot,
    "RateLimit": graphql_query.RateLimitView,
    "User": graphql_people.Person,
    "Organization": graphql_people.Person,
    "ReactionGroup": graphql_people.ReactionGroupView,
    "Repository": graphql_repository.RepositoryView,
    "BranchProtectionRule": graphql_repository.ProtectionView,
    "Ref": graphql_commits.RefView,
    "Commit": graphql_commits.CommitView,
    "Tree": graphql_commits.TreeView,
    "TreeEntry": graphql_commits.TreeEntryView,
    "Blob": graphql_commits.BlobView,
    "GitActor": graphql_commits.GitActorView,
    "GpgSignature": graphql_commits.GpgSignatureView,
    "Comparison": graphql_commits.ComparisonView,
    "ComparisonCommitConnection": graphql_commits.ComparisonCommits,
    "Status": graphql_commits.StatusView,
    "StatusContext": graphql_commits.StatusContextView,
    "StatusCheckRollup": graphql_commits.RollupView,
    "PullRequest": graphql_pulls.PullView,
    "PullRequestChangedFile": graphql_pulls.ChangedFileView,
    "PullRequestCommit": graphql_pulls.PullCommitView,
    "PullRequestReview": graphql_pulls.ReviewView,
    "IssueComment": graphql_pulls.CommentView,
    "AutoMergeRequest": graphql_pulls.AutoMergeView,
    "PullRequestTimelineItemsConnection": graphql_timeline.TimelineConnection,
    "PageInfo": graphql_base.PageInfo,
}
NEVER_SHOWN = {"Bot", "Label", "Milestone", "ReviewRequest", "ReactingUserConnection"}


def _view(name: str) -> type | None:
    if name.endswith("Payload"):
        return None
    if name.endswith("Event"):
        return graphql_timeline.MomentView
    if name.endswith("Edge"):
        return graphql_base.Edge
    return VIEWS.get(name) or (graphql_base.Connection if name.endswith("Connection") else None)


OBJECTS = [
    kind.name
    for kind in schema().type_map.values()
    if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__") and kind.name not in NEVER_SHOWN
]


@pytest.mark.parametrize("name", [name for name in OBJECTS if not name.endswith("Payload")])
def test_a_view_has_every_field_of_its_type(name: str) -> None:
    view = _view(name)
    assert view is not None, f"no view for {name}"
    source = "".join(inspect.getsource(part) for part in view.__mro__[:-1] if part is not Generic)
    kind = schema().type_map[name]
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    missing = [
        field
        for field in kind.fields
        if not hasattr(view, field) and not re.search(rf"self\.{field}\b", source)
    ]
    assert missing == []


def test_the_printed_schema_is_what_is_served() -> None:
    assert build_schema(schema_text(), assume_valid=True).type_map.keys() == schema().type_map.keys()
