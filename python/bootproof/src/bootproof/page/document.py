"""The page: the verdicts, then each run with its chart, its events, its rules and its files. It needs no script."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bootproof.page.model import Chart, happenings
from bootproof.page.shapes import MEANINGS, symbol
from bootproof.page.style import CSS, PATTERNS
from bootproof.page.svg import drawn
from bootproof.page.text import plural, safe, seconds
from bootproof.report import explain, summary
from bootproof.tally import tally
from bootproof.verdict import Finding, Landing, Row, RuleResult, Verdict

# The page runs no script and loads nothing, and a browser holds it to that.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_SIGNS = {Verdict.HOLDS: "✓", Verdict.VIOLATED: "✗", Verdict.HARNESS_ERROR: "!", Verdict.SKIPPED: "–"}


@dataclass(frozen=True)
class File:
    """Evidence that the page links to; `path` is relative to the page."""

    path: str
    name: str
    size: int


@dataclass(frozen=True)
class Shown:
    """One run as it is shown. `last_words` are the console's last lines, `missing` what could not be read."""

    row: Row
    chart: Chart | None = None
    files: tuple[File, ...] = ()
    last_words: str = ""
    missing: tuple[str, ...] = ()


def page(runs: Sequence[Shown], made: str) -> str:
    """All of it; `made` says when and how, in a line."""
    rows = [run.row for run in runs]
    sections = "".join(_section(run, f"run-{number}") for number, run in enumerate(runs, 1))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>'
        f"<title>{safe(headline(rows))} · bootproof</title><style>{CSS}</style></head><body>"
        f'<svg class="patterns" aria-hidden="true"><defs>{PATTERNS}</defs></svg>'
        f"<main><h1>{safe(headline(rows))}</h1>"
        f'<p class="soft">What real boots came to, judged from the records alone. {safe(made)}</p>'
        f"{_verdicts(rows)}{_tally(rows)}{_legend()}{sections}</main></body></html>\n"
    )


def headline(rows: Sequence[Row]) -> str:
    """What it all came to."""
    if not rows or any(row.verdict is not Verdict.HOLDS for row in rows):
        return f"{plural(len(rows), 'run')}: {summary(rows)}"
    return "One run, and it holds" if len(rows) == 1 else f"{len(rows)} runs, and all hold"


def _verdict(verdict: Verdict) -> str:
    return f'<span class="verdict {verdict.value}">{_SIGNS[verdict]} {verdict.value}</span>'


_HEADINGS = ("PRs opened", "boots", "requests", "seconds")


def _verdicts(rows: Sequence[Row]) -> str:
    numbers = "".join(f'<th class="number" scope="col">{heading}</th>' for heading in _HEADINGS)
    head = f'<th scope="col">scenario</th><th scope="col">machine</th><th scope="col">verdict</th>{numbers}'
    body = "".join(line for number, row in enumerate(rows, 1) for line in _verdict_lines(row, number))
    return _table("verdicts", head, body)


def _table(kind: str, head: str, body: str) -> str:
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _verdict_lines(row: Row, number: int) -> Iterator[str]:
    why = _why(row)
    counts = (row.pull_requests_opened, row.boots, row.requests, seconds(row.seconds))
    cells = "".join(f'<td class="number">{count}</td>' for count in counts)
    yield (
        f'<tr class="{"explained" if why else "plain"}"><td><a href="#run-{number}">'
        f"{safe(row.scenario)}</a></td><td>{safe(row.machine)}</td><td>{_verdict(row.verdict)}</td>{cells}</tr>"
    )
    if why:
        yield f'<tr><td class="why" colspan="7">{safe(why)}</td></tr>'


def _why(row: Row) -> str:
    """The reason in a line, for what does not hold."""
    return "" if row.verdict is Verdict.HOLDS else next(iter(explain(row)), "no reason was given")


def _tally(rows: Sequence[Row]) -> str:
    return "".join(f'<p class="note">{safe(line[0].upper() + line[1:])}.</p>' for line in tally(rows))


def _legend() -> str:
    items = "".join(f"<li>{symbol(shape)}{safe(meaning)}</li>" for shape, meaning in MEANINGS)
    return (
        f'<details class="how" open="open"><summary>How to read the timelines</summary><ul class="legend">{items}</ul>'
        '<p class="note">Hatched is a machine that is starting, or what is not known; grey is a machine without power; '
        "a dashed line through all lanes is a power cut. Time is stretched where much happens, and the axis names its "
        "seconds. Whatever is drawn says more when it is pointed at, and "
        "stands in the table below its timeline.</p></details>"
    )


def _section(run: Shown, key: str) -> str:
    row = run.row
    counts = (
        plural(row.pull_requests_opened, "PR opened", "PRs opened"),
        plural(row.boots, "boot"),
        plural(row.requests, "request"),
        f"{seconds(row.seconds)} s",
    )
    parts = [
        f'<section id="{key}"><header><h2>{safe(row.scenario)}</h2>{_verdict(row.verdict)}'
        f'<span class="soft">{safe(row.machine)} · {" · ".join(counts)}</span></header>',
        _explained(run, key),
        "".join(f'<p class="note">Not read: {safe(missing)}</p>' for missing in run.missing),
        _chart(run, key),
        _rules(row.rules, key),
        _last_words(run),
        _files(run.files),
        "</section>",
    ]
    return "".join(parts)


def _explained(run: Shown, key: str) -> str:
    row = run.row
    known = (
        {source for h in happenings(run.chart) for source in h.sources} if run.chart is not None else set()
    )
    lines = [safe(row.reason)] if row.reason else []
    for result in row.rules:
        lines += [
            f"<b>{safe(result.rule)}</b>: {_finding(finding, key, known)}" for finding in result.findings
        ]
        if result.error is not None:
            lines.append(f"<b>{safe(result.rule)}</b>: not judged: {safe(result.error)}")
    if row.interruptions and all(one.landing is Landing.TOO_LATE for one in row.interruptions):
        lines.append("every interruption came too late: this run shows nothing about them")
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>" if lines else ""


def _finding(finding: Finding, key: str, known: Collection[str]) -> str:
    links = ", ".join(
        f'<a href="#{key}-{safe(event)}">{safe(event)}</a>' if event in known else safe(event)
        for event in finding.events
    )
    return safe(finding.text) + (f" [{links}]" if links else "")


def _chart(run: Shown, key: str) -> str:
    if run.chart is None:
        return '<p class="note">There is no timeline: nothing was recorded.</p>'
    notes = "".join(
        f'<p class="note"><b>{safe(lane.name)}</b>: {safe(note)}</p>'
        for lane in run.chart.lanes
        for note in lane.notes
    )
    svg = drawn(run.chart, run.row.scenario, key)
    scrolled = f'<div class="scroll" role="group" aria-label="Timeline" tabindex="0">{svg}</div>'
    return f"<figure>{scrolled}</figure>{notes}{_events(run.chart, key)}"


def _events(chart: Chart, key: str) -> str:
    lines: list[str] = []
    named: set[str] = set()
    for happening in happenings(chart):
        until = f" – {seconds(happening.end)}" if happening.end is not None else ""
        lines.append(
            f'<tr><td class="number">{seconds(happening.at)}{until}</td><td class="lane">{safe(happening.lane)}</td>'
            f'<td>{safe(happening.text)}</td><td class="id">{_anchors(happening.sources, key, named)}</td></tr>'
        )
    head = '<th class="number">seconds</th><th>lane</th><th>what happened</th><th>event</th>'
    told = f"The same as a table: {plural(len(lines), 'line')}"
    return f"<details><summary>{told}</summary>{_table('events', head, ''.join(lines))}</details>"


def _anchors(sources: Sequence[str], key: str, named: set[str]) -> str:
    """The events that a line rests on, for findings to lead to; where two lines rest on one, to the first."""
    parts = []
    for source in sources:
        parts.append(
            safe(source) if source in named else f'<span id="{key}-{safe(source)}">{safe(source)}</span>'
        )
        named.add(source)
    return ", ".join(parts)


def _rules(rules: Sequence[RuleResult], key: str) -> str:
    if not rules:
        return ""
    lines = "".join(
        f'<tr><td>{safe(rule.rule)}</td><td>{_verdict(rule.verdict)}</td><td class="number">{rule.looked_at}</td>'
        f"<td>{_remark(rule)}</td></tr>"
        for rule in rules
    )
    broken = sum(rule.verdict is not Verdict.HOLDS for rule in rules)
    idle = sum(rule.vacuous for rule in rules)
    told = plural(len(rules), "rule") + (f", {broken} not held" if broken else ", none broken")
    told += f", {idle} with nothing to look at" if idle else ""
    head = '<th>rule</th><th>verdict</th><th class="number">looked at</th><th>remark</th>'
    return f'<details id="{key}-rules"><summary>{told}</summary>{_table("events", head, lines)}</details>'


def _remark(rule: RuleResult) -> str:
    return safe(rule.note or ("had nothing to look at" if rule.vacuous else ""))


def _last_words(run: Shown) -> str:
    if run.row.verdict is Verdict.HOLDS or not run.last_words:
        return ""
    return f"<h3>The console's last lines</h3><pre>{safe(run.last_words)}</pre>"


def _files(files: Sequence[File]) -> str:
    if not files:
        return ""
    items = "".join(
        f'<li><a href="{safe(quote(file.path))}">{safe(file.name)}</a> '
        f'<span class="note">{_size(file.size)}</span></li>'
        for file in files
    )
    return f'<h3>Evidence</h3><ul class="files">{items}</ul>'


def _size(count: int) -> str:
    return (
        f"{count} B"
        if count < 1000
        else f"{count / 1000:.0f} kB"
        if count < 1_000_000
        else f"{count / 1e6:.1f} MB"
    )
