"""Processes: any agent as a real program against the mock, stopped at every call that leaves something behind.

How it goes, told once for all files here. Four take part: the *agent*, the *tracer* (a thread of ours that
holds the agent by ptrace), the *mock*, and the *folder* that is all the agent can keep.

 1. The agent runs once, unbroken. Before each call that could change the folder, or that sends to the mock, the
    kernel stops it (a seccomp filter picks the calls, so all others run at full speed). While it stands still, the
    tracer notes what a SIGKILL at this moment would leave: the files as they are, and the mock's world as it is.
    What was in the memory of a killed process is gone; there is nothing else.
 2. Kill points that leave the same files and the same GitHub are one *state*. From each state the program that the
    caller named is run again, for real, until it exits with 0. Nothing of it is traced or slowed.
 3. The oracle judges the whole history: the events before the kill, the cut, and everything after it.

With `--for-real` the agent is run and killed anew for each point instead: the same points, the same words, at
several times the cost. A test compares both.

Why not strace: its `inject=…:signal=` counts calls per thread and per call, not in the order of the whole process
tree; it can only kill before a call; and it cannot stand still until files have been copied. That is one record for
each kill point, each with the start-up of the agent twice. The tracer is `tracer.py`, and there is no more to it.
"""

from __future__ import annotations

from pathlib import Path


def launcher_path() -> Path:
    """The file that becomes the agent; run by its path, since it must import nothing."""
    return Path(__file__).with_name("launcher.py")
