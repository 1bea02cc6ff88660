"""The Debian guest: a folder with a stick image, a kernel and an initial RAM disk, built by mmdebstrap.

The folder is named by the hash of everything that goes into it, so a changed script is another guest and an unchanged
one is never built twice. It is built beside its place and renamed into it: what is there is whole. The packages come
from mmdebstrap's own default mirror; root is not needed, where /etc/subuid allows a user namespace.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bootproof.errors import MachineError
from bootproof.guest import Guest, Kernel, Stage

SUITE = "trixie"
LABEL = "installer-stick"
PYTHON = "3.13"  # of the suite; scenarios bring wheels for it
DATA = Path(__file__).parent / "data" / "debian"

PACKAGES = (
    # the system: the cloud kernel has ext4, virtio-pci and the DMI tables built in, and no drivers of real hardware
    *("systemd", "systemd-sysv", "udev", "linux-image-cloud-amd64", "kmod", "mount", "login", "iproute2"),
    # what the agents under test may use
    *("python3", "ca-certificates", "netbase"),
    # the installer; busybox is also the initial RAM disk
    *("busybox-static", "systemd-boot-efi", "dosfstools", "e2fsprogs", "fdisk"),
)
MODULES = (
    *("virtio_blk", "overlay"),  # for the initial RAM disk
    *(
        "virtio_net",
        "virtio_rng",
        "vfat",
        "nls_ascii",
        "nls_cp437",
        "nls_utf8",
        "autofs4",
        "efivarfs",
        "loop",
    ),
)
# logind needs D-Bus, which nothing here does; the rest keeps caches and hardware that the guest has not.
MASKED_UNITS = (
    *(
        "systemd-logind.service",
        "systemd-hostnamed.socket",
        "systemd-firstboot.service",
        "getty@tty1.service",
    ),
    *("systemd-hwdb-update.service", "systemd-journal-catalog-update.service", "ldconfig.service"),
    *(
        "systemd-update-done.service",
        "systemd-pstore.service",
        "systemd-binfmt.service",
        "systemd-sysext.socket",
    ),
    *(
        "systemd-creds.socket",
        "systemd-bsod.service",
        "systemd-battery-check.service",
        "systemd-rfkill.socket",
    ),
    *("systemd-tpm2-setup.service", "systemd-tpm2-setup-early.service", "systemd-pcrextend.socket"),
    *("systemd-boot-random-seed.service", "systemd-network-generator.service", "kmod-static-nodes.service"),
    *(
        "proc-sys-fs-binfmt_misc.automount",
        "dev-hugepages.mount",
        "dev-mqueue.mount",
        "sys-kernel-debug.mount",
    ),
    *("sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount"),
    *(
        "e2scrub_reap.service",
        "e2scrub_all.timer",
        "fstrim.timer",
        "dpkg-db-backup.timer",
        "remote-fs.target",
    ),
    *(
        "modprobe@configfs.service",
        "modprobe@fuse.service",
        "modprobe@drm.service",
        "systemd-ask-password-wall.path",
    ),
)
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
        _require_tools()
        progress(f"building the Debian guest ({SUITE}) with mmdebstrap")
        with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as name:
            unfinished = Path(name) / "guest"
            unfinished.mkdir()
            _build_into(unfinished)
            unfinished.rename(folder)
    return folder


def inputs_hash() -> str:
    """Twelve hex digits over the lists above and every file that goes into the image."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(DATA.rglob("*")):
        if path.is_file():
            digest.update(f"\n{path.relative_to(DATA)} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _build_into(folder: Path) -> None:
    log = folder.parent / "mmdebstrap.log"
    environment = {
        **os.environ,
        "INITRD": "No",  # initramfs-tools' own switch: ours takes its place
        "GUEST_LABEL": LABEL,
        "GUEST_MODULES": " ".join(MODULES),
        "GUEST_MASKED_UNITS": " ".join(MASKED_UNITS),
    }
    with log.open("wb") as output:
        done = subprocess.run(
            mmdebstrap_command(folder),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    if done.returncode != 0:
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-6:]
        raise MachineError(
            "the Debian guest could not be built; mmdebstrap said last:\n  " + "\n  ".join(last)
        )
    guest_description().save(folder)


def mmdebstrap_command(folder: Path) -> list[str]:
    """The command that leaves the guest's files in `folder`; all that needs root happens in its hooks."""
    carried_out = ("system.img", "vmlinuz", "initrd", "packages.txt")
    return [
        *(
            "mmdebstrap",
            "--mode=auto",
            "--variant=essential",
            "--format=null",
            f"--include={','.join(PACKAGES)}",
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
            command_line=f"root=LABEL={LABEL} live console=ttyS0 quiet systemd.show_status=no",
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
