"""Words as rows of character ids.

A word is its UTF-8 bytes between a begin and an end marker, padded to a fixed width. Symbols 0…255 are the
bytes, the others are defined in :mod:`elmokit.alphabet`. A word with too many bytes is truncated, in the
middle of a character if need be, exactly as in bilm-tf.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmokit.alphabet import BEGIN_SENTENCE, BEGIN_WORD, END_SENTENCE, END_WORD, PADDING


def word_bytes(word: str) -> bytes:
    """Return the UTF-8 bytes of a word; lone surrogates have none and are dropped, as in bilm-tf."""
    return word.encode("utf-8", errors="ignore")


def char_rows(spellings: Sequence[bytes], max_characters: int) -> np.ndarray:
    """Return the character ids of words given by their bytes.

    Args:
        spellings: UTF-8 bytes of each word.
        max_characters: Width C of a row; at most C - 2 bytes of a word fit.

    Returns:
        (len(spellings), C) int64 symbols 0…260.
    """
    room = max_characters - 2
    rows = np.full((len(spellings), max_characters), PADDING, dtype=np.int64)
    if not len(spellings):
        return rows
    truncated = [spelling[:room] for spelling in spellings]
    lengths = np.fromiter((len(spelling) for spelling in truncated), dtype=np.int64, count=len(truncated))
    columns = np.arange(max_characters)
    rows[:, 0] = BEGIN_WORD
    rows[(columns >= 1) & (columns <= lengths[:, None])] = np.frombuffer(b"".join(truncated), dtype=np.uint8)
    rows[np.arange(len(truncated)), lengths + 1] = END_WORD
    return rows


def boundary_rows(max_characters: int) -> np.ndarray:
    """Return the character ids of ``<S>`` and ``</S>``: (2, max_characters) int64."""
    rows = np.full((2, max_characters), PADDING, dtype=np.int64)
    rows[:, 0], rows[:, 2] = BEGIN_WORD, END_WORD
    rows[:, 1] = BEGIN_SENTENCE, END_SENTENCE
    return rows
