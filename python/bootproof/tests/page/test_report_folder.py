"""The report as files: well-formed, whole, and without a word that a browser or a CI system would obey."""

from __future__ import annotations

import html.parser
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from bootproof.cli import main
from bootproof.page import place
from bootproof.page.folder import write_report
from bootproof.page.text import clean, without_codes
from bootproof.verdict import HarnessError, Row, Verdict

HOSTILE = "</title><script>alert(1)</script><!--\"'&amp;]]>\x1b[31m\x00\u202e\ufffe"


class Links(html.parser.HTMLParser):
    """Elements, ids and references, as a browser would find them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("href", "src", "xlink:href", "action", "data", "poster", "srcset"):
                self.references.append(value or "")
            assert not name.startswith("on"), f"a handler: {name}"


def read(page: Path) -> Links:
    links = Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


@pytest.fixture
def hostile(eventful: Callable[[str], Row], tmp_path: Path) -> Path:
    return write_report([eventful(HOSTILE)], tmp_path / "report")


def test_what_others_write_is_text_and_nothing_else(hostile: Path) -> None:
    text = hostile.read_text(encoding="utf-8")
    tree = ElementTree.fromstring(text.partition("\n")[2])
    assert {element.tag for element in tree.iter()} & {
        "script",
        "iframe",
        "img",
        "object",
        "link",
        "form",
    } == set()
    assert "script" not in read(hostile).names
    assert "<script" not in text
    assert all(clean(line) == line for line in text.splitlines())
    shown = "".join(tree.itertext())
    assert shown.count(HOSTILE.partition("\x1b")[0]) >= 15
    assert "login: <b>&" in shown, "the console's last words, without its codes"


def test_every_link_leads_somewhere_and_none_out(hostile: Path) -> None:
    links = read(hostile)
    assert len(links.ids) == len(set(links.ids))
    within = [reference[1:] for reference in links.references if reference.startswith("#")]
    files = [unquote(reference) for reference in links.references if not reference.startswith("#")]
    assert set(within) <= set(links.ids)
    assert {"run-1-3", "run-1-t5"} <= set(within)
    assert all((hostile.parent / file).is_file() for file in files)
    names = {Path(file).name for file in files}
    assert {"console.log", "timeline.jsonl", "events.jsonl", "units.jsonl", "case.json"} == names
    assert re.search(r"https?:|//[a-z]|@import|url\((?!#)", hostile.read_text(encoding="utf-8")) is None


def test_disks_and_firmware_stay_where_they_are(hostile: Path) -> None:
    copied = {path.name for path in (hostile.parent / "runs").rglob("*") if path.is_file()}
    assert copied & {"disk.raw", "uefi-variables.fd"} == set()


def test_junit_has_the_same_names_and_verdicts(a_row: Callable[..., Row], tmp_path: Path) -> None:
    rows = [
        a_row(None, HOSTILE),
        a_row(None, scenario="other", verdict=Verdict.HOLDS, rules=(), reason="", interruptions=()),
        a_row(None, scenario="broken", verdict=Verdict.HARNESS_ERROR),
        a_row(None, scenario="left", verdict=Verdict.SKIPPED),
    ]
    page = write_report(rows, tmp_path)
    (suite,) = ElementTree.parse(tmp_path / "junit.xml").getroot()
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    cases = list(suite.iter("testcase"))
    together = suite.findtext("system-out") or ""
    assert "interruptions: cut: 3 landed, 0 too late; kill: 0 landed, 3 too late" in together
    assert [case.get("name") for case in cases] == [clean(row.scenario) for row in rows]
    tree = ElementTree.fromstring(page.read_text(encoding="utf-8").partition("\n")[2])
    assert f"I{together[1:]}." in [note.text for note in tree.iter("p")]
    assert [title.text for title in tree.iter("h2")] == [case.get("name") for case in cases]
    assert [{child.tag for child in case} - {"properties"} for case in cases] == [
        {"failure"},
        set(),
        {"error"},
        {"skipped"},
    ]


def test_runs_of_one_name_do_not_share_a_folder(eventful: Callable[[], Row], tmp_path: Path) -> None:
    row = eventful()
    links = read(write_report([row, row], tmp_path / "report"))
    assert (
        len({Path(reference).parts[1] for reference in links.references if reference.startswith("runs/")})
        == 2
    )


def test_a_run_without_evidence_says_so(a_row: Callable[..., Row], tmp_path: Path) -> None:
    text = write_report([a_row(None), a_row(tmp_path / "gone")], tmp_path / "report").read_text()
    assert text.count("There is no timeline: nothing was recorded.") == 2
    assert "2 runs: 2 violated" in text


def test_evidence_that_was_kept_becomes_a_page_by_the_command(
    eventful: Callable[[], Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = eventful().evidence or ""
    (tmp_path / "torn").mkdir()
    assert main(["report", folder, str(tmp_path / "torn"), "--to", str(tmp_path / "report")]) == 1
    page = Path(capsys.readouterr().out.strip())
    assert page == tmp_path / "report" / "index.html"
    text = page.read_text(encoding="utf-8")
    assert "2 runs: 1 violated, 1 harness-error" in text
    assert text.count('<svg class="chart"') == 1


def test_nothing_at_all_is_a_page_too(tmp_path: Path) -> None:
    assert "0 runs: nothing was judged" in write_report([], tmp_path).read_text()


def test_an_earlier_report_is_written_over_and_leaves_nothing(
    eventful: Callable[[], Row], a_row: Callable[..., Row], tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    write_report([eventful()], folder)
    write_report([a_row(None)], folder)
    assert sorted(path.name for path in folder.iterdir()) == [place.STAMP, "index.html", "junit.xml"]


def test_what_is_no_report_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(HarnessError, match="something else than an earlier report"):
        write_report([], tmp_path)
    with pytest.raises(HarnessError, match="File exists"):
        write_report([], tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_terminal_codes_are_taken_out() -> None:
    assert without_codes("\x1b]0;title\x07\x1b[1;31mred\x1b[0m \x1b(Bplain\r\n") == "red plain\n"
