"""Before a program is blamed for what did not come, its machine is asked whether it was in order.

A kernel that died, a shell that does not answer, a full disk or a lost network are no answer about the program: such a
run is a harness error, not a violation. What the record shows (a second pull request, say) stays a violation, and so
does a disk that the program itself has filled. What cannot be asked of the machine excuses nobody.
"""

import shlex
from collections.abc import Sequence

from bootproof.errors import MachineError
from bootproof.last_words import panicked
from bootproof.machine import Machine

DISK_FULL = "the guest's disk is full"
"""What `trouble` begins with then."""
_ANSWER_SECONDS = 5
_LEFT = 64  # KiB; less than that is a disk on which nothing can be written any more
_DISK = f"df -kP / /var/lib | awk 'NR > 1 && $4 < {_LEFT} {{ print $6; exit }}'"
_MUCH = 16 << 10  # KiB; so much is no longer what a first-boot program keeps
_ADDRESSES = "ip -oneline address show scope global"


def trouble(machine: Machine, own: Sequence[str] = ()) -> str:
    """What is wrong with the machine, in one line; empty if nothing is, or if it is off because it was told to be.

    `own` are the folders that the program under test writes.
    """
    if (panic := panicked(machine.console.this_boot)) != "":
        return f"the guest's kernel died: {panic}"
    if not machine.is_on:
        return machine.failure
    try:
        full = machine.run(_DISK, timeout=_ANSWER_SECONDS, check=False).text
        by_itself = bool(full) and _kept(machine, own) > _MUCH
        addresses = machine.run(_ADDRESSES, timeout=_ANSWER_SECONDS, check=False)
    except MachineError as error:
        return f"the guest hangs: {str(error).splitlines()[0]}"
    if full and not by_itself:
        return f"{DISK_FULL}: nothing is left on {full}"
    if addresses.exit_status == 0 and not addresses.text and machine.is_plugged_in:
        return "the guest has lost its network: it has no address, and its cable is plugged in"
    return ""


def _kept(machine: Machine, own: Sequence[str]) -> int:
    """KiB in these folders."""
    if not own:
        return 0
    folders = " ".join(shlex.quote(folder) for folder in own)
    counted = f"du -sk {folders} 2>/dev/null | awk '{{ sum += $1 }} END {{ print sum + 0 }}'"
    return int(machine.run(counted, timeout=_ANSWER_SECONDS, check=False).text or 0)
