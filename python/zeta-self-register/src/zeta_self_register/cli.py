"""The command `zeta-self-register`."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence

from zeta_self_register import output
from zeta_self_register.commands import PROGRAM, parser
from zeta_self_register.commands.common import journal
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.production import forbid_core_dumps


def main() -> None:
    """Entry point of the console script."""
    forbid_core_dumps()
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs one command and returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        status = int(options.run(options, environment))
        if sys.stdout is not None:  # None: it was closed
            sys.stdout.flush()
        return status
    except Refused as refused:
        if getattr(options, "json", False):
            print(output.as_json(output.refusal_as_table(options.command, refused)))
        journal(options, environment).say(f"{PROGRAM}: {refused.line}")
        return int(refused.status)
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted; the next run goes on where this one stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        # No file of ours: those are written through the port, which knows what a full disk means.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print(f"{PROGRAM}: what it prints cannot be written: {error.strerror}", file=sys.stderr)
        return int(Exit.NOT_NOW)
