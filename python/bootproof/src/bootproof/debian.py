"""The Debian guest: a folder with a stick image, a kernel and an initial RAM disk, built by mmdebstrap.

The folder is named by the hash of everything that goes into it, so a changed script is another guest and an unchanged
one is never built twice. It is built beside its place and renamed into it: what is there is whole. The packages come
from mmdebstrap's own default mirror; root is not needed, where /etc/subuid allows a user namespace.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bootproof.errors import MachineError
from bootproof.guest import Guest, Kernel, Stage

SUITE = "trixie"
LABEL = "installer-stick"
# Each of these saves time that only an emulated processor needs: probing 32 serial ports, self-tests of ciphers, guards
# against processor bugs that an emulator has not; security modules that nothing here asks anything of (systemd alone
# takes over a second to load what it needs for one of them), clearing memory at each allocation, keeping account of
# pressure, waiting for a quiet moment between changes of mounts; and three questions to the console's "terminal", which
# never answers.
# norandmaps: QEMU keeps what it translated by address. With libraries at other addresses in each process, it translates
# them again at every start of a program, which then takes five times as long (measured: 45 and 8 ms).
KERNEL_OPTIONS = (
    "console=ttyS0 quiet systemd.show_status=no 8250.nr_uarts=1 cryptomgr.notests mitigations=off audit=0 norandmaps"
    " lsm=capability init_on_alloc=0 psi=0 rcupdate.rcu_expedited=1"
    " systemd.tty.term.console=dumb systemd.tty.rows.console=25 systemd.tty.columns.console=80"
    " systemd.tty.term.ttyS0=dumb systemd.tty.rows.ttyS0=25 systemd.tty.columns.ttyS0=80"
)
PYTHON = "3.13"  # of the suite; scenarios bring wheels for it
DATA = Path(__file__).parent / "data" / "debian"
SUBORDINATE_USERS, SUBORDINATE_GROUPS = Path("/etc/subuid"), Path("/etc/subgid")

EXCLUDED = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
)

Progress = Callable[[str], None]


def build(cache: Path, progress: Progress = lambda line: None) -> Path:
    """The guest's folder below `cache`, built if it is not there yet (a minute or two); says so through `progress`.

    Raises MachineError, in one line with the remedy, if a tool is missing or the build fails.
    """
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"debian-{SUITE}-{inputs_hash()}"
    with _lock(cache / ".lock"):
        if folder.is_dir():
            return folder
        for left_behind in cache.glob(".building-*"):  # by a build that was killed: nobody else has the lock
            shutil.rmtree(left_behind, ignore_errors=True)
        _require_tools()
        progress(f"building the Debian guest ({SUITE}) with mmdebstrap")
        with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as name:
            unfinished = Path(name) / "guest"
            unfinished.mkdir()
            _build_into(unfinished)
            unfinished.rename(folder)
    return folder


def inputs_hash() -> str:
    """Twelve hex digits over this file and every file that goes into the image."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(DATA.rglob("*")):
        if path.is_file():
            digest.update(f"\n{path.relative_to(DATA)} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def listed(name: str) -> list[str]:
    """The words of one of the lists in data/debian/lists, without its comments."""
    lines = (DATA / "lists" / name).read_text().splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


def _build_into(folder: Path) -> None:
    log = folder.parent / "mmdebstrap.log"
    environment = {
        **os.environ,
        "INITRD": "No",  # initramfs-tools' own switch: ours takes its place
        "GUEST_LABEL": LABEL,
        "GUEST_KERNEL_OPTIONS": KERNEL_OPTIONS,
        "GUEST_MODULES": " ".join(listed("modules")),
        "GUEST_MASKED_UNITS": " ".join(listed("masked-units")),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            mmdebstrap_command(folder),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # so that it gets one Ctrl-C, however often it is pressed
        )
        status = _wait(process)
    if status != 0:
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-6:]
        raise MachineError(
            "the Debian guest could not be built; mmdebstrap said last:\n  " + "\n  ".join(last)
        )
    guest_description().save(folder)


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """Ctrl-C is handed on once, and mmdebstrap removes what it has unpacked; a second one would interrupt that."""
    interrupted = False
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            if not interrupted:
                os.killpg(process.pid, signal.SIGINT)
            interrupted = True
        else:
            if interrupted:
                raise KeyboardInterrupt
            return status


def mmdebstrap_command(folder: Path) -> list[str]:
    """The command that leaves the guest's files in `folder`; all that needs root happens in its hooks."""
    carried_out = ("system.img", "vmlinuz", "initrd", "packages.txt")
    return [
        *(
            "mmdebstrap",
            "--mode=auto",
            "--variant=essential",
            "--format=null",
            f"--include={','.join(listed('packages'))}",
        ),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
        '--aptopt=Apt::Install-Recommends "false"',
        f"--customize-hook=sync-in {DATA / 'tree'} /",
        f"--customize-hook=upload {DATA / 'init'} /init-of-initrd",
        # the kernel's name holds its version; the boot folder is emptied by the script
        '--customize-hook=cp "$1"/boot/vmlinuz-* "$1/kernel-image"',
        f"--customize-hook=upload {DATA / 'customize.sh'} /customize.sh",
        '--customize-hook=sh "$1/customize.sh" "$1"',
        *(f"--customize-hook=download /guest/{name} {folder / name}" for name in carried_out),
        *(SUITE, "/dev/null"),
    ]


def guest_description() -> Guest:
    """What `guest.toml` says of the folder that `build` makes."""
    return Guest(
        name=f"debian-{SUITE}",
        stage=Stage.INSTALLER,
        disks=("system.img",),
        kernel=Kernel(
            image="vmlinuz",
            initrd="initrd",
            command_line=f"root=LABEL={LABEL} live {KERNEL_OPTIONS}",
        ),
        python=PYTHON,
        architecture="x86_64",
        installer="installer.service",
    )


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Two at once build once: the second waits here and then finds the folder."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _require_tools() -> None:
    if shutil.which("mmdebstrap") is None:
        raise MachineError("mmdebstrap is not installed: apt install mmdebstrap e2fsprogs uidmap")
    if shutil.which("mke2fs", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
        raise MachineError("mke2fs is not installed: apt install e2fsprogs")
    if os.geteuid() != 0 and shutil.which("newuidmap") is None:
        raise MachineError("building the guest without root needs newuidmap: apt install uidmap")
    if os.geteuid() != 0:
        user = pwd.getpwuid(os.geteuid()).pw_name
        if not all(_has_ids(file, user) for file in (SUBORDINATE_USERS, SUBORDINATE_GROUPS)):
            raise MachineError(
                "building the guest without root needs user ids of one's own: "
                f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
            )


def _has_ids(file: Path, user: str) -> bool:
    try:
        return any(line.partition(":")[0] == user for line in file.read_text().splitlines())
    except FileNotFoundError:
        return False
