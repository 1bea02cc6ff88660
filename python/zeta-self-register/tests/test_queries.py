"""Each GraphQL document that the node sends is valid against GitHub's public schema, not just against the mock's."""

from __future__ import annotations

import pytest
from mock_github.schema_check import document_errors
from zeta_self_register import queries

DOCUMENTS = {
    "snapshot": queries.SNAPSHOT,
    "comments": queries.COMMENTS,
    "survey": queries.SURVEY,
    "fleet": queries.FLEET,
    "candidates": queries.candidates([(7, "oid", "path"), (9, "oid", "path")]),
    "viewer": queries.VIEWER,
    "commit": queries.COMMIT,
    "auto-merge": queries.AUTO_MERGE,
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_github_would_take_it(document, public_graphql_schema):
    assert document_errors(document, public_graphql_schema) == []


def test_a_wrong_one_would_be_seen(public_graphql_schema):
    wrong = queries.SNAPSHOT.replace("headRefOid", "headRefSha")
    assert document_errors(wrong, public_graphql_schema) != []
