"""A folder that describes an agent for `./prove --agent DIR`: an `agent.toml`, and `files` to lay over a root.

    name = "my-agent"
    unit = "my-agent.service"          # a oneshot without RemainAfterExit; what a boot starts by itself
    tick = "my-agent-watch.service"    # what a scenario starts to let it look again; by default `unit`
    record = "nodes/{node}.yaml"       # the file that its pull request adds
    branch = "register-node-{node}"    # the branch that it comes from
    user_agent = "^my-agent/"          # a regex for the program's requests
    fill = ["etc/my-agent/settings"]   # those of `files` in which placeholders are filled in; then only root reads them
    set_up = "systemctl enable my-agent.timer"   # shell script of the installer, inside the new system
    stamp = "touch /etc/installed"     # the same, last of all, after the file systems were synced
    node = "node-a"                    # the machine's name
    promises = ["skipped-once-registered"]       # see under_test.py

    [comments]                         # by kind, a regex for the body; the program says each kind once
    joined = "I wait for this one"

    [marker]                           # the file that it leaves when it is done
    path = "/var/lib/my-agent/done"
    pull_request = "#([0-9]+)"         # a regex: the number of the pull request that the marker says is open
    registered = "merged"              # a regex: the marker says that the record is on the base branch

Placeholders: {api}, {token}, {ca} (a file with the authority that signs GitHub's certificate), {node}, {repository} and
{operator} (the login of the token).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import agent
import msgspec
from bootproof.oracle import Registration
from bootproof.verdict import HarnessError
from under_test import AgentUnderTest, Files, Promise

DESCRIPTION = "agent.toml"
FILES = "files"
CA_FILE = "/etc/github-ca.pem"
NODE = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


class Marker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[marker]`."""

    path: str
    pull_request: str
    registered: str | None = None

    def read(self, text: str) -> dict[str, Any]:
        """What the marker says, in the words of `AgentUnderTest.read_marker`; without a number it claims nothing."""
        number = re.search(self.pull_request, text)
        pull = {"number": int(number[1])} if number else None
        if self.registered is not None and re.search(self.registered, text):
            return {"state": "registered", "pull_request": pull}
        return {"state": "pr-open" if pull else "unreadable", "pull_request": pull}


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of `agent.toml`; see the module's text."""

    name: str
    unit: str
    record: str
    branch: str
    user_agent: str
    marker: Marker
    tick: str = ""
    fill: tuple[str, ...] = ()
    set_up: str = "true"
    stamp: str = "true"
    node: str = "node-a"
    promises: tuple[Promise, ...] = ()
    comments: Mapping[str, str] = {}

    def registration(self, node: str) -> Registration:
        """What a node of this name is to register."""
        return Registration(
            repository=agent.REPOSITORY,
            record=self.record.format(node=node),
            branch=self.branch.format(node=node),
            user_agent=self.user_agent,
            logins=(agent.OPERATOR,),
            comment_kinds=dict(self.comments),
        )


def load(folder: Path) -> AgentUnderTest:
    """Raises HarnessError, in one line, when the folder does not describe an agent."""
    description = read(folder)
    files = folder.resolve() / FILES
    for name in description.fill:
        fill((files / name).read_text(), description)  # what is wrong is told before anything boots
    return AgentUnderTest(
        name=description.name,
        unit=description.unit,
        tick_unit=description.tick or description.unit,
        marker=description.marker.path,
        read_marker=description.marker.read,
        registration=description.registration,
        files=lambda _cache, _python: files,
        settings=lambda ca_pem: settings(files, description, ca_pem),
        set_up=f"echo {description.node} >/etc/hostname && {description.set_up}",
        stamp=description.stamp,
        node=description.node,
        user_agent=description.user_agent,
        promises=frozenset(description.promises),
    )


def read(folder: Path) -> Description:
    """The description, checked against the folder.  Raises HarnessError, in one line."""
    path = folder / DESCRIPTION
    try:
        content = tomllib.loads(path.read_text())
        _refuse_unknown(content, Description, path)
        if isinstance(content.get("marker"), dict):
            _refuse_unknown(content["marker"], Marker, path)
        description = msgspec.convert(content, Description)
    except OSError as error:
        raise HarnessError(f"{path}: {error.strerror}; an agent's folder has an {DESCRIPTION}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise HarnessError(f"{path}: {error}") from None
    for why in _objections(description, folder / FILES):
        raise HarnessError(f"{path}: {why}")
    return description


def _objections(description: Description, files: Path) -> Iterator[str]:
    """What is wrong with it, although it has the right form."""
    for key in ("record", "branch"):
        yield from _of_a_name(key, getattr(description, key))
    marker = description.marker
    expressions = {"user_agent": description.user_agent, "marker.registered": marker.registered or ""}
    expressions |= {f"comments.{kind}": said for kind, said in description.comments.items()}
    for key, text in expressions.items():
        yield from _of_an_expression(key, text)
    yield from _of_an_expression("marker.pull_request", marker.pull_request, groups=1)
    if not re.fullmatch(NODE, description.node):
        yield f"node: {description.node!r} is no host name: lower case letters, digits and hyphens"
    if not marker.path.startswith("/"):
        yield f"marker.path: {marker.path} does not begin with /"
    if not files.is_dir():
        yield f"there is no folder {files}, which would be laid over the new system's root"
    for name in description.fill:
        yield from _of_a_file(name, files)


def _of_a_name(key: str, text: str) -> Iterator[str]:
    for name in re.findall(r"\{(.*?)\}", text):
        if name != "node":
            yield f"{key}: unknown placeholder {{{name}}}; the nearest is {{node}}"
    if re.search(r"[{}]", re.sub(r"\{.*?\}", "", text)):
        yield f"{key}: {text} has half a placeholder; a whole one is {{node}}"


def _of_an_expression(key: str, text: str, groups: int | None = None) -> Iterator[str]:
    try:
        found = re.compile(text).groups
    except re.error as error:
        yield f"{key} is no regular expression: {error}"
        return
    if groups is not None and found != groups:
        yield f"{key} has no group for the number, or more than one"


def _of_a_file(name: str, files: Path) -> Iterator[str]:
    try:
        (files / name).read_text()
    except OSError:
        yield f"fill names {name}, which is not in {files}"
    except UnicodeDecodeError:
        yield f"fill names {name}, which is no text"


def _refuse_unknown(table: Mapping[str, Any], struct: type[msgspec.Struct], path: Path) -> None:
    for key in table:
        if key not in struct.__struct_fields__:
            near = difflib.get_close_matches(key, struct.__struct_fields__, n=1, cutoff=0.0)[0]
            raise HarnessError(f"{path}: unknown key {key}; did you mean {near}?")


def settings(files: Path, description: Description, ca_pem: bytes) -> Files:
    """The files that are filled in, and the authority's."""
    filled = {
        name: (fill((files / name).read_text(), description).encode(), 0o600) for name in description.fill
    }
    return {**filled, CA_FILE.lstrip("/"): (ca_pem, 0o644)}


def fill(text: str, description: Description) -> str:
    """Puts the values for the placeholders.  Raises HarnessError for one that is not known."""
    values = {
        "api": agent.API,
        "token": agent.TOKEN,
        "ca": CA_FILE,
        "node": description.node,
        "repository": agent.REPOSITORY,
        "operator": agent.OPERATOR,
    }

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            near = difflib.get_close_matches(match[1], values, n=1, cutoff=0.0)[0]
            raise HarnessError(f"unknown placeholder {match[0]}; the nearest is {{{near}}}")
        return values[match[1]]

    return re.sub(r"\{([a-z_]+)\}", value, text)
