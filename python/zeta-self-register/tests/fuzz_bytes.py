"""A campaign against every parser of foreign bytes, on all cores: no traceback, no write, one printable line.

usage: ./test --fuzz-bytes INPUTS [--seed N] [--parser WORD] [--workers N]

The same seed and number of inputs give the same inputs.  Ctrl-C ends it and shows what was done.
Exit status: 0 nothing was found; 1 something was, and it is printed as an @example; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import queue
import resource
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from random import Random
from typing import Any, TextIO

from foreign_bytes import PARSERS, Finding, smaller, tried
from foreign_port import Parser
from garbling import expanded
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

BATCH = 20
"""Inputs that one draw of Hypothesis is made into."""
GRACE = 30.0
"""Seconds that a worker gets to end its turn and to make a finding smaller."""
EVERY = 0.5
"""Seconds between two lines of progress, which replace each other."""


class _Stop(BaseException):
    """The campaign is over.  Hypothesis lets what is no Exception through."""


@dataclass
class Tally:
    """What one parser was given: in a turn, or in all."""

    parser: str
    accepted: int = 0
    refused: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    """The shortest of each kind."""
    failed: int = 0

    @property
    def inputs(self) -> int:
        return self.accepted + self.refused + self.failed

    def add(self, other: Tally) -> None:
        self.accepted += other.accepted
        self.refused += other.refused
        self.failed += other.failed
        for kind, found in other.findings.items():
            known = self.findings.get(kind)
            if known is None or len(found.content) < len(known.content):
                self.findings[kind] = found

    def count(self, outcome: bool | Finding) -> Finding | None:
        """Notes how one input ended; the finding if it is of a kind that is new here."""
        if not isinstance(outcome, Finding):
            self.accepted += outcome
            self.refused += not outcome
            return None
        self.failed += 1
        return None if outcome.kind in self.findings else outcome


@dataclass(frozen=True)
class Order:
    """What a campaign is to do: so many turns, each of one parser."""

    parsers: Sequence[Parser]
    seed: int
    inputs: int

    def turn(self, number: int) -> tuple[Parser, int]:
        """The parser of a turn, and how many inputs it is given; none when all is done."""
        cycle = sum(parser.turn for parser in self.parsers)
        rounds, index = divmod(number, len(self.parsers))
        before = rounds * cycle + sum(parser.turn for parser in self.parsers[:index])
        return self.parsers[index], max(0, min(self.parsers[index].turn, self.inputs - before))


def turn(parser: Parser, chance: str, inputs: int, stop: Any = None) -> Tally:
    """So many inputs of one parser; `chance` says which."""
    tally = Tally(parser.name)

    @seed(chance)
    @settings(
        max_examples=-(-inputs // BATCH),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(st.integers(0, 2**64 - 1))
    def batch(number: int) -> None:
        if stop is not None and stop.is_set():
            raise _Stop
        # Hypothesis begins each time with 0, so the number alone would repeat itself.
        for recipe in expanded(Random(f"{chance}/{number}"), min(BATCH, inputs - tally.inputs)):
            content = recipe.of(parser.samples, parser.form)
            found = tally.count(tried(parser, content))
            if found is not None:
                tally.findings[found.kind] = smaller(found, parser)

    with suppress(_Stop):
        batch()
    return tally


def _work(order: Order, following: Any, reports: Any, stop: Any) -> None:
    """What a worker process does: the next turn that nobody has taken yet, until there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while not stop.is_set():
        with following.get_lock():
            number, following.value = following.value, following.value + 1
        parser, inputs = order.turn(number)
        if not inputs:
            return
        reports.put(turn(parser, f"{order.seed}/{number}", inputs, stop))


def campaign(order: Order, workers: int, progress: TextIO | None) -> tuple[dict[str, Tally], bool]:
    """Runs it; what each parser was given, and whether Ctrl-C ended it."""
    context = get_context("fork")  # so that what the parsers have prepared is there at once
    reports, stop, following = context.Queue(), context.Event(), context.Value("q", 0)
    tallies = {parser.name: Tally(parser.name) for parser in order.parsers}
    processes = [
        context.Process(target=_work, args=(order, following, reports, stop), daemon=True)
        for _ in range(workers)
    ]
    interrupted: list[int] = []
    shown = Shown(order.inputs, progress)
    # Noted and not raised, so that no report is lost half read.
    handler = signal.signal(signal.SIGINT, lambda number, _frame: interrupted.append(number))
    try:
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes) and not interrupted:
            _take(tallies, reports, shown)
    finally:
        stop.set()
        end = time.monotonic() + GRACE
        while any(process.is_alive() for process in processes) and time.monotonic() < end:
            _take(tallies, reports, shown)
        while not reports.empty():
            _take(tallies, reports, shown)
        for process in processes:
            process.terminate()
            process.join()
        shown.close()
        signal.signal(signal.SIGINT, handler)
    if not interrupted and any(process.exitcode for process in processes):
        raise SystemExit("a worker died; its last words are above")
    return tallies, bool(interrupted)


def _take(tallies: dict[str, Tally], reports: Any, shown: Shown) -> None:
    """One report, if there is one."""
    try:
        tally = reports.get(timeout=0.1)
    except queue.Empty:
        return
    tallies[tally.parser].add(tally)
    shown.line(tallies, tally.parser)


class Shown:
    """One line of a terminal that says where the campaign is; nothing elsewhere."""

    def __init__(self, inputs: int, file: TextIO | None) -> None:
        self._inputs, self._begun, self._last = inputs, time.monotonic(), 0.0
        self._file = file if file is not None and file.isatty() else None

    def line(self, tallies: dict[str, Tally], parser: str) -> None:
        """Where it is, and how far the parser is whose turn was the last one."""
        now = time.monotonic()
        if self._file is None or now < self._last + EVERY:
            return
        self._last = now
        done, found = (
            sum(one.inputs for one in tallies.values()),
            sum(len(t.findings) for t in tallies.values()),
        )
        seconds = now - self._begun
        text = (
            f"{seconds:.0f} s: {done:,} of {self._inputs:,} inputs, {done / max(seconds, 0.1):,.0f}/s, "
            f"{found} findings; {parser}: {tallies[parser].inputs:,}"
        )
        width = os.get_terminal_size(self._file.fileno()).columns or 80
        self._file.write(f"\r{text[: width - 1].ljust(width - 1)}")
        self._file.flush()

    def close(self) -> None:
        """Leaves an empty line."""
        if self._file is not None and self._last:
            self._file.write("\r\x1b[K")
            self._file.flush()


def table(tallies: dict[str, Tally]) -> list[str]:
    """A line for each parser, and their sum."""
    total = Tally("all")
    for tally in tallies.values():
        total.add(Tally(tally.parser, tally.accepted, tally.refused, {}, tally.failed))
    wide = max(map(len, tallies))
    head = f"{'parser':{wide}} | {'inputs':>9} | {'accepted':>9} | {'refused':>9} | findings"
    rows = [
        f"{one.parser:{wide}} | {one.inputs:>9,} | {one.accepted:>9,} | {one.refused:>9,} | {number}"
        for one, number in [
            *((tally, len(tally.findings)) for tally in tallies.values()),
            (total, sum(len(tally.findings) for tally in tallies.values())),
        ]
    ]
    return [head, *rows]


def run(order: Order, workers: int, out: TextIO, progress: TextIO | None) -> int:
    """A campaign from beginning to end; its exit status."""
    again = f"--seed {order.seed}"
    print(f"{order.inputs:,} inputs for {len(order.parsers)} parsers, {workers} workers; {again}", file=out)
    begun, used = time.monotonic(), _processor()
    tallies, interrupted = campaign(order, workers, progress)
    seconds = time.monotonic() - begun
    print("\n".join(table(tallies)), file=out)
    findings = [found for tally in tallies.values() for found in tally.findings.values()]
    for found in findings:
        print(f"\nfound in {found}", file=out)
    done = sum(tally.inputs for tally in tallies.values())
    said = "interrupted" if interrupted else "done"
    rate = f"{done / max(seconds, 0.1):,.0f} inputs/s"
    print(
        f"{said} after {seconds:.0f} s ({_processor() - used:.0f} s of processor time), {rate}; {again}",
        file=out,
    )
    return 1 if findings else 130 if interrupted else 0


def _processor() -> float:
    """Seconds of processor time that workers which have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str]) -> int:
    """The command line."""
    lines = (__doc__ or "").strip().split("\n")
    parser = argparse.ArgumentParser(
        prog="./test --fuzz-bytes", description=lines[0], epilog=" ".join(lines[4:])
    )
    parser.add_argument("inputs", type=int, metavar="INPUTS", help="how many, such as 1000000")
    parser.add_argument("--seed", type=int, default=Random().getrandbits(32), help="inputs as before")
    parser.add_argument("--parser", default="", metavar="WORD", help="only those with this in their name")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="default: one a core"
    )
    options = parser.parse_args(arguments)
    chosen = [one for one in PARSERS if options.parser in one.name]
    if not chosen or options.inputs < 1 or options.workers < 1:
        parser.error(f"nothing to do; the parsers are: {', '.join(one.name for one in PARSERS)}")
    return run(Order(chosen, options.seed, options.inputs), options.workers, sys.stdout, sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
