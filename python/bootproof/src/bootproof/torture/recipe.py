"""What the caller asked for: the agent as a command, the world it meets, and how it is run again."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme
from mock_github.world import World

from bootproof.oracle import CaseFile, Final
from bootproof.torture.options import PLACEHOLDERS
from bootproof.verdict import HarnessError

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Recipe:
    """`then` are the commands of a run after the first, in their order. `limit` is how long one command may take,
    `pause` the time between runs, `skip` by how much the clocks of machine and mock are put forward between runs
    after the second, all in seconds; `reruns` is how many runs may be needed until all commands exit with 0."""

    command: tuple[str, ...]
    then: tuple[tuple[str, ...], ...]
    environment: Mapping[str, str]
    files: tuple[Path, ...]
    world: World
    case: CaseFile
    token: str
    authority: trustme.CA | None
    limit: float
    reruns: int
    pause: float
    skip: float


def fill(text: str, values: Mapping[str, str]) -> str:
    """Puts the values for the placeholders. Raises HarnessError for one that is not known."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            known = [f"{{{word}}}" for word in values]
            near = difflib.get_close_matches(match[0], known, n=1, cutoff=0.0)[0]
            raise HarnessError(f"unknown placeholder {match[0]}; the nearest is {near}")
        return values[name]

    return _PLACEHOLDER.sub(value, text)


def checked(recipe: Recipe) -> Recipe:
    """Raises HarnessError for what would only fail later: placeholders, commands and files that are not there."""
    values = dict.fromkeys(PLACEHOLDERS, "x")
    if recipe.authority is None:
        del values["ca"]
    for words in (recipe.command, *recipe.then):
        for word in words:
            fill(word, values)
        if not _PLACEHOLDER.search(words[0]) and shutil.which(words[0]) is None:
            raise HarnessError(f"{words[0]}: command not found")
    for name, text in recipe.environment.items():
        fill(f"{name}={text}", values)
    for path in recipe.files:
        fill(read_text(path), values)
    if recipe.skip:
        _check_skip(forward(recipe.skip))
    return recipe


def _check_skip(prefix: Sequence[str]) -> None:
    done = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"--skip needs a time namespace, and there is none: {done.stderr.strip()}")


def forward(seconds: float) -> list[str]:
    """The words before a command that let it run with its monotonic clocks put forward."""
    if not seconds:
        return []
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user"]
    ahead = str(round(seconds))
    return ["unshare", *user, "--time", "--boottime", ahead, "--monotonic", ahead, "--"]


def read_text(path: Path) -> str:
    """Raises HarnessError."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def token_of(world: World, case: CaseFile) -> str:
    """The seed's token for one of the case's logins. Raises HarnessError when there is none."""
    for token, known in world.tokens.items():
        if known.login in case.registration.logins:
            return token
    logins = ", ".join(case.registration.logins)
    raise HarnessError(f"the seed has no token for {logins} (the case's logins)")


def expected(case: CaseFile) -> CaseFile:
    """The case with what a campaign expects of its end unless the case says so: exactly one open PR."""
    if case.expect.final is not None:
        return case
    from msgspec.structs import replace

    return replace(case, expect=replace(case.expect, final=Final.EXACTLY_ONE_OPEN))
