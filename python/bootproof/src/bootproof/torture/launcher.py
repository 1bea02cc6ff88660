"""Becomes the agent: waits to be seized by the tracer, puts the filter on itself, and executes the command.

Run as `python -I -S launcher.py FILTER-AS-HEX COMMAND…`; imports nothing of this package. The filter stays for good,
so it comes last. Exit status 127: the command cannot be executed.
"""

import ctypes
import os
import signal
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))


def main(arguments: list[str]) -> None:
    lines, command = bytes.fromhex(arguments[0]), arguments[1:]
    os.kill(os.getpid(), signal.SIGSTOP)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    # Without it, only root may filter; with it, set-user-id programs are not.
    if os.geteuid() != 0:
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    program = Filter(len(lines) // 8, lines)
    if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        sys.exit(f"bootproof: seccomp: {os.strerror(ctypes.get_errno())}")
    try:
        os.execvp(command[0], command)  # noqa: S606 - nothing of it is for a shell
    except OSError as error:
        sys.stderr.write(f"bootproof: {command[0]}: {error.strerror}\n")
        os._exit(127)


main(sys.argv[1:])
