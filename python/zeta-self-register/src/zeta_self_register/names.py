"""Names that end up in paths, branches and labels, checked once where they come in.

A parsed name is a NewType of str, so that the rest of the program cannot be handed an unchecked one. Every
refusal is an `InvalidName` whose message is one line and says what is wrong and what to do.
"""

import re
from collections.abc import Mapping
from typing import NewType

NodeName = NewType("NodeName", str)
Operator = NewType("Operator", str)
Repository = NewType("Repository", str)
BranchName = NewType("BranchName", str)

_NO_NAME = "what a machine without a name of its own is called"
_DISTRIBUTION = "the default of a distribution or its installer"
_IMAGE = "what a ready-made image or live system is called"
# Hostnames that machines are given alike, and by what: two of them would share one record.
SHARED_DEFAULTS: Mapping[str, str] = {
    **dict.fromkeys(("localhost", "localhost-localdomain", "localdomain", "none", "unknown"), _NO_NAME),
    **dict.fromkeys(("hostname", "linux"), _NO_NAME),
    "nixos": "the default of `networking.hostName` in NixOS",
    **dict.fromkeys(("nixos-installer", "installer", "debian", "ubuntu", "ubuntu-server"), _DISTRIBUTION),
    **dict.fromkeys(
        ("fedora", "centos", "rocky", "almalinux", "archlinux", "alpine", "opensuse"), _DISTRIBUTION
    ),
    **dict.fromkeys(("archiso", "localhost-live", "live", "livecd", "void-live", "kali"), _IMAGE),
    **dict.fromkeys(("rescue", "sysrescue", "vagrant", "buildroot", "openwrt"), _IMAGE),
    **dict.fromkeys(("raspberrypi", "rpi", "armbian", "orangepi", "odroid", "tegra-ubuntu"), _IMAGE),
}

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Enterprise Managed Users have one underscore before the short code of their enterprise: octo-cat_acme.
_LOGIN = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*(_[A-Za-z0-9]+)?")
_REPOSITORY_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_GITHUB_URL = re.compile(r"(?:https?://|ssh://)?(?:[^/@]+@)?[^/:@]+\.[^/:@]+[/:]([^/]+)/([^/]+?)(?:\.git)?/?")
# Seconds reach 60: `date` prints leap seconds.
_OLD_BRANCH = re.compile(
    r"register-(?P<node>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)-"
    r"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9]|60)Z"
)
_BRANCH_PREFIX = "register-node-"
_RECORD = re.compile(r"maintainers/([^/\n]+)/cluster-nodes/([^/\n]+)/node\.yaml")


class InvalidName(ValueError):
    """A name that cannot be used; `message` is one line for the operator, safe to print."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def shown(text: str, limit: int = 64) -> str:
    """`text` in quotes for a message: one line of printable ASCII, some `limit` characters at most."""
    quoted, whole = ascii(text[:limit]), len(text) <= limit
    return quoted if whole and len(quoted) <= limit + 2 else f"{quoted[:limit]}…"


def usable_node_name(text: str) -> str | None:
    """The nearest legal node name to `text`, or None if nothing of it can be kept.

    Dots become hyphens instead of cutting the domain off: `a.site1` and `a.site2` are two machines.
    """
    mapped = re.sub(r"[^a-z0-9]+", "-", text[:1024].lower()).strip("-")
    mapped = mapped[:63].rstrip("-")
    return mapped or None


def parse_node_name(text: str) -> NodeName:
    """A node name: one DNS label, since it is a hostname, a Kubernetes name, a folder and in a branch."""
    if not text:
        raise InvalidName("the node name is empty: set one, such as `node-1a2b3c`")
    if not _LABEL.fullmatch(text):
        instead = usable_node_name(text)
        remedy = f"use `{instead}`" if instead and instead not in SHARED_DEFAULTS else "choose another one"
        raise InvalidName(f"node name {shown(text)} {_label_fault(text)}: {remedy}")
    if text in SHARED_DEFAULTS:
        raise InvalidName(
            f"node name `{text}` is {SHARED_DEFAULTS[text]}, which many machines share: "
            "name this one otherwise; `zeta-self-register intent` derives a name from the hardware"
        )
    return NodeName(text)


def _label_fault(text: str) -> str:
    if len(text) > 63:
        return f"has {len(text)} characters, at most 63 are allowed"
    if text.startswith("-") or text.endswith("-"):
        return "starts or ends with a hyphen"
    if text.isascii() and text.lower() != text and _LABEL.fullmatch(text.lower()):
        return "has capitals"
    bad = sorted({character for character in text if not re.match(r"[a-z0-9-]", character)})
    return (
        f"has {', '.join(ascii(character) for character in bad[:5])}; only a-z, 0-9 and hyphens are allowed"
    )


def parse_operator(text: str) -> Operator:
    """A GitHub login (user or organisation), as it is written in `maintainers/<operator>/`."""
    if not text:
        raise InvalidName("the operator is empty: set it to the GitHub login that owns this node")
    if text.startswith("@"):
        raise InvalidName(f"operator {shown(text)} starts with `@`: leave the `@` out")
    if len(text) > 39:
        raise InvalidName(f"operator {shown(text)} has {len(text)} characters; a GitHub login has at most 39")
    if text.endswith("[bot]"):
        raise InvalidName(f"operator {shown(text)} is a GitHub App: set the operator to a person's login")
    if not _LOGIN.fullmatch(text):
        raise InvalidName(
            f"operator {shown(text)} is not a GitHub login: letters, digits and single hyphens inside, "
            "as in the address of the profile page"
        )
    return Operator(text)


def parse_repository(text: str) -> Repository:
    """A repository slug `owner/name`. An address of it is refused with the slug to use instead."""
    if not text:
        raise InvalidName("the repository is empty: set it to `owner/name`")
    owner, slash, name = text.partition("/")
    if slash and _is_repository(owner, name):
        return Repository(text)
    url = _GITHUB_URL.fullmatch(text) if len(text) < 1024 else None
    if url and _is_repository(url[1], url[2]):
        raise InvalidName(f"repository {shown(text)} is an address: use `{url[1]}/{url[2]}`")
    if slash and name.endswith(".git") and _is_repository(owner, name.removesuffix(".git")):
        raise InvalidName(f"repository {shown(text)} ends in `.git`: use `{text.removesuffix('.git')}`")
    raise InvalidName(
        f"repository {shown(text)} is not `owner/name`: set it as GitHub shows it, like `acme/cluster`"
    )


def _is_repository(owner: str, name: str) -> bool:
    return (
        len(owner) <= 39
        and _LOGIN.fullmatch(owner) is not None
        and _REPOSITORY_NAME.fullmatch(name) is not None
        and name not in {".", ".."}
        and not name.lower().endswith(".git")
    )


def parse_branch(text: str) -> BranchName:
    """A branch name without `refs/heads/`, by git's rules for ref names and GitHub's limit on length."""
    if not text:
        raise InvalidName("the branch name is empty: set it, usually to `main`")
    if text.startswith("refs/"):
        short = text.removeprefix("refs/heads/")
        remedy = f"use {shown(short)}" if short != text and short else "name a branch"
        raise InvalidName(f"branch {shown(text)} is a full ref name: {remedy}")
    fault = _branch_fault(text)
    if fault:
        raise InvalidName(f"branch {shown(text)} {fault}: use another name, such as `main`")
    return BranchName(text)


def _branch_fault(text: str) -> str | None:
    if len(text) > 244 or len(text.encode("utf-8", "replace")) > 244:
        return "is longer than 244 bytes"
    if not text.isprintable() or re.search(r"[ ~^:?*\[\\]", text):
        return "has a character that git does not allow in branch names"
    if ".." in text or "@{" in text or "//" in text:
        return "has `..`, `@{` or `//`, which git does not allow"
    if text.startswith(("-", "/")) or text.endswith(("/", ".")) or text in {"@", "HEAD"}:
        return "starts or ends as git does not allow, or means something else to git"
    if any(part.startswith(".") or part.endswith(".lock") for part in text.split("/")):
        return "has a part that starts with `.` or ends in `.lock`"
    if re.fullmatch(r"[0-9a-fA-F]{40}", text):
        return "looks like a commit"
    return None


def pull_title(node: str) -> str:
    """The title of the pull request that registers a node, and of the commit in it."""
    return f"feat(node-register): {node} self-registers"


def branch_name(node: NodeName) -> BranchName:
    """The one branch of this node: no time and no counter in it, so that a second attempt meets the first."""
    return BranchName(f"{_BRANCH_PREFIX}{node}")


def removal_title(node: str) -> str:
    """The title of the pull request that removes a node's record, and of the commit in it."""
    return f"feat(node-register): {node} is removed"


def removal_branch_name(node: NodeName) -> BranchName:
    """The one branch from which this node's record is removed; as the other one, without time and counter."""
    return BranchName(f"deregister-node-{node}")


def node_of_branch(branch: str) -> NodeName | None:
    """The node whose branch this is (`register-node-<node>`, the whole name), or None."""
    if not branch.startswith(_BRANCH_PREFIX):
        return None
    try:
        return parse_node_name(branch.removeprefix(_BRANCH_PREFIX))
    except InvalidName:
        return None


def node_of_old_branch(branch: str) -> str | None:
    """The node of a branch `register-<node>-YYYYMMDDTHHMMSSZ`, mapped to today's names, or None.

    The old agent took any hostname, so `Node_A` and `node.a` both come back as `node-a`. The mapping loses
    information: it finds candidates, whose path or hardware is to be compared before anything is done.
    """
    found = _OLD_BRANCH.fullmatch(branch)
    return usable_node_name(found["node"]) if found else None


def is_old_branch(branch: str, node: NodeName) -> bool:
    """Whether the old agent could have made this branch for `node` (never `node-a-b`'s for `node-a`)."""
    return node_of_old_branch(branch) == node


def record_path(operator: Operator, node: NodeName) -> str:
    """Where the node's record is in the repository."""
    return f"maintainers/{operator}/cluster-nodes/{node}/node.yaml"


def retired_path(operator: Operator, node: NodeName) -> str:
    """Where the operator says that the node is gone for good: any file of this name beside the record."""
    return f"maintainers/{operator}/cluster-nodes/{node}/retired"


def split_record_path(path: str) -> tuple[str, str] | None:
    """Operator and node folder of a record's path as written (old ones may be illegal today), or None."""
    found = _RECORD.fullmatch(path)
    return (found[1], found[2]) if found else None
