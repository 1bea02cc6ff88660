"""Fixtures for pytest; installed with the package.

`start_mock_github(world, **options)` gives running servers that stop when the test ends. `public_graphql_schema` is
GitHub's public schema, for checking documents; the test is skipped, with the reason, where it cannot be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from graphql import GraphQLSchema

    from mock_github.server import MockServer
    from mock_github.world import World


@pytest.fixture
def start_mock_github() -> Iterator[Callable[..., MockServer]]:
    """`start(world, **options)`: a running `MockServer` (see there for the options), until the test ends."""
    from mock_github.server import MockServer

    with ExitStack() as running:

        def start(world: World, **options: Any) -> MockServer:
            return running.enter_context(MockServer(world, **options))

        yield start


@pytest.fixture(scope="session")
def public_graphql_schema() -> GraphQLSchema:
    """GitHub's public GraphQL schema."""
    from mock_github import schema_check

    try:
        return schema_check.public_schema()
    except schema_check.SchemaUnavailable as reason:
        pytest.skip(str(reason))
