"""The command: `mock-github serve` runs a mock until it is told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mock_github import seed
from mock_github.faults import Fault, FaultKind, read_faults
from mock_github.graphql_run import schema_text
from mock_github.server import MockServer
from mock_github.world import World

_STOPPERS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_SERVE = """
The seed folder:

{seed}

The faults file is a JSON list, for example
  [{{"kind": "drop-after", "match": {{"method": "POST", "path": "/repos/.*/pulls"}}, "times": 1}}]
Kinds: {kinds}.
Match: method, path (regular expression), operation (GraphQL), user_agent (part of it), kind (rest, graphql, git), nth.

Clients reach REST under the URL, GraphQL under /graphql, git under /OWNER/NAME.git (a token is the password);
/api/v3 and /api/graphql work too, for clients that take it for a GitHub Enterprise Server.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 stopped by a signal, 2 for a seed, a faults file or an option that is wrong."""
    options = _parser().parse_args(arguments)
    if options.command == "schema":
        print(schema_text())
        return 0
    try:
        world = World.from_seed(options.seed)
        faults = read_faults(options.faults) if options.faults else []
        return _serve(options, world, faults)
    except (ValueError, OSError) as error:
        print(f"mock-github: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mock-github", description="A GitHub to test against: stateful, faithful, breakable."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    kinds = ", ".join(kind.value for kind in FaultKind)
    serve = commands.add_parser(
        "serve",
        help="run a mock until Ctrl-C",
        description="Runs a mock with the state that a folder describes, until Ctrl-C or SIGTERM; prints its URL.",
        epilog=_SERVE.format(seed=_indented(seed.__doc__ or ""), kinds=kinds),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument(
        "--seed", type=Path, required=True, metavar="DIR", help="folder with mock.toml and repos/"
    )
    serve.add_argument(
        "--tls", action="store_true", help="speak HTTPS, with a certificate authority made now"
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=port_number, default=0, help="port to listen on (any free one)")
    serve.add_argument(
        "--name", action="append", default=[], metavar="NAME", help="further name for the certificate"
    )
    serve.add_argument("--ca-out", type=Path, metavar="FILE", help="write the authority's certificate here")
    serve.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="write url, port, ca and pid here, as JSON"
    )
    serve.add_argument(
        "--event-log", type=Path, metavar="FILE", help="append every event here, a JSON object a line"
    )
    serve.add_argument("--faults", type=Path, metavar="FILE", help="faults to begin with, a JSON list")
    commands.add_parser("schema", help="print the part of GitHub's GraphQL schema that is implemented")
    return parser


def port_number(text: str) -> int:
    """Raises ArgumentTypeError for what is no port."""
    if not (text.isascii() and text.isdecimal()) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text}: a port is a number from 0 to 65535")
    return int(text)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.strip().splitlines())


def _serve(options: argparse.Namespace, world: World, faults: Sequence[Fault]) -> int:
    # Blocked before any thread is made: only sigwait below receives them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPERS)
    server = MockServer(
        world,
        tls=options.tls,
        event_log=options.event_log,
        host=options.host,
        port=options.port,
        names=options.name,
        faults=faults,
    )
    with server, _authority_file(server, options) as authority:
        line = f"{server.url} ca={authority}" if authority else server.url
        ready = {
            "url": server.url,
            "port": server.port,
            "pid": os.getpid(),
            "ca": authority and str(authority),
        }
        with _file(options.ready_file, msgspec.json.encode(ready)):
            print(line, flush=True)
            signal.sigwait(_STOPPERS)
    return 0


@contextmanager
def _authority_file(server: MockServer, options: argparse.Namespace) -> Iterator[Path | None]:
    if not options.tls:
        yield None
    elif options.ca_out:
        with _file(options.ca_out, server.ca_pem):
            yield options.ca_out
    else:
        with tempfile.TemporaryDirectory(prefix="mock-github-") as folder:
            path = Path(folder) / "ca.pem"
            path.write_bytes(server.ca_pem)
            yield path


@contextmanager
def _file(path: Path | None, data: bytes) -> Iterator[None]:
    """A file that is there, whole, while the mock runs, and not afterwards."""
    if path is None:
        yield
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
