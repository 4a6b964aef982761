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
    lengths = np.fromiter(map(len, spellings), np.int64, len(spellings))
    return char_rows_at(
        np.frombuffer(b"".join(spellings), np.uint8), np.cumsum(lengths) - lengths, lengths, max_characters
    )


def char_rows_at(
    text: np.ndarray, starts: np.ndarray, lengths: np.ndarray, max_characters: int
) -> np.ndarray:
    """Return the character ids of words whose bytes are parts of an array.

    Args:
        text: (num_bytes,) uint8 bytes.
        starts: (num_words,) int64 index of each word's first byte.
        lengths: (num_words,) int64 number of bytes of each word.
        max_characters: Width C of a row; at most C - 2 bytes of a word fit.

    Returns:
        (num_words, C) int64 symbols 0…260.
    """
    lengths = np.minimum(lengths, max_characters - 2)
    rows = np.full((len(lengths), max_characters), PADDING, dtype=np.int64)
    row_starts = np.arange(0, rows.size, max_characters)
    # The bytes of all words, one after the other: where they are in the text, and in the flat rows.
    num_bytes_before = np.cumsum(lengths) - lengths
    byte = np.arange(lengths.sum())
    sources = byte + np.repeat(starts - num_bytes_before, lengths)
    places = byte + np.repeat(row_starts + 1 - num_bytes_before, lengths)
    rows[:, 0] = BEGIN_WORD
    rows.ravel()[places] = text[sources]
    rows.ravel()[row_starts + lengths + 1] = END_WORD
    return rows


def boundary_rows(max_characters: int) -> np.ndarray:
    """Return the character ids of ``<S>`` and ``</S>``: (2, max_characters) int64."""
    rows = np.full((2, max_characters), PADDING, dtype=np.int64)
    rows[:, 0], rows[:, 2] = BEGIN_WORD, END_WORD
    rows[:, 1] = BEGIN_SENTENCE, END_SENTENCE
    return rows
