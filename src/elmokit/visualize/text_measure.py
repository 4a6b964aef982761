"""Measure lines of text, and break them so that they fit a width; lengths are in points of 1/72 inch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import RendererAgg

_SCALE = 10  # at 720 dpi, hinting makes no visible difference
_HINTING = 1.02  # and on a screen, letters are up to so much wider


def text_width(text: str, families: Sequence[str], size: float) -> float:
    """Return the width of a line of text, at most.

    Args:
        text: the text, without line ends.
        families: font families, to be tried in this order for each character.
        size: font size.
    """
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family=list(families), size=size)
    width, _, _ = _renderer().get_text_width_height_descent(text, font, ismath=False)  # type: ignore[no-untyped-call]
    return _HINTING * float(width) / _SCALE


def wrapped(text: str, families: Sequence[str], size: float, width: float) -> list[str]:
    """Break a text between words into lines that fit a width; a word that is too long is cut.

    Args:
        text: the text.
        families: font families.
        size: font size.
        width: the width.
    """
    lines: list[str] = []
    for word in text.split(" "):
        if lines and text_width(f"{lines[-1]} {word}", families, size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(shortened(word, families, size, width))
    return lines


def shortened(text: str, families: Sequence[str], size: float, width: float) -> str:
    """Return a text, or as much of it as fits a width with three dots at its end."""
    if text_width(text, families, size) <= width:
        return text
    fitting, length = 0, len(text)  # binary search
    while fitting + 1 < length:
        middle = (fitting + length) // 2
        if text_width(f"{text[:middle]}…", families, size) <= width:
            fitting = middle
        else:
            length = middle
    return f"{text[:fitting].rstrip()}…"


@cache
def _renderer() -> RendererAgg:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(10, 10, 72 * _SCALE)  # type: ignore[no-untyped-call]
