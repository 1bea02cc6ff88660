"""The filter that stops the agent at calls that could leave something behind, and at no others."""

from __future__ import annotations

import os
import struct

from bootproof.torture.calls import IO_URING_SETUP, SIGNATURES

# From linux/seccomp.h, linux/bpf_common.h and linux/audit.h.
_ALLOW, _TRACE, _ERRNO = 0x7FFF0000, 0x7FF00000, 0x00050000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_X86_64 = 0xC000003E
_ENOSYS = 38

# What the tracer is told with a stop.
EFFECT, FOREIGN = 1, 2
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def program() -> bytes:
    """The filter as the kernel takes it. Opens stop only if they could write; 32-bit calls stop as FOREIGN."""
    lines = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, _X86_64), (_RETURN, 0, 0, _TRACE | FOREIGN)]
    lines += [(_LOAD, 0, 0, _NUMBER)]
    lines += [(_EQUAL, 0, 1, IO_URING_SETUP), (_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    for signature in SIGNATURES:
        if signature.flags is None:
            lines += [(_EQUAL, 0, 1, signature.number), (_RETURN, 0, 0, _TRACE | EFFECT)]
            continue
        argument = _ARGUMENTS + 8 * signature.flags
        lines += [(_EQUAL, 0, 4, signature.number), (_LOAD, 0, 0, argument)]
        lines += [(_ANY_BIT, 0, 1, WRITES), (_RETURN, 0, 0, _TRACE | EFFECT), (_RETURN, 0, 0, _ALLOW)]
    lines += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)
