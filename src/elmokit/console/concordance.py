"""Align occurrences of words below each other, within the width of the terminal."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterable, Sequence

from elmokit.data.occurrences import Occurrence

_ELLIPSIS = "…"
_MAX_WORD_COLUMNS = 32
_MIN_COLUMNS = 60  # a narrower line would show hardly any context
_NO_TERMINAL = (100, 24)


def terminal_columns() -> int:
    """Return the number of columns per line, with a default if the output is not a terminal."""
    return max(_MIN_COLUMNS, shutil.get_terminal_size(_NO_TERMINAL).columns)


def concordance(occurrences: Sequence[Occurrence], columns: int) -> list[str]:
    """Return a line for each occurrence, with the words in brackets aligned, cut to ``columns``."""
    middles = [f"[{clipped(occurrence.word)}]" for occurrence in occurrences]
    available = (columns - max((_width(middle) for middle in middles), default=0)) // 2 - 1
    lefts = [
        _fit(reversed(occurrence.sentence[: occurrence.position]), available) for occurrence in occurrences
    ]
    indent = max((_width(left) for left in lefts), default=0)
    lines = []
    for occurrence, middle, left in zip(occurrences, middles, lefts, strict=True):
        start = " " * (indent - _width(left)) + left + (" " if indent else "") + middle
        following = occurrence.sentence[occurrence.position + 1 :]
        right = _fit(following, columns - _width(start) - 1, after=True)
        lines.append(f"{start} {right}".rstrip())
    return lines


def _fit(words: Iterable[str], columns: int, *, after: bool = False) -> str:
    """Join as many words as fit, in sentence order; ``words`` starts with the nearest one."""
    kept: list[str] = []
    available = columns
    for word in words:
        shown = clipped(word)
        if _width(shown) + 2 > available:  # a space, and an ellipsis in case the next word does not fit
            kept.append(_ELLIPSIS)
            break
        kept.append(shown)
        available -= _width(shown) + 1
    return " ".join(kept if after else reversed(kept))


def clipped(word: str) -> str:
    """Return a word as it can be printed: not too long, and without terminal control characters."""
    shown = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in word[: _MAX_WORD_COLUMNS + 1]
    )
    if len(word) == len(shown) and _width(shown) <= _MAX_WORD_COLUMNS:
        return shown
    while _width(shown) >= _MAX_WORD_COLUMNS:
        shown = shown[:-1]
    return shown + _ELLIPSIS


def _width(text: str) -> int:
    """Return the number of terminal columns that a text occupies."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
