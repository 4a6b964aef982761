"""Words as rows of character ids.

A word is its UTF-8 bytes between two markers, padded to a fixed number of places: symbols 0…255 are
bytes, the others stand below. A word of too many bytes is cut, in the middle of a character if need
be, exactly as bilm-tf does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmokit.alphabet import BEGIN_SENTENCE, BEGIN_WORD, END_SENTENCE, END_WORD, PADDING


def word_bytes(word: str) -> bytes:
    """The bytes that spell ``word``; lone surrogates have none and are dropped, as in bilm-tf."""
    return word.encode("utf-8", errors="ignore")


def char_rows(spellings: Sequence[bytes], max_characters: int) -> np.ndarray:
    """Character ids of words given by their bytes.

    Args:
        spellings: one byte string per word.
        max_characters: places C of a row; at most C - 2 bytes of a word fit.

    Returns:
        (len(spellings), C) int64.
    """
    room = max_characters - 2
    rows = np.full((len(spellings), max_characters), PADDING, dtype=np.int64)
    if not len(spellings):
        return rows
    cut = [spelling[:room] for spelling in spellings]
    lengths = np.fromiter((len(spelling) for spelling in cut), dtype=np.int64, count=len(cut))
    places = np.arange(max_characters)
    rows[:, 0] = BEGIN_WORD
    rows[(places >= 1) & (places <= lengths[:, None])] = np.frombuffer(b"".join(cut), dtype=np.uint8)
    rows[np.arange(len(cut)), lengths + 1] = END_WORD
    return rows


def boundary_rows(max_characters: int) -> np.ndarray:
    """The rows of ``<S>`` and ``</S>``: (2, max_characters) int64."""
    rows = np.full((2, max_characters), PADDING, dtype=np.int64)
    rows[:, 0], rows[:, 2] = BEGIN_WORD, END_WORD
    rows[:, 1] = BEGIN_SENTENCE, END_SENTENCE
    return rows
