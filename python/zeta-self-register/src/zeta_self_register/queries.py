"""The GraphQL documents that this program sends; a test validates each against GitHub's public schema."""

from __future__ import annotations

from collections.abc import Sequence

_PULL = """
fragment Pull on PullRequest {
  id number url title state baseRefName headRefName headRefOid createdAt closedAt mergedAt isCrossRepository
  headRepository { nameWithOwner }
  mergeable mergeStateStatus isDraft
  autoMergeRequest { enabledAt }
  headRef { name }
  files(first: 20) { totalCount nodes { path } }
  head: commits(last: 1) {
    nodes { commit { record: file(path: $record) { object { ... on Blob { oid isTruncated text } } } } }
  }
  comments(last: 100) { pageInfo { hasPreviousPage startCursor } nodes { body viewerDidAuthor authorAssociation } }
  events: timelineItems(
    itemTypes: [REOPENED_EVENT, AUTO_MERGE_ENABLED_EVENT, AUTO_MERGE_DISABLED_EVENT], last: 100
  ) {
    nodes {
      __typename
      ... on ReopenedEvent { actor { login } }
      ... on AutoMergeDisabledEvent { reason }
    }
  }
}
"""

SNAPSHOT = (
    """
query Snapshot($owner: String!, $name: String!, $base: String!, $baseName: String!, $branch: String!,
               $branchName: String!, $record: String!, $retired: String!, $known: Int!, $isKnown: Boolean!,
               $dropped: String!, $drops: Boolean!, $registers: String!, $removes: Boolean!) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    nameWithOwner isArchived autoMergeAllowed mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed
    base: ref(qualifiedName: $base) {
      target {
        oid
        ... on Commit {
          record: file(path: $record) { object { ... on Blob { oid isTruncated text } } }
          retired: file(path: $retired) { oid }
          dropped: file(path: $dropped) @include(if: $drops) { oid }
        }
      }
    }
    branch: ref(qualifiedName: $branch) {
      target {
        oid
        ... on Commit {
          changedFilesIfAvailable
          record: file(path: $record) { object { ... on Blob { oid isTruncated text } } }
          dropped: file(path: $dropped) @include(if: $drops) { oid }
          parents(first: 1) @include(if: $drops) { nodes { dropped: file(path: $dropped) { oid } } }
        }
      }
      compare(headRef: $baseName) { aheadBy behindBy }
    }
    known: pullRequest(number: $known) @include(if: $isKnown) { ...Pull }
    registering: pullRequests(headRefName: $registers, states: [OPEN], first: 10) @include(if: $removes) {
      nodes { ...Pull }
    }
    pullRequests(headRefName: $branchName, first: 50, orderBy: {field: CREATED_AT, direction: DESC}) {
      pageInfo { hasNextPage }
      nodes { ...Pull }
    }
  }
}
"""
    + _PULL
)
"""One look at everything that `decide` needs: branch, record, and every pull request of the branch.

`known` is the one that the marker names; it can be of another branch, when it was joined.  `dropped` is a file that
the branch is to remove; while the record is to be removed, `registering` are open ones that would bring it back.
"""

VIEWER = "query Viewer { viewer { login } }"
"""Whose token this is."""

COMMENTS = """
query Comments($owner: String!, $name: String!, $number: Int!, $before: String!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      comments(last: 100, before: $before) {
        pageInfo { hasPreviousPage startCursor } nodes { body viewerDidAuthor authorAssociation }
      }
    }
  }
}
"""
"""Older comments of a pull request that has more than a hundred."""

SURVEY = """
query Survey($owner: String!, $name: String!, $base: String!, $records: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    base: ref(qualifiedName: $base) { target { oid } }
    records: object(expression: $records) {
      ... on Tree { entries { name object {
        ... on Tree { entries { name object {
          ... on Tree { entries { name object {
            ... on Tree { entries { name object { ... on Blob { isTruncated text } } } }
          } } }
        } } }
      } } }
    }
    pullRequests(states: [OPEN], first: 100, after: $after, orderBy: {field: CREATED_AT, direction: DESC}) {
      pageInfo { hasNextPage endCursor }
      nodes {
        number headRefName headRefOid isCrossRepository
        files(first: 20) { totalCount nodes { path } }
      }
    }
  }
}
"""
"""Every record on the base branch and every open pull request, before a new registration is begun."""

FLEET = """
query Fleet($owner: String!, $name: String!, $base: String!, $records: String!, $after: String, $first: Boolean!) {
  repository(owner: $owner, name: $name) {
    nameWithOwner
    base: ref(qualifiedName: $base) @include(if: $first) { target { oid } }
    records: object(expression: $records) @include(if: $first) {
      ... on Tree { entries { name object {
        ... on Tree { entries { name object {
          ... on Tree { entries { name object {
            ... on Tree { entries { name } }
          } } }
        } } }
      } } }
    }
    pullRequests(first: 100, after: $after, orderBy: {field: CREATED_AT, direction: DESC}) {
      pageInfo { hasNextPage endCursor }
      nodes {
        number url state baseRefName headRefName isCrossRepository createdAt
        files(first: 10) { nodes { path } }
      }
    }
  }
}
"""
"""Every node's files on the base branch, and every pull request with the paths it changes, a hundred at a time."""

_BY_NUMBER = (
    """
  repository(owner: $owner, name: $name) {
%s
  }
}
"""
    + _PULL
)


def candidates(pulls: Sequence[tuple[int, str, str]]) -> str:
    """A query for a few open pull requests (number, head oid, path of a record) and the record of each.

    A pull request with several records comes once with each: the n-th has the variable `$path<n>`.
    """
    parts = []
    for n, (number, _, _) in enumerate(pulls):
        parts.append(f"    pull{n}: pullRequest(number: {number}) {{ ...Pull }}")
        parts.append(f"    record{n}: object(expression: $path{n}) {{ ... on Blob {{ isTruncated text }} }}")
    variables = "".join(f", $path{n}: String!" for n in range(len(pulls)))
    head = f"query Candidates($owner: String!, $name: String!, $record: String!{variables}) {{"
    return head + _BY_NUMBER % "\n".join(parts)


COMMIT = """
mutation Commit($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } }
}
"""
"""One signed commit on a branch that must still stand where we saw it."""

AUTO_MERGE = """
mutation AutoMerge($input: EnablePullRequestAutoMergeInput!) {
  enablePullRequestAutoMerge(input: $input) { pullRequest { number } }
}
"""
"""Arms auto-merge at the head that we saw."""
