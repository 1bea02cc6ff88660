"""The options of `bootproof replay` and `bootproof fuzz`.  Light, since every call of `bootproof` reads it."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
from pathlib import Path
from typing import Any

REPLAY = """\
Goes through a trace again: at each step, what the trace says, out of all that can happen there.  Prints what the
program said, the rows of its decision table, and what was wrong.

  bootproof replay kept/alone-1.json        or, from a pipe,  bootproof replay -

With --in processes, the real program is run and interrupted in the same way, against the real server; after each step,
files and GitHub must be what they are in the simulation.

On machines every step is aimed from outside, at a request, at its answer, or between two runs:

  bootproof replay kept/alone-1.json --in machines --guest "$(bootproof guest build)"

A trace of which a step cannot be aimed there is refused before anything boots.

Exit status: 0 nothing was wrong; 1 something was; 2 the trace is none, or does not apply (any more, or in this layer).
"""

LAYERS = {
    "simulation": "bootproof.simulation.replay",
    "processes": "bootproof.processes.replaying",
}
"""The module of each layer; its `replay` takes a trace and an agent's name, and returns what came of it."""

FUZZ = """\
Goes through random long histories in every universe, on all cores, until the time is over or Ctrl-C.

  bootproof fuzz --minutes 10 --universe late --universe disk

Each thing that is found is shrunk and kept as a trace.  What Hypothesis learns is kept too, and tried first in the
next campaign.

Exit status: 0 nothing was wrong; 1 something was; 2 a kind of fault never happened; 130 Ctrl-C.
"""


def add_parsers(commands: Any) -> None:
    """Adds the subcommands to `bootproof`."""
    raw = argparse.RawDescriptionHelpFormatter
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--agent", metavar="NAME", help="an installed agent, or MODULE:OBJECT")
    replaying = commands.add_parser(
        "replay", parents=[common], help="go through a trace again", description=REPLAY, formatter_class=raw
    )
    replaying.add_argument("trace", type=Path, metavar="TRACE", help="a file, or - for standard input")
    replaying.add_argument("--json", action="store_true", help="print JSON, for programs")
    replaying.add_argument(
        "--in",
        dest="layer",
        choices=(*LAYERS, "machines"),
        default="simulation",
        help="the layer (%(default)s)",
    )
    replaying.add_argument("--guest", type=Path, metavar="DIR", help="for machines: what they boot")
    replaying.add_argument(
        "--scenario",
        type=Path,
        default=Path("vm-scenarios/test_replay.py"),
        metavar="FILE",
        help="for machines: the test that knows the program (%(default)s)",
    )
    replaying.set_defaults(run=_replay)

    fuzzing = commands.add_parser(
        "fuzz", parents=[common], help="random long histories", description=FUZZ, formatter_class=raw
    )
    fuzzing.add_argument("--minutes", type=_minutes, default=1.0, metavar="M", help="(%(default)s)")
    fuzzing.add_argument(
        "--universe", action="append", metavar="NAME", help="only this one; may be given again"
    )
    fuzzing.add_argument("--workers", type=_workers, default=os.cpu_count() or 1, metavar="N")
    fuzzing.add_argument(
        "--database",
        type=Path,
        default=Path(".hypothesis/fuzz"),
        metavar="DIR",
        help="what was learned (%(default)s)",
    )
    fuzzing.add_argument(
        "--keep", type=Path, default=Path(".cache/traces"), metavar="DIR", help="the traces (%(default)s)"
    )
    fuzzing.set_defaults(run=_fuzz)


def _minutes(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (minutes := float(text)) <= 10_000:
            return minutes
    raise argparse.ArgumentTypeError(f"{text}: more than 0 and at most 10000 minutes")


def _workers(text: str) -> int:
    with contextlib.suppress(ValueError):
        if 1 <= (workers := int(text)) <= 256:
            return workers
    raise argparse.ArgumentTypeError(f"{text}: 1 to 256 workers")


def _replay(options: argparse.Namespace) -> int:
    if options.layer == "machines":
        from bootproof.simulation.machines_command import machines_command

        return machines_command([options.trace], options.guest, options.scenario, options.json)
    from bootproof.simulation.replay import command

    layer = importlib.import_module(LAYERS[options.layer])
    return command(options.trace, options.agent, options.json, layer.replay)


def _fuzz(options: argparse.Namespace) -> int:
    from bootproof.simulation.campaign import command

    return command(options)
