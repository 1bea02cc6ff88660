"""Everything that takes part in one replay: the machines, the server, the clock, and the record of what was done."""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mock_github.gates import Waiting

from bootproof.oracle import as_events
from bootproof.oracle_case import Case
from bootproof.processes.agreement import apart_at_github, apart_on_disk
from bootproof.processes.contents import Contents
from bootproof.processes.github import Clock, GitHub, serving
from bootproof.processes.host import Host, apart
from bootproof.processes.layout import description, lay_out
from bootproof.processes.stretch import Free
from bootproof.simulation import agents, retime
from bootproof.simulation.machine import Machine
from bootproof.simulation.state import State
from bootproof.simulation.storage import Disk
from bootproof.simulation.transitions import TOKEN, Simulation
from bootproof.simulation.wishes import Epoch
from bootproof.timeline import MachineKind, Timeline
from bootproof.verdict import HarnessError, Interruption, Landing


@dataclass
class Scene:
    """One replay. `first` is the simulation's first state; `done` is what was done to the program."""

    simulation: Simulation
    first: State
    folder: Path
    github: GitHub
    clock: Clock
    hosts: list[Host] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)
    done: list[Interruption] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _markers: set[bytes] = field(default_factory=set)

    @property
    def machine(self) -> Machine:
        return self.simulation.machine

    @property
    def kept(self) -> str:
        """The folder that the program keeps its files in."""
        return posixpath.dirname(self.simulation.agent.marker)

    def skip(self, seconds: float) -> None:
        """Time passes, here and at GitHub."""
        self.clock.skipped += seconds
        for host in self.hosts:
            host.ahead += seconds

    def record(self, kind: MachineKind, **fields: object) -> None:
        """Into the timeline, after all that has happened at GitHub."""
        self.timeline.record(kind, after_seq=len(self.github.server.events()), **fields)

    def boot(self, host: Host) -> None:
        host.boot()
        self.record(MachineKind.POWER_ON)
        self.record(MachineKind.BOOT, boot_id=host.boot_id)

    def files(self, host: Host) -> dict[str, bytes]:
        return host.files(re.compile(self.simulation.agent.scratch).fullmatch, self.kept)

    def cut(self, host: Host, disk: Disk) -> None:
        """The machine has lost its power, holds this disk, and starts again."""
        self.record(MachineKind.CUT, landing=Landing.LANDED)
        self._leave(host, disk)
        self.boot(host)

    def _leave(self, host: Host, disk: Disk) -> None:
        left = disk.files()
        for path in self.files(host):
            if path not in left:
                host.layout.changing(path).unlink()
        if not disk.has_folder(self.kept):
            shutil.rmtree(host.layout.changing(self.kept), ignore_errors=True)
        for path, content in left.items():
            real = host.contents.of(content)
            if real is None:
                raise HarnessError(f"{path} holds something that the program never wrote: {content[:60]!r}")
            host.layout.changing(path).write_bytes(real)

    def let_go(self) -> None:
        """Nothing is held any more; a run that is under way goes on to its end."""
        for host in self.hosts:
            if host.run is not None:
                host.run.stretch = Free()
                if isinstance(host.waiting, Waiting):
                    host.waiting.let()
        self.github.open()
        for host in self.hosts:
            if host.run is not None:
                self.github.next()
                host.run, host.waiting = None, None
                self.look_at_marker(host)

    def look_at_marker(self, host: Host) -> None:
        """Tells the timeline of a marker that was not seen before. One that was there from the beginning is no word of
        this program's."""
        marker = self.files(host).get(self.simulation.agent.marker)
        if marker is None or marker in self._markers:
            return
        self._markers.add(marker)
        claim = agents.claim(self.simulation.agent, marker)
        text = marker.decode(errors="replace")
        self.record(MachineKind.MARKER_SEEN, text=text, boot_id=host.boot_id, claim=claim)

    def differs(self, state: State) -> str:
        """In what this is not the state that the simulation is in; empty when it is."""
        for host, actor in zip(self.hosts, state.actors, strict=True):
            simulated = {
                path: content
                for path, content in self.machine.disks[actor.disk].files().items()
                if not re.fullmatch(self.simulation.agent.scratch, path)
            }
            if wrong := apart_on_disk(simulated, self.files(host), host.contents):
                return wrong
        world = self.simulation.hub.worlds[state.world]
        return apart_at_github(world, self.github.server.world, self.simulation.own)

    def case(self) -> Case:
        """All of it before the oracle."""
        began = self.simulation.hub.worlds[self.first.world]
        before = self.simulation.judge.before(began, Epoch())
        events = as_events(self.github.server.events())
        return Case(events, self.timeline.events, self.simulation.own, before=before)

    def interrupted(self, what: str, landing: Landing = Landing.LANDED) -> None:
        self.done.append(Interruption(what, landing))


@contextmanager
def scene(simulation: Simulation) -> Iterator[Scene]:
    """Machines and a server as the simulation begins with them. Raises HarnessError, with one line, where this host
    or this layer cannot have them so."""
    _check_namespaces()
    said = description(simulation.agent)
    first = simulation.first()
    world = simulation.hub.worlds[first.world]
    clock = Clock(retime.now_of(world))
    with tempfile.TemporaryDirectory(prefix="bootproof-replay-") as name, serving(world, clock) as github:
        timeline = Timeline(clock=lambda: datetime.fromtimestamp(clock(), UTC))
        here = Scene(simulation, first, Path(name), github, clock, timeline=timeline)
        (here.folder / "ca.pem").write_bytes(github.server.ca_pem)
        values = {"api": github.server.url, "ca": str(here.folder / "ca.pem")}
        try:
            for number, actor in enumerate(first.actors, 1):
                disk = simulation.machine.disks[actor.disk]
                files = {**simulation.agent.machine(TOKEN), **simulation.universe.files, **disk.files()}
                layout = lay_out(here.folder / f"machine-{number}", said, values, files)
                host = Host(number, layout, Contents(disk), github.server.port)
                here.hosts.append(host)
                here.boot(host)
                here._markers |= set(here.files(host).values())
            yield here
        finally:
            for host in here.hosts:
                host.end()


def _check_namespaces() -> None:
    done = subprocess.run([*apart(0), "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"replay in processes needs namespaces of its own: {done.stderr.strip()}")
