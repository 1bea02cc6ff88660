"""Settings: the file, below it the old environment, below that defaults; each mistake is one line with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.production import Production
from zeta_self_register.settings import Mode, Settings, load

NO_ENVIRONMENT: dict[str, str] = {}


def read(tmp_path: Path, text: str | bytes, environment: dict[str, str] = NO_ENVIRONMENT) -> Settings:
    """Settings of a file with this text."""
    file = tmp_path / "settings.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(Production(), str(file), environment, must_exist=True)


def test_the_file_goes_before_the_environment_and_that_before_the_defaults(tmp_path: Path) -> None:
    environment = {
        "ZETA_SELF_REGISTER_REPO_SLUG": "env/repo",
        "ZETA_SELF_REGISTER_MIN_PR_INTERVAL": "60",
        "ZETA_SELF_REGISTER_MARKER": "/old/marker",
    }
    settings = read(tmp_path, 'repository = "file/repo"', environment)
    assert settings.repository == "file/repo"
    assert settings.min_pr_interval_seconds == 60
    assert settings.old_markers[0] == "/old/marker"
    assert settings.base_branch == "main"
    assert settings.mode is Mode.LIVE


def test_no_file_is_fine_unless_it_was_named(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.toml")
    assert load(Production(), absent, {}, must_exist=False) == Settings()
    with pytest.raises(Refused, match=r"absent\.toml: not there; write it"):
        load(Production(), absent, {}, must_exist=True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("repositry = 'a/b'", "unknown setting 'repositry'; did you mean 'repository'?"),
        ("zzz = 1", "unknown setting 'zzz'; known are: "),
        ("repository = 7", "repository: Expected `str | null`, got `int`"),
        ("repository = 'a'", "repository 'a'"),
        ("repository =", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8 text"),
        ("mode = 'test'", "mode: Invalid enum value 'test'"),
        ("on_closed = 'again'", "on_closed: Invalid enum value 'again'"),
        ("node_name = 'localhost'", "which many machines share"),
        ("node_name = ''", "the node name is empty"),
        ("node_name = 'a/b'", "node name 'a/b'"),
        ("node_name = '..'", "node name '..'"),
        ('node_name = "a\\nb"', "node name 'a\\nb'"),
        (f"node_name = '{'a' * 64}'", "node name"),
        ("operator = '../x'", "'../x'"),
        ("operator = ''", "operator"),
        ("api_url = 'http://api.github.com'", "api_url must be an https:// address"),
        ("api_url = 'api.github.com'", "api_url must be an https:// address"),
        ("state_folder = 'var/lib'", "state_folder must be an absolute path"),
        ("install_stamp = '/var/lib/zeta-self-register/x'", "install_stamp must lie outside state_folder"),
        ("request_lifetime_seconds = 0", "request_lifetime_seconds must be at least 150"),
    ],
)
def test_each_mistake_is_one_line(tmp_path: Path, text: str | bytes, line: str) -> None:
    with pytest.raises(Refused) as refused:
        read(tmp_path, text)
    assert refused.value.status is Exit.MISCONFIGURED
    assert line in refused.value.line
    assert "\n" not in refused.value.line
    assert "settings.toml" in refused.value.line


def test_a_typing_error_in_the_environment_switches_no_test_mode_on(tmp_path: Path) -> None:
    """Field bug 12: a flag of production switched the test mode on."""
    with pytest.raises(Refused, match="mode: Invalid enum value 'production'"):
        read(tmp_path, "", {"ZETA_SELF_REGISTER_MODE": "production"})
    assert read(tmp_path, "", {"ZETA_SELF_REGISTER_MODE": ""}).mode is Mode.LIVE
    with pytest.raises(Refused, match="ZETA_SELF_REGISTER_MIN_PR_INTERVAL must be a number of seconds"):
        read(tmp_path, "", {"ZETA_SELF_REGISTER_MIN_PR_INTERVAL": "1d"})
