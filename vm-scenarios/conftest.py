"""The machines and the mock GitHub that the scenarios ask for; the same for every kind of machine."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import agent
import agent_folder
import fuzz_run
import matrix_table
import msgspec
import planted as planted_bugs
import pytest
import selection
import stepwise
import traces
import trustme
from bootproof import disk, guest, health, lean, network
from bootproof.disk import Disk
from bootproof.diskstates.recovery import FileSystem
from bootproof.evidence import Site
from bootproof.guest import GuestFolder
from bootproof.progress import phase
from bootproof.qemu_command import DirectKernel
from bootproof.saved import Saved
from bootproof.verdict import HarnessError
from cluster import a_cluster, every_fault_came
from lean_node import LeanNode
from mock_github.server import MockServer
from mock_github.world import World
from once import forget, made_once, one_at_a_time
from packing import pack
from provisioned import MACHINE, a_machine, install, on_its_own, provision
from stage import MOCK_ADDRESS, OURS, Node, Recorder, an_installation, installed_before, name_in
from under_test import AgentUnderTest

NOBODY_THERE = (network.Forward(MOCK_ADDRESS, 443, 9),)
"""For a machine that is saved: it goes on with somebody behind the same address."""

TO_REPLAY: pytest.StashKey[traces.Chosen] = pytest.StashKey()
UNDER_TEST: pytest.StashKey[AgentUnderTest] = pytest.StashKey()

SHARED: pytest.StashKey[Path] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--planted", action="store_true", help="run scenarios on bad agents (see planted.py); all must fail"
    )
    parser.addoption(
        "--replay", action="append", type=Path, metavar="FILE", help="replay this trace, and this"
    )
    parser.addoption(
        "--replay-kept", action="store_true", help="replay all traces that are kept, as far as machines can"
    )
    parser.addoption(
        "--agent", type=Path, metavar="DIR", help="put this agent under test (a folder with agent.toml)"
    )
    parser.addoption(
        "--file-system",
        action="append",
        choices=[kind.value for kind in FileSystem],
        help="go through every state of a disk with this file system, and this (ext4)",
    )

    fuzz_run.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """A trace that is none or cannot be replayed, or an agent that is not described, is told before anything boots."""
    folder: Path | None = config.getoption("--agent", None)
    if folder is not None and config.getoption("--planted", False):
        raise pytest.UsageError("--planted is about the bugs of one agent: leave --agent out")
    fuzz_run.configure(config)
    try:
        config.stash[UNDER_TEST] = agent_folder.load(folder) if folder is not None else OURS
        config.stash[TO_REPLAY] = traces.chosen(
            config.getoption("--replay", None) or (),
            kept=config.getoption("--replay-kept", False),
            bad=config.getoption("--planted", False),
        )
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(matrix_table.Collector(config))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "trace" in metafunc.fixturenames:
        replay = metafunc.config.stash[TO_REPLAY].replay
        metafunc.parametrize(("trace", "bug"), replay.values(), ids=replay.keys())
        return
    kinds = metafunc.config.getoption("--file-system", None)
    if "file_system" in metafunc.fixturenames and kinds:
        metafunc.parametrize("file_system", kinds, indirect=True)
    bugs = [n for n, bug in planted_bugs.BUGS.items() if bug.test == metafunc.function.__name__]
    if metafunc.config.getoption("--planted", False) and bugs:
        if "spoilt" in metafunc.fixturenames:
            metafunc.parametrize("spoilt", bugs, indirect=True, scope="function")
        else:
            metafunc.parametrize("planted", bugs, indirect=True, scope="session")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """After Ctrl-C nobody goes on from the saved machines, and only a run that passed is removed by pytest."""
    if exitstatus == pytest.ExitCode.INTERRUPTED and SHARED in session.config.stash:
        forget(session.config.stash[SHARED])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for why in config.stash[TO_REPLAY].left_out:
        terminalreporter.line(f"not replayed: {why}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    selection.choose(config, items)


def cache_folder() -> Path:
    """Where what is built once is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bootproof"


@pytest.fixture(scope="session")
def described(guest_folder: Path) -> GuestFolder:
    """The guest that was asked for: a stick that installs, or a system that is on its disk already."""
    return guest.load(guest_folder)


@pytest.fixture(scope="session")
def stick(described: GuestFolder) -> GuestFolder:
    """The guest that installs."""
    if described.guest.stage is not guest.Stage.INSTALLER:
        pytest.skip(f"{described.guest.name} is installed already: there is no installer to be watched")
    return described


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run that all its workers share."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    pytestconfig.stash[SHARED] = folder
    return folder


@pytest.fixture(scope="session")
def authority(shared: Path) -> trustme.CA:
    """Signs every mock of this run, so that a disk that was installed once trusts the next one too."""
    with one_at_a_time(shared, "authority.pem") as file:
        if not file.exists():
            made = trustme.CA()
            file.write_bytes(made.private_key_pem.bytes() + made.cert_pem.bytes())
        pem = file.read_bytes()
    key, mark, certificate = pem.partition(b"-----BEGIN CERTIFICATE")
    return trustme.CA.from_pem(mark + certificate, key)


@pytest.fixture(scope="session")
def planted(request: pytest.FixtureRequest) -> str:
    """The bug that is planted in the agent; none, unless asked for by --planted."""
    return getattr(request, "param", "")


@pytest.fixture
def spoilt(request: pytest.FixtureRequest) -> str:
    """The bug that is put into the agent where it lies, when a saved machine goes on: that costs no installation."""
    return getattr(request, "param", "")


@pytest.fixture(scope="session")
def under_test(pytestconfig: pytest.Config) -> AgentUnderTest:
    """The agent: ours, unless another is asked for by --agent."""
    return pytestconfig.stash[UNDER_TEST]


@pytest.fixture(scope="session")
def payload(
    described: GuestFolder,
    authority: trustme.CA,
    planted: str,
    under_test: AgentUnderTest,
    tmp_path_factory: pytest.TempPathFactory,
) -> bytes:
    """The agent with its settings, as a tar archive that is unpacked over the new system; only the settings for a
    guest whose notes say that it `brings` this agent."""
    if described.guest.python is None:
        raise HarnessError(
            f"{described.folder}/guest.toml does not say which `python` the agent is to run on"
        )
    python = agent.Python(described.guest.python, described.guest.architecture)
    if described.guest.notes.get("brings") == under_test.name:
        files = tmp_path_factory.mktemp("brought")
        (files / agent.LIBRARY).mkdir(parents=True)
    else:
        files = under_test.files(cache_folder(), python)
    if planted:
        copy = tmp_path_factory.mktemp("planted") / planted
        files = planted_bugs.plant(files, planted_bugs.BUGS[planted], copy)
    return pack(files, under_test.settings(authority.cert_pem.bytes()))


@pytest.fixture
def file_system(request: pytest.FixtureRequest) -> FileSystem:
    """What the agent keeps its state on while it is recorded."""
    return FileSystem(getattr(request, "param", FileSystem.EXT4))


@pytest.fixture
def github(site: Site, authority: trustme.CA) -> Iterator[Callable[..., MockServer]]:
    """Starts the mock with a world (by default an empty cluster's); everything it sees is in the site's event log."""
    with a_github(site, authority) as start:
        yield start


@contextlib.contextmanager
def a_github(site: Site, authority: trustme.CA) -> Iterator[Callable[..., MockServer]]:
    """The same for any site."""
    running: list[MockServer] = []

    def start(world: World | None = None, clock: Callable[[], float] | None = None) -> MockServer:
        begun = world or a_cluster(time.time())
        server = MockServer(begun, event_log=site.event_log, authority=authority, clock=clock)
        server.start()
        running.append(server)
        site.follow(server)
        site.secret(agent.TOKEN)
        return server

    try:
        yield start
    finally:
        for server in running:
            server.stop()
    for server in running:
        every_fault_came(server)


@pytest.fixture
def node(site: Site, described: GuestFolder, under_test: AgentUnderTest) -> Iterator[Node]:
    """A machine with nothing in it: no disk, no network."""
    with a_node(site, described, under_test) as node:
        yield node


@contextlib.contextmanager
def a_node(site: Site, described: GuestFolder, under_test: AgentUnderTest) -> Iterator[Node]:
    """The same for any site."""
    site.machine = described.guest.name
    recorder = Recorder(site)
    with a_machine(described, site.consoles / MACHINE, recorder, site.disks) as machine:
        site.trouble = functools.partial(health.trouble, machine, [str(Path(under_test.marker).parent)])
        yield Node(machine, recorder, described, agent=under_test)


@pytest.fixture
def blank_node(node: Node, stick: GuestFolder) -> Node:
    """A machine with a blank disk."""
    node.machine.disks = (disk.blank(node.site.disks / "disk.raw"),)
    return node


@pytest.fixture
def installed_node(node: Node, described: GuestFolder, installed: tuple[Sequence[Disk], str]) -> Node:
    """A machine whose disk was installed completely and has never been booted since."""
    return on_installed_disks(node, described, installed)


def on_installed_disks(node: Node, described: GuestFolder, installed: tuple[Sequence[Disk], str]) -> Node:
    """The node with such disks."""
    base, name = installed
    if described.guest.stage is guest.Stage.INSTALLED:
        node.emulator.load(described)
    node.machine.disks = tuple(
        one.fork(node.site.disks / f"installed-{number}.qcow2") for number, one in enumerate(base)
    )
    node.name = name
    node.site.registration = node.agent.registration(name)
    installed_before(node.site)
    return node


@pytest.fixture(scope="session")
def installed(
    described: GuestFolder, payload: bytes, shared: Path, planted: str, under_test: AgentUnderTest
) -> tuple[Sequence[Disk], str]:
    """Disks on which the agent was installed once in this run, without any network, and the node's name."""

    def make(folder: Path) -> tuple[tuple[Disk, ...], str]:
        with phase("installs once for all"), on_its_own(described, folder) as machine:
            if described.guest.stage is guest.Stage.INSTALLED:
                return provision(machine, described, payload, under_test)
            return install(machine, described, payload, folder, under_test)

    return made_once(shared, f"installed{planted and '-'}{planted}", tuple[tuple[Disk, ...], str], make)


@pytest.fixture(scope="session")
def staged(
    described: GuestFolder,
    installed: tuple[Sequence[Disk], str],
    authority: trustme.CA,
    under_test: AgentUnderTest,
) -> Callable[[Site], contextlib.AbstractContextManager[tuple[Node, Callable[..., MockServer]]]]:
    """For one test that plays on many sites: on each, an installed node, and what starts the mock."""

    @contextlib.contextmanager
    def stage(site: Site) -> Iterator[tuple[Node, Callable[..., MockServer]]]:
        with a_github(site, authority) as github, a_node(site, described, under_test) as node:
            yield on_installed_disks(node, described, installed), github

    return stage


@pytest.fixture(scope="session")
def waiting(
    described: GuestFolder,
    installed: tuple[Sequence[Disk], str],
    shared: Path,
    planted: str,
) -> Saved:
    """That disk in its first boot, saved with everything up and the network there, before the agent has run at all:
    nothing of it begins by itself."""

    def make(folder: Path) -> Saved:
        with phase("boots once for all"), on_its_own(described, folder) as machine:
            if described.guest.stage is guest.Stage.INSTALLED:
                machine.load(described)
            machine.disks = [one.fork(folder / f"disk-{n}.qcow2") for n, one in enumerate(installed[0])]
            machine.forwards = NOBODY_THERE
            machine.credentials = agent.BY_HAND
            machine.power_on()
            machine.wait_until("multi-user.target")
            machine.run("systemctl start network-online.target && sync")
            return machine.save(folder / "saved")

    return made_once(shared, f"waiting{planted and '-'}{planted}", Saved, make)


@pytest.fixture(scope="session")
def asleep(described: GuestFolder, shared: Path) -> Saved:
    """A machine in front of its disk, from which every lean boot goes on."""

    def make(folder: Path) -> Saved:
        with on_its_own(described, folder) as machine:
            machine.kernel = lean_kernel(described, folder)
            machine.disks = (disk.blank(folder / "none.raw"),)
            machine.forwards = NOBODY_THERE
            return lean.asleep(machine, folder / "saved")

    return made_once(shared, "asleep", Saved, make)


def lean_kernel(described: GuestFolder, folder: Path) -> DirectKernel:
    """The guest's own kernel with the initial RAM disk of lean boots; without one the scenario is skipped."""
    kernel = lean.kernel(described, folder)
    if kernel is None:
        pytest.skip(
            f"{described.guest.name} has no kernel and initial RAM disk for lean boots, so it boots in full only"
        )
    return kernel


@pytest.fixture
def lean_node(
    node: Node, described: GuestFolder, installed: tuple[Sequence[Disk], str], asleep: Saved
) -> LeanNode:
    """The same disk as `installed_node`, on a machine that boots lean."""
    base, name = installed
    node.emulator.kernel = lean_kernel(described, node.site.folder)
    node.machine.disks = (base[0].fork(node.site.disks / "installed-0.qcow2"),)
    node.site.registration = node.agent.registration(name)
    installed_before(node.site)
    node.site.machine += ", lean"
    return LeanNode(node.machine, node.recorder, node.guest, name, asleep=asleep)


@pytest.fixture(scope="session")
def step_by_step(
    described: GuestFolder, stick: GuestFolder, payload: bytes, shared: Path, planted: str
) -> stepwise.Stepwise:
    """One installation, saved before each of its steps."""

    def make(folder: Path) -> stepwise.Stepwise:
        with phase("installs once for all, step by step"), on_its_own(described, folder) as machine:
            machine.forwards = NOBODY_THERE
            # What the installer would make up otherwise is no difference between two disks.
            wanted = msgspec.structs.replace(an_installation(payload), node="node-1a2b3c")
            ready, stops = stepwise.record(machine, stick, wanted, folder)
            return stepwise.Stepwise(ready, stops, name_in(machine.console.text))

    return made_once(shared, f"stepwise{planted and '-'}{planted}", stepwise.Stepwise, make)
