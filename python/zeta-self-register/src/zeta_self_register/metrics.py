"""How the registration stands, for Prometheus: a file for the textfile collector of node_exporter.

Its form is Prometheus's text exposition format 0.0.4.
"""

from __future__ import annotations

import re

from zeta_self_register import __version__
from zeta_self_register.cluster_state import Told
from zeta_self_register.exits import Exit
from zeta_self_register.local_files import MarkerState

PREFIX = "zeta_self_register_"
LAST_SUCCESS = f"{PREFIX}last_success_timestamp_seconds"
_SUCCEEDED = re.compile(rf"^{LAST_SUCCESS} ([0-9]{{1,12}})$", re.MULTILINE)


def last_success(earlier: bytes) -> float:
    """When a run last ended with status 0, by what was told before; 0 when that says nothing."""
    found = _SUCCEEDED.search(earlier.decode(errors="replace"))
    return float(found[1]) if found else 0.0


def text_of(told: Told, earlier: bytes = b"") -> bytes:
    """The whole file.  `earlier` is what stands there: a run that failed keeps the time of the last that did not."""
    succeeded = told.now if told.status is Exit.DONE else last_success(earlier)
    states = [*MarkerState, None]
    lines = [
        *_help("state", "What the marker says: 1 for the present state."),
        *(f"{PREFIX}state{_labels(state=_name(s))} {int(s is told.marker)}" for s in states),
        *_gauge("pull_request", "Number of the pull request, 0 for none.", told.pull_request or 0),
        *_gauge("exit_status", "Exit status of the last run: 0, 75, 77 or 78.", int(told.status)),
        *_gauge("last_run_timestamp_seconds", "When it last ran.", told.now),
        *_gauge("last_success_timestamp_seconds", "When it last ended with 0; 0 for never.", succeeded),
        *_gauge("requests", "Requests to GitHub in the last run.", told.requests),
        *_help("last_decision_info", "The row of the decision table that ended the last run."),
        f"{PREFIX}last_decision_info"
        f"{_labels(row=told.row, standing=told.standing.value, node=told.node, version=__version__)} 1",
    ]
    return ("\n".join(lines) + "\n").encode()


def _gauge(name: str, says: str, value: float) -> list[str]:
    return [*_help(name, says), f"{PREFIX}{name} {value:.0f}"]


def _help(name: str, says: str) -> list[str]:
    return [f"# HELP {PREFIX}{name} {says}", f"# TYPE {PREFIX}{name} gauge"]


def _name(state: MarkerState | None) -> str:
    return "none" if state is None else state.value


def _labels(**labels: str) -> str:
    escaped = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
    return "{" + ",".join(f'{name}="{value.translate(escaped)}"' for name, value in labels.items()) + "}"
