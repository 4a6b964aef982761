"""Uses of words one below the other, as far as a line of the terminal goes."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterable, Sequence

from elmokit.data.occurrences import Use

_CUT = "…"
_LONGEST_WORD = 32  # columns
_FEWEST_COLUMNS = 60  # with less on a line there would be little to see
_NO_TERMINAL = (100, 24)


def terminal_columns() -> int:
    """Columns of a line, of a file as well."""
    return max(_FEWEST_COLUMNS, shutil.get_terminal_size(_NO_TERMINAL).columns)


def concordance(uses: Sequence[Use], columns: int) -> list[str]:
    """A line for each use, the words in brackets below each other, cut where ``columns`` end."""
    middles = [f"[{clipped(use.word)}]" for use in uses]
    room = (columns - max((_width(middle) for middle in middles), default=0)) // 2 - 1
    lefts = [_fitting(reversed(use.sentence[: use.position]), room) for use in uses]
    indent = max((_width(left) for left in lefts), default=0)
    lines = []
    for use, middle, left in zip(uses, middles, lefts, strict=True):
        start = " " * (indent - _width(left)) + left + (" " if indent else "") + middle
        right = _fitting(use.sentence[use.position + 1 :], columns - _width(start) - 1, after=True)
        lines.append(f"{start} {right}".rstrip())
    return lines


def _fitting(words: Iterable[str], columns: int, *, after: bool = False) -> str:
    """As many of the words as fit, in the order of the sentence; they come the nearest first."""
    kept: list[str] = []
    room = columns
    for word in words:
        shown = clipped(word)
        if _width(shown) + 2 > room:  # with a space and the mark, should this be the last that fits
            kept.append(_CUT)
            break
        kept.append(shown)
        room -= _width(shown) + 1
    return " ".join(kept if after else reversed(kept))


def clipped(word: str) -> str:
    """A word as it can be shown: not too long, and nothing in it that a terminal would obey."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in word[: _LONGEST_WORD + 1])
    if len(word) == len(shown) and _width(shown) <= _LONGEST_WORD:
        return shown
    while _width(shown) >= _LONGEST_WORD:
        shown = shown[:-1]
    return shown + _CUT


def _width(text: str) -> int:
    """Columns that a terminal takes for a text."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
