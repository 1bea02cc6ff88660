"""Text that is safe in HTML, SVG and XML, whatever a console, a title or a program has put into it."""

from __future__ import annotations

import html
import re

# What XML does not allow at all, what a terminal would obey, and what turns the direction of the text around.
_UNFIT = re.compile(
    r"[^\t\n\r\x20-\x7e\u00a0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
# The ways in which consoles colour, move and set their titles.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")


def clean(text: str) -> str:
    """Every character that remains may stand in XML."""
    return _UNFIT.sub("\ufffd", text)


def safe(text: object) -> str:
    """Escaped, for text and for quoted attributes."""
    return html.escape(clean(str(text)), quote=True)


def without_codes(console: str) -> str:
    """What a terminal would have shown, roughly: without its codes."""
    return _TERMINAL.sub("", console.replace("\r", ""))


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def seconds(value: float) -> str:
    return f"{value:.1f}"


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"
