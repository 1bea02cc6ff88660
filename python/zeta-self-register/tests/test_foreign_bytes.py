"""Every parser of foreign bytes takes garbage or refuses it in one line: no traceback, and nothing comes of it."""

from __future__ import annotations

import io
import json

import pytest
from foreign_bytes import PARSERS, Finding, tried
from foreign_files import ATTEMPT, OPEN_MARKER
from foreign_port import Broken, Foreign, Parser, answer_of
from foreign_stages import sample
from fuzz_bytes import Order, run, turn
from garbling import Form, Recipe, recipes
from hypothesis import HealthCheck, example, given, settings
from msgspec import structs
from zeta_self_register.local_files import encode

NAMED = {parser.name: parser for parser in PARSERS}


def of(name: str, old: bytes, new: bytes) -> tuple[bytes, ...]:
    """The answers to this query that say `old` somewhere, with `new` in its place."""
    held = [answer for answer in sample(name) if old in answer]
    assert held, f"no answer says {old!r}"
    return tuple(answer.replace(old, new, 1) for answer in held)


BAD_DATES = (b"200\ndate:3 Nov 9999999999 0:0\n\n{}", b"200\ndate: 3 Nov 6 0:0 +9999999999999999\n\n{}")
END_OF_TIME = of("query Snapshot", b"\n\n", b"\ndate: Fri, 31 Dec 9999 23:59:59 -2359\n\n")
FLEET = NAMED["query Fleet"].samples[0]
FOUND: dict[str, tuple[bytes, ...]] = {
    "settings.toml": (b"y = " + b"9" * 5000, b"d = " + b"[" * 5000, b"r" * 3000 + b" = 1"),
    "the shell version's variables": (
        b"ZETA_SELF_REGISTER_MODE=\xd5",
        b"ZETA_SELF_REGISTER_MIN_PR_INTERVAL=" + b"6" * 5000,
        "ZETA_SELF_REGISTER_MIN_PR_INTERVAL=²".encode(),
    ),
    "gh's hosts.yml": (
        b"!!timestamp 0",
        b'"\\UFFFFFFFF"',
        b"m: !!bool",
        b"m: !!int",
        b"a: &a\n  <<: [*a, *a]",
    ),
    "an App's token, GitHub's answer": BAD_DATES,
    "/proc/self/stat": (b"1" * 5000, b"9" * 21),
    "systemctl and journalctl": (b"LoadState=\x06", b"LoadState=loaded\nActiveState=" + b"x" * 3000),
    "check-pull: git diff": (b"\0",),
    "check-pull: git cat-file -s": (b"", b"x", b"9" * 5000),
    "query Snapshot": (*BAD_DATES, *of("query Snapshot", b'"number":1', b'"number":null')),
    "query Survey": (
        *of("query Survey", b'"headRefName":"register-node-node-c"', b'"headRefName":1'),
        *of("query Survey", b'"records":', b'"records":1,"x":'),
        *of("query Survey", b'"number":1', b'"number":"1) { id } x: pullRequest(number: 2"'),
    ),
    "query Candidates": (
        *of("query Candidates", b'"createdAt":"2', b'"createdAt":"'),
        *of("query Candidates", b'"state":"OPEN"', b'"state":"NPEN"'),
    ),
    "query Fleet": (
        FLEET.replace(b'"number":1', b'"number":"x"'),
        FLEET.replace(b'"path":"maintainers', b'"path":1,"x":"maintainers'),
        FLEET.replace(b"https://github.test", "\u202e".encode()),
        FLEET.replace(b'"name":"alice"', b'"name":"\\u001b[2J"'),
        FLEET.replace(b'"name":"alice"', b'"name":"' + b"x" * 5000 + b'"'),
    ),
    "a run (to be armed): registered.json": tuple(
        encode(structs.replace(OPEN_MARKER, written_at="x" * length)) for length in range(3000, 3004)
    ),
    "a run (fresh): attempt.json": (encode(structs.replace(ATTEMPT, branch="\0")),),
    "a run (fresh): 1. query Snapshot": END_OF_TIME,
    "a run (to be merged): 3. query Snapshot": END_OF_TIME,
    "POST git/refs": (*BAD_DATES, b"301\nlocation: https://" + b"x" * 3000 + b"\n\n{}"),
}
"""What campaigns have found, by parser."""


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_garbage_is_taken_or_refused(parser: Parser) -> None:
    @settings(
        max_examples=max(6, parser.turn // 12),
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(recipes(len(parser.samples)).map(lambda recipe: recipe.of(parser.samples, parser.form)))
    def garbage(content: bytes) -> None:
        parser.read(content)

    for content in FOUND.get(parser.name, ()):
        garbage = example(content)(garbage)
    garbage()


def test_what_was_found_is_of_parsers_that_exist() -> None:
    assert set(FOUND) <= set(NAMED)
    assert len(NAMED) == len(PARSERS)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_each_parser_takes_what_is_good(parser: Parser) -> None:
    """Else the garbage is made of something that is garbage already.  A run may have something to wait for."""
    accepted = [tried(parser, content) for content in parser.samples]
    assert not any(isinstance(one, Finding) for one in accepted)
    assert any(accepted) or parser.name.startswith("a run")


def test_a_recipe_without_steps_is_the_sample() -> None:
    assert Recipe(3, ()).of((b"a", b"b"), Form.JSON) == b"b"


# --- it can fail -------------------------------------------------------------------------------------------------


def careless(content: bytes) -> bool:
    """A parser that relies on a key."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and bool(said["schema"])


def writes(content: bytes) -> bool:
    """A parser that writes what it cannot read."""
    if b"schema" not in content:
        Foreign().write("/x", content, 0o644)
    return True


SAMPLE = (b'{"schema": 1, "x": [1, 2, 3]}',)
CARELESS = Parser("careless", Form.JSON, SAMPLE, careless)
WRITES = Parser("writes", Form.JSON, SAMPLE, writes)


@pytest.mark.parametrize(("planted", "kind"), [(CARELESS, "KeyError"), (WRITES, "Broken (/x was written)")])
def test_a_broken_parser_is_found_by_its_shortest_input(planted: Parser, kind: str) -> None:
    found = turn(planted, "1", 400).findings
    assert set(found) == {kind}
    assert len(found[kind].content) <= 2
    with pytest.raises((KeyError, Broken)):
        planted.read(found[kind].content)


def test_a_campaign_says_what_it_found_and_the_same_seed_finds_it_again() -> None:
    said = []
    for _ in range(2):
        out = io.StringIO()
        assert run(Order((CARELESS, NAMED["wishes.json"]), 7, 1000), 2, out, None) == 1
        lines = out.getvalue().splitlines()
        said.append([line for line in lines if "inputs/s" not in line])
    assert said[0] == said[1]
    assert "    @example(b'{}')" in said[0]
    assert next(line for line in said[0] if line.startswith("all ")).split(" | ")[1].strip() == "1,000"


def test_a_campaign_that_finds_nothing_ends_well() -> None:
    assert run(Order((NAMED["wishes.json"],), 7, 100), 1, io.StringIO(), None) == 0


def test_an_answer_is_what_its_bytes_say() -> None:
    answer = answer_of(b"201\nDate: x\netag: a\netag: b\n\n{}")
    assert (answer.status, answer.headers, answer.body) == (201, {"date": "x", "etag": "b"}, b"{}")
