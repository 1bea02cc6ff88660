"""Whether both layers are in the same place: the same files on each machine, the same pull requests at GitHub.

Dates differ, and what is made of them: commits, ids. Everything else has to be the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mock_github.git_objects import GitObjects
from mock_github.world import World

from bootproof.oracle_case import Registration
from bootproof.processes.contents import Contents

SHOWN = 400
"""Characters of a thing that differs, in a message of one line."""
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def standing(world: World, own: Registration) -> dict[str, Any]:
    """What there is at GitHub, as far as it is no matter of dates."""
    repository = world.repositories[own.repository.lower()]
    found: dict[str, Any] = {
        f"#{number}": {
            "state": pull.state.value,
            "head": pull.head_ref,
            "base": pull.base_ref,
            "by": pull.author,
            "merged by": pull.merged_by,
            "auto-merge": pull.auto_merge is not None,
            "comments": [(comment.author, comment.body) for comment in pull.comments],
        }
        for number, pull in sorted(repository.pulls.items())
    }
    for name, tip in sorted(repository.refs.items()):
        if name.startswith("refs/heads/"):
            found[name] = _branch(world.git, tip)
    return found


def _branch(git: GitObjects, tip: str) -> dict[str, Any]:
    """Who has committed what, in words, and what is in each file."""
    commits = [git.commit(sha) for sha in git.ancestors(tip)]
    files = {
        path: entry[1] for path, entry in git.walk_all(git.commit(tip).tree) if git.kind(entry[1]) == "blob"
    }
    return {
        "commits": sorted((commit.author.email, commit.message) for commit in commits),
        "files": {
            path: _DATE.sub("DATE", git.blob(blob).decode(errors="replace")) for path, blob in files.items()
        },
    }


def apart_at_github(simulated: World, real: World, own: Registration) -> str:
    """The first thing in which GitHub differs; empty when there is none."""
    here, there = standing(simulated, own), standing(real, own)
    for key in [*here, *(key for key in there if key not in here)]:
        if here.get(key) != there.get(key):
            return f"{key} is at GitHub {_shortened(there.get(key))}, in the simulation {_shortened(here.get(key))}"
    return ""


def apart_on_disk(simulated: Mapping[str, bytes], real: Mapping[str, bytes], contents: Contents) -> str:
    """The first file that differs: that is not there, or holds something else than it should."""
    for path in sorted({*simulated, *real}):
        if path not in real:
            return f"{path} is there in the simulation only"
        if path not in simulated:
            return f"{path} is not there in the simulation"
        if contents.of(simulated[path]) != real[path]:
            return f"{path} holds another of its contents than in the simulation: {_shown(real[path])}"
    return ""


def _shortened(found: Any) -> str:
    if found is None:
        return "not there"
    text = str(found)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _shown(content: bytes) -> str:
    return content[:60].decode(errors="replace").replace("\n", " ") if content else "it is empty"
