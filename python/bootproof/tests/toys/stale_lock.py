"""Waits for a lock that nobody holds any more."""

import os
import sys
import time

from toy import STATE, opens, seen

print("waiting for the lock", flush=True)  # noqa: T201 - a program's output
while True:
    try:
        lock = os.open(STATE / "lock", os.O_CREAT | os.O_EXCL)
        break
    except FileExistsError:
        time.sleep(0.05)
if not seen():
    opens()
(STATE / "lock").unlink()
sys.exit(0)
