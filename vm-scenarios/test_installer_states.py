"""The last steps of an installation: whatever state a power cut leaves the disk in, a whole stamp means a whole system.

What the installer writes from its step sync on was recorded, write by write and flush by flush. Where the stamp could
be on the disk and the system not, a machine would register that may never come up again; no boot shows that but one
that was cut at the right write. The disk may do what it was given in any order, until it is told to flush.
"""

from __future__ import annotations

import agent
import pytest
import stepwise
from bootproof.diskstates.choices import Bound
from bootproof.diskstates.image import Base, partition
from bootproof.diskstates.write_log import Kind, WriteLog
from bootproof.diskstates.written_last import LastFile, WrittenLast
from bootproof.oracle import Final
from bootproof.timeline import MachineKind
from bootproof.verdict import HarnessError
from recorded_disk import BOOT, SYSTEM
from stage import registration

CONTROL = Bound(whole=4, sampled=100, tears=0)


@pytest.mark.long
def test_installer_states(node, step_by_step, github):
    server, whole = github(), step_by_step
    node.connect(server)
    node.name = whole.node
    node.site.registration = registration(node.name)
    node.site.expect(final=Final.NONE)
    node.site.timeline.record(MachineKind.INSTALL_STARTED)
    last = [whole.before(step) for step in ("sync", "stamp", "banner")]
    begun = last[0].saved.disks[0].copy(node.site.disks / "begun.raw").path
    ended = stepwise.cut(last[-1], stepwise.entries(last[-1]), node.site.disks / "ended.raw").path
    log, begins = stepwise.joined(last)
    boot = partition(begun, BOOT)
    late = [entry for entry in stepwise.at_risk(log, begins[1], begins[2]) if entry.offset in boot]
    assert not late, "it boots from what may still be lost when the stamp is there"
    where = partition(begun, SYSTEM)
    with (
        node.site.phase("every state of the disk"),
        Base(begun, where) as before,
        Base(ended, where) as after,
    ):
        stamp = LastFile(agent.STAMP, agent.is_stamp)
        node.site.add(WrittenLast(log, before, after, stamp, since=begins[1]).result())
        if next(WrittenLast(never_flushed(log), before, after, stamp, bound=CONTROL).wrong(), None) is None:
            raise HarnessError("nothing is found on a disk that is never told to flush: this shows nothing")
    node.site.timeline.record(MachineKind.INSTALL_FINISHED)


def never_flushed(log: WriteLog) -> WriteLog:
    """The same writes, none of them safe before the end."""
    return WriteLog(log.sector, tuple(entry for entry in log.entries if entry.kind is not Kind.FLUSH))
