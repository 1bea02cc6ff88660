"""git over HTTP, on the same state: clone and fetch (upload-pack), push (receive-pack).

The client first asks which refs there are (GET info/refs), then either says what it wants and has, and gets a pack, or
sends commands ("this ref from here to there") with a pack, and gets a report. Protocol version 0, which every git
speaks.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, cast

from dulwich.errors import ApplyDeltaError, ChecksumMismatch
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import ObjectID, ShaFile
from dulwich.protocol import Protocol, ReceivableProtocol, pkt_line
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo
from dulwich.server import DictBackend, UploadPackHandler

from mock_github import refs
from mock_github.access import Caller, require, visible
from mock_github.change import Change
from mock_github.git_objects import GitObjects
from mock_github.state import Permission, Repository
from mock_github.wire import Refused, Request, Response

_ZERO = "0" * 40
_ABILITIES = b"report-status delete-refs ofs-delta agent=mock-github object-format=sha1"


def ask_for_password() -> Response:
    challenge = ("www-authenticate", 'Basic realm="GitHub"')
    return Response(401, (("content-type", "text/plain"), challenge), b"Repository not found.\n")


def answer(change: Change, caller: Caller, request: Request) -> Response:
    owner, name, *rest = request.path.strip("/").split("/")
    service = request.parameters().get("service", "") if rest == ["info", "refs"] else rest[-1]
    if service not in ("git-upload-pack", "git-receive-pack"):
        raise Refused(403, "Please upgrade your git client.")
    home = _repository(change, caller, f"{owner}/{name.removesuffix('.git')}", service)
    if rest == ["info", "refs"]:
        return _advertise(change, home, service)
    body = _unzipped(request)
    if service == "git-upload-pack":
        return _result(service, _upload(change.git, home, body))
    return _result(service, _receive(change, caller, home, body))


def _repository(change: Change, caller: Caller, full_name: str, service: str) -> Repository:
    full_name = change.world.moved.get(full_name.lower(), full_name)
    try:
        home = visible(change.world, caller, full_name)
    except Refused:
        if caller.login is None:
            raise Refused(401, "Requires authentication") from None
        raise
    if service == "git-upload-pack":
        require(caller, home, "contents", "read")
    elif caller.login is None:
        raise Refused(401, "Requires authentication")
    else:
        require(caller, home, "contents", needs=Permission.WRITE)
    return home


def _unzipped(request: Request) -> bytes:
    return gzip.decompress(request.body) if request.header("content-encoding") == "gzip" else request.body


def _result(service: str, body: bytes) -> Response:
    headers = (("content-type", f"application/x-{service}-result"), ("cache-control", "no-cache"))
    return Response(200, headers, body)


def _visible_refs(home: Repository) -> dict[str, str]:
    pulls = {f"refs/pull/{pull.number}/head": pull.head_sha for pull in home.pulls.values()}
    return dict(sorted({**home.refs, **pulls}.items()))


def _advertise(change: Change, home: Repository, service: str) -> Response:
    shown = _visible_refs(home) if service == "git-upload-pack" else dict(sorted(home.refs.items()))
    if service == "git-upload-pack":
        body = _run_upload(change.git, home, b"", advertise=True)
    else:
        lines = [f"{sha} {ref}".encode() for ref, sha in shown.items()] or [
            f"{_ZERO} capabilities^{{}}".encode()
        ]
        lines[0] += b"\0" + _ABILITIES
        body = b"".join(pkt_line(line + b"\n") for line in lines) + pkt_line(None)
    head = pkt_line(f"# service={service}\n".encode()) + pkt_line(None)
    kind = ("content-type", f"application/x-{service}-advertisement")
    return Response(200, (kind, ("cache-control", "no-cache")), head + body)


class _Store(MemoryObjectStore):
    """Dulwich's view of the shared objects."""

    def __init__(self, git: GitObjects) -> None:
        super().__init__()
        self._data = cast(Any, _ByName(git))


class _ByName(dict[bytes, ShaFile]):
    """The shared objects under the names that dulwich has for them: the same, as bytes."""

    def __init__(self, git: GitObjects) -> None:
        super().__init__()
        self.git = git

    def __getitem__(self, name: bytes) -> ShaFile:
        return self.git.by_name[name.decode()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, bytes) and name.decode() in self.git.by_name

    def __iter__(self) -> Iterator[bytes]:
        return (name.encode() for name in self.git.by_name)

    def keys(self) -> Any:
        return list(self)

    def __setitem__(self, name: bytes, thing: ShaFile) -> None:
        self.git.add(thing)


def _run_upload(git: GitObjects, home: Repository, body: bytes, *, advertise: bool) -> bytes:
    repo = MemoryRepo()
    repo.object_store = _Store(git)
    for ref, sha in _visible_refs(home).items():
        repo.refs[Ref(ref.encode())] = ObjectID(sha.encode())
    if home.branch(home.default_branch):
        repo.refs.set_symbolic_ref(Ref(b"HEAD"), Ref(f"refs/heads/{home.default_branch}".encode()))
    out = BytesIO()
    proto = ReceivableProtocol(BytesIO(body).read, lambda data: out.write(data) or None)
    backend = DictBackend(cast(Any, {"/": repo}))
    UploadPackHandler(backend, ["/"], proto, stateless_rpc=True, advertise_refs=advertise).handle()
    return out.getvalue()


def _upload(git: GitObjects, home: Repository, body: bytes) -> bytes:
    return _run_upload(git, home, body, advertise=False)


def _receive(change: Change, caller: Caller, home: Repository, body: bytes) -> bytes:
    stream = BytesIO(body)
    proto = Protocol(stream.read, lambda data: None)
    commands: list[tuple[str, str, str]] = []
    while (line := proto.read_pkt_line()) is not None:
        old, new, ref = line.split(b"\0")[0].strip().decode().split(" ", 2)
        commands.append((old, new, ref))
    pack = body[stream.tell() :]
    if pack:
        _unpack(change.git, pack)
    report = [pkt_line(b"unpack ok\n")]
    for old, new, ref in commands:
        refusal = _command(change, caller, home.full_name, old, new, ref)
        result = f"ng {ref} {refusal}\n" if refusal else f"ok {ref}\n"
        report.append(pkt_line(result.encode()))
    return b"".join(report) + pkt_line(None)


def _unpack(git: GitObjects, pack: bytes) -> None:
    """Takes in a pack; 400 for one that is broken or needs objects that nobody has."""
    try:
        _Store(git).add_thin_pack(BytesIO(pack).read, None)
    except (ApplyDeltaError, ChecksumMismatch, KeyError, AssertionError, zlib.error) as error:
        raise Refused(400, f"unpack failed: {error}") from None


def _command(change: Change, caller: Caller, full_name: str, old: str, new: str, ref: str) -> str | None:
    """Carries out one command of a push; why not, in git's short form, or None."""
    home = change.repository(full_name)
    if home.refs.get(ref, _ZERO) != old:
        return "fetch first"
    if not ref.startswith(("refs/heads/", "refs/tags/")):
        return "deny updating a hidden ref"
    if new != _ZERO and change.git.kind(new) not in ("commit", "tag"):
        return "missing necessary objects"
    if new == _ZERO and ref == f"refs/heads/{home.default_branch}":
        return "refusing to delete the current branch"
    if refs.in_the_way(home, ref) and old == _ZERO:
        return "failed to update ref"
    if refs.push_refusal(change, home, ref, None if new == _ZERO else new, caller.name):
        return "protected branch hook declined"
    refs.move_ref(change, full_name, ref, None if new == _ZERO else new, by=caller.name)
    return None
