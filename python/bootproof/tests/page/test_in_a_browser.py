"""The page in a real browser that has no network: it is drawn, and nothing is wrong with it."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from bootproof.page.chart import chart_of
from bootproof.page.evidence import read_run
from bootproof.page.folder import write_report
from bootproof.verdict import Row

WIDTH, HEIGHT = 1280, 900
SECONDS = 240
"""For one start of the browser on a machine that is busy."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--hide-scrollbars",
    f"--window-size={WIDTH},{HEIGHT}",
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * SECONDS)]


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., tuple[str, list[str]]]:
    """Opens a page; what the browser prints, and what the page's console says."""

    def opened(page: Path, *flags: str) -> tuple[str, list[str]]:
        browser = shutil.which("chromium")
        assert browser, "no chromium, which ./test installs: apt-get install chromium"
        profile = tmp_path / "profile"
        shutil.rmtree(profile, ignore_errors=True)
        command = [*without_network(), browser, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=SECONDS, errors="replace"
        )
        said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        # What the browser's own pages say is not ours.
        return done.stdout, [line for line in said if "source: chrome" not in line]

    return opened


def without_network() -> list[str]:
    """A network of its own with nothing in it, where the host lets one make it; elsewhere no name is found."""
    command = ["unshare", "--user", "--map-root-user", "--net"]
    try:
        made = subprocess.run([*command, "true"], capture_output=True, check=False)
    except OSError:
        return []
    return command if made.returncode == 0 else []


def colours(png: bytes) -> set[bytes]:
    """The colours of a picture as browsers write it: eight bits a channel, not interlaced."""
    width, height, depth, kind, *_ = struct.unpack(">IIBBBBB", png[16:29])
    assert (width, height, depth) == (WIDTH, HEIGHT, 8)
    size = {2: 3, 6: 4}[kind]
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    raw, stride, found = zlib.decompress(data), width * size, set()
    above = bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        _unfilter(raw[start], line, above, size)
        found.update(bytes(line[x : x + 3]) for x in range(0, stride, size))
        above = line
    return found


def _unfilter(kind: int, line: bytearray, above: bytearray, size: int) -> None:
    for x in range(len(line)):
        left = line[x - size] if x >= size else 0
        corner = above[x - size] if x >= size else 0
        guess = left + above[x] - corner
        paeth = min((left, above[x], corner), key=lambda value: abs(guess - value))
        line[x] = (line[x] + (0, left, above[x], (left + above[x]) // 2, paeth)[kind]) % 256


def test_the_page_is_drawn_in_light_and_dark(
    eventful: Callable[[str], Row], browse: Callable[..., tuple[str, list[str]]], tmp_path: Path
) -> None:
    row = eventful("</svg><script>document.title = 'taken'</script>")
    page = write_report([row], tmp_path / "report")
    chart = chart_of(read_run(Path(row.evidence or "")))
    assert chart is not None

    dom, wrong = browse(page, "--dump-dom")
    assert wrong == []
    assert "<title>1 run: 1 violated · bootproof</title>" in dom
    assert dom.count("<svg") == dom.count("</svg>")
    assert "<script" not in dom
    tracks = [track for lane in chart.lanes for track in lane.tracks]
    (drawing,) = re.findall(r'<svg class="chart".*?</svg>', dom, re.DOTALL)
    assert len(re.findall(r'class="mark ', drawing)) == sum(len(track.marks) for track in tracks) >= 20
    assert len(re.findall(r'class="span ', drawing)) == sum(len(track.spans) for track in tracks) >= 20

    seen = {}
    for scheme in ("light", "dark"):
        picture = tmp_path / f"{scheme}.png"
        _, wrong = browse(page, f"--screenshot={picture}", *DARK[scheme])
        assert wrong == []
        seen[scheme] = colours(picture.read_bytes())
        assert len(seen[scheme]) > 200, f"{scheme}: next to nothing was drawn"
    assert b"\xff\xff\xff" in seen["light"]
    assert b"\x14\x17\x1a" in seen["dark"]


DARK = {"light": (), "dark": ("--blink-settings=preferredColorScheme=0",)}


def test_a_page_with_something_wrong_is_noticed(
    browse: Callable[..., tuple[str, list[str]]], tmp_path: Path
) -> None:
    """Or the silence above would show nothing: a script, which the policy forbids, and a picture from outside."""
    page = write_report([], tmp_path)
    body = '<script>document.title = "taken"</script><img src="http://outside.test/x.png"/></body>'
    page.write_text(page.read_text().replace("</body>", body))
    dom, wrong = browse(page, "--dump-dom")
    assert len(wrong) == 2
    assert all("Content Security Policy" in line for line in wrong)
    assert "<title>taken" not in dom
