"""What `./prove` and `./test` need before anything of this repository can run: Debian packages, and a
virtualenv.

Runs on the Python that a fresh Debian has, with nothing installed. What is there already is left alone, so
the second run costs a few milliseconds. `ensure` is all that is called from outside.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent

# A Debian package for each command (or file) that is needed; elsewhere the commands are looked for by name.
MACHINE_PACKAGES = {
    "qemu-system-x86": "qemu-system-x86_64",
    "qemu-utils": "qemu-img",
    "ovmf": None,
    "mmdebstrap": "mmdebstrap",
    "uidmap": "newuidmap",
    "dosfstools": "mkfs.vfat",
    "e2fsprogs": "mkfs.ext4",
    "socat": "socat",
}
# The report is looked at in a real browser, by a test.
BROWSER_PACKAGES = {"chromium": "chromium"}
BASE_PACKAGES = {"git": "git", "python3-venv": None}
# What makes and checks a file system, which this host's kernel then mounts; ext4 needs neither.
FILE_SYSTEMS: dict[str, dict[str, str | None]] = {
    "ext4": {},
    "btrfs": {"btrfs-progs": "mkfs.btrfs"},
    "xfs": {"xfsprogs": "mkfs.xfs"},
}
KERNELS_FILE_SYSTEMS = Path("/proc/filesystems")

DISTRIBUTIONS = ("python/zeta-self-register", "python/mock-github", "python/bootproof")
# Something is missing that only the person at the keyboard can give.
EXIT_MISSING = 3


def ensure(
    *, machines: bool, browser: bool = False, file_systems: Sequence[str] = (), root: Path = ROOT
) -> Path:
    """Brings in what is missing and returns the virtualenv's Python. `machines`: also what boots virtual
    machines. `browser`: also a browser. `file_systems`: some of FILE_SYSTEMS, which are to be recovered.

    Exits with status 3, and one line that says what to do, when it cannot.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 (whatever Python the host has runs this file)
        _stop(f"Python 3.11 or later is needed, and this is {sys.version.split()[0]}")
    # A shell that starts this in the background ignores SIGINT for it, and so would all children: no Ctrl-C that a test
    # sends would ever arrive.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    made = {package: command for name in file_systems for package, command in FILE_SYSTEMS[name].items()}
    for name in file_systems:
        if FILE_SYSTEMS[name]:
            ensure_mountable(name)
    (root / ".cache").mkdir(exist_ok=True)
    with _one_at_a_time(root / ".cache" / "bootstrap.lock"):
        wanted = {**(MACHINE_PACKAGES if machines else {}), **(BROWSER_PACKAGES if browser else {})}
        ensure_packages({**wanted, **made, **BASE_PACKAGES})
        return ensure_virtualenv(root)


def ensure_mountable(file_system: str) -> None:
    """Only this host's kernel can recover it, and only root may ask it to."""
    if os.geteuid() != 0:
        _stop(f"{file_system} is mounted by this host's kernel, which takes root: run this with sudo")
    if file_system not in KERNELS_FILE_SYSTEMS.read_text().split():
        with contextlib.suppress(OSError):
            subprocess.run(["modprobe", file_system], stderr=subprocess.DEVNULL, check=False)
    if file_system not in KERNELS_FILE_SYSTEMS.read_text().split():
        _stop(
            f"this host's kernel has no {file_system}, and nothing else can recover one: boot one that has it"
        )


def ensure_packages(wanted: dict[str, str | None]) -> None:
    missing = missing_packages(wanted)
    if not missing:
        return
    if shutil.which("apt-get") is None:
        commands = [command for package in missing if (command := wanted[package]) is not None]
        _stop(f"this is no Debian; install what brings the commands {', '.join(commands)}")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        _stop(f"sudo apt-get install --yes --no-install-recommends {' '.join(missing)}")
    say(f"installing {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "--quiet"], environment)
    _run(install, environment)


def missing_packages(wanted: dict[str, str | None]) -> list[str]:
    """Which of the Debian packages are not installed; without dpkg, which of their commands are not there."""
    if shutil.which("dpkg-query") is None:
        return [name for name, command in wanted.items() if command and not shutil.which(command)]
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *wanted]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


def ensure_virtualenv(root: Path) -> Path:
    """The Python of `.venv`, with the locked packages and the three of this repository in it."""
    folder = root / ".venv"
    python, stamp = folder / "bin" / "python", folder / "bootstrapped"
    wanted = fingerprint(root)
    with contextlib.suppress(OSError):
        if stamp.read_text() == wanted and python.exists():
            return python
    if not _runs(python):
        say("making the virtualenv")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    say("installing the locked Python packages (the first time, a minute)")
    _run([*pip, "--require-hashes", "-r", str(root / "python" / "requirements.lock")])
    editable = [word for name in DISTRIBUTIONS for word in ("--editable", str(root / name))]
    _run([*pip, "--no-build-isolation", *editable])
    # Last, so that an installation that was interrupted is done again.
    stamp.write_text(wanted)
    return python


def fingerprint(root: Path) -> str:
    """Changes with whatever decides what is in the virtualenv: the lock, the packages' metadata, the
    Python, and the place (the three packages are installed as links to it)."""
    digest = hashlib.sha256(f"{root} {sys.version}".encode())
    for path in (
        root / "python" / "requirements.lock",
        *(root / n / "pyproject.toml" for n in DISTRIBUTIONS),
    ):
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def build_guest(python: Path, root: Path = ROOT) -> Path:
    """The Debian guest's folder, built if need be; where that fails its last words are on standard error, and this
    is the end."""
    command = ["-m", "bootproof.cli", "guest", "build", "--cache", str(root / ".cache" / "guests")]
    with subprocess.Popen([python, *command], stdout=subprocess.PIPE, text=True) as process:
        status = wait(process)
        if status != 0 or process.stdout is None:
            sys.exit(status)
        return Path(process.stdout.read().strip())


def wait(process: subprocess.Popen[Any]) -> int:
    """Ctrl-C reaches the child too, which puts its machines or its half-built guest away; that is waited for. A
    plain `kill` reaches this program alone, and is handed on as the same."""
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def _runs(python: Path) -> bool:
    """A virtualenv whose Python was upgraded away is there and does not run."""
    try:
        return (
            subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode
            == 0
        )
    except OSError:
        return False


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    """Runs quietly; what a command that fails said is shown, and is the end."""
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        _stop(f"this failed, see above: {' '.join(command)}")


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """A line on what is going on, as the harness writes them."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def _stop(text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    sys.exit(EXIT_MISSING)
