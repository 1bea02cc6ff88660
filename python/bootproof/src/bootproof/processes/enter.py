"""Becomes the program on a machine of its own: lays files and folders over those of this host, and executes it.

Run as `python -I -S enter.py SOURCE TARGET … -- COMMAND…` in a mount namespace of its own; imports nothing of this
package. Exit status 127: something cannot be laid over, or the command cannot be executed.
"""

import ctypes
import os
import sys

MS_BIND = 4096


def main(arguments: list[str]) -> None:
    end = arguments.index("--")
    mount = ctypes.CDLL(None, use_errno=True).mount
    for source, target in zip(arguments[0:end:2], arguments[1:end:2], strict=True):
        if mount(os.fsencode(source), os.fsencode(target), None, MS_BIND, None):
            fail(target, os.strerror(ctypes.get_errno()))
    command = arguments[end + 1 :]
    try:
        os.execvp(command[0], command)  # noqa: S606 - nothing of it is for a shell
    except OSError as error:
        fail(command[0], error.strerror)


def fail(what: str, why: str | None) -> None:
    sys.stderr.write(f"bootproof: {what}: {why}\n")
    os._exit(127)


main(sys.argv[1:])
