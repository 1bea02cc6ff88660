"""`bootproof torture`: from options to a campaign, and to its exit status."""

from __future__ import annotations

import argparse
import platform
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import trustme
from mock_github.seed import SeedError
from mock_github.world import World

from bootproof.oracle import read_case_file
from bootproof.progress import phase
from bootproof.torture.campaign import Wanted, run_campaign
from bootproof.torture.recipe import Recipe, checked, expected, token_of
from bootproof.torture.table import lines, report_of, write_json
from bootproof.verdict import HarnessError


def torture(options: argparse.Namespace) -> int:
    """Runs the campaign and prints what was found; the exit status."""
    if platform.machine() != "x86_64" or sys.platform != "linux":
        raise HarnessError(f"torture knows the system calls of x86-64 Linux only, not {platform.machine()}")
    recipe = _recipe(options)
    wanted = Wanted(
        each=options.for_real,
        lose=options.lose_unsynced,
        errors=options.errors,
        workers=max(1, options.j),
    )
    with _stoppable(), phase("torture") as shown:
        campaign = run_campaign(recipe, wanted)
        shown.result = campaign.verdict.value
    report = report_of(campaign)
    print(*lines(campaign), sep="\n")  # noqa: T201 - this is the command's output
    if options.json is not None:
        write_json(report, options.json)
    return report.exit_status if campaign.finished else 130


def _recipe(options: argparse.Namespace) -> Recipe:
    try:
        world = World.from_seed(options.seed)
    except SeedError as error:
        raise HarnessError(str(error)) from error
    case = expected(read_case_file(options.case))
    command = tuple(options.command)
    return checked(
        Recipe(
            command=command,
            then=tuple(_split(text) for text in options.then) or (command,),
            environment=dict(_pair(text) for text in options.env),
            files=tuple(options.file),
            world=world,
            case=case,
            token=token_of(world, case),
            authority=None if options.http else trustme.CA(),
            limit=options.limit,
            reruns=max(1, options.reruns),
            pause=options.pause,
            skip=options.skip,
        )
    )


def _split(text: str) -> tuple[str, ...]:
    try:
        words: Sequence[str] = shlex.split(text)
    except ValueError as error:
        raise HarnessError(f"--then {text}: {error}") from error
    if not words:
        raise HarnessError("--then is empty; it takes a command")
    return tuple(words)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise HarnessError(f"--env takes NAME=VALUE, not {text!r}")
    return name, value


@contextmanager
def _stoppable() -> Iterator[None]:
    """Being told to end is like Ctrl-C: everything is put away first."""
    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
