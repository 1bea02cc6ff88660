"""What the installer unpacks over the new system: an agent's files, and what is particular to one run."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from under_test import Files


def pack(files: Path, more: Files) -> bytes:
    """A tar archive; all of it belongs to root, and of the folder's modes only "executable" counts, not the umask."""

    def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry in sorted(files.iterdir()):
            archive.add(entry, arcname=entry.name, filter=as_root)
        for name, (content, mode) in more.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
