"""The effects port on a real machine.  It and `shared_folder.py`, which it alone uses, do all I/O of this package."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import resource
import signal
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from zeta_self_register import shared_folder
from zeta_self_register.effects import (
    AlreadyRunning,
    CommandFailed,
    NoAnswer,
    NotReachable,
    NotSent,
    Request,
    Response,
)
from zeta_self_register.journal import Journal

if TYPE_CHECKING:
    import httpx

READ_BYTES = 64 * 1024
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_ANSWER_BYTES = 16 * 1024 * 1024
CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 30.0
WHOLE_ANSWER_SECONDS = 90.0
"""A server that drips bytes, of its headers too, is given up after this time; Q has to be longer."""

_WRONG_WITH_IT = re.compile(r"certificate verify failed: (.{1,120}?)\.? \(_ssl")
_NO_TLS = ("[SSL: WRONG_VERSION_NUMBER]", "[SSL: RECORD_LAYER_FAILURE]")
"""OpenSSL's words, which differ by its version, for a server that speaks plain HTTP."""


def forbid_core_dumps() -> None:
    """Keeps the token in memory out of every core dump: none is written, and none that is piped holds any memory.

    `LimitCORE=0` of the units says the same; this is for the operator's commands as well.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        # A program that the kernel pipes dumps to is started whatever the limit is; see core(5).
        Path("/proc/self/coredump_filter").write_text("0")


class Production:
    """The machine that this process runs on."""

    def __init__(self, ca_file: str | None = None, journal: Journal | None = None) -> None:
        self._ca_file = ca_file
        self._journal = journal or Journal(None)
        self._client: httpx.Client | None = None

    def read(self, path: str) -> bytes:
        """See `Effects.read`; more than 4 MiB is an error, since nothing that is read here is so large."""
        content = bytearray()
        with Path(path).open("rb", buffering=0) as file:
            # In pieces: some files of /proc refuse a read of several megabytes at once.
            while piece := file.read(READ_BYTES):
                content += piece
                if len(content) > MAX_FILE_BYTES:
                    raise OSError(errno.EFBIG, "it is too large", path)
        return bytes(content)

    def listdir(self, path: str) -> list[str]:
        """See `Effects.listdir`."""
        return sorted(os.listdir(path))  # noqa: PTH208 - names are wanted, not paths

    def run(self, argv: Sequence[str]) -> bytes:
        """See `Effects.run`; a program gets ten seconds."""
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise CommandFailed(str(error)) from error
        return done.stdout

    def write(self, path: str, content: bytes, mode: int) -> None:
        """See `Effects.write`.  As root, the file goes to the folder's owner: the service has to read it."""
        target = Path(path)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with open(fd, "wb") as file:  # noqa: PTH123 - a file descriptor is opened
            if os.geteuid() == 0:
                owner = target.parent.stat()
                os.fchown(fd, owner.st_uid, owner.st_gid)
            file.write(content)

    def sync(self, path: str) -> None:
        """See `Effects.sync`.  Linux reports an error of earlier writes to whoever opens the file next."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, source: str, target: str) -> None:
        """See `Effects.rename`."""
        Path(source).rename(target)

    def make_folder(self, path: str) -> None:
        """See `Effects.make_folder`."""
        Path(path).mkdir(exist_ok=True)

    def publish(self, path: str, content: bytes) -> None:
        """See `Effects.publish`."""
        shared_folder.publish(path, content)

    def sync_all(self) -> None:
        """See `Effects.sync_all`."""
        os.sync()

    @contextlib.contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """See `Effects.lock`.  Opened to read: one that root made must not lock the service's user out."""
        fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            there = os.fstat(fd)
            if there.st_uid == os.geteuid() and stat.S_IMODE(there.st_mode) != 0o644:
                os.fchmod(fd, 0o644)  # the umask of the one who came first was another one
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning from None
            yield
        finally:
            os.close(fd)

    def github(self, request: Request) -> Response:
        """See `Effects.github`.  httpx repeats nothing on its own and follows no redirect here."""
        import httpx

        if self._client is None:
            self._client = self._connect()
        try:
            with _at_most(WHOLE_ANSWER_SECONDS):
                return self._exchange(self._client, request)
        except NoAnswer:
            self._client = None
            raise
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.InvalidURL,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
            UnicodeError,  # a host name that no name server could be asked for
        ) as error:
            raise NotSent(_explain(error)) from error
        except httpx.HTTPError as error:
            raise NoAnswer(_explain(error)) from error

    def reachable(self, target: str, seconds: float) -> None:
        """See `Effects.reachable`.  A URL's certificate has to verify, by the system's authorities or `ca_file`."""
        if "://" in target:
            self._get(target, seconds)
            return
        host, _, port = target.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
        except (OSError, UnicodeError) as error:  # a name that is none
            raise NotReachable(_explain(error)) from error

    def _get(self, url: str, seconds: float) -> None:
        import httpx

        try:
            with (
                httpx.Client(verify=self._context(), timeout=seconds, follow_redirects=False) as client,
                client.stream("GET", url),
            ):
                pass
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, NotSent) as error:
            raise NotReachable(_explain(error)) from error

    def wall_clock(self) -> float:
        """See `Effects.wall_clock`."""
        return time.time()

    def monotonic(self) -> float:
        """See `Effects.monotonic`."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        """See `Effects.boot_id`."""
        return self.read("/proc/sys/kernel/random/boot_id").decode().strip()

    def say(self, line: str) -> None:
        """See `Effects.say`."""
        self._journal.say(line)

    def _connect(self) -> httpx.Client:
        import httpx

        context = self._context()
        limit = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        # Not compressed, so that a small answer cannot become a large one in memory.
        headers = {"accept-encoding": "identity"}
        return httpx.Client(verify=context, timeout=limit, follow_redirects=False, headers=headers)

    def _context(self) -> ssl.SSLContext:
        """The system's own certificates, not a bundle that came along with a library."""
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            raise NotSent(f"ca_file {self._ca_file}: {error}; correct it in the settings") from error
        # Python would write the keys of the connection to the file that SSLKEYLOGFILE names.
        context.keylog_filename = None  # type: ignore[assignment]
        return context

    def _exchange(self, client: httpx.Client, request: Request) -> Response:
        sent = client.stream(request.method, request.url, headers=dict(request.headers), content=request.body)
        with sent as answer:
            body = bytearray()
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise NoAnswer(f"the answer is longer than {MAX_ANSWER_BYTES // 1024 // 1024} MiB")
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status_code, headers, bytes(body))


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """NoAnswer when this time is over, wherever the exchange then stands: httpx has limits for each step only."""

    def over(_signal: int, _frame: object) -> NoReturn:
        raise NoAnswer(f"the answer took longer than {seconds:.0f} s")

    handler, timer = signal.signal(signal.SIGALRM, over), signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        found = _WRONG_WITH_IT.search(text)
        why = f" ({found[1]})" if found else ""
        return (
            f"its certificate does not verify{why}: check this machine's clock, `ca_file` in the settings, and "
            "whether this network has a sign-in page"
        )
    if any(word in text for word in _NO_TLS):
        return "whoever answers there speaks no TLS: check whether this network has a sign-in page"
    return text[:200]
