"""The man page and the completion are those of the command line as it is."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
from zeta_self_register.commands import parser

PACKAGE = Path(__file__).parent.parent
_SPEC = importlib.util.spec_from_file_location("shell_data", PACKAGE / "shell_data.py")
assert _SPEC is not None
assert _SPEC.loader is not None
shell_data = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shell_data)

COMMANDS = list(shell_data.subcommands(parser()))


@pytest.mark.parametrize("path", sorted([*shell_data.COMPLETIONS.values(), shell_data.MAN]))
def test_what_is_shipped_is_what_the_parser_says(path):
    kept = (shell_data.SHARE / path).read_text()
    assert kept == shell_data.written()[path], "run python/zeta-self-register/shell_data.py"


def test_every_command_and_option_is_in_the_man_page():
    page = (shell_data.SHARE / shell_data.MAN).read_text().replace("\\-", "-")
    assert [name for name in COMMANDS if f'.SS "{name}' not in page] == []
    assert "--every SECONDS" in page
    assert ".B 75" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_groff_has_nothing_against_the_page():
    page = shell_data.SHARE / shell_data.MAN
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", str(page)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_bash_completes_commands_options_and_files(tmp_path):
    (tmp_path / "node.yaml").touch()
    script = (
        f"source {shell_data.SHARE / shell_data.COMPLETIONS['bash']}\ncd {tmp_path}\n"
        + """
    complete_it() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_zeta_self_register; echo "${COMPREPLY[@]}"; }
    complete_it zeta-self-register de
    complete_it zeta-self-register reset --y
    complete_it zeta-self-register validate n
    """
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["deregister", "--yes", "node.yaml"]


def test_the_readme_names_every_command():
    readme = (PACKAGE / "README.md").read_text()
    assert [name for name in COMMANDS if f"zeta-self-register {name}" not in readme] == []
