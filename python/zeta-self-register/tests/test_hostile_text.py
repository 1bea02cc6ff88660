"""Names and texts that mean harm: no branch, path, Markdown, log line or error message is broken by them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from mock_github import wire
from mock_github.server import MockServer
from mock_github.step import step
from zeta_self_register import comments, names
from zeta_self_register.answers import Outcome, interpret
from zeta_self_register.comments import CommentKind
from zeta_self_register.effects import Response
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.names import InvalidName
from zeta_self_register.output import wish_lines
from zeta_self_register.plain_text import printable
from zeta_self_register.settings import Settings, from_table
from zeta_self_register.wishing import Done

T = TypeVar("T")
HOSTILE = (
    "../../etc/passwd",
    "a/../b",
    "a`b",
    "[x](javascript:alert(1))",
    "<script>",
    "<!-- zeta-self-register: stray -->",
    "@everyone",
    "#1",
    "a\nb: c",
    "a\x1b[2J",
    "\u202eevil",
    "a.lock",
    "-rf",
    "a@{1}",
    "a..b",
    "ä",
    "${{ secrets.X }}",
    "$(reboot)",
    "%0a::set-output",
)
anything = (
    st.text() | st.sampled_from(HOSTILE) | st.from_regex(r"[a-z0-9.`@\-\[\]<>!/#]{1,70}", fullmatch=True)
)


def outline(markdown: str) -> list[Any]:
    """What Markdown makes of a text: its kinds of pieces, without the words in them."""
    return [
        (token.type, [child.type for child in token.children or ()]) for token in MarkdownIt().parse(markdown)
    ]


def parsed(parse: Callable[[str], T], text: str) -> T | None:
    """The name, or None for one that is refused, which is said in one line."""
    message = ""
    try:
        return parse(text)
    except InvalidName as error:
        message = error.message
    assert message.isprintable()
    assert len(message) < 300
    return None


@given(anything)
def test_a_node_name_is_harmless_wherever_it_is_put_or_refused_in_one_line(text: str) -> None:
    node = parsed(names.parse_node_name, text)
    if node is None:
        return
    assert names.parse_branch(names.branch_name(node)) == f"register-node-{node}"
    assert names.node_of_branch(names.branch_name(node)) == node
    operator = names.parse_operator("alice")
    path = names.record_path(operator, node)
    assert path.split("/") == ["maintainers", "alice", "cluster-nodes", node, "node.yaml"]
    assert not {".", "..", "", ".git"} & set(path.split("/"))
    assert outline(names.pull_title(node)) == outline(names.pull_title("node-a"))
    for kind in CommentKind:
        said = comments.text(kind, node)
        assert outline(said) == outline(comments.text(kind, "node-a"))
        one = {"body": said, "viewerDidAuthor": True, "authorAssociation": "NONE"}
        assert comments.kinds_in([one]) == {kind.value}


@given(anything)
def test_an_operator_cannot_leave_his_folder(text: str) -> None:
    operator = parsed(names.parse_operator, text)
    if operator is None:
        return
    node = names.parse_node_name("node-a")
    assert names.split_record_path(names.record_path(operator, node)) == (text, "node-a")
    assert ".." not in operator
    assert operator.isascii()


@given(anything)
def test_a_branch_that_git_would_refuse_is_refused_here(text: str) -> None:
    branch = parsed(names.parse_branch, text)
    if branch is not None:
        checked = subprocess.run(
            ["git", "check-ref-format", f"refs/heads/{branch}"], check=False, capture_output=True
        )
        assert checked.returncode == 0


def test_the_pull_requests_text_has_nothing_but_names_that_were_checked(machine) -> None:
    pieces = outline(machine.node().registration(0.0, None).body)
    assert [kind for kind, _ in pieces] == ["paragraph_open", "inline", "paragraph_close"] * 2
    assert {one for _, inner in pieces for one in inner} == {"text", "code_inline"}


@pytest.mark.parametrize(
    ("author", "association", "counts"),
    [(True, "NONE", True), (False, "NONE", False), (False, "CONTRIBUTOR", False), (False, "MEMBER", True)],
)
def test_a_strangers_comment_with_our_mark_is_not_ours(author, association, counts) -> None:
    one = {
        "body": "> <!-- zeta-self-register: stray -->",
        "viewerDidAuthor": author,
        "authorAssociation": association,
    }
    assert comments.kinds_in([one]) == ({"stray"} if counts else set())


# --- what GitHub says ------------------------------------------------------------------------------------------

latin = st.text(st.characters(max_codepoint=255))
headers = st.dictionaries(
    st.sampled_from(
        (
            *("date", "location", "retry-after", "x-ratelimit-limit", "x-ratelimit-remaining"),
            *("x-ratelimit-reset", "x-accepted-github-permissions"),
        )
    ),
    latin | st.sampled_from(("0", "99999999999999999999", "https://[", "https://\x9b[31m/", "-1", "1e400")),
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | anything
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("message", "errors", "type", "path", "data", "x")), inner, max_size=4
        )
    ),
    max_leaves=8,
)
bodies = st.binary() | trees.map(lambda value: json.dumps(value).encode())


@settings(max_examples=400)
@given(st.integers(100, 599), headers, bodies)
@example(302, {"location": "https://[x/"}, b"")
@example(403, {"x-accepted-github-permissions": "a\x9b2J\r\nb"}, b'{"message": "m"}')
@example(403, {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 30}, b"{}")
@example(200, {}, b'{"errors": {"a": 1}}')
@example(200, {}, b'{"errors": [{"type": "FORBIDDEN", "message": "\\u001b[2J\\n"}]}')
@example(422, {}, b'{"message": "x", "errors": 1}')
def test_whatever_is_answered_the_reason_is_one_short_printable_line(status, found, body) -> None:
    answer = interpret(Response(status, found, body))
    assert isinstance(answer.outcome, Outcome)
    assert printable(answer.reason) == answer.reason
    assert len(answer.reason) < 700


# --- this program's own settings -------------------------------------------------------------------------------

values = leaves | st.lists(anything, max_size=3) | st.dictionaries(anything, leaves, max_size=2)


@given(st.dictionaries(st.sampled_from(Settings.__struct_fields__) | anything, values, max_size=4))
@example({"api_url": "https://user:s3cret@host/"})
@example({"api_url": "https://[x/"})
@example({"api_url": "https://h/\x1b[2J"})
def test_settings_of_any_kind_are_settings_or_one_line(table: dict[str, Any]) -> None:
    shown = ""
    try:
        assert isinstance(from_table(table, "settings.toml"), Settings)
    except Refused as refused:
        shown = printable(refused.line)
    assert "\n" not in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://github.com", "use https://api.github.com"),
        ("https://h/api/v3?token=x", "must end with its path"),
        ("https://me:s3cret@h", "must not hold a name or a password"),
        ("http://h", "must be an https:// address"),
        ("https://[x", "must be an https:// address"),
        ("h", "must be an https:// address"),
    ],
)
def test_an_address_that_would_not_do(url, said) -> None:
    with pytest.raises(Refused, match=said):
        from_table({"api_url": url}, "settings.toml")


# --- through the whole program, to the terminal ----------------------------------------------------------------

EVIL = "\x1b]0;owned\x07\x1b[2J\u202e"
RECORD = """apiVersion: zeta.lucent-financial-group.com/v1
kind: ClusterNode
metadata:
  name: node-a
spec:
  roles: [worker]
"""


def spoiled(world):
    """Somebody with push access has called the folder of another operator something that moves the cursor."""
    body = {"message": EVIL, "content": msgspec.json.encode(RECORD.encode()).decode().strip('"')}
    path = f"/repos/acme/cluster/contents/maintainers/{EVIL}/cluster-nodes/node-a/node.yaml"
    world, answer, _ = step(world, wire.request("PUT", path, token="github_pat_person", json=body))
    assert answer.status == 201, answer.body
    return world


def test_what_a_command_of_the_operators_quotes_does_not_reach_the_terminal() -> None:
    done = Done(f"noted: {EVIL}", refused=Refused(Exit.HELD, f"of {EVIL}"))
    assert all(line.isprintable() for line in wish_lines(done).split("\n"))


def test_a_refusal_is_a_line_that_somebody_can_read() -> None:
    refused = Refused(Exit.HELD, EVIL + "x" * 100_000)
    assert refused.line.isprintable()
    assert len(refused.line) < 1100


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["lines", "json"])
@pytest.mark.parametrize("command", ["register", "steward", "plan", "status"])
def test_what_others_call_their_folders_does_not_reach_the_terminal(machine, tmp_path, command, form) -> None:
    with MockServer(spoiled(machine.world), tls=False) as server:
        (tmp_path / "token").write_text("github_pat_test")
        (tmp_path / "settings.toml").write_text(
            f'repository = "acme/cluster"\noperator = "alice"\nnode_name = "node-a"\napi_url = "{server.url}"\n'
            f'token_file = "{tmp_path}/token"\nstate_folder = "{tmp_path}/state"\nrequire_install_stamp = false\n'
        )
        arguments = ["--settings", str(tmp_path / "settings.toml"), command, *form]
        done = subprocess.run(
            [sys.executable, "-m", "zeta_self_register", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
    said = done.stdout + done.stderr
    assert "owned" in said, "the folder is named, so that somebody can mend it"
    assert all(line.isprintable() for line in said.split("\n"))
