"""REST's JSON objects for users, repositories and git data, as GitHub's API description has them."""

from __future__ import annotations

import base64
from typing import Any

from mock_github.clock import stamp
from mock_github.git_objects import FOLDER, Change, CommitInfo, Entry, GitObjects, Signature
from mock_github.graphql_base import node_id
from mock_github.sites import Site
from mock_github.state import Permission, Repository, User
from mock_github.world import World

Shape = dict[str, Any]
_PLAIN: Shape = {  # what no repository of the mock has
    "homepage": None,
    "size": 0,
    "stargazers_count": 0,
    "watchers_count": 0,
    "language": None,
    "has_issues": True,
    "has_projects": False,
    "has_downloads": False,
    "has_wiki": False,
    "has_pages": False,
    "has_discussions": False,
    "license": None,
    "allow_forking": True,
    "is_template": False,
    "web_commit_signoff_required": False,
    "topics": [],
    "mirror_url": None,
    "disabled": False,
    "watchers": 0,
}
_USER_LINKS = (
    ("followers_url", "followers"),
    ("following_url", "following{/other_user}"),
    ("gists_url", "gists{/gist_id}"),
    ("starred_url", "starred{/owner}{/repo}"),
    ("subscriptions_url", "subscriptions"),
    ("organizations_url", "orgs"),
    ("repos_url", "repos"),
    ("events_url", "events{/privacy}"),
    ("received_events_url", "received_events"),
)
_REPOSITORY_LINKS = (
    ("archive_url", "{archive_format}{/ref}"),
    ("assignees_url", "assignees{/user}"),
    ("blobs_url", "git/blobs{/sha}"),
    ("branches_url", "branches{/branch}"),
    ("collaborators_url", "collaborators{/collaborator}"),
    ("comments_url", "comments{/number}"),
    ("commits_url", "commits{/sha}"),
    ("compare_url", "compare/{base}...{head}"),
    ("contents_url", "contents/{+path}"),
    ("contributors_url", "contributors"),
    ("deployments_url", "deployments"),
    ("downloads_url", "downloads"),
    ("events_url", "events"),
    ("forks_url", "forks"),
    ("git_commits_url", "git/commits{/sha}"),
    ("git_refs_url", "git/refs{/sha}"),
    ("git_tags_url", "git/tags{/sha}"),
    ("hooks_url", "hooks"),
    ("issue_comment_url", "issues/comments{/number}"),
    ("issue_events_url", "issues/events{/number}"),
    ("issues_url", "issues{/number}"),
    ("keys_url", "keys{/key_id}"),
    ("labels_url", "labels{/name}"),
    ("languages_url", "languages"),
    ("merges_url", "merges"),
    ("milestones_url", "milestones{/number}"),
    ("notifications_url", "notifications{?since,all,participating}"),
    ("pulls_url", "pulls{/number}"),
    ("releases_url", "releases{/id}"),
    ("stargazers_url", "stargazers"),
    ("statuses_url", "statuses/{sha}"),
    ("subscribers_url", "subscribers"),
    ("subscription_url", "subscription"),
    ("tags_url", "tags"),
    ("teams_url", "teams"),
    ("trees_url", "git/trees{/sha}"),
)


def simple_user(world: World, site: Site, login: str | None) -> Shape | None:
    user = world.user(login) if login else None
    return _simple_user(site, user) if user else None


def _simple_user(site: Site, user: User) -> Shape:
    api = f"{site.api}/users/{user.login}"
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id("O" if user.organization else "U", user.id),
        "avatar_url": f"{site.html}/avatars/u/{user.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{site.html}/{user.login}",
        **{name: f"{api}/{rest}" for name, rest in _USER_LINKS},
        "type": "Organization" if user.organization else "User",
        "user_view_type": "public",
        "site_admin": False,
    }


def full_user(site: Site, user: User) -> Shape:
    return {
        **_simple_user(site, user),
        "name": user.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": user.email,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "notification_email": user.email,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": stamp(user.created_at),
        "updated_at": stamp(user.created_at),
    }


def repository_api(site: Site, repository: Repository) -> str:
    return f"{site.api}/repos/{repository.full_name}"


def repository(world: World, site: Site, home: Repository, have: Permission | None) -> Shape:
    """As in lists and inside pull requests."""
    api = repository_api(site, home)
    html = f"{site.html}/{home.full_name}"
    host = site.html.partition("://")[2]
    size = sum(pull.state.value == "OPEN" for pull in home.pulls.values())
    forks = sum(other.fork_of == home.full_name for other in world.repositories.values())
    return {
        "id": home.id,
        "node_id": node_id("R", home.id),
        "name": home.name,
        "full_name": home.full_name,
        "private": home.private,
        "owner": simple_user(world, site, home.owner),
        "html_url": html,
        "description": home.description,
        "fork": home.fork_of is not None,
        "url": api,
        **{name: f"{api}{'' if rest.startswith('{/') else '/'}{rest}" for name, rest in _REPOSITORY_LINKS},
        "created_at": stamp(home.created_at),
        "updated_at": stamp(home.updated_at),
        "pushed_at": stamp(home.pushed_at),
        "git_url": f"git://{host}/{home.full_name}.git",
        "ssh_url": f"git@{host}:{home.full_name}.git",
        "clone_url": f"{html}.git",
        "svn_url": html,
        **_PLAIN,
        "forks_count": forks,
        "archived": home.archived,
        "open_issues_count": size,
        "visibility": "private" if home.private else "public",
        "forks": forks,
        "open_issues": size,
        "default_branch": home.default_branch,
        "permissions": {
            _OLD.get(level.value, level.value): bool(have and have.allows(level)) for level in Permission
        },
    }


_OLD = {"read": "pull", "write": "push"}


def full_repository(world: World, site: Site, home: Repository, have: Permission | None) -> Shape:
    """As GET /repos/{owner}/{repo} has it; the merge settings are for those who may push."""
    shape = {
        **repository(world, site, home, have),
        "temp_clone_token": None,
        "network_count": 0,
        "subscribers_count": 0,
        "organization": None,
    }
    parent = world.repository(home.fork_of) if home.fork_of else None
    if parent is not None:
        shape["parent"] = shape["source"] = repository(world, site, parent, Permission.READ)
    if world.users[home.owner.lower()].organization:
        shape["organization"] = simple_user(world, site, home.owner)
    if have is not None and have.allows(Permission.WRITE):
        shape |= {
            "allow_squash_merge": home.squash_merge_allowed,
            "allow_merge_commit": home.merge_commit_allowed,
            "allow_rebase_merge": home.rebase_merge_allowed,
            "allow_auto_merge": home.auto_merge_allowed,
            "delete_branch_on_merge": home.delete_branch_on_merge,
            "allow_update_branch": False,
            "use_squash_pr_title_as_default": False,
            "squash_merge_commit_message": "COMMIT_MESSAGES",
            "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
            "merge_commit_message": "PR_TITLE",
            "merge_commit_title": "MERGE_MESSAGE",
        }
    return shape


def git_ref(git: GitObjects, site: Site, home: Repository, name: str, sha: str) -> Shape:
    api = repository_api(site, home)
    kind = git.kind(sha) or "commit"
    return {
        "ref": name,
        "node_id": node_id("REF", home.id, name),
        "url": f"{api}/git/{name}",
        "object": {"sha": sha, "type": kind, "url": f"{api}/git/{kind}s/{sha}"},
    }


def git_user(who: Signature) -> Shape:
    return {"name": who.name, "email": who.email, "date": stamp(who.at * 1000)}


def verification(commit: CommitInfo) -> Shape:
    return {
        "verified": commit.signed,
        "reason": "valid" if commit.signed else "unsigned",
        "signature": "-----BEGIN PGP SIGNATURE-----" if commit.signed else None,
        "payload": "" if commit.signed else None,
        "verified_at": stamp(commit.committer.at * 1000) if commit.signed else None,
    }


def git_commit(site: Site, home: Repository, commit: CommitInfo) -> Shape:
    """The commit as a git object."""
    api = repository_api(site, home)
    html = f"{site.html}/{home.full_name}"
    return {
        "sha": commit.sha,
        "node_id": node_id("C", home.id, commit.sha),
        "url": f"{api}/git/commits/{commit.sha}",
        "html_url": f"{html}/commit/{commit.sha}",
        "author": git_user(commit.author),
        "committer": git_user(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
        "message": commit.message,
        "parents": [parent(site, home, sha, git=True) for sha in commit.parents],
        "verification": verification(commit),
    }


def parent(site: Site, home: Repository, sha: str, *, git: bool = False) -> Shape:
    api = repository_api(site, home)
    html = f"{site.html}/{home.full_name}/commit/{sha}"
    return {"sha": sha, "url": f"{api}/{'git/' if git else ''}commits/{sha}", "html_url": html}


def commit(world: World, site: Site, home: Repository, info: CommitInfo) -> Shape:
    """The commit as the repository shows it, with the users who are credited."""
    api = f"{repository_api(site, home)}/commits/{info.sha}"
    return {
        "sha": info.sha,
        "node_id": node_id("C", home.id, info.sha),
        "commit": {
            "author": git_user(info.author),
            "committer": git_user(info.committer),
            "message": info.message,
            "tree": {"sha": info.tree, "url": f"{repository_api(site, home)}/git/trees/{info.tree}"},
            "url": f"{repository_api(site, home)}/git/commits/{info.sha}",
            "comment_count": 0,
            "verification": verification(info),
        },
        "url": api,
        "html_url": f"{site.html}/{home.full_name}/commit/{info.sha}",
        "comments_url": f"{api}/comments",
        "author": credited(world, site, info.author.email),
        "committer": credited(world, site, info.committer.email),
        "parents": [parent(site, home, sha) for sha in info.parents],
    }


def credited(world: World, site: Site, email: str) -> Shape | None:
    for user in world.users.values():
        if email in (user.email, user.noreply, f"{user.login}@users.noreply.github.com"):
            return _simple_user(site, user)
    return None


def diff_entry(git: GitObjects, site: Site, home: Repository, diff: Change, sha: str) -> Shape:
    """A changed file in a comparison, a commit or a pull request. Renames are not followed; no patch is given."""
    added, removed = git.line_counts(diff)
    entry = diff.after or diff.before
    html = f"{site.html}/{home.full_name}"
    return {
        "sha": entry[1] if entry else None,
        "filename": diff.path,
        "status": "added" if not diff.before else "removed" if not diff.after else "modified",
        "additions": added,
        "deletions": removed,
        "changes": added + removed,
        "blob_url": f"{html}/blob/{sha}/{diff.path}",
        "raw_url": f"{html}/raw/{sha}/{diff.path}",
        "contents_url": f"{repository_api(site, home)}/contents/{diff.path}?ref={sha}",
    }


def content(git: GitObjects, site: Site, home: Repository, path: str, entry: Entry, ref: str) -> Shape:
    """An entry of a folder, without what is in it."""
    api = repository_api(site, home)
    html = f"{site.html}/{home.full_name}"
    mode, sha = entry
    folder = mode == FOLDER
    links = {
        "self": f"{api}/contents/{path}?ref={ref}",
        "git": f"{api}/git/{'trees' if folder else 'blobs'}/{sha}",
        "html": f"{html}/{'tree' if folder else 'blob'}/{ref}/{path}",
    }
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": 0 if folder else len(git.blob(sha)),
        "url": links["self"],
        "html_url": links["html"],
        "git_url": links["git"],
        "download_url": None if folder else f"{html}/raw/{ref}/{path}",
        "type": "dir" if folder else "file",
        "_links": links,
    }


def file_content(git: GitObjects, site: Site, home: Repository, path: str, entry: Entry, ref: str) -> Shape:
    """A file with its text, in Base64 broken into lines as GitHub does."""
    coded = base64.encodebytes(git.blob(entry[1])).decode()
    return {**content(git, site, home, path, entry, ref), "content": coded, "encoding": "base64"}


def tree_entry(git: GitObjects, site: Site, home: Repository, path: str, entry: Entry) -> Shape:
    mode, sha = entry
    folder = mode == FOLDER
    shape: Shape = {
        "path": path,
        "mode": f"{mode:06o}",
        "type": "tree" if folder else "blob",
        "sha": sha,
        "url": f"{repository_api(site, home)}/git/{'trees' if folder else 'blobs'}/{sha}",
    }
    if not folder:
        shape["size"] = len(git.blob(sha))
    return shape


def blob(git: GitObjects, site: Site, home: Repository, sha: str) -> Shape:
    data = git.blob(sha)
    return {
        "sha": sha,
        "node_id": node_id("B", home.id, sha),
        "size": len(data),
        "url": f"{repository_api(site, home)}/git/blobs/{sha}",
        "content": base64.encodebytes(data).decode(),
        "encoding": "base64",
    }
