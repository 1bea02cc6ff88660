"""The token is found in each form in which it could get into a log, and never printed."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest
from bootproof import leaks
from bootproof.leaks import no_leak, search_bytes, search_files
from bootproof.verdict import HarnessError, Verdict
from hypothesis import given
from hypothesis import strategies as st

TOKEN = b"ghp_0123456789abcdefABCDEF"


def found(data: bytes, secret: bytes = TOKEN) -> list[str]:
    return [leak.form for leak in search_bytes("log", data, secret)]


@given(st.binary(max_size=9), st.binary(max_size=9), st.binary(min_size=8, max_size=40))
def test_base64_is_found_wherever_it_stands(before: bytes, after: bytes, secret: bytes) -> None:
    text = before + secret + after
    assert "Base64" in found(base64.b64encode(text), secret)
    assert "Base64" in found(base64.urlsafe_b64encode(text), secret)


@pytest.mark.parametrize(
    ("data", "forms"),
    [
        (b"Authorization: Bearer " + TOKEN, ["as it is"]),
        (b"Basic " + base64.b64encode(b"x-access-token:" + TOKEN), ["Base64"]),
        (base64.encodebytes(b"x" * 50 + TOKEN + b"y" * 50), ["Base64"]),
        ("".join(f"%{byte:02x}" for byte in TOKEN).encode(), ["percent-encoded"]),
        (b"ghp_0\xe2\x80\xa6", []),
        (TOKEN[:-1], []),
        (base64.b64encode(TOKEN[:-2]), []),
    ],
)
def test_forms(data: bytes, forms: list[str]) -> None:
    assert found(data) == forms


@pytest.mark.parametrize("change", [str, str.lower])
def test_a_secret_with_reserved_characters_is_found_in_a_url(change: object) -> None:
    url = quote("pa/ss+wo rd=", safe="")
    written = url if change is str else url.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d")
    assert found(f"https://x:{written}@host/".encode(), b"pa/ss+wo rd=") == ["percent-encoded"]


def test_folders_are_searched_and_places_meant_for_it_spared(tmp_path: Path) -> None:
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "logs" / "console.log").write_bytes(b"nothing")
    (tmp_path / "logs" / "deep" / "journal").write_bytes(b"x" * 10 + TOKEN)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "hosts.yml").write_bytes(TOKEN)
    search = search_files([tmp_path], TOKEN, allowed=[tmp_path / "etc"])
    assert (search.files, search.size) == (2, 7 + 10 + len(TOKEN))
    (leak,) = search.leaks
    assert (leak.place, leak.offset) == (str(tmp_path / "logs/deep/journal"), 10)
    result = no_leak(search)
    assert (result.verdict, result.looked_at) == (Verdict.VIOLATED, 2)
    assert TOKEN.decode() not in str(result)
    assert no_leak(search_files([tmp_path / "logs/console.log"], TOKEN)).verdict is Verdict.HOLDS


@pytest.mark.parametrize("secret_at", [0, 57, 64 - 13, 64 - 1, 64])
def test_a_secret_across_two_pieces_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret_at: int
) -> None:
    monkeypatch.setattr(leaks, "CHUNK", 64)
    path = tmp_path / "disk"
    path.write_bytes(b"." * secret_at + TOKEN + b"." * 500)
    assert [leak.offset for leak in search_files([path], TOKEN).leaks] == [secret_at]


def test_searching_nothing_is_seen(tmp_path: Path) -> None:
    assert no_leak(search_files([tmp_path], TOKEN)).vacuous
    with pytest.raises(HarnessError, match="it is not there"):
        search_files([tmp_path / "console.log"], TOKEN)
    with pytest.raises(HarnessError, match="too short"):
        search_bytes("log", b"", b"short")
