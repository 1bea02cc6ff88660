"""One step of a history, as it stands in a trace: what happened, to which machine, and what went wrong in it.

A trace is the list of the steps, in JSON.  It is replayed by taking, from what can happen, the step of this name.
"""

from __future__ import annotations

import enum
import sys
from pathlib import Path

import msgspec

from bootproof.verdict import HarnessError


class Do(enum.Enum):
    """What happens in a step."""

    RUN = "run"
    """A run of the program begins, up to its first request."""
    ANSWER = "answer"
    """The request that the run waits for is answered (or not), and it goes on to its next one or to its end."""
    KILL = "kill"
    CUT = "power-cut"
    REBOOT = "reboot"
    PERSON = "person"
    OPERATOR = "operator"
    """A command of the operator's begins on the machine, up to its first request."""
    LATE = "late"
    """A request that nobody waits for any more takes effect."""


class By(enum.Enum):
    """What stops a machine, where it is not the plain thing.  To a program in the middle of a run the reset button is a
    power cut, and an orderly reboot a kill with a reboot after it; between two runs each of them is a reboot."""

    RESET = "reset button"
    REBOOT = "orderly reboot"
    CUT = "power cut"


class Step(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """`what` is a command, a request or an act; `fault` what became of a request; `local` what went wrong on the
    machine after it; `after` the time that passed first (`q`, or the number of the threshold); `by` what killed it or
    took its power."""

    do: Do
    what: str = ""
    fault: str = ""
    local: str = ""
    after: str = ""
    actor: int = 0
    by: By | None = None

    def __str__(self) -> str:
        who = f"machine {self.actor + 1}: " if self.actor else ""
        parts = [f"{self.do.value} {self.what}".strip(), self.fault, self.local]
        waited = f" (after {self.after})" if self.after else ""
        means = f" by the {self.by.value}" if self.by else ""
        return who + ": ".join(part for part in parts if part) + means + waited


def means_of(step: Step) -> tuple[By, ...]:
    """By what else the machine can be stopped in this step; by nothing, where it goes on."""
    if step.do is Do.REBOOT:
        return By.RESET, By.CUT
    how = step.local.rpartition("; ")[2]
    if step.do is Do.KILL or how.startswith("killed "):
        return (By.REBOOT,)
    return (By.RESET,) if step.do is Do.CUT or how.startswith("power cut ") else ()


class Trace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One history: in which universe, of which agent, step by step, and what it came to."""

    schema: int = 1
    agent: str
    universe: str
    steps: tuple[Step, ...]
    finding: str = ""


def read_trace(path: Path) -> Trace:
    """Reads a trace; `-` is standard input.  Raises HarnessError with one line that says what is wrong with it."""
    try:
        document = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return msgspec.json.decode(document, type=Trace)
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise HarnessError(f"{path}: not a trace: {error}") from error


def write_trace(trace: Trace) -> bytes:
    """The trace as JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(trace), indent=1) + b"\n"
