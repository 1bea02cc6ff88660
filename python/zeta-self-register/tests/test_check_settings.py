"""`check-settings`, by which a build refuses what the node would refuse: in the same words, and without a node."""

from __future__ import annotations

import pytest
from zeta_self_register import cli, effects
from zeta_self_register.production import Production


@pytest.fixture(autouse=True)
def no_machine(monkeypatch):
    """Whatever it needs of the port but reading a file and saying a line is an error."""
    for name in vars(effects.Effects):
        if name not in ("read", "say") and not name.startswith("_"):
            monkeypatch.delattr(Production, name)


def check(capsys, tmp_path, text, environment=None):
    """Its exit status and all that it said."""
    file = tmp_path / "settings.toml"
    if text is not None:
        file.write_text(text)
    status = cli.run(["--settings", str(file), "check-settings"], environment or {})
    said = capsys.readouterr()
    return status, (said.out + said.err).replace(f"{tmp_path}/", "")


def test_what_can_be_used(capsys, tmp_path):
    assert check(capsys, tmp_path, 'repository = "acme/cluster"\n') == (0, "settings.toml: can be used\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('repositry = "acme/cluster"\n', "unknown setting 'repositry'; did you mean 'repository'?"),
        ('mode = "test"\n', "mode: Invalid enum value 'test'"),
        ("mode =\n", "is not TOML"),
        (None, "not there; write it, or name another with --settings FILE"),
    ],
)
def test_what_cannot(capsys, tmp_path, text, said):
    status, line = check(capsys, tmp_path, text)
    assert status == 78
    assert line.startswith("zeta-self-register: settings.toml: ")
    assert said in line
    assert line.count("\n") == 1
