"""Bad agents, one for each promise: `./prove --planted` puts each on a machine, and its scenario must catch it.

A proof that cannot fail shows nothing.  Each bug is one small change in the files of the agent as `agent.build`
made them; the scenario is the same as ever, and so is its oracle.  A bug counts as caught only if it was found by
what is named here, a rule or an assertion: a machine that was merely slow, or an agent that died of the change,
is no catch.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `./prove` asks for `outcome` by an interpreter that has no packages
    from bootproof.machine import Machine

TRACES = Path(__file__).parent.parent / "python/zeta-self-register/tests/traces"
CODE = "opt/zeta-self-register/zeta_self_register"
UNITS = "usr/local/lib/systemd/system"

# What the old installer did: it signed in and registered while it was still installing.
REGISTER_NOW = """\
    import os
    os.system(
        "install -D -m 600 /var/lib/creds-blob /home/zeta/.config/gh/hosts.yml; zeta-self-register stamp;"
        " for i in $(seq 20); do zeta-self-register register && break; sleep 1; done"
    )
"""


@dataclass(frozen=True)
class Bug:
    """`old`, which is there exactly once in `file`, becomes `new`; then `found` (a rule's finding, or how the
    scenario ended) must be said of `test`.  `trace` is the history that `test_replay` replays: a file in TRACES."""

    test: str
    found: str
    file: str
    old: str
    new: str
    trace: str = ""


BUGS = {
    "stamp-not-checked": Bug(
        test="test_install_failure",
        found="nothing-before-installed: ",
        file=f"{CODE}/local.py",
        old="    if not settings.require_install_stamp:\n",
        new="    if True:\n",
    ),
    "registers-from-the-installer": Bug(
        test="test_fresh_install",
        found="nothing-before-installed: ",
        file=f"{CODE}/commands/installer.py",
        old="    return Exit.DONE\n\n\ndef _stamp(",
        new=REGISTER_NOW + "    return Exit.DONE\n\n\ndef _stamp(",
    ),
    "stamps-too-early": Bug(
        test="test_installer_matrix",
        found="nothing-before-installed: ",
        file=f"{CODE}/commands/installer.py",
        old="    return Exit.DONE\n\n\ndef _stamp(",
        new='    import os\n    os.system("zeta-self-register stamp")\n    return Exit.DONE\n\n\ndef _stamp(',
    ),
    "registers-at-every-boot": Bug(
        test="test_reboot",
        found="AssertionError: assert 'skipped' in \"Finished zeta-self-register.service",
        file=f"{UNITS}/zeta-self-register.service",
        old="ConditionPathExists=!/var/lib/zeta-self-register/registered.json\n",
        new="",
    ),
    "marker-before-the-act": Bug(
        test="test_power_cut_while_the_pull_request_is_created",
        found="markers-were-true: ",
        file=f"{CODE}/acts.py",
        old="        answer = self._github.create_pull(\n",
        new="        from zeta_self_register.local_files import MarkerState\n"
        "        self._decision = replace(self._decision, marker=MarkerState.PR_OPEN)\n"
        "        self._write_marker()\n"
        "        answer = self._github.create_pull(\n",
    ),
    "leaves-its-lock": Bug(
        test="test_power_cut",
        found="AssertionError: it comes to rest, and its marker does not say so",
        file=f"{CODE}/tick.py",
        old="            return telling.told(node, lambda: _to_its_end(node))\n",
        new="            import os\n"
        '            mine = f"{folder}/mine"\n'
        "            if os.path.exists(mine):\n"
        "                raise AlreadyRunning\n"
        '            open(mine, "w").close()\n'
        "            run = telling.told(node, lambda: _to_its_end(node))\n"
        "            os.unlink(mine)\n"
        "            return run\n",
    ),
    "syncs-nothing": Bug(
        test="test_disk_states",
        found="every-disk-state: one-per-epoch: ",
        file=f"{CODE}/durable.py",
        old="    effects.sync(temporary)\n    effects.rename(temporary, path)\n    effects.sync(folder)\n",
        new="    effects.rename(temporary, path)\n",
    ),
    "signed-out-is-done": Bug(
        test="test_nobody_signs_in",
        found="AssertionError: exit status 0, ",
        file=f"{CODE}/credentials.py",
        old="        super().__init__(Exit.NOT_NOW, line)\n",
        new="        super().__init__(Exit.DONE, line)\n",
    ),
    "operator-is-the-tokens": Bug(
        test="test_the_token_is_a_colleagues",
        found="nobody-elses: ",
        file=f"{CODE}/who.py",
        old="    found = ours or theirs or noted\n",
        new="    found = None\n",
    ),
    "full-disk-is-ignored": Bug(
        test="test_full_before_anything_is_noted",
        found="AssertionError: no line has all of ('no space left'",
        file=f"{CODE}/durable.py",
        old="    effects.write(temporary, content, mode)\n",
        new="    try:\n"
        "        effects.write(temporary, content, mode)\n"
        "    except OSError:\n"
        "        return\n",
    ),
    "no-note": Bug(
        test="test_replay",
        trace="broken/nothing-is-noted.json",
        found="one-per-epoch: ",
        file=f"{CODE}/acts.py",
        old="    def _note(self, phase: Phase) -> None:\n",
        new="    def _note(self, phase: Phase) -> None:\n        return\n",
    ),
    "does-not-wait": Bug(
        test="test_replay",
        trace="broken/nothing-is-noted.json",
        found="one-per-epoch: ",
        file=f"{CODE}/rules_found.py",
        old="    if left <= 0:\n",
        new="    if True:\n",
    ),
    "repeats-pull": Bug(
        test="test_replay",
        trace="planted/repeats-pull.json",
        found="one-per-epoch: ",
        file=f"{CODE}/acts.py",
        old="        if answer.outcome is Outcome.OK:\n            return LOOK_AGAIN\n"
        "        if answer.outcome is not Outcome.LOST:\n",
        new="        if answer.outcome is Outcome.LOST:\n"
        "            return self._open_pull(proposal)\n"
        "        if answer.outcome is Outcome.OK:\n            return LOOK_AGAIN\n"
        "        if answer.outcome is not Outcome.LOST:\n",
    ),
    "deletes-branch": Bug(
        test="test_replay",
        trace="planted/deletes-branch.json",
        found="taken-back: ",
        file=f"{CODE}/acts.py",
        old="    def _after_refusal(self, answer: Answer) -> Next:\n",
        new="    def _after_refusal(self, answer: Answer) -> Next:\n"
        "        if answer.outcome is Outcome.LOST:\n"
        '            self._github._rest("DELETE", f"git/refs/heads/{self._node.subject.branch}", {})\n',
    ),
    "branch-is-done": Bug(
        test="test_replay",
        trace="planted/branch-is-done.json",
        found="AssertionError: exit-status: ",
        file=f"{CODE}/rules_new.py",
        old="def branch_foreign(s: Situation) -> Decision | None:\n",
        new="def branch_foreign(s: Situation) -> Decision | None:\n"
        "    if s.branch is not None:\n"
        '        return nothing(Exit.DONE, "the branch is there")\n',
    ),
    "closed-is-done": Bug(
        test="test_replay",
        trace="planted/closed-is-done.json",
        found="AssertionError: exit-status: ",
        file=f"{CODE}/rules_found.py",
        old="    if pull.reopened > 0 or s.policy.on_closed is not OnClosed.REOPEN_ONCE:\n        return None\n",
        new='    return nothing(Exit.DONE, "it was closed")\n',
    ),
    "reopens-again": Bug(
        test="test_replay",
        trace="planted/reopens-again.json",
        found="reopened-once: ",
        file=f"{CODE}/rules_found.py",
        old="    if pull.reopened > 0 or s.policy.on_closed is not OnClosed.REOPEN_ONCE:\n",
        new="    if s.policy.on_closed is not OnClosed.REOPEN_ONCE:\n",
    ),
    "marker-gates": Bug(
        test="test_replay",
        trace="planted/marker-gates.json",
        found="final-state: ",
        file=f"{CODE}/tick.py",
        old="        situation = node.situation(remote, survey, glance, unreachable, merge_refused)\n",
        new="        situation = node.situation(remote, survey, glance, unreachable, merge_refused)\n"
        "        if situation.marker is not None and situation.marker.state.value == 'registered':\n"
        "            from zeta_self_register.decision import nothing\n"
        "            run.decisions.append(nothing(Exit.NOT_NOW, 'registered already'))\n"
        "            break\n",
    ),
    "asks-while-told-to-wait": Bug(
        test="test_limit_at_the_pull_request",
        found="AssertionError: it asked again after ",
        file=f"{CODE}/rules_local.py",
        old="    if not 0 < left <= pause.seconds:\n",
        new="    if True:\n",
    ),
    "repairs-at-once": Bug(
        test="test_record_removed_later",
        found="not-too-soon: ",
        file=f"{CODE}/rules_new.py",
        old="    if left <= 0 or s.last_pull is None:\n",
        new="    if True:\n",
    ),
    "moves-its-record-by-itself": Bug(
        test="test_new_name",
        found="AssertionError: assert 0 == 77",
        file=f"{CODE}/rules_new.py",
        old="    other = s.other_name\n",
        new="    other = None\n",
    ),
    "takes-anothers-for-its-own": Bug(
        test="test_cloned_disk",
        found="AssertionError: assert 0 == 77",
        file=f"{CODE}/node.py",
        old="        return {SameMachine.OTHER: Owner.OTHERS, SameMachine.DISAGREE: Owner.UNCLEAR}",
        new="        return {SameMachine.DISAGREE: Owner.UNCLEAR}",
    ),
}


NOT_TRIED = {"scenario": "", "verdict": "skipped", "rules": [], "reason": "not tried"}


def plant(files: Path, bug: Bug, copy: Path) -> Path:
    """A copy of the agent's files with the bug in it."""
    shutil.copytree(files, copy, symlinks=True)
    path = copy / bug.file
    path.write_text(changed(path.read_text(), bug))
    return copy


def put(machine: Machine, bug: Bug) -> None:
    """Plants a bug in the agent's files, where they lie on a running machine."""
    text = machine.get_file(f"/{bug.file}").decode()
    machine.put_file(f"/{bug.file}", changed(text, bug).encode())


def changed(text: str, bug: Bug) -> str:
    """The text of the bug's file with the bug in it."""
    if text.count(bug.old) != 1:
        raise ValueError(f"{bug.file} does not have this exactly once: {bug.old!r}")
    return text.replace(bug.old, bug.new)


def outcome(runs: Sequence[Mapping[str, Any]], paths: Sequence[Path]) -> tuple[int, str]:
    """For the bugs of these files of scenarios: 0 if each was caught as it should be, 1 if one was not, 2 if one could
    not be judged; a line for each."""
    lines, missed = [], []
    for name, bug in bugs_for(paths).items():
        # A scenario with a parameter of its own has that before the bug's name, and is run several times.
        tried = [run for run in runs if run["scenario"].endswith((f"[{name}]", f"-{name}]"))]
        for run in tried or [NOT_TRIED]:
            said = findings(run)
            caught = [one for one in said if one.startswith(bug.found)]
            if not caught:
                missed.append(run["verdict"])
            lines.append(
                f"{name}: caught: {caught[0]}\n" if caught else f"{name}: NOT CAUGHT: {'; '.join(said)}\n"
            )
    judged = [verdict for verdict in missed if verdict in ("holds", "violated")]
    return (1 if judged else 2 if missed or not lines else 0), "".join(lines)


def bugs_for(paths: Sequence[Path]) -> dict[str, Bug]:
    """Those that the scenarios in these files are to catch."""
    text = "".join(path.read_text() for path in paths)
    return {name: bug for name, bug in BUGS.items() if f"def {bug.test}(" in text}


def findings(run: Mapping[str, Any]) -> list[str]:
    """What the report says against one run."""
    found = [f"{rule['rule']}: {one['text']}" for rule in run["rules"] for one in rule["findings"]]
    return [*found, *([run["reason"]] if run["reason"] else [])] or [run["verdict"]]
