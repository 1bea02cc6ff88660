"""The command `bootproof`: judge kept evidence again, build guests, and find out what this host can run."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bootproof.errors import MachineError
from bootproof.evidence import read_case, read_folder, row_of
from bootproof.leaks import no_leak, search_files
from bootproof.oracle import judge, read_case_file
from bootproof.progress import display_for, note, phase, showing
from bootproof.report import print_report, report_of
from bootproof.simulation.explore_command import add_parser as add_explore
from bootproof.simulation.options import add_parsers as add_simulated
from bootproof.torture.options import add_parser as add_torture
from bootproof.verdict import HarnessError, Row, Verdict, exit_status

HELP = """\
Proves that a first-boot program acts exactly once, whatever reboots, power cuts and outages come in between.

Scenarios are tests that ask for the fixture `site`; pytest runs them (the plugin comes with this package):

  pytest --guest "$(bootproof guest build)" --keep kept vm-scenarios

What was kept can be judged again, with other rules or a corrected description:

  bootproof judge kept/reboot
  bootproof judge --events events.jsonl --timeline timeline.jsonl --registration case.toml
  bootproof report kept/* --to report       # a page with a timeline of each

where case.toml says what is judged and what is expected:

  [registration]
  repository = "acme/cluster"
  record = "maintainers/alice/cluster-nodes/node-a/node.yaml"
  branch = "register-node-a"
  old_branch = 'register-node-a-\\d{8}T\\d{6}Z'
  user_agent = "^zeta-self-register/"
  logins = ["alice"]

  [expect]
  final = "merged"        # or exactly-one-open, none
  order = ["install-finished", "boot", "pull-request-opened"]

Exit status: 0 all that was asked for holds; 1 a promise was broken; 2 it could not be judged or done.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        with showing(display_for(sys.stderr)):
            status = int(options.run(options))
        sys.stdout.flush()
        return status
    except (HarnessError, MachineError) as error:
        print(f"bootproof: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"bootproof: {error.filename or 'it'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="bootproof", description=HELP, formatter_class=raw)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON, for programs")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    judging = commands.add_parser("judge", parents=[common], help="judge evidence that was kept")
    judging.add_argument("folder", nargs="?", type=Path, help="what --keep left of one scenario")
    judging.add_argument("--events", type=Path, metavar="FILE", help="the mock's event log")
    judging.add_argument("--timeline", type=Path, metavar="FILE", help="what happened to the machine")
    judging.add_argument("--registration", type=Path, metavar="TOML", help="what is judged and expected")
    judging.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="the token, to be found in none of these files"
    )
    judging.set_defaults(run=_judge)

    reporting = commands.add_parser("report", help="write the page of evidence that was kept")
    reporting.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="what --keep left of a scenario"
    )
    reporting.add_argument("--to", required=True, type=Path, metavar="DIR", help="where index.html is to be")
    reporting.set_defaults(run=_report, json=False)

    guests = commands.add_parser("guest", help="build a guest, or find one").add_subparsers(
        metavar="WHAT", required=True
    )
    cached = argparse.ArgumentParser(add_help=False, parents=[common])
    cached.add_argument("--cache", type=Path, default=default_cache(), metavar="DIR", help="(%(default)s)")
    for name, run, text in (
        ("build", _guest_build, "build the Debian guest, unless that is done, and print its folder"),
        ("path", _guest_path, "print the Debian guest's folder; exit status 2 if it is not built"),
        ("list", _guest_list, "list the guests that are there"),
    ):
        guests.add_parser(name, parents=[cached], help=text).set_defaults(run=run)

    add_torture(commands)
    add_explore(commands, common)
    add_simulated(commands)

    probing = commands.add_parser("probe", parents=[common], help="find out whether KVM works here")
    probing.set_defaults(run=_probe)
    return parser


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bootproof" / "guests"


def _judge(options: argparse.Namespace) -> int:
    files: list[Path | None] = [options.events, options.timeline, options.registration]
    events, timeline, registration = files
    if options.folder is not None and not any(files):
        case, searched, name = read_folder(options.folder), [options.folder], options.folder.name
    elif options.folder is None and events and timeline and registration:
        case = read_case(events, timeline, read_case_file(registration))
        searched, name = [events, timeline], events.stem
    else:
        raise HarnessError("judge takes a folder, or all of --events, --timeline and --registration")
    results = judge(case)
    if options.secret_file is not None:
        secret = options.secret_file.read_bytes().strip()
        disks = [folder / "disks" for folder in searched]
        allowed = [options.secret_file, *disks]
        results = (*results, no_leak(search_files(searched, secret, allowed=allowed)))
    row = row_of(case, results, Row(scenario=name, machine="-", verdict=Verdict.HOLDS))
    if options.json:
        _print_json(msgspec.to_builtins(report_of([row])))
    else:
        print_report([row], sys.stdout)
    return exit_status([row])


def _report(options: argparse.Namespace) -> int:
    """The token is not known any more, so `no-leak` is not among the rules."""
    from bootproof.page.folder import write_report

    rows = [_row_of(folder) for folder in options.folders]
    print(write_report(rows, options.to))
    return exit_status(rows)


def _row_of(folder: Path) -> Row:
    row = Row(scenario=folder.resolve().name, machine="-", verdict=Verdict.HOLDS, evidence=str(folder))
    try:
        case = read_folder(folder)
    except HarnessError as error:
        return msgspec.structs.replace(row, verdict=Verdict.HARNESS_ERROR, reason=str(error))
    times = [entry.at for entry in case.order]
    seconds = (max(times) - min(times)).total_seconds() if times else 0.0
    return row_of(case, judge(case), msgspec.structs.replace(row, seconds=round(seconds, 3)))


def _guest_build(options: argparse.Namespace) -> int:
    from bootproof import debian

    with phase("guest") as shown:
        folder = debian.build(options.cache, note)
        shown.result = "there"
    return _print_folder(folder, options)


def _guest_path(options: argparse.Namespace) -> int:
    from bootproof import debian

    folder = options.cache / f"debian-{debian.SUITE}-{debian.inputs_hash()}"
    if not folder.is_dir():
        raise HarnessError(f"no {folder}; `bootproof guest build` makes it")
    return _print_folder(folder, options)


def _print_folder(folder: Path, options: argparse.Namespace) -> int:
    if options.json:
        _print_json({"guest": str(folder)})
    else:
        print(folder)
    return 0


def _guest_list(options: argparse.Namespace) -> int:
    folders = sorted(path.parent for path in options.cache.glob("*/guest.toml"))
    if options.json:
        _print_json({"guests": [str(folder) for folder in folders]})
        return 0
    for folder in folders:
        print(folder)
    if not folders:
        print(f"no guests in {options.cache}; `bootproof guest build` makes one", file=sys.stderr)
    return 0


def _probe(options: argparse.Namespace) -> int:
    from bootproof.accelerator import probe

    found = probe()
    if options.json:
        _print_json({"kind": found.kind.value, "factor": found.factor, "reason": found.reason})
    else:
        print(f"{found.kind.value}: {found.reason} (time limits times {found.factor:g})")
    return 0


def _print_json(document: Any) -> None:
    print(json.dumps(document, indent=2, sort_keys=True))


if __name__ == "__main__":
    sys.exit(main())
