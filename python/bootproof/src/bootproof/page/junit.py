"""The verdicts as JUnit XML, under the same names as in the table: what CI systems read."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from bootproof.page.text import clean
from bootproof.report import explain
from bootproof.tally import tally
from bootproof.verdict import Row, Verdict

_ELEMENTS = {Verdict.VIOLATED: "failure", Verdict.HARNESS_ERROR: "error", Verdict.SKIPPED: "skipped"}


def junit_xml(rows: Sequence[Row]) -> str:
    """One suite; a test case for each run, its machine as the class."""
    counts = {
        name: str(sum(row.verdict is verdict for row in rows))
        for verdict, name in (
            (Verdict.VIOLATED, "failures"),
            (Verdict.HARNESS_ERROR, "errors"),
            (Verdict.SKIPPED, "skipped"),
        )
    }
    total = f"{sum(row.seconds for row in rows):.3f}"
    suites = ElementTree.Element("testsuites")
    about = {"name": "bootproof", "tests": str(len(rows)), "time": total, **counts}
    suite = ElementTree.SubElement(suites, "testsuite", about)
    for row in rows:
        _case(suite, row)
    if together := tally(rows):
        ElementTree.SubElement(suite, "system-out").text = clean("\n".join(together))
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _case(suite: ElementTree.Element, row: Row) -> None:
    name, machine = clean(row.scenario), clean(row.machine)
    case = ElementTree.SubElement(suite, "testcase", name=name, classname=machine, time=f"{row.seconds:.3f}")
    properties = ElementTree.SubElement(case, "properties")
    for count in ("pull_requests_opened", "boots", "requests"):
        ElementTree.SubElement(properties, "property", name=count, value=str(getattr(row, count)))
    lines = [clean(line) for line in explain(row)]
    if row.verdict in _ELEMENTS:
        message = lines[0] if lines else row.verdict.value
        told = ElementTree.SubElement(case, _ELEMENTS[row.verdict], type=row.verdict.value, message=message)
        told.text = "\n".join(lines)
    elif lines:
        ElementTree.SubElement(case, "system-out").text = "\n".join(lines)
