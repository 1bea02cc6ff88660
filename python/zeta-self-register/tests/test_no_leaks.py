"""The token is in nothing that a command leaves: every command, every kind of failure, every way to sign in."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace

import pytest
from bootproof.leaks import search_bytes, search_files
from mock_github.faults import Fault, FaultKind, Match
from mock_github.server import MockServer
from zeta_self_register import answers, cli, starts
from zeta_self_register.credentials import DEFAULT_APP_KEY_FILE

TOKEN = "github_pat_11LEAK0000recognizable/+token"
KEY: bytes = starts.STARTS["github-app"]["files"][DEFAULT_APP_KEY_FILE]
APP = starts.STARTS["github-app"]["app"]

ASKING = ("register", "steward", "plan", "status")
BY_PEOPLE = {
    "doctor": [],
    "watch": [],
    "fleet": [],
    "reset": ["--yes"],
    "adopt": ["2", "--yes"],
    "rename": ["--yes"],
    "deregister": ["--yes"],
    "pause": [],
    "resume": [],
}
"""Commands of people, most of which ask GitHub too, with what they are given."""
OTHERS = {
    "compose": [],
    "schema": ["--crd"],
    "validate": ["{folder}/settings.toml"],
    "check-pull": ["--event", "{folder}/token"],
    "intent": ["--operator", "alice", "--repository", "acme/cluster", "--root", "{folder}/new"],
    "stamp": ["--root", "{folder}/new"],
    "check-settings": [],
}
"""Commands that ask GitHub nothing, with what they are given."""


@pytest.fixture
def server(machine):
    world = machine.world.with_token(TOKEN, login="alice", repositories=["acme/cluster"])
    world = world.with_installation(
        APP["installation"],
        app=APP["app"],
        slug=APP["slug"],
        public_key=APP["public_key"],
        repositories=["acme/cluster"],
    )
    with MockServer(world, tls=True) as started:
        yield started


@pytest.fixture(params=["token", "hosts", "app"])
def place(request, tmp_path, server):
    """A node's folder that is signed in in one of the three ways."""
    return Place(tmp_path, server, request.param)


@pytest.fixture(autouse=True)
def watched_once(monkeypatch):
    """Somebody ends `watch` when it would wait for the next look."""
    interrupted = SimpleNamespace(sleep=lambda _seconds: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr("zeta_self_register.commands.following.time", interrupted)


class Place:
    """A node whose files are in a folder of its own; `secrets` are what must not be found anywhere but in `kept`."""

    def __init__(self, folder: Path, server: MockServer, how: str) -> None:
        self.folder, self.server = folder, server
        self.kept = folder / "token"
        self.secrets = [KEY.splitlines()[3] if how == "app" else TOKEN.encode()]
        sign_in = f'token_file = "{self.kept}"\n'
        if how == "app":
            self.kept.write_bytes(KEY)
            sign_in = f'app_id = 7\napp_installation_id = 21\napp_key_file = "{self.kept}"\n'
        elif how == "hosts":
            self.kept.write_text(
                f"127.0.0.1:\n    oauth_token: {TOKEN}\nlocalhost:\n    oauth_token: {TOKEN}\n"
            )
        else:
            self.kept.write_text(TOKEN)
        (folder / "ca.pem").write_bytes(server.ca_pem)
        self.settings = folder / "settings.toml"
        self.settings.write_text(
            f'repository = "acme/cluster"\noperator = "alice"\nnode_name = "node-a"\napi_url = "{server.url}"\n'
            f'ca_file = "{folder}/ca.pem"\nstate_folder = "{folder}/state"\nrequire_install_stamp = false\n'
            f'cluster_state_folder = "{folder}/cluster"\nmetrics_file = "{folder}/metrics/x.prom"\n{sign_in}'
        )

    def arguments(self, command: str, *more: str) -> list[str]:
        given = [word.format(folder=self.folder) for word in {**BY_PEOPLE, **OTHERS}.get(command, [])]
        return ["--settings", str(self.settings), command, *given, *more]

    def run(self, capfd, command: str) -> str:
        """Runs it in this process; what it said, with the traceback if it came to one."""
        try:
            cli.run(self.arguments(command), {})
            crashed = ""
        except SystemExit:
            crashed = ""
        except Exception:
            crashed = traceback.format_exc()
        said = capfd.readouterr()
        return said.out + said.err + crashed

    def clean(self, said: str) -> None:
        """Nothing of it is in what was said, or in any file."""
        for secret in [*self.secrets, *self.given_out()]:
            assert search_bytes("what was said", said.encode(), secret) == ()
            found = search_files([self.folder], secret, allowed=[self.kept])
            assert found.leaks == ()
            assert found.files >= 2

    def given_out(self) -> list[bytes]:
        """Every token that GitHub gave out to the App begins so."""
        return [b"ghs_7_eyJ"] if self.kept.read_bytes() == KEY else []


def test_every_command_is_tried_here(capsys):
    with pytest.raises(SystemExit):
        cli.run(["--help"], {})
    listed = set(re.findall(r"^    ([a-z][a-z-]*)(?: |$)", capsys.readouterr().out, re.MULTILINE))
    assert listed == {*ASKING, *BY_PEOPLE, *OTHERS}


@pytest.mark.parametrize("command", [*ASKING, *BY_PEOPLE, *OTHERS])
def test_when_nothing_fails(place, capfd, command):
    (place.folder / "new/etc/zeta-self-register").mkdir(parents=True)
    place.clean(place.run(capfd, command))


FAULTS = [kind for kind in FaultKind if kind not in (FaultKind.HUGE, FaultKind.LATE)]


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.value)
def test_when_github_fails(place, capfd, command, kind):
    where = Match() if kind is FaultKind.WRONG_CERTIFICATE else Match(path="/(graphql|app/.*)")
    echo = f"https://{TOKEN}@elsewhere.invalid/?{TOKEN}"
    place.server.add_fault(Fault(kind=kind, match=where, times=2, seconds=0.05, to=echo))
    said = place.run(capfd, command)
    assert "Traceback" not in said
    place.clean(said)


BROKEN = {
    "unknown": TOKEN.replace("LEAK", "PEEK"),
    "two lines": f"{TOKEN}\n{TOKEN}",
    "yaml": f"{{{TOKEN}: [",
    "of another host": f"other.host:\n  oauth_token: {TOKEN}",
    "with a space": f"127.0.0.1:\n  oauth_token: '{TOKEN} x'",
    "with a control character": f"{TOKEN}\x01",
    "as a key": f"-----BEGIN RSA PRIVATE KEY-----\n{TOKEN}\n-----END RSA PRIVATE KEY-----\n",
}


@pytest.mark.parametrize("command", [*ASKING, *BY_PEOPLE])
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_when_the_token_is_broken(place, capfd, command, content):
    place.kept.write_text(content)
    place.secrets = [TOKEN.encode(), TOKEN.replace("LEAK", "PEEK").encode()]
    said = place.run(capfd, command)
    assert "Traceback" not in said
    place.clean(said)


@pytest.mark.parametrize("command", [*ASKING, "doctor", "fleet", "reset"])
def test_when_the_program_itself_has_a_bug(place, capfd, command, monkeypatch):
    def bug(_response):
        raise RuntimeError("a bug")

    monkeypatch.setattr("zeta_self_register.github.interpret", bug)
    assert answers.interpret is not bug
    said = place.run(capfd, command)
    assert "RuntimeError: a bug" in said
    place.clean(said)


@pytest.mark.parametrize("command", ASKING)
def test_when_the_disk_is_none(place, capfd, command):
    (place.folder / "state").write_text("a file where the folder should be")
    said = place.run(capfd, command)
    assert "Traceback" not in said
    place.clean(said)


def test_while_it_runs_and_when_it_is_aborted(tmp_path, machine):
    """What others can read of the process, and what the kernel leaves of it."""
    world = machine.world.with_token(TOKEN, login="alice", repositories=["acme/cluster"])
    with MockServer(world, tls=True) as server:
        place = Place(tmp_path, server, "token")
        held = server.hold(Match(method="POST", path=r".*/git/refs"))
        process = subprocess.Popen(
            [sys.executable, "-m", "zeta_self_register", *place.arguments("register")],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        held.wait(30)
        shown = {
            name: Path(f"/proc/{process.pid}/{name}").read_bytes()
            for name in ("cmdline", "environ", "limits")
        }
        process.send_signal(signal.SIGABRT)
        said = process.stdout.read()
        _, status, _ = os.wait4(process.pid, 0)
        process.returncode = -signal.SIGABRT
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert not os.WCOREDUMP(status)
    assert re.search(rb"Max core file size +0 +0 ", shown["limits"])
    for name, content in shown.items():
        assert search_bytes(name, content, TOKEN.encode()) == ()
    place.clean(said.decode())
