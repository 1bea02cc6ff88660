"""The command port: a root shell in a guest that knows nothing of this harness.

Two parties. The *guest's end* is a shell script (data/command_port.sh) in a unit that travels as systemd credentials
in the machine's SMBIOS tables: PID 1 reads them, a generator makes the unit, and it starts long before multi-user, as
soon as its port appears. The *host's end* is this class. Between them is a virtio-serial port, a stream of bytes.

1. The guest's end opens the port and says `hello BOOT-ID`. That is how the host learns that a new boot has begun.
2. The host says `request BOOT-ID NONCE LIMIT SCRIPT-LENGTH INPUT-LENGTH`, then the script and its standard input.
3. The guest's end runs the script, at most LIMIT seconds, and says `answer NONCE STATUS OUT-LENGTH ERR-LENGTH`, then
   both outputs. One request at a time; all lengths are in bytes, so anything may be sent.

A reset can happen at any point between. Each boot has a connection of its own (the host attaches it before the machine
runs), so nothing that was under way reaches the next boot; and since a request names the boot it is meant for, no other
boot would run it. Whoever waits for an answer of a boot that is gone is told so.
"""

import base64
import contextlib
import secrets
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

from bootproof.errors import MachineError, MachineTimeoutError
from bootproof.machine import CommandResult

PORT_NAME = "command-port"
SCRIPT = Path(__file__).parent / "data" / "command_port.sh"
_SEND_LIMIT = 120  # seconds in which the guest must go on reading what it is sent

_UNIT = f"""\
[Unit]
Description=Command port
DefaultDependencies=no
IgnoreOnIsolate=yes

[Service]
ExecStart=/bin/sh /run/credentials/@system/command-port.script {PORT_NAME}
Restart=always
StandardInput=null
StandardOutput=journal
KillMode=mixed
OOMScoreAdjust=-1000
"""


def credentials() -> dict[str, bytes]:
    """The systemd credentials that bring the guest's end into a guest (systemd 256 or later)."""
    return {
        "command-port.script": SCRIPT.read_bytes(),
        f"systemd.extra-unit.{PORT_NAME}.service": _UNIT.encode(),
        "systemd.unit-dropin.sysinit.target": f"[Unit]\nWants={PORT_NAME}.service\n".encode(),
    }


def smbios_strings(given: dict[str, bytes]) -> list[str]:
    """Credentials in the form in which systemd looks for them among the machine's OEM strings."""
    return [
        f"io.systemd.credential.binary:{name}={base64.b64encode(value).decode()}"
        for name, value in given.items()
    ]


class CommandPort:
    """The host's end. `attach` gives it each boot's socket, `end` says that the machine is off.

    `on_boot` is called with each new boot id, from the thread that reads the socket.
    """

    def __init__(self, on_boot: Callable[[str], None], last_lines: Callable[[], str]) -> None:
        self._on_boot = on_boot
        self._last_lines = last_lines
        self._one_at_a_time = threading.Lock()
        self._changed = threading.Condition()
        self._on = False
        self._boot_id: str | None = None
        self._given_up = ""
        self._answers: dict[str, CommandResult] = {}
        self._connection: socket.socket | None = None
        self._reader: threading.Thread | None = None

    def attach(self, connection: socket.socket, boot_id: str | None = None) -> None:
        """`boot_id` is that of a boot that is under way already, and whose shell waits at the other end."""
        self.detach()
        # a guest that stops reading must not hold this program for ever
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_LIMIT, 0))
        with self._changed:
            self._on = True
            self._given_up = ""
            self._connection = connection
            self._boot_id = boot_id
        self._reader = threading.Thread(
            target=self._read, args=(connection,), name="command port", daemon=True
        )
        self._reader.start()

    def detach(self) -> None:
        """The boot is over: whoever waits for its answer is told so."""
        with self._changed:
            connection, self._connection = self._connection, None
            self._boot_id = None
            self._answers.clear()
            self._changed.notify_all()
        if connection is not None and self._reader is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            self._reader.join()
            connection.close()

    def end(self) -> None:
        """The machine is off: no shell will come."""
        with self._changed:
            self._on = False
            self._changed.notify_all()

    def give_up(self, why: str) -> None:
        """Nothing more will come of this boot: whoever waits for it is told why."""
        with self._changed:
            self._given_up = why
            self._changed.notify_all()

    @property
    def boot_id(self) -> str | None:
        """The boot whose shell answers now; None while there is none."""
        with self._changed:
            return self._boot_id

    def wait_for_shell(self, seconds: float) -> str:
        """The boot id of the shell, once there is one. Raises MachineTimeoutError with the console's last lines."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._boot_id is not None or not self._on or self._given_up, seconds
            )
            self._must_go_on()
            if self._boot_id is None:
                why = f"within {seconds:.0f} s" if self._on else "before the machine went off"
                raise MachineTimeoutError(
                    f"the guest did not boot: no shell {why}; the console's last lines:\n{self._last_lines()}"
                )
            return self._boot_id

    def run(self, script: str, limit: float, grace: float, stdin: bytes = b"") -> CommandResult:
        """Run a script as root; the guest stops it after `limit` seconds, and is given up on `grace` seconds later."""
        with self._one_at_a_time:
            with self._changed:
                boot_id, connection = self._boot_id, self._connection
            if boot_id is None or connection is None:
                raise MachineError(f"there is no shell to run {_short(script)}: wait_for_shell first")
            nonce = secrets.token_hex(8)
            text = script.encode()
            request = f"request {boot_id} {nonce} {limit:.0f} {len(text)} {len(stdin)}\n".encode()
            try:
                connection.sendall(request + text + stdin)
            except OSError as error:
                raise MachineError(f"the guest did not take {_short(script)}: {error}") from None
            return self._wait_for_answer(nonce, boot_id, limit + grace, script)

    def _wait_for_answer(self, nonce: str, boot_id: str, seconds: float, script: str) -> CommandResult:
        with self._changed:
            self._changed.wait_for(
                lambda: nonce in self._answers or self._boot_id != boot_id or self._given_up, seconds
            )
            if nonce in self._answers:
                return self._answers.pop(nonce)
            self._must_go_on()
            if self._boot_id != boot_id:
                raise MachineError(f"the boot ended before it answered {_short(script)}")
            raise MachineTimeoutError(
                f"no answer to {_short(script)} in {seconds:.0f} s; the console's last lines:\n{self._last_lines()}"
            )

    def _must_go_on(self) -> None:
        if self._given_up:
            raise MachineError(f"{self._given_up}; the console's last lines:\n{self._last_lines()}")

    def _read(self, connection: socket.socket) -> None:
        # detached, in the middle of something or not: that ends the stream, or makes a length too short to be read
        with connection.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
            while line := stream.readline():
                self._take(line.decode(errors="replace").split(), stream.read)

    def _take(self, words: list[str], read: Callable[[int], bytes]) -> None:
        match words:
            case ["hello", boot_id]:
                with self._changed:
                    self._boot_id = boot_id
                    self._changed.notify_all()
                self._on_boot(boot_id)
            case ["answer", nonce, status, out, err]:
                stdout, stderr = read(int(out)), read(int(err))
                if (len(stdout), len(stderr)) != (int(out), int(err)):
                    return  # the boot ended in the middle of its answer
                with self._changed:
                    self._answers[nonce] = CommandResult(int(status), stdout, stderr)
                    self._changed.notify_all()


def _short(script: str) -> str:
    line = script.strip().splitlines()[0] if script.strip() else ""
    return repr(line if len(line) <= 80 else line[:77] + "...")
