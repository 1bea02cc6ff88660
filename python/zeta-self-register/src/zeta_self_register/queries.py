"""The GraphQL documents that this program sends; a test validates each against GitHub's public schema."""

from __future__ import annotations

_PULL = """
fragment Pull on PullRequest {
  id number url state baseRefName headRefName headRefOid createdAt closedAt mergedAt isCrossRepository
  headRepository { nameWithOwner }
  mergeable mergeStateStatus
  autoMergeRequest { enabledAt }
  files(first: 20) { totalCount nodes { path } }
  comments(last: 100) { pageInfo { hasPreviousPage startCursor } nodes { body } }
  reopenings: timelineItems(itemTypes: [REOPENED_EVENT], first: 10) { nodes { __typename } }
}
"""

SNAPSHOT = (
    """
query Snapshot($owner: String!, $name: String!, $base: String!, $baseName: String!, $branch: String!,
               $branchName: String!, $record: String!, $retired: String!) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    nameWithOwner isArchived autoMergeAllowed
    base: ref(qualifiedName: $base) {
      target {
        oid
        ... on Commit {
          record: file(path: $record) { object { ... on Blob { oid isTruncated text } } }
          retired: file(path: $retired) { oid }
        }
      }
    }
    branch: ref(qualifiedName: $branch) {
      target {
        oid
        ... on Commit {
          changedFilesIfAvailable
          record: file(path: $record) { object { ... on Blob { oid isTruncated text } } }
        }
      }
      compare(headRef: $baseName) { aheadBy behindBy }
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
"""One look at everything that `decide` needs of a node that has a branch, a record or nothing."""

VIEWER = "query Viewer { viewer { login } }"
"""Whose token this is."""

COMMENTS = """
query Comments($owner: String!, $name: String!, $number: Int!, $before: String!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      comments(last: 100, before: $before) { pageInfo { hasPreviousPage startCursor } nodes { body } }
    }
  }
}
"""
"""Older comments of a pull request that has more than a hundred."""

SURVEY = """
query Survey($owner: String!, $name: String!, $records: String!, $after: String) {
  repository(owner: $owner, name: $name) {
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

_BY_NUMBER = (
    """
  repository(owner: $owner, name: $name) {
%s
  }
}
"""
    + _PULL
)


def candidates(pulls: list[tuple[int, str, str]]) -> str:
    """A query for a few open pull requests (number, head oid, path of the record) and the record of each."""
    parts = []
    for number, _, _ in pulls:
        parts.append(f"    pull{number}: pullRequest(number: {number}) {{ ...Pull }}")
        parts.append(
            f"    record{number}: object(expression: $record{number}) {{ ... on Blob {{ isTruncated text }} }}"
        )
    variables = "".join(f", $record{number}: String!" for number, _, _ in pulls)
    head = f"query Candidates($owner: String!, $name: String!{variables}) {{"
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
