"""The agent under test, as the scenarios put it on a machine: files, units, settings, and how it is judged.

bootproof knows nothing of this program.  What stands here is what its operator would do: unpack it, enable three
timers, write a settings file, let the installer write the intent and the stamp.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = "acme/cluster"
OPERATOR = "alice"
TOKEN = "github_pat_11ALICE0000scenario0token"
API = "https://api.github.test"
MARKER = "/var/lib/zeta-self-register/registered.json"
REGISTER_UNIT = "zeta-self-register.service"
STEWARD_UNIT = "zeta-register-steward.service"
TIMERS = ("zeta-self-register.timer", "zeta-register-follow.timer", "zeta-register-steward.timer")
HOSTS_FILE = "/home/zeta/.config/gh/hosts.yml"
CA_FILE = "/etc/zeta-self-register/mock-ca.pem"
PROGRAM = "zeta-self-register/"
"""What its User-Agent begins with."""
USER_AGENT = f"^{PROGRAM}"
SECONDS_BETWEEN = 86_400
"""It opens no second pull request within this time."""

COMMANDS = {"register": REGISTER_UNIT, "steward": STEWARD_UNIT}
"""The commands that a trace runs, and what runs them here."""
DONE, NOT_NOW, HELD, MISCONFIGURED = 0, 75, 77, 78
"""What it exits with."""
TURN = "/run/by-hand/turn"
_NEVER = b"[Unit]\nConditionPathExists=!/\n"
_IN_TURN = f"[Unit]\nConditionPathExists={TURN}\n".encode()
BY_HAND = {
    **{f"systemd.unit-dropin.{timer}": _NEVER for timer in TIMERS},
    f"systemd.unit-dropin.{STEWARD_UNIT}": _IN_TURN,
}
"""systemd credentials for a boot in which nothing of it runs but by hand: no timer starts, and the steward, which would
follow the register unit, only while the file `TURN` is there."""

STAMP = "/var/lib/zeta-install/complete.json"
"""The installer's last word."""
KEPT_IN = "/var/lib/zeta-self-register"
"""Where it keeps what it must not lose."""
SET_UP_IN = ("/etc/zeta-self-register", "/var/lib/zeta-install", "/home/zeta/.config/gh")
"""What it reads of the disk beside that."""
_CPUS, _NET, _BLOCK = "/sys/devices/system/cpu/cpu[0-9]*", "/sys/class/net/*", "/sys/block/*"
_LOOKED_AT = (
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/sys/kernel/osrelease", "/proc/sys/kernel/hostname"),
    *(
        "/proc/net/route",
        "/proc/self/stat",
        "/etc/os-release",
        "/sys/class/dmi/id/*",
        "/sys/class/tpm/*/tpm_version_major",
    ),
    *("/sys/class/drm/*/device/uevent", f"{_CPUS}/topology/core_cpus_list", "/sys/bus/pci/devices/*/class"),
    *(f"{_NET}/{one}" for one in ("address", "addr_assign_type", "type", "device/uevent")),
    *(f"{_BLOCK}/{one}" for one in ("size", "removable", "queue/rotational", "device/vendor")),
)
LOOK_AROUND = f"""\
for file in {" ".join(_LOOKED_AT)}; do
    [ ! -f "$file" ] || echo "$file $(base64 -w 0 <"$file" 2>/dev/null)"
done"""
"""A shell script that shows all that it reads of a machine beside the disk: a line for each file, in Base64."""
PRINTS = (
    ("ip", "-json", "-details", "address", "show"),
    ("ip", "-json", "-4", "route", "show", "default"),
    ("ip", "-json", "-6", "route", "show", "default"),
)
"""The programs that it runs."""

USER = "zeta-self-register"
_CREDENTIALS = "/run/credentials/by-hand"
AS_SYSTEMD_DOES = f"""\
install -d -m 750 -o {USER} -g {USER} {KEPT_IN}
install -d -m 700 -o {USER} -g {USER} {_CREDENTIALS}
cd {_CREDENTIALS}
[ ! -e /var/lib/creds-blob ] || cat /var/lib/creds-blob >gh-hosts
cat /sys/class/dmi/id/product_uuid >dmi-uuid
echo absent | tee github-token >github-app-key
chown {USER} * && chmod 400 *"""
"""A shell script for a machine without systemd: the folders and credentials that the units get."""


def as_the_unit_does(command: str) -> str:
    """A simple command that becomes the program, with its unit's user and credentials."""
    # The last one is where NixOS has it; /run is empty without systemd.
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/nix/var/nix/profiles/system/sw/bin"
    user = f"setpriv --reuid={USER} --regid={USER} --clear-groups --no-new-privs"
    return f"{user} env -i PATH={path} CREDENTIALS_DIRECTORY={_CREDENTIALS} {USER} {command}"


SOURCE = Path(__file__).parent.parent / "python" / "zeta-self-register"
LIBRARY = "opt/zeta-self-register"

COMMAND = f"""\
#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "/{LIBRARY}")
from zeta_self_register.cli import main

main()
"""

# The credentials come back a while after boot, as root, into the operator's home, as in the cluster.
CREDS_RESTORE = f"""\
[Unit]
Description=Restore the credentials (a stand-in of the scenario)
ConditionPathExists=/var/lib/creds-blob

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'sleep 1; install -D -m 600 /var/lib/creds-blob {HOSTS_FILE}'

[Install]
WantedBy=multi-user.target
"""


# What is imported at each run is compiled once, by importing it as root: the service may not write beside its own code.
# Not the whole library: most of it is never imported, and an emulated processor takes ten seconds more for that.
COMPILE = f"cd /{LIBRARY} && python3 -c 'import zeta_self_register.cli, httpx, httpcore'"


@dataclass(frozen=True)
class Python:
    """The interpreter of a guest, for which wheels are chosen."""

    version: str
    architecture: str


def settings(ca_file: str = CA_FILE) -> str:
    """The settings file of a node of this cluster."""
    return f'api_url = "{API}"\nca_file = "{ca_file}"\nrepository = "{REPOSITORY}"\n'


def hosts_yml(token: str = TOKEN) -> bytes:
    """gh's file, as the credentials' blob brings it back."""
    return f"github.test:\n    oauth_token: {token}\n    user: {OPERATOR}\n    git_protocol: https\n".encode()


def more_files(ca_pem: bytes) -> dict[str, tuple[bytes, int]]:
    """What a node of this cluster has beside the agent's own files: by path, content and mode."""
    return {
        "etc/zeta-self-register/settings.toml": (settings().encode(), 0o644),
        CA_FILE.lstrip("/"): (ca_pem, 0o644),
        "var/lib/creds-blob": (hosts_yml(), 0o600),
    }


def build(cache: Path, python: Python) -> Path:
    """The agent's files as a folder to be copied onto a root file system; kept by the hash of what it is made of."""
    folder = cache / f"agent-{_key(python)}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".agent-", dir=cache))
    try:
        _fill(unfinished, python)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except OSError:
        if not folder.exists():  # somebody else was faster, with the same contents
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _fill(root: Path, python: Python) -> None:
    library = root / LIBRARY
    _pip_install(library, python)
    command = root / "usr/local/bin/zeta-self-register"
    command.parent.mkdir(parents=True)
    command.write_text(COMMAND)
    command.chmod(0o755)
    data = library / "zeta_self_register/data/lib"
    shutil.copytree(data / "systemd/system", root / "usr/local/lib/systemd/system")
    shutil.copytree(data / "sysusers.d", root / "usr/lib/sysusers.d")
    units = root / "etc/systemd/system"
    (units / "timers.target.wants").mkdir(parents=True)
    for timer in TIMERS:
        (units / "timers.target.wants" / timer).symlink_to(f"/usr/local/lib/systemd/system/{timer}")
    (units / "zeta-creds-restore.service").write_text(CREDS_RESTORE)
    (units / "multi-user.target.wants").mkdir()
    (units / "multi-user.target.wants/zeta-creds-restore.service").symlink_to("../zeta-creds-restore.service")


def _pip_install(target: Path, python: Python) -> None:
    tags = [f"manylinux{tag}_{python.architecture}" for tag in ("2014", "_2_17", "_2_28", "_2_34")]
    platforms = [argument for tag in tags for argument in ("--platform", tag)]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    wheels = [
        *pip,
        "--only-binary=:all:",
        "--python-version",
        python.version,
        "--implementation",
        "cp",
        *platforms,
    ]
    lock = ["--require-hashes", "--requirement", str(SOURCE / "requirements.lock")]
    _run([*wheels, "--target", str(target), *lock])
    with tempfile.TemporaryDirectory() as copy:
        # A build writes beside its sources; two builds at once would meet there.
        source = shutil.copytree(
            SOURCE, Path(copy) / "source", ignore=shutil.ignore_patterns("*.egg-info", "build")
        )
        _run([*pip, "--no-build-isolation", "--target", str(target), "--upgrade", str(source)])


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""}
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} …: {done.stderr.strip()[-2000:]}")


def _key(python: Python) -> str:
    digest = hashlib.sha256(
        json.dumps([python.version, python.architecture, COMMAND, CREDS_RESTORE]).encode()
    )
    for path in sorted(
        [SOURCE / "requirements.lock", SOURCE / "pyproject.toml", *(SOURCE / "src").rglob("*")]
    ):
        if path.is_file() and path.suffix != ".pyc" and ".egg-info" not in str(path):
            digest.update(str(path.relative_to(SOURCE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def is_stamp(content: bytes | None) -> bool:
    """Whether the program takes it for the installer's stamp: a torn one says no more than none."""
    try:
        return content is not None and set(json.loads(content)) == {"schema", "installed_at"}
    except (ValueError, TypeError):
        return False
