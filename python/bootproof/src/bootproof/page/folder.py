"""The folder of a report: index.html, junit.xml, and beside them the evidence of each run, as the page links to it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bootproof.last_words import last_words
from bootproof.page.chart import chart_of
from bootproof.page.document import File, Shown, page
from bootproof.page.evidence import read_run
from bootproof.page.junit import junit_xml
from bootproof.page.place import STAMP, objection
from bootproof.page.text import without_codes
from bootproof.verdict import HarnessError, Row, Verdict

PAGE, JUNIT, RUNS = "index.html", "junit.xml", "runs"
LEFT_OUT = ("disks",)
TEXTS = (".jsonl", ".json", ".log", ".txt", ".xml")
"""What is evidence to be read; firmware variables and the like are not."""
LAST_LINES = 30


def write_report(rows: Sequence[Row], folder: Path, *, now: datetime | None = None) -> Path:
    """Writes the report, over an earlier one if there is one; the page. Raises HarnessError if it cannot."""
    if why := objection(folder):
        raise HarnessError(why)
    try:
        (folder / STAMP).touch()
        shutil.rmtree(folder / RUNS, ignore_errors=True)
        shown = [_shown(row, name, folder) for row, name in zip(rows, _names(rows), strict=True)]
        (folder / JUNIT).write_text(junit_xml(rows), encoding="utf-8")
        made = f"Made {now or datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
        (folder / PAGE).write_text(page(shown, made), encoding="utf-8")
    except OSError as error:
        raise HarnessError(f"{folder}: {error.strerror}") from error
    return folder / PAGE


def _names(rows: Sequence[Row]) -> Iterator[str]:
    """A folder name for each run, and none twice."""
    taken: set[str] = set()
    for row in rows:
        plain = re.sub(r"[^A-Za-z0-9.]+", "-", row.scenario).strip("-.") or "run"
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        yield name


def _shown(row: Row, name: str, folder: Path) -> Shown:
    source = Path(row.evidence) if row.evidence is not None else None
    if source is None or not source.is_dir():
        return Shown(row)
    evidence = read_run(source)
    files = tuple(_copied(source, folder / RUNS / name, folder))
    last = _last_words(source) if row.verdict is not Verdict.HOLDS else ""
    return Shown(row, chart_of(evidence), files, last, evidence.missing)


def _copied(source: Path, target: Path, folder: Path) -> Iterator[File]:
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        if inside.parts[0] in LEFT_OUT or path.suffix not in TEXTS or path.is_symlink() or not path.is_file():
            continue
        copy = target / inside
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        yield File(copy.relative_to(folder).as_posix(), inside.as_posix(), copy.stat().st_size)


def _last_words(source: Path) -> str:
    """The end of the console that was written to last."""
    logs = sorted(source.glob("consoles/**/console.log"), key=lambda path: path.stat().st_mtime)
    if not logs:
        return ""
    text = without_codes(logs[-1].read_bytes()[-20_000:].decode(errors="replace"))
    return "\n".join(last_words(text, LAST_LINES))
