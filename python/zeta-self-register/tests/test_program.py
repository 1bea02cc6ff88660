"""The program as a process, against the mock over HTTPS: wrong answers, wrong certificates, and what a run costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mock_github.faults import Fault, FaultKind, Match
from mock_github.server import MockServer

TOKEN = "github_pat_test"


@pytest.fixture
def program(tmp_path, machine):
    """A node's folder and a mock; calling it runs a command."""
    with MockServer(machine.world, tls=True) as server:
        yield Program(tmp_path, server)


class Program:
    """One node, whose files are in a folder of its own."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self.state = folder / "state"
        (folder / "ca.pem").write_bytes(server.ca_pem)
        (folder / "token").write_text(TOKEN)
        self.settings = folder / "settings.toml"
        self.settings.write_text(
            f'repository = "acme/cluster"\noperator = "alice"\nnode_name = "node-a"\napi_url = "{server.url}"\n'
            f'ca_file = "{folder}/ca.pem"\ntoken_file = "{folder}/token"\nstate_folder = "{self.state}"\n'
            "require_install_stamp = false\n"
        )

    def command(self, *arguments):
        """The command line."""
        return [sys.executable, "-m", "zeta_self_register", "--settings", str(self.settings), *arguments]

    def __call__(self, *arguments):
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=60, check=False
        )


def test_one_command_registers_and_says_so(program):
    done = program("register", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["row"], said["requests"], said["status"]) == ("pull-open", 6, 0)
    assert json.loads((program.state / "registered.json").read_text())["state"] == "pr-open"
    status = program("status")
    assert status.returncode == 0
    assert [line.split()[0] for line in status.stdout.splitlines()] == [
        "State",
        "Node",
        "GitHub",
        "Marker",
        "Attempt",
        "Next",
    ]
    assert status.stdout.startswith("State     IN FLIGHT: #1 is open")
    assert json.loads(program("plan", "--json").stdout)["action"] == "nothing"
    valid = program("compose")
    (program.folder / "node.yaml").write_text(valid.stdout)
    assert program("validate", str(program.folder / "node.yaml")).returncode == 0


def test_validate_says_all_there_is_to_say_of_several_files(program):
    place = program.folder / "maintainers" / "alice" / "cluster-nodes" / "node-b" / "node.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(program("compose").stdout)
    broken = program.folder / "broken.yaml"
    broken.write_text("kind: [")
    missing = program.folder / "missing.yaml"
    done = program("validate", str(place), str(broken), str(missing))
    assert done.returncode == 78
    assert done.stdout.splitlines() == [
        f"{place}: metadata.name is 'node-a' but the folder is 'node-b': make them the same",
        f"{broken}: the file is not YAML: expected the node content, but found '<stream end>' in line 1",
        f"{missing}: cannot be read (No such file or directory)",
    ]
    said = json.loads(program("validate", "--json", str(place)).stdout)
    (file,) = said["files"]
    assert (said["valid"], file["place"]) == (False, "maintainers/alice/cluster-nodes/node-b/node.yaml")
    assert [problem["path"] for problem in file["problems"]] == ["metadata.name"]


def test_schema_prints_what_a_cluster_and_an_editor_need(program):
    assert "kind: CustomResourceDefinition" in program("schema", "--crd").stdout
    assert json.loads(program("schema", "--json-schema").stdout)["required"] == [
        "apiVersion",
        "kind",
        "metadata",
        "spec",
    ]
    assert program("schema").returncode == 2


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (Fault(kind=FaultKind.NOT_JSON), 75, "not JSON"),
        (Fault(kind=FaultKind.HUGE), 75, "longer than 16 MiB"),
        (
            Fault(kind=FaultKind.REDIRECT, to="https://elsewhere.invalid/x"),
            78,
            "redirects to elsewhere.invalid",
        ),
        (Fault(kind=FaultKind.WRONG_CERTIFICATE, times=9), 75, "its certificate does not verify"),
        (Fault(kind=FaultKind.DROP_BEFORE), 75, "no whole answer"),
        (Fault(kind=FaultKind.PRIMARY_LIMIT), 75, "hourly limit is used up"),
        (Fault(kind=FaultKind.SECONDARY_LIMIT), 75, "pauses 60 s"),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else "",
)
def test_an_answer_that_is_none(program, fault, status, said):
    program.server.add_fault(fault)
    done = program("register")
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stderr
    assert not (program.state / "registered.json").exists()
    assert [e for e in program.server.events() if e.type == "pull-request-opened"] == []


def test_a_ca_file_that_is_not_there(program):
    (program.folder / "ca.pem").unlink()
    done = program("register")
    assert done.returncode == 75
    assert "ca_file" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_in_the_middle_and_two_at_once(program):
    held = program.server.hold(Match(method="POST", path=r".*/git/refs"))
    first = subprocess.Popen(program.command("register"), stderr=subprocess.PIPE, text=True)
    held.wait(30)
    second = program("register")
    assert second.returncode == 75
    assert "another run of this program is at work" in second.stderr
    first.send_signal(signal.SIGINT)
    assert first.wait(10) == 130
    assert "the next run goes on where this one stopped" in first.stderr.read()
    held.release()
    assert program("register").returncode == 0
    assert len([e for e in program.server.events() if e.type == "pull-request-opened"]) == 1


@pytest.mark.parametrize("command", ["doctor", "status", "plan"])
def test_what_it_prints_has_nowhere_to_go(program, command):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            program.command(command), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 75
    assert done.stderr.splitlines() == [
        "zeta-self-register: what it prints cannot be written: No space left on device"
    ]


def test_a_settings_file_without_a_name(program):
    done = subprocess.run(
        [sys.executable, "-m", "zeta_self_register", "--settings", "", "check-settings"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (78, "")
    assert "cannot be read" in done.stderr


def test_only_a_named_settings_file_must_be_there(program):
    program.settings.unlink()
    done = program("register")
    assert done.returncode == 78
    assert done.stderr.count("\n") == 1
    assert "not there; write it, or name another with --settings FILE" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a full disk, which needs root")
def test_a_disk_that_is_really_full(program):
    program.state.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(program.state)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (program.state / "ballast").write_bytes(b"x" * 4096)
        done = program("register")
        assert done.returncode == 75
        assert "no space left; make room" in done.stderr
        assert [e for e in program.server.events() if e.type.endswith("-created")] == []
    finally:
        subprocess.run(["umount", str(program.state)], check=True)


# A process inherits the high-water mark of the one that started it, so a small one starts what is measured.
MEASURE = """
import json, resource, subprocess, sys, time
began = time.monotonic()
said = json.loads(subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True).stdout)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([said["requests"], used.ru_utime + used.ru_stime, time.monotonic() - began, used.ru_maxrss / 1024]))
"""


def measured(command):
    """Requests, CPU seconds, seconds and megabytes of a run."""
    small = [sys.executable, "-S", "-c", MEASURE, *command]
    return json.loads(subprocess.run(small, capture_output=True, text=True, check=True).stdout)


def test_what_a_run_costs(program, capsys):
    """Prints it; only the number of requests is a promise that a test can hold a busy machine to."""
    lines = []
    for name, expected in (("fresh registration", 6), ("joining", 2), ("nothing to do", 1)):
        if name == "joining":
            for file in program.state.iterdir():
                file.unlink()
        requests, cpu, seconds, memory = measured(program.command("register", "--json"))
        lines.append(f"{name}: {requests} requests, {cpu:.2f} s CPU, {seconds:.2f} s, {memory:.0f} MB\n")
        assert requests == expected
    with capsys.disabled():
        sys.stdout.write("\n" + "".join(lines))
