"""REST's JSON objects for pull requests, comments, statuses and what happened."""

from __future__ import annotations

from mock_github.clock import stamp
from mock_github.graphql_base import node_id, when
from mock_github.graphql_people import association
from mock_github.requirements import MergeStatus, merge_status, pull_commits, pull_diff
from mock_github.shapes import Shape, repository, repository_api, simple_user
from mock_github.sites import Site
from mock_github.state import (
    Comment,
    Permission,
    PullRequest,
    PullState,
    Repository,
    Review,
    Status,
    TimelineItem,
)
from mock_github.world import World

_PLAIN: Shape = {  # what no pull request of the mock has
    "locked": False,
    "labels": [],
    "milestone": None,
    "active_lock_reason": None,
    "assignee": None,
    "assignees": [],
    "requested_reviewers": [],
    "requested_teams": [],
}


def _side(world: World, site: Site, full_name: str, ref: str, sha: str) -> Shape:
    owner = full_name.partition("/")[0]
    home = world.repository(full_name)
    return {
        "label": f"{owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": simple_user(world, site, owner),
        "repo": repository(world, site, home, Permission.READ) if home else None,
    }


def _links(site: Site, home: Repository, pull: PullRequest) -> dict[str, str]:
    api = repository_api(site, home)
    url = f"{api}/pulls/{pull.number}"
    issue = f"{api}/issues/{pull.number}"
    html = f"{site.html}/{home.full_name}/pull/{pull.number}"
    return {
        "self": url,
        "html": html,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{api}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{api}/statuses/{pull.head_sha}",
    }


def simple_pull(world: World, site: Site, home: Repository, pull: PullRequest) -> Shape:
    """As in lists."""
    links = _links(site, home, pull)
    html = links["html"]
    return {
        "url": links["self"],
        "id": pull.id,
        "node_id": node_id("PR", home.id, pull.number),
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": links["issue"],
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "number": pull.number,
        "state": "open" if pull.state is PullState.OPEN else "closed",
        "title": pull.title,
        "user": simple_user(world, site, pull.author),
        "body": pull.body,
        **_PLAIN,
        "created_at": stamp(pull.created_at),
        "updated_at": stamp(pull.updated_at),
        "closed_at": when(pull.closed_at),
        "merged_at": when(pull.merged_at),
        "merge_commit_sha": pull.merge_commit,
        "head": _side(world, site, pull.head_repository, pull.head_ref, pull.head_sha),
        "base": _side(world, site, home.full_name, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": address} for name, address in links.items()},
        "author_association": association(home, pull.author),
        "auto_merge": _auto_merge(world, site, pull),
        "draft": pull.draft,
    }


def _auto_merge(world: World, site: Site, pull: PullRequest) -> Shape | None:
    plan = pull.auto_merge
    if plan is None:
        return None
    return {
        "enabled_by": simple_user(world, site, plan.enabled_by),
        "merge_method": plan.method,
        "commit_title": plan.headline,
        "commit_message": plan.body,
    }


def full_pull(world: World, site: Site, home: Repository, pull: PullRequest) -> Shape:
    """As GET of one; `mergeable` is null while GitHub has not looked yet."""
    status = merge_status(world, home, pull)
    diffs = pull_diff(world.git, home, pull)
    counts = [world.git.line_counts(diff) for diff in diffs]
    unknown = status is MergeStatus.UNKNOWN
    return {
        **simple_pull(world, site, home, pull),
        "merged": pull.state is PullState.MERGED,
        "mergeable": None if unknown else status is not MergeStatus.DIRTY,
        "rebaseable": None if unknown else status is not MergeStatus.DIRTY,
        "mergeable_state": status.value.lower(),
        "merged_by": simple_user(world, site, pull.merged_by),
        "comments": len(pull.comments),
        "review_comments": 0,
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": len(pull_commits(world.git, home, pull)),
        "additions": sum(added for added, _ in counts),
        "deletions": sum(removed for _, removed in counts),
        "changed_files": len(diffs),
    }


def comment(world: World, site: Site, home: Repository, pull: PullRequest, remark: Comment) -> Shape:
    api = repository_api(site, home)
    html = f"{site.html}/{home.full_name}/pull/{pull.number}"
    url = f"{api}/issues/comments/{remark.id}"
    counts = ("total_count", "+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    return {
        "url": url,
        "html_url": f"{html}#issuecomment-{remark.id}",
        "issue_url": f"{api}/issues/{pull.number}",
        "id": remark.id,
        "node_id": node_id("IC", home.id, remark.id),
        "user": simple_user(world, site, remark.author),
        "created_at": stamp(remark.created_at),
        "updated_at": stamp(remark.updated_at),
        "author_association": association(home, remark.author),
        "body": remark.body,
        "reactions": {"url": f"{url}/reactions", **dict.fromkeys(counts, 0)},
        "performed_via_github_app": None,
    }


def status(
    world: World, site: Site, home: Repository, sha: str, one: Status, *, creator: bool = True
) -> Shape:
    shape: Shape = {
        "url": f"{repository_api(site, home)}/statuses/{sha}",
        "avatar_url": f"{site.html}/avatars/s/{one.creator}",
        "id": one.id,
        "node_id": node_id("SC", home.id, one.id),
        "state": one.state,
        "description": one.description,
        "target_url": one.target_url,
        "context": one.context,
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.created_at),
    }
    return {**shape, "creator": simple_user(world, site, one.creator)} if creator else shape


def review(world: World, site: Site, home: Repository, pull: PullRequest, one: Review) -> Shape:
    html = f"{site.html}/{home.full_name}/pull/{pull.number}#pullrequestreview-{one.id}"
    url = f"{repository_api(site, home)}/pulls/{pull.number}"
    return {
        "id": one.id,
        "node_id": node_id("PRR", home.id, one.id),
        "user": simple_user(world, site, one.author),
        "body": one.body,
        "state": one.state,
        "html_url": html,
        "pull_request_url": url,
        "_links": {"html": {"href": html}, "pull_request": {"href": url}},
        "submitted_at": stamp(one.submitted_at),
        "commit_id": one.commit,
        "author_association": association(home, one.author),
    }


def issue_event(world: World, site: Site, home: Repository, item: TimelineItem) -> Shape:
    names = {"RENAMED_TITLE_EVENT": "renamed"}
    name = names.get(item.kind.value) or item.kind.value.removesuffix("_EVENT").lower()
    shape: Shape = {
        "id": item.id,
        "node_id": node_id("TE", home.id, item.id),
        "url": f"{repository_api(site, home)}/issues/events/{item.id}",
        "actor": simple_user(world, site, item.actor),
        "event": name,
        "commit_id": item.after if name in ("merged", "head_ref_force_pushed") else None,
        "commit_url": None,
        "created_at": stamp(item.at),
        "performed_via_github_app": None,
    }
    if name == "renamed":
        shape["rename"] = {"from": item.before, "to": item.after}
    return shape
