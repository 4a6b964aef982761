"""What every page with a Plotly figure has in common: text is shown as it is, and nothing leaves the page."""

from __future__ import annotations

import html
from typing import Any

from elmokit.data.occurrences import Occurrence

OFFLINE: dict[str, Any] = {
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "displaylogo": False,
    "typesetMath": False,
}
"""Configuration of a figure without buttons that upload it."""

_LINE_CHARACTERS = 80  # in a hover text
_MAX_LINES = 12


def plotly_text(text: str) -> str:
    """Return text so that Plotly shows it as it is; it decodes these three entities and no others."""
    return html.escape(text, quote=False)


def hover_text(occurrence: Occurrence) -> str:
    """Return the sentence of an occurrence in Plotly's markup, with the word in bold."""
    lines: list[str] = []
    line: list[str] = []
    length = 0
    for position, word in enumerate(occurrence.sentence):
        if length and length + len(word) > _LINE_CHARACTERS:
            lines.append(" ".join(line))
            line, length = [], 0
        shown = word if len(word) <= _LINE_CHARACTERS else word[: _LINE_CHARACTERS - 1] + "…"
        line.append(f"<b>{plotly_text(shown)}</b>" if position == occurrence.position else plotly_text(shown))
        length += len(shown) + 1
    lines.append(" ".join(line))
    around = next(number for number, text in enumerate(lines) if "<b>" in text)
    start = max(0, min(around - _MAX_LINES // 2, len(lines) - _MAX_LINES))
    shown_lines = lines[start : start + _MAX_LINES]
    return "<br>".join(
        [
            *(["…"] if start else []),
            *shown_lines,
            *(["…"] if start + _MAX_LINES < len(lines) else []),
        ]
    )
