"""Whole runs on a machine where one file, or one answer of GitHub's, is garbage; all else is as it should be.

What the mock of GitHub holds afterwards is the truth: a marker has to agree with it, and there is at most one open
pull request of this node, whatever the garbage was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

from foreign_files import ATTEMPT, INTENT, OPEN_MARKER, STAMP, STATE, WISHES
from foreign_files import SETTINGS as SETTINGS_SAMPLES
from foreign_port import Parser, answer_of, hold, line, lines
from foreign_stages import STAGES, Exchange, Stage, exchanges
from garbling import Form
from small_machine import TOKEN, SmallMachine
from stories import BRANCH, MARKER, RECORD
from zeta_self_register import doctor, local, output, settings
from zeta_self_register.credentials import DEFAULT_TOKEN_FILE
from zeta_self_register.effects import Request, Response
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.local_files import Attempt, Marker, Reading, State, Wishes, decode, encode
from zeta_self_register.settings import Settings
from zeta_self_register.simulated import SETTINGS

AT = Settings()
OWN: dict[str, type[Any]] = {
    AT.marker: Marker,
    local.attempt_path(AT): Attempt,
    local.state_path(AT): State,
    local.wishes_path(AT): Wishes,
}
"""The files that this program writes; they lie elsewhere where the settings say so."""


def _run(machine: SmallMachine, command: str) -> bool:
    """One run, and what a person is shown after it; True if it ended with 0."""
    try:
        done = machine.tick(command).last
        line(done.reason)
        status = done.status
    except Refused as refused:
        line(refused.line)
        status = refused.status
    return status is Exit.DONE


def _shown(machine: SmallMachine) -> None:
    """`status` and `doctor`, which write nothing."""
    before = dict(machine.files), len(machine.pulls())
    try:
        node = machine.node("status")
        lines(output.status_lines(node, node.files(), None, Refused(Exit.HELD, "x")))
        output.as_json(output.status_as_table(node, node.files(), None, Refused(Exit.HELD, "x")))
    except Refused as refused:
        line(refused.line)
    checks = doctor.examine(
        machine,
        lambda: settings.load(machine, SETTINGS, {}, must_exist=True),
        lambda _: machine.node("doctor"),
    )
    for check in checks:
        line(check.text)
    hold(before == (dict(machine.files), len(machine.pulls())), "what only looks has written")


def _true(machine: SmallMachine, before: dict[str, bytes]) -> None:
    """What was written can be read again, and the marker says what is so."""
    for path, kind in OWN.items():
        content = machine.files.get(path)
        if content is not None and content != before.get(path):
            hold(decode(content, kind)[0] is Reading.VALID, f"{path} was written so that it cannot be read")
    marker = machine.files.get(MARKER)
    if marker is None or marker == before.get(MARKER):
        return
    said = json.loads(marker)
    numbers = [pull["number"] for pull in machine.pulls("open")]
    on_base = RECORD.encode() in _listed(machine)
    hold(said["state"] != "registered" or on_base, "a marker says registered, and there is no record")
    hold(
        said["state"] != "pr-open" or said["pull_request"]["number"] in numbers, "a marker names no open pull"
    )


def _listed(machine: SmallMachine) -> bytes:
    """The paths on the base branch."""
    tree = machine.person("GET", "/repos/acme/cluster/git/trees/main?recursive=1")
    return json.dumps([entry["path"] for entry in tree["tree"]]).encode()


def _at_most_one(machine: SmallMachine) -> None:
    opened = [pull["head"]["ref"] for pull in machine.pulls("open")]
    hold(opened.count(BRANCH) <= 1, "two open pull requests of one node")


# --- one file is garbage -----------------------------------------------------------------------------------------


def _file(stage: Stage, path: str, before: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    """`before` says whether so broken a file must keep every request from being sent."""

    def read(content: bytes) -> bool:
        machine = stage.machine()
        machine.files[path] = content
        files, world = dict(machine.files), machine.world
        done = _run(machine, stage.command)
        if before(content):
            hold(not machine.requests, "a request was sent")
            hold(machine.world == world and machine.files == files, "something was written")
        _true(machine, files)
        _at_most_one(machine)
        if len(content) % 4 == 0:
            _shown(machine)
        return done

    return read


def _never(_content: bytes) -> bool:
    """The file is a hint, or none of its forms is surely garbage."""
    return False


def _no_json(content: bytes) -> bool:
    try:
        return not isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return True


def _no_settings(content: bytes) -> bool:
    return b"=" not in content and any(not row.strip().startswith(b"#") for row in content.split() if row)


def _several_words(content: bytes) -> bool:
    return len(content.split()) > 1 and b":" not in content


def _files() -> tuple[Parser, ...]:
    stages = {stage.name: stage for stage in STAGES}
    fresh, flying, done = stages["fresh"], stages["to be armed"], stages["registered"]
    entries: tuple[tuple[Stage, str, Form, tuple[bytes, ...], Callable[[bytes], bool]], ...] = (
        (flying, MARKER, Form.JSON, (flying.machine().files[MARKER], encode(OPEN_MARKER)), _never),
        (done, MARKER, Form.JSON, (done.machine().files[MARKER],), _never),
        (fresh, local.attempt_path(AT), Form.JSON, (encode(ATTEMPT),), _never),
        (flying, local.state_path(AT), Form.JSON, (encode(STATE),), _never),
        (fresh, local.wishes_path(AT), Form.JSON, tuple(map(encode, WISHES)), _no_json),
        (fresh, AT.intent_file, Form.JSON, (INTENT,), _no_json),
        (fresh, AT.install_stamp, Form.JSON, (STAMP,), _no_json),
        (fresh, SETTINGS, Form.LINES, SETTINGS_SAMPLES, _no_settings),
        (fresh, DEFAULT_TOKEN_FILE, Form.LINES, (TOKEN.encode(), b"absent"), _several_words),
        (fresh, "/proc/cpuinfo", Form.LINES, (fresh.machine().files["/proc/cpuinfo"],), _never),
    )
    return tuple(
        Parser(
            f"a run ({stage.name}): {path.rpartition('/')[2]}",
            form,
            samples,
            _file(stage, path, before),
            turn=12,
        )
        for stage, path, form, samples, before in entries
    )


# --- one answer is garbage ---------------------------------------------------------------------------------------


def _hopeless(answer: Response) -> bool:
    """Whether no program can take this for the answer to a query."""
    if not 200 <= answer.status < 300:
        return True
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return True
    return not isinstance(said, dict) or "errors" in said or not isinstance(said.get("data"), dict)


def _writes(requests: list[Request]) -> list[str]:
    asked = [Exchange(request, b"") for request in requests]
    return [one.name for one in asked if not one.looks]


def _answer(stage: Stage, index: int) -> Callable[[bytes], bool]:
    """Half of the writes whose answer is garbage took effect, half did not, as the bytes themselves decide."""
    asked = exchanges(stage)[index]

    def read(content: bytes) -> bool:
        machine = stage.machine()
        garbage, real, marker = answer_of(content), machine.github, b""

        def github(request: Request) -> Response:
            nonlocal marker
            if len(machine.requests) != index:
                return real(request)
            marker = machine.files.get(MARKER, b"")
            if asked.looks or crc32(content) & 1:
                machine.requests.append(request)
            else:
                real(request)
            return garbage

        machine.github = github  # type: ignore[method-assign]
        files = dict(machine.files)
        done = _run(machine, stage.command)
        machine.github = real  # type: ignore[method-assign]
        _at_most_one(machine)
        if asked.name.startswith("query") and _hopeless(garbage):
            hold(not _writes(machine.requests[index + 1 :]), "a write after an answer that says nothing")
            hold(machine.files.get(MARKER, b"") == marker, "a marker after an answer that says nothing")
        if not asked.name.startswith("query") or _hopeless(garbage):
            _true(machine, files)
        return done

    return read


def _answers() -> Iterator[Parser]:
    """Every snapshot, since what follows from it is another thing each time; of all other requests the first one."""
    met: set[str] = set()
    for stage in STAGES:
        for index, one in enumerate(exchanges(stage)):
            if one.name not in met:
                name = f"a run ({stage.name}): {index + 1}. {one.name[:30]}"
                yield Parser(name, Form.ANSWER, (one.answer,), _answer(stage, index), turn=12)
            met |= {one.name} - {"query Snapshot"}


TICKS = (*_files(), *_answers())
