"""What honest writers do not write, in each language that this program reads."""

from __future__ import annotations

import json
from typing import Any

DEEP = 5_000
"""Levels of nesting, digits and characters that no honest writer needs."""

ODD_BYTES = (
    *(
        b"",
        b"\0",
        b"\xff",
        b"\x1b[2J",
        b"\r",
        b"\n",
        b"\n\n",
        b"\t",
        b" ",
        b"\x85",
        b"\x9b",
        b"'",
        b'"',
        b"\\",
    ),
    *(b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xff\xfe", "\u202e".encode(), "\u2028".encode(), "٣".encode()),
    *(b"[", b"]", b"{", b"}", b":", b"=", b",", b"#", b"-", b"%", b"!", b"&", b"*", b"|", b">", b"`", b"@"),
)

ODD_VALUES = (
    *(
        b"",
        b"null",
        b"~",
        b"true",
        b"no",
        b"0",
        b"-1",
        b"007",
        b"1.5",
        b"1e400",
        b"nan",
        b"inf",
        b"-inf",
        b".nan",
    ),
    *(b"0x", b"0x1f", b"0b_", b"1_000", b"190:20:30", b"99999999999999999999", b"9" * DEEP, b"x" * DEEP),
    *(
        b'""',
        b"''",
        b'"',
        b"'",
        b"[]",
        b"{}",
        b"[1, 2]",
        b"{a: 1}",
        b"- x",
        b"? x",
        b"[[[[",
        b"{{{{",
        b"|",
        b">-",
    ),
    *(
        b'"\\ud800"',
        b'"\\UFFFFFFFF"',
        b'"\\u0000"',
        b'"\\e[2J\\u202e"',
        b'"\\x1b[2J"',
        b'"a\\nb"',
        b"a\x1b[2J",
    ),
    *(b"2026-01-01", b"2026-99-99", b"2026-01-01T00:00:00Z", b"0001-01-01T00:00:00+23:59", b"24:00:00"),
    *(
        b"&a x",
        b"*a",
        b"<<",
        b"!!bool x",
        b"!!int ''",
        b"!!float ''",
        b"!!timestamp x",
        b"!!binary x",
        b"!!set {a}",
    ),
    *(b"!!python/object:os.system x", b"!x y", b"!<tag:yaml.org,2002:str> x", b"%YAML 9.9", b"---", b"..."),
    *(
        b"[" * DEEP,
        b"{a: " * DEEP,
        b"- " * DEEP,
        b"../../x",
        b"/",
        b"https://[",
        b"absent",
        b"''' '''",
        b'"""',
    ),
    *(b"ff:ff:ff:ff:ff:ff", b"00000000", b"ffffffff-ffff-ffff-ffff-ffffffffffff", b"100644", b"0" * 40),
)

ODD_HEADS = (
    *(b"99", b"100", b"200", b"202", b"204", b"302", b"304", b"401", b"403", b"404", b"405", b"409", b"422"),
    *(b"429", b"500", b"502", b"599"),
)

ODD_HEADERS = (
    *(b"retry-after: 0", b"retry-after: 9999999999999999999", "retry-after: ٣".encode(), b"retry-after: -1"),
    *(
        b"retry-after: " + b"9" * DEEP,
        "retry-after: ²".encode(),
        b"location: https://[",
        b"location: x\x9b[31m",
    ),
    b"x-ratelimit-limit: 1\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 99999999999999999999",
    b"x-ratelimit-limit: 1\nx-ratelimit-remaining: 0\nx-ratelimit-reset: -1e400",
    b"x-ratelimit-limit: 9\nx-ratelimit-remaining: 0\nx-ratelimit-reset: nan",
    *(b"date: x", b"date: Mon, 23 Nov 99999999999999999999 12:00:00 GMT", b"date: 0 Jan 0 0:0:0 -0000"),
    *(b"date: Mon, 23 Nov 2026 12:00:00 +9999999999999999", b"date: Thu, 01 Jan 0001 00:00:00 +2359"),
    *(b"date: Fri, 31 Dec 9999 23:59:59 -2359", b"date: Mon, 23 Nov 2026 12:00:00 -0000", b"date: ,"),
    *(b"etag: \x1b[2J", b"etag: ", b"x-accepted-github-permissions: a\x9b2J"),
)

ODD_JSON = (
    *(
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1",
        "2",
        "3",
        "0.5",
        "1e308",
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
    ),
    *(
        "9" * 20,
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775807",
        "-9223372036854775808",
    ),
    *("9" * DEEP, '""', '"x"', '"0"', '"\\ud800"', '"\\u0000"', '"\\u001b[2J\\u202e"', '"a\\nb"', '"a\nb"'),
    *(f'"{"x" * DEEP}"', "[]", "{}", "[null]", "[[]]", '{"a": {}}', "[" * DEEP + "]" * DEEP, '{"a":' * DEEP),
    *('"2026-01-01T00:00:00Z"', '"2026-01-01"', '"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"'),
    *(
        '"OPEN"',
        '"CLOSED"',
        '"MERGED"',
        '"registered"',
        '"pr-open"',
        '"pull-request"',
        '"../../x"',
        '"https://["',
    ),
    *(
        '"ReopenedEvent"',
        '"AutoMergeDisabledEvent"',
        '"register-node-node-a"',
        '"refs/heads/x"',
        '"@x"',
        "01",
    ),
)

_KINDS: tuple[Any, ...] = (
    *("RATE_LIMITED", "STALE_DATA", "NOT_FOUND", "FORBIDDEN", "UNPROCESSABLE", "x"),
    *(None, 1, []),
)
_MESSAGES: tuple[Any, ...] = ("m", "\x1b[2J\n", None, 1, {})
ODD_ERRORS = tuple(
    json.dumps([{"type": kind, "message": message, "path": path}])
    for kind in _KINDS
    for message in _MESSAGES
    for path in (["repository", "known"], 1)
)
