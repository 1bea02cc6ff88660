from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zeta_self_register.names import (
    SHARED_DEFAULTS,
    InvalidName,
    NodeName,
    Operator,
    branch_name,
    is_old_branch,
    node_of_branch,
    node_of_old_branch,
    parse_branch,
    parse_node_name,
    parse_operator,
    parse_repository,
    record_path,
    retired_path,
    split_record_path,
    usable_node_name,
)

# How long an example takes says something of the machine, not of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name not in SHARED_DEFAULTS
)
STAMPS = st.datetimes().map(lambda moment: f"{moment.year:04}{moment:%m%dT%H%M%SZ}")
OLD_HOSTS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9_])?", fullmatch=True)


def refusal(parse: Callable[[str], str], text: str) -> str:
    with pytest.raises(InvalidName) as caught:
        parse(text)
    assert caught.value.message.isprintable(), "one line, and nothing that moves a terminal's cursor"
    assert len(caught.value.message) < 300
    return caught.value.message


@pytest.mark.parametrize("name", ["node-1a2b3c", "a", "0", "a" * 63, "node--x", "nixos-2", "1e3"])
def test_a_dns_label_is_a_node_name(name: str) -> None:
    assert parse_node_name(name) == name


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("Node-A", "node-a"),
        ("node_a", "node-a"),
        ("node.example.com", "node-example-com"),
        ("Node_A.lan", "node-a-lan"),
        ("-node-", "node"),
        ("a" * 64, "a" * 63),
        ("../../etc/passwd", "etc-passwd"),
        ("node\na", "node-a"),
        ("node a", "node-a"),
        ("nöde", "n-de"),
        ("node\u202ea", "node-a"),
        ("node-a\n", "node-a"),
    ],
)
def test_a_refused_node_name_comes_with_the_name_to_use_instead(text: str, instead: str) -> None:
    assert refusal(parse_node_name, text).endswith(f": use `{instead}`")
    assert parse_node_name(instead) == instead


@pytest.mark.parametrize(
    "text", ["", "..", "/", "\n", "\0", "ünï"[:1], "---", "localhost.localdomain", "(none)"]
)
def test_where_nothing_can_be_kept_no_name_is_made_up(text: str) -> None:
    assert "use `" not in refusal(parse_node_name, text)


@pytest.mark.parametrize("text", SHARED_DEFAULTS)
def test_a_default_that_many_machines_share_is_no_name(text: str) -> None:
    """Field bug 14."""
    said = refusal(parse_node_name, text)
    assert said.startswith(f"node name `{text}` is {SHARED_DEFAULTS[text]}, which many machines share: ")
    assert said.endswith("derives a name from the hardware")


@pytest.mark.parametrize(
    "text", ["NixOS", "Localhost", "localhost.localdomain", "OpenWrt", "nixos-", "Debian_"]
)
def test_a_shared_default_in_other_letters_is_not_offered(text: str) -> None:
    assert "use `" not in refusal(parse_node_name, text)


@pytest.mark.parametrize("text", ["nixos-2", "debian-a", "node-1a2b3c", "rock", "x-localhost"])
def test_a_name_that_only_begins_or_ends_like_a_default_is_one(text: str) -> None:
    assert parse_node_name(text) == text


@UNHURRIED
@given(st.text(max_size=200))
def test_any_text_is_a_dns_label_or_refused_in_one_line(text: str) -> None:
    try:
        name = parse_node_name(text)
    except InvalidName:
        refusal(parse_node_name, text)
    else:
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert 1 <= len(name) <= 63
        assert name[0] != "-" != name[-1]


@UNHURRIED
@given(st.text(max_size=200))
def test_a_usable_name_is_always_usable(text: str) -> None:
    name = usable_node_name(text)
    if name is not None and name not in SHARED_DEFAULTS:
        assert parse_node_name(name) == name
        assert usable_node_name(name) == name


@pytest.mark.parametrize("login", ["alice", "Alice-B", "a", "0x", "a" * 39, "octo-cat_acme"])
def test_a_github_login_is_an_operator(login: str) -> None:
    assert parse_operator(login) == login


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("@alice", "`@`"),
        ("a" * 40, "40 characters"),
        ("dependabot[bot]", "App"),
        ("-alice", "login"),
        ("alice-", "login"),
        ("al--ice", "login"),
        ("al_i_ce", "login"),
        ("alice/bob", "login"),
        ("alice\n", "login"),
        ("älice", "login"),
        ("..", "login"),
    ],
)
def test_what_is_no_login_is_refused(text: str, says: str) -> None:
    assert says in refusal(parse_operator, text)


@pytest.mark.parametrize("slug", ["acme/cluster", "Acme-Inc/a.b_c-d", "a/.github", "a/" + "b" * 100])
def test_owner_and_name_are_a_repository(slug: str) -> None:
    assert parse_repository(slug) == slug


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/acme/cluster",
        "https://github.com/acme/cluster.git",
        "https://github.com/acme/cluster/",
        "git@github.com:acme/cluster.git",
        "ssh://git@github.com/acme/cluster.git",
        "github.com/acme/cluster",
        "acme/cluster.git",
    ],
)
def test_the_address_of_a_repository_is_refused_with_its_slug(text: str) -> None:
    assert refusal(parse_repository, text).endswith("use `acme/cluster`")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme",
        "acme/",
        "/cluster",
        "acme/..",
        "acme/.",
        "a/b/c",
        "acme/clu ster",
        "acme/cluster\n",
        "-a/b",
        "ä/b",
        "acme/" + "b" * 101,
        "a" * 40 + "/b",
        "https://" + "x" * 5000,
    ],
)
def test_what_is_no_repository_is_refused(text: str) -> None:
    refusal(parse_repository, text)


@pytest.mark.parametrize("name", ["main", "feature/x", "release-1.0", "ü", "a@b", "x" * 244])
def test_a_branch_name(name: str) -> None:
    assert parse_branch(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "refs/heads/main",
        "refs/tags/x",
        "a..b",
        "a b",
        "a~b",
        "a^b",
        "a:b",
        "a?b",
        "a*b",
        "a[b",
        "a\\b",
        "a\nb",
        "-a",
        "/a",
        "a/",
        "a//b",
        "a.",
        "a.lock",
        "a.lock/b",
        ".a",
        "a/.b",
        "@",
        "HEAD",
        "a@{b",
        "\u202ea",
        "\ud800",
        "x" * 245,
        "ü" * 123,
        "0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_what_git_or_github_would_refuse_is_no_branch_name(text: str) -> None:
    refusal(parse_branch, text)


def test_the_branch_is_named_by_the_node_alone() -> None:
    assert branch_name(NodeName("node-1a2b3c")) == "register-node-node-1a2b3c"
    assert node_of_branch("register-node-node-1a2b3c") == "node-1a2b3c"


@pytest.mark.parametrize(
    "branch", ["register-node-", "register-node-Node", "xregister-node-a", "register-a", "main"]
)
def test_other_branches_are_no_nodes(branch: str) -> None:
    assert node_of_branch(branch) is None


def test_the_branch_of_one_node_is_never_anothers() -> None:
    """Field bug 11: `node-a` stood down for the pull request of `node-a-b`."""
    assert is_old_branch("register-node-a-20260614T222016Z", NodeName("node-a"))
    assert not is_old_branch("register-node-a-b-20260614T222016Z", NodeName("node-a"))
    assert not is_old_branch("register-node-a-20260614T222016Z", NodeName("node"))
    assert not is_old_branch("register-node-a-20260614T222016Z-2", NodeName("node-a"))
    assert node_of_branch("register-node-node-a-b") != NodeName("node-a")


@pytest.mark.parametrize("host", ["Node_A", "node.a", "NODE-A", "node_a", "node-a_", "node._a"])
def test_old_hostnames_are_compared_as_they_would_be_called_today(host: str) -> None:
    assert is_old_branch(f"register-{host}-20260614T222016Z", NodeName("node-a"))


@pytest.mark.parametrize(
    "branch",
    [
        "register-node-a",
        "register-node-a-",
        "register-node-a-20260614T222016",
        "register-node-a-20260614t222016z",
        "register-node-a-2026-06-14T22:20:16Z",
        "register-node-a-20261314T222016Z",
        "register-node-a-20260632T222016Z",
        "register-node-a-20260614T242016Z",
        "register-node-a-20260614T226016Z",
        "register-node-a-20260614T222016Z\n",
        "register-node-a-٢٠٢٦0614T222016Z",
        "register--20260614T222016Z",
        "x-register-node-a-20260614T222016Z",
        "register-node/a-20260614T222016Z",
    ],
)
def test_only_the_exact_form_is_an_old_branch(branch: str) -> None:
    assert node_of_old_branch(branch) is None
    assert not is_old_branch(branch, NodeName("node-a"))


@UNHURRIED
@given(OLD_HOSTS, STAMPS, LABELS)
def test_an_old_branch_belongs_to_exactly_one_name(host: str, stamp: str, other: str) -> None:
    branch = f"register-{host}-{stamp}"
    assert is_old_branch(branch, NodeName(other)) == (usable_node_name(host) == other)


@UNHURRIED
@given(LABELS)
def test_todays_branches_are_never_taken_for_old_ones(name: str) -> None:
    branch = branch_name(parse_node_name(name))
    assert node_of_old_branch(branch) is None
    assert node_of_branch(branch) == name
    assert parse_branch(branch) == branch


def test_paths() -> None:
    alice, node = Operator("alice"), NodeName("node-a")
    path = "maintainers/alice/cluster-nodes/node-a/node.yaml"
    assert record_path(alice, node) == path
    assert retired_path(alice, node) == "maintainers/alice/cluster-nodes/node-a/retired"
    assert split_record_path(path) == ("alice", "node-a")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "maintainers/alice/cluster-nodes/node.yaml",
        "maintainers/a/b/cluster-nodes/n/node.yaml",
        "x/maintainers/alice/cluster-nodes/n/node.yaml",
        "maintainers/alice/cluster-nodes/n/node.yaml\n",
        "maintainers/alice/cluster-nodes/n/retired",
        "maintainers/a\n/cluster-nodes/n/node.yaml",
    ],
)
def test_other_paths_are_no_records(path: str) -> None:
    assert split_record_path(path) is None
