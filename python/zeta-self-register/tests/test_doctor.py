"""`doctor` on one node: what is unmet, in the words of the tick, and what to do about it."""

from __future__ import annotations

import errno
import os

import pytest
from zeta_self_register import doctor, settings
from zeta_self_register.doctor import State
from zeta_self_register.effects import CommandFailed, NotReachable
from zeta_self_register.exits import Exit
from zeta_self_register.node import Node

SETTINGS = "/etc/zeta-self-register/settings.toml"
WISHES = "/var/lib/zeta-self-register/wishes.json"
ACTIVE = b"LoadState=loaded\nActiveState=active\n"


@pytest.fixture
def units(machine, monkeypatch):
    """What systemd and the journal print on this machine; each of them can be changed."""
    printed = {
        "zeta-self-register.timer": ACTIVE,
        "zeta-register-follow.timer": ACTIVE,
        "zeta-register-steward.timer": ACTIVE,
        "zeta-self-register.service": b"ConditionResult=yes\nConditionTimestampMonotonic=7\n",
        "journalctl": b"pull-open: #1 is open; the steward follows it\nFinished Register this node.\n",
    }
    hardware = machine.run

    def run(argv):
        found = [text for word, text in printed.items() if word in argv]
        if argv[0] not in ("systemctl", "journalctl"):
            return hardware(argv)
        if not found or found[0] is None:
            raise CommandFailed(" ".join(argv))
        return found[0]

    monkeypatch.setattr(machine, "run", run)
    monkeypatch.setattr(machine, "wall_clock", lambda: machine.world.now / 1000)
    return printed


def examine(machine):
    """The checks by name."""
    checks = doctor.examine(
        machine,
        lambda: settings.load(machine, SETTINGS, {}, must_exist=True),
        lambda configured: Node(machine, configured, "doctor", {}),
    )
    return {check.name: check for check in checks}


def unmet(machine):
    """Those that are not met."""
    return {name: check for name, check in examine(machine).items() if check.state is not State.MET}


def test_a_node_with_nothing_in_its_way_meets_all_of_them_with_one_request_and_no_write(machine, units):
    files = dict(machine.files)
    checks = examine(machine)
    assert {check.state for check in checks.values()} == {State.MET}
    assert checks["this boot"].text == "the last run said: pull-open: #1 is open; the steward follows it"
    assert machine.sent() == ["POST /graphql"]
    assert machine.files == files


@pytest.mark.parametrize(
    ("file", "content", "name", "status", "said"),
    [
        (SETTINGS, b'repositry = "a/b"', "settings", Exit.MISCONFIGURED, "did you mean 'repository'?"),
        (SETTINGS, b'mode = "dry-run"\nrepository = "acme/cluster"\noperator = "alice"', "settings",
         Exit.MISCONFIGURED, '`mode = "live"`'),
        (SETTINGS, b'operator = "alice"', "names and files", Exit.MISCONFIGURED, "no repository is set"),
        ("/etc/os-release", b"VARIANT_ID=installer\n", "installed system", Exit.HELD, "installer's system"),
        ("/var/lib/zeta-install/complete.json", None, "install stamp", Exit.HELD, "`require_install_stamp"),
        (WISHES, b'{"schema": 1, "paused": true}', "operator's wishes", Exit.HELD, "`zeta-self-register resume`"),
        (WISHES, b"{", "operator's wishes", Exit.MISCONFIGURED, "writes it anew"),
        ("/etc/zeta-self-register/github-token", None, "token", Exit.NOT_NOW, "not signed in to GitHub yet"),
        ("/etc/zeta-self-register/github-token", b"gone", "GitHub", Exit.HELD, "does not accept the token"),
        ("/var/lib/zeta-self-register/registered.json", b'{"schema": 9}', "marker", Exit.MISCONFIGURED, "newer"),
    ],
)  # fmt: skip
def test_what_is_unmet_is_named_with_its_remedy(machine, units, file, content, name, status, said):
    machine.files.pop(file, None)
    if content is not None:
        machine.files[file] = content
    check = unmet(machine)[name]
    assert (check.state, check.status) == (State.UNMET, status)
    assert said in check.text
    assert "\n" not in check.text


def test_a_marker_that_cannot_be_read(machine, units, monkeypatch):
    read = machine.read

    def refused(path):
        if path.endswith("registered.json"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
        return read(path)

    monkeypatch.setattr(machine, "read", refused)
    assert "run this as root" in unmet(machine)["marker"].text


@pytest.mark.parametrize(("seconds", "said"), [(9000, "9000 s ahead of"), (-9000, "9000 s behind")])
def test_a_clock_that_is_wrong(machine, units, monkeypatch, seconds, said):
    monkeypatch.setattr(machine, "wall_clock", lambda: machine.world.now / 1000 + seconds)
    assert said in unmet(machine)["clock"].text


def test_without_github_a_clock_in_1970_is_told_and_another_one_is_unknown(machine, units, monkeypatch):
    machine.fate = lambda _number, _request: "not sent"
    assert unmet(machine)["GitHub"].status is Exit.NOT_NOW
    assert unmet(machine)["clock"].state is State.UNKNOWN
    for wrong in (0.0, 4e9):
        monkeypatch.setattr(machine, "wall_clock", lambda wrong=wrong: wrong)
        assert "no certificate verifies" in unmet(machine)["clock"].text


def test_a_cluster_that_does_not_answer_is_named(machine, units, monkeypatch):
    machine.files[SETTINGS] += b'cluster = ["10.0.0.1:6443", "https://argo.example"]\n'
    assert examine(machine)["cluster"].text == "answers: 10.0.0.1:6443, https://argo.example"

    def refused(target, seconds):
        if target.startswith("10."):
            raise NotReachable("refused")

    monkeypatch.setattr(machine, "reachable", refused)
    assert unmet(machine)["cluster"].status is Exit.NOT_NOW
    assert unmet(machine)["cluster"].text.startswith("10.0.0.1:6443 (refused): a new registration waits")


@pytest.mark.parametrize(
    ("program", "printed", "name", "state", "said"),
    [
        ("zeta-self-register.timer", b"LoadState=not-found\nActiveState=inactive\n", "zeta-self-register.timer",
         State.UNMET, "is not installed"),
        ("zeta-register-steward.timer", b"LoadState=loaded\nActiveState=inactive\n",
         "zeta-register-steward.timer", State.UNMET, "`systemctl enable --now zeta-register-steward.timer`"),
        ("zeta-self-register.timer", None, "zeta-self-register.timer", State.UNKNOWN, "could not be asked"),
        ("journalctl", None, "this boot", State.UNKNOWN, "run this as root"),
        ("journalctl", b"", "this boot", State.UNKNOWN, "no run has said anything yet"),
    ],
)  # fmt: skip
def test_why_nothing_happened_in_this_boot(machine, units, program, printed, name, state, said):
    units[program] = printed
    check = unmet(machine)[name]
    assert check.state is state
    assert said in check.text


def test_a_boot_with_nothing_to_do_is_explained_by_the_marker(machine, units):
    units["journalctl"] = b""
    units["zeta-self-register.service"] = b"ConditionResult=no\nConditionTimestampMonotonic=99\n"
    assert examine(machine)["this boot"].text.startswith("the marker is there, so no process was started")
