"""`check-pull` on real clones: a node's own record is let through, and everything else of a node's is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from zeta_self_register.cli import run
from zeta_self_register.simulated import MACHINE

EXAMPLES = Path(__file__).parent.parent / "examples"
FOLDER = "maintainers/alice/cluster-nodes"


def record(node: str = "node-a", operator: str = "alice", mac: str = "52:54:00:aa:bb:cc") -> str:
    """A record that is valid."""
    prefix = "zeta.lucent-financial-group.com"
    return f"""\
apiVersion: {prefix}/v1
kind: ClusterNode
metadata:
  name: {node}
  namespace: zeta-cluster
  labels:
    {prefix}/maintainer: {operator}
  annotations:
    {prefix}/registered-at: "2026-01-01T00:00:00Z"
    {prefix}/registered-via: zeta-self-register/0.1.0
spec:
  hostname: {node}
  roles:
    - worker
  registration:
    maintainer: {operator}
    timestamp: "2026-01-01T00:00:00Z"
    via: zeta-self-register/0.1.0
  hardware:
    network:
      mac: "{mac}"
"""


class Clone:
    """A clone of the GitOps repository; `main` has one record, and each branch starts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        self.put("flake.nix", "{ }\n")
        self.put(f"{FOLDER}/node-old/node.yaml", record("node-old", mac="52:54:00:00:00:01"))
        self.commit()

    def git(self, *arguments: str) -> str:
        who = {f"GIT_{r}_{w}": "x@y" for r in ("AUTHOR", "COMMITTER") for w in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            env={**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def put(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")

    def begin(self, branch: str) -> None:
        self.git("checkout", "--quiet", "-B", branch, "main")

    def judged(self, capsys, *, author: str = "alice") -> tuple[int, list[str]]:
        """Commits what was put, and asks; the exit status and the lines."""
        self.commit()
        branch = self.git("branch", "--show-current")
        given = ["--base", "main", "--head", branch, "--branch", branch, "--author", author]
        status = run(["check-pull", *given, "--repository", str(self.folder), "--json"], {})
        said = json.loads(capsys.readouterr().out)
        assert (status == 1) == bool(said["violations"])
        return status, said["violations"]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def own(clone: Clone, node: str = "node-a", **fields: str) -> None:
    operator = fields.get("operator", "alice")
    clone.put(f"maintainers/{operator}/cluster-nodes/{node}/node.yaml", record(node, **fields))


@pytest.mark.parametrize("branch", ["register-node-node-a", "register-node-a-20250101T000000Z"])
def test_a_nodes_own_record_is_let_through(clone, capsys, branch):
    clone.begin(branch)
    own(clone)
    assert clone.judged(capsys) == (0, [])
    assert clone.judged(capsys, author="Alice") == (0, []), "logins are the same in any case"
    assert clone.judged(capsys, author="zeta[bot]") == (0, [])


def test_what_is_composed_on_a_node_is_let_through(clone, capsys, machine):
    machine.files.update(MACHINE)
    clone.begin("register-node-node-a")
    clone.put(f"{FOLDER}/node-a/node.yaml", machine.node().record(1_767_225_600.0).decode())
    assert clone.judged(capsys) == (0, [])


def test_a_deregistration_is_let_through(clone, capsys):
    clone.begin("deregister-node-node-old")
    (clone.folder / f"{FOLDER}/node-old/node.yaml").unlink()
    assert clone.judged(capsys) == (0, [])


def test_a_machine_under_a_new_name_takes_its_record_along(clone, capsys):
    clone.begin("register-node-node-a")
    (clone.folder / f"{FOLDER}/node-old/node.yaml").unlink()
    own(clone, mac="52:54:00:00:00:01")
    assert clone.judged(capsys) == (0, [])


def test_a_persons_pull_request_is_not_judged(clone, capsys):
    clone.begin("new-flake")
    clone.put("flake.nix", "{ inputs = { }; }\n")
    assert clone.judged(capsys) == (0, [])


def another_path(clone):
    own(clone)
    clone.put("flake.nix", "{ evil = true; }\n")


def several_records(clone):
    own(clone)
    own(clone, "node-b")


def another_operator(clone):
    own(clone, operator="bob")


def a_deletion(clone):
    (clone.folder / f"{FOLDER}/node-old/node.yaml").unlink()


def another_machines_record_taken_away(clone):
    a_deletion(clone)
    own(clone)


def an_edit(clone):
    clone.put(f"{FOLDER}/node-old/node.yaml", record("node-old"))


def not_yaml(clone):
    clone.put(f"{FOLDER}/node-a/node.yaml", "a: [\n")


def another_name(clone):
    clone.put(f"{FOLDER}/node-a/node.yaml", record("node-b"))


def a_huge_record(clone):
    clone.put(f"{FOLDER}/node-a/node.yaml", record() + "# x\n" * 50_000)


def a_link(clone):
    own(clone)
    file = clone.folder / f"{FOLDER}/node-a/node.yaml"
    file.unlink()
    file.symlink_to("/etc/passwd")


def a_link_as_a_folder(clone):
    (clone.folder / FOLDER / "node-a").symlink_to("../../../flake.nix")


def an_executable(clone):
    own(clone)
    (clone.folder / f"{FOLDER}/node-a/node.yaml").chmod(0o755)


def a_mode_change(clone):
    (clone.folder / f"{FOLDER}/node-old/node.yaml").chmod(0o755)


def a_submodule(clone):
    (clone.folder / FOLDER / "node-a").mkdir()
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{FOLDER}/node-a")


def retired(clone):
    clone.put(f"{FOLDER}/node-old/retired", "")


def a_record_in_capitals(clone):
    clone.put("Maintainers/alice/cluster-nodes/node-a/node.yaml", record())


def nothing(clone):
    pass


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (another_path, "flake.nix: is not a node's record"),
        (several_records, "changes 2 records"),
        (another_operator, "is in the folder of 'bob', but the author is 'alice'"),
        (a_deletion, "is removed, but branch 'register-node-node-a' is not 'deregister-node-node-old'"),
        (another_machines_record_taken_away, "it is another machine's"),
        (an_edit, "changes an existing record"),
        (not_yaml, "node.yaml: the file"),
        (another_name, "make them the same"),
        (a_huge_record, "longer than 64 KiB"),
        (a_link, "is a symbolic link"),
        (a_link_as_a_folder, "is not a node's record"),
        (an_executable, "is an executable file"),
        (a_mode_change, "is an executable file"),
        (a_submodule, "is a submodule"),
        (retired, "is not a node's record"),
        (a_record_in_capitals, "is not a node's record"),
        (nothing, "it changes nothing"),
    ],
)
def test_anything_else_is_refused_in_one_line_each(clone, capsys, change, said):
    clone.begin("register-node-node-a")
    change(clone)
    status, lines = clone.judged(capsys)
    assert status == 1
    assert any(said in line for line in lines), lines
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    "branch", ["evil", "register-node-node-a-b", "register-node-", "deregister-node-node-a"]
)
def test_a_record_from_a_branch_that_is_not_its_own(clone, capsys, branch):
    clone.begin(branch)
    own(clone)
    status, lines = clone.judged(capsys)
    assert status == 1
    assert any("is not register-node-node-a" in line for line in lines)


def test_an_app_cannot_make_an_operator(clone, capsys):
    clone.begin("register-node-node-a")
    another_operator(clone)
    status, lines = clone.judged(capsys, author="zeta[bot]")
    assert status == 1
    assert "is no operator of this repository yet" in lines[0]


def test_what_main_gained_meanwhile_is_not_the_pull_requests(clone, capsys):
    clone.begin("register-node-node-a")
    own(clone)
    clone.commit()
    clone.git("checkout", "--quiet", "main")
    clone.put("flake.nix", "{ later = true; }\n")
    clone.commit()
    clone.git("checkout", "--quiet", "register-node-node-a")
    assert clone.judged(capsys) == (0, [])


def test_hostile_paths_are_one_printable_line(clone, capsys):
    clone.begin("register-node-node-a")
    clone.put("\x1b]0;owned\x07\n\u202eevil \udcff", "")
    status, lines = clone.judged(capsys)
    assert status == 1
    assert all(line.isascii() and line.isprintable() for line in lines)


def event(clone: Clone, branch: str, *, fork: bool = False) -> str:
    """The file that a workflow finds at GITHUB_EVENT_PATH, cut down to what is read."""
    base = {"ref": "main", "sha": clone.git("rev-parse", "main"), "repo": {"full_name": "acme/cluster"}}
    home = {"full_name": "mallory/cluster"} if fork else base["repo"]
    head = {"ref": branch, "sha": clone.git("rev-parse", branch), "repo": home}
    pull = {"number": 1, "base": base, "head": head, "user": {"login": "alice"}}
    file = clone.folder / ".git" / "event.json"
    file.write_text(json.dumps({"action": "opened", "pull_request": pull}))
    return str(file)


def test_from_a_workflows_event(clone, capsys):
    clone.begin("register-node-node-a")
    own(clone)
    clone.commit()
    file = event(clone, "register-node-node-a")
    there = ["--repository", str(clone.folder)]
    assert run(["check-pull", "--event", file, *there], {}) == 0
    assert run(["check-pull", *there, "--event"], {"GITHUB_EVENT_PATH": file}) == 0
    assert "a node's own record" in capsys.readouterr().out
    assert run(["check-pull", "--event", event(clone, "register-node-node-a", fork=True), *there], {}) == 1
    assert "it comes from a fork" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say --event"),
        (["--event", "/nowhere"], "cannot be read"),
        (["--event", "/etc/hostname"], "no event of a pull request"),
        (
            ["--base=--output=/tmp/x", "--head", "x", "--branch", "x", "--author", "x"],
            "is no name of a commit",
        ),
        (["--base", "main", "--head", "nowhere", "--branch", "x", "--author", "x"], "fetch both"),
    ],
)
def test_wrong_input_is_one_line_and_not_0_or_1(clone, capsys, arguments, said):
    status = run(["check-pull", "--repository", str(clone.folder), *arguments], {})
    assert status == 78
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_example_workflow_is_pinned_and_may_only_read():
    text = (EXAMPLES / "registration.yml").read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow[True]) == {"pull_request_target"}, "YAML reads `on` as true"
    (job,) = workflow["jobs"].values()
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) for action in used)
    # Nothing that a pull request says is put into a shell's text.
    assert "${{" not in "".join(step.get("run", "") for step in job["steps"])
    assert job["steps"][-1]["run"] == "zeta-self-register check-pull --event"


def test_the_example_code_owners_leave_only_records_to_the_check():
    lines = (EXAMPLES / "CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert rules == [["*", "@acme/maintainers"], ["/maintainers/*/cluster-nodes/*/node.yaml"]]
