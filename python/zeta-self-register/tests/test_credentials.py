"""The token: where it is looked for, what a missing one means, and that it is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from zeta_self_register.credentials import read_token
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.production import Production
from zeta_self_register.settings import Settings

HOSTS = (
    b"github.com:\n    oauth_token: gho_secret\n    user: alice\nghe.example:\n    oauth_token: gho_other\n"
)


def token(tmp_path: Path, content: bytes, api_url: str = "https://api.github.com") -> str:
    """The token in a file of this content."""
    file = tmp_path / "token"
    file.write_bytes(content)
    return read_token(Production(), Settings(token_file=str(file), api_url=api_url), None)


def test_a_raw_token_and_gh_hosts_are_understood(tmp_path: Path) -> None:
    assert token(tmp_path, b"github_pat_x\n") == "github_pat_x"
    assert token(tmp_path, HOSTS) == "gho_secret"
    assert token(tmp_path, HOSTS, "https://ghe.example/api/v3") == "gho_other"


def test_credentials_of_systemd_go_first_and_absent_ones_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "github-token").write_bytes(b"absent")
    (tmp_path / "gh-hosts").write_bytes(HOSTS)
    assert read_token(Production(), Settings(), str(tmp_path)) == "gho_secret"
    (tmp_path / "gh-hosts").write_bytes(b"absent")
    with pytest.raises(Refused, match="not signed in to GitHub yet") as refused:
        read_token(Production(), Settings(), str(tmp_path))
    assert refused.value.status is Exit.NOT_NOW, "field bug 4: not signed in yet is not success"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", Exit.NOT_NOW),
        (b" \n", Exit.NOT_NOW),
        (b"github.com: {}\n", Exit.NOT_NOW),
        (b"other.host:\n  oauth_token: secret\n", Exit.NOT_NOW),
        (b"two words secret", Exit.NOT_NOW),
        (b"\xff\xfe\x00\x01secret", Exit.MISCONFIGURED),
        (b"{secret: [", Exit.MISCONFIGURED),
        (b"github.com:\n  oauth_token: 'sec ret'\n", Exit.MISCONFIGURED),
    ],
)
def test_a_token_that_cannot_be_used_is_one_line_without_it(
    tmp_path: Path, content: bytes, status: Exit
) -> None:
    with pytest.raises(Refused) as refused:
        token(tmp_path, content)
    assert refused.value.status is status
    assert "\n" not in refused.value.line
    assert "sec" not in refused.value.line
